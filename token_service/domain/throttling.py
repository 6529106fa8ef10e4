"""Slowing down guesses: who must wait how long after how many failures.

All durations are seconds. Two things follow from the failures of an account. What everybody sees,
the *wait*, rests on the environment's rule alone, so that a name that nobody has is treated like
one that somebody has. The *lock* rests on the strictest rule of the account's tenants; where it is
the longer of the two, the rest of it looks like a wrong password.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from token_service.domain.policies import Policy

FIRST_LOCK = 60
"""How long the first lock of an account lasts; each further failure doubles it."""

FORGOTTEN_AFTER = 2 * 86_400
"""When the failures of an account are forgotten, after the last one: twice the longest lock that a
policy may have, so that waiting for the end of a lock is no fresh start."""

_MOST_DOUBLINGS = 30
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """Failures of a source that are free in each window, and how the wait grows after them."""

    free_failures: int
    window: int
    first_delay: int
    longest_delay: int

    def delay(self, failures: int) -> int:
        """How long the source waits after so many failures in one window."""
        return _doubled(failures - self.free_failures, self.first_delay, self.longest_delay)


def per_minute(number: int) -> ThrottleRule:
    """So many are free in a minute; whoever wants one more waits for a minute."""
    return ThrottleRule(number, _MINUTE, _MINUTE, _MINUTE)


@dataclass(frozen=True, slots=True)
class LockOutRule:
    """Failures in a row that lock an account, and the longest lock."""

    failures: int
    longest: int

    def delay(self, failures: int) -> int:
        """How long the account is locked after so many failures in a row."""
        return _doubled(failures - self.failures, min(FIRST_LOCK, self.longest), self.longest)


@dataclass(frozen=True, slots=True)
class FailureCount:
    """What is stored about the failures of one account or one source.

    `throttled_until` is the end of the wait and `locked_until` that of the lock, both as the last
    failure left them; the lock never ends before the wait.
    """

    failures: int
    first_failure_at: datetime
    last_failure_at: datetime
    throttled_until: datetime | None = None
    locked_until: datetime | None = None

    def wait(self, now: datetime) -> int:
        """Whole seconds, rounded up, before anything is looked at; 0: now."""
        if self.throttled_until is None or self.throttled_until <= now:
            return 0
        return -(-(self.throttled_until - now) // timedelta(seconds=1))

    def is_locked(self, now: datetime) -> bool:
        """Whether even the right password is refused."""
        return self.locked_until is not None and now < self.locked_until

    def is_forgotten(self, now: datetime) -> bool:
        """Whether the failures of an account say nothing any more."""
        return now >= self.last_failure_at + timedelta(seconds=FORGOTTEN_AFTER)


def lock_out_rule(policies: Iterable[Policy]) -> LockOutRule:
    """The strictest of all: the fewest failures and the longest lock."""
    rules = [(one.lockout_failures, one.lockout_seconds) for one in policies]
    return LockOutRule(min(few for few, _ in rules), max(longest for _, longest in rules))


def account_failed(
    count: FailureCount, shown: LockOutRule, own: LockOutRule, now: datetime
) -> FailureCount:
    """The count of an account, or of a name that nobody has, after one more failure.

    `shown` is the environment's rule and `own` the account's. An attempt during a lock counts like
    any other, or the wait would tell it apart, but it only ever prolongs the lock to the end of the
    wait: whoever is locked out and keeps trying gets in all the same in the end.
    """
    is_first = count.failures == 0 or count.is_forgotten(now)
    failures = 1 if is_first else count.failures + 1
    throttled_until = _after(now, shown.delay(failures))
    locked_until = count.locked_until if count.is_locked(now) else _after(now, own.delay(failures))
    return FailureCount(
        failures=failures,
        first_failure_at=now if is_first else count.first_failure_at,
        last_failure_at=now,
        throttled_until=throttled_until,
        locked_until=max(filter(None, (locked_until, throttled_until)), default=None),
    )


def source_failed(count: FailureCount, rule: ThrottleRule, now: datetime) -> FailureCount:
    """The count of a source after one more failure.

    The window begins with its first failure and ends by the clock, whatever happens in it: a
    network with many people in it, some of whom always mistype, is never blocked for ever.
    """
    over = now >= count.first_failure_at + timedelta(seconds=rule.window)
    is_first = count.failures == 0 or over
    failures = 1 if is_first else count.failures + 1
    first_failure_at = now if is_first else count.first_failure_at
    return FailureCount(failures, first_failure_at, now, _after(now, rule.delay(failures)))


def _doubled(beyond: int, first: int, longest: int) -> int:
    if beyond < 0:
        return 0
    return min(first << min(beyond, _MOST_DOUBLINGS), longest)


def _after(now: datetime, seconds: int) -> datetime | None:
    return now + timedelta(seconds=seconds) if seconds else None
