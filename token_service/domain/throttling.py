"""Slowing down guesses: how long to wait after how many failures."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """Failures that are free, and how the wait grows after them (all durations in seconds)."""

    free_failures: int
    window: int
    first_delay: int
    longest_delay: int


@dataclass(frozen=True, slots=True)
class FailureCount:
    """What is stored about the failures of one account or one source."""

    failures: int
    last_failure_at: datetime


def wait_until(count: FailureCount | None, rule: ThrottleRule) -> datetime | None:
    """The time before which no further attempt is looked at, or None.

    The wait doubles with each failure beyond the free ones up to the longest delay, so an attacker
    is slowed for good and a person who mistypes is not locked out for good.
    """
    if count is None or count.failures < rule.free_failures:
        return None
    doublings = min(count.failures - rule.free_failures, 30)
    delay = min(rule.first_delay * 2**doublings, rule.longest_delay)
    return count.last_failure_at + timedelta(seconds=delay)
