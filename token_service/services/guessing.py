"""Attempts at an account's password: how they are counted, and when none is looked at.

Three steps for whoever verifies a password, each in the caller's transaction:

* `standing`, before the password is looked at: who must wait is told so and costs no hash;
* `admits`, for the right password, under the lock of the account's row: a right guess that comes
  after the limit is none, however many processes guess at once;
* `failed`, for everything else: it counts, records and refuses.

Every step treats a name that nobody has like one that somebody has, and looks at the count of the
browser or session in place of the account's where the account knows it (docs/adr/0016).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from token_service.domain.accounts import Account
from token_service.domain.events import AuditEvent, Event
from token_service.domain.policies import Policy
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.throttling import (
    FailureCount,
    account_failed,
    lock_out_rule,
    source_failed,
)
from token_service.services import recording
from token_service.services.configuration import Snapshot
from token_service.services.throttling import Throttle
from token_service.storage import failure_counts
from token_service.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Guessed:
    """Whose password is tried, and from where; `account` None for a name that nobody has.

    `tenant_id` is the tenant that the attempt is for, where that is certain. `lane_subject` is the
    count of a browser that the account knows, or of a live session of it: it stands in for the
    account's, so that neither the guesses of others stop whoever is there nor their own anybody
    else.
    """

    account: Account | None
    account_subject: str
    source_subject: str
    tenant_id: str | None
    lane_subject: str | None = None

    @property
    def subject(self) -> str:
        """Whose failures in a row count for this attempt."""
        return self.lane_subject or self.account_subject


@dataclass(frozen=True, slots=True)
class Standing:
    """What the counts say of an attempt.

    `throttled` is what everybody is told. `is_locked` is for the service alone: the password is
    looked at as ever, and then it is wrong.
    """

    throttled: Refused | None
    is_locked: bool


def standing(tx: Transaction, guessed: Guessed, now: datetime) -> Standing:
    """How things stand before the password is looked at."""
    counts = failure_counts.read_all(tx, (guessed.subject, guessed.source_subject))
    account = counts.get(guessed.subject)
    source = counts.get(guessed.source_subject)
    return Standing(_throttled(guessed, account, source, now), _is_locked(account, now))


def admits(tx: Transaction, guessed: Guessed, now: datetime) -> bool:
    """Whether the right password still counts; then nothing is held against the account any more.

    The caller holds the account's row. The count is locked too: a wrong guess that is being counted
    comes first. The source's count stays, or one account of one's own would pay for guesses at all
    others; and it is not locked, or everybody behind one address would queue here.
    """
    account = failure_counts.lock(tx, guessed.subject)
    source = failure_counts.read(tx, guessed.source_subject)
    if _throttled(guessed, account, source, now) or _is_locked(account, now):
        return False
    if account is not None:
        failure_counts.clear(tx, guessed.subject)
    return True


def failed(
    snapshot: Snapshot,
    tx: Transaction,
    throttle: Throttle,
    guessed: Guessed,
    event: AuditEvent,
    now: datetime,
) -> Refused:
    """Count one failure against the account and the source, and record it as `event`.

    The counts are looked at once more, now that they are locked: of many attempts at once those
    beyond the limit are told to wait, and neither counted nor recorded. `event` has the reason for
    which an attempt fails that no lock stands in the way of.
    """
    held = failure_counts.hold(tx, (guessed.subject, guessed.source_subject), now)
    account, source = held[guessed.subject], held[guessed.source_subject]
    if throttled := _throttled(guessed, account, source, now):
        return throttled
    policies = (snapshot.policy, *_policies(snapshot, tx, guessed.account))
    after = account_failed(account, lock_out_rule((snapshot.policy,)), lock_out_rule(policies), now)
    failure_counts.write(tx, guessed.subject, after)
    failure_counts.write(tx, guessed.source_subject, source_failed(source, throttle.source, now))
    if account.is_locked(now) and event.reason == Refusal.WRONG_CREDENTIALS:
        event = replace(event, reason=Refusal.LOCKED_OUT)
    recording.record(tx, event, now)
    if (until := after.locked_until) and until != account.locked_until:
        recording.record(tx, _locked(guessed, event, after.failures, until), now)
    return Refused(Refusal(event.reason), tenant_id=guessed.tenant_id)


def _policies(snapshot: Snapshot, tx: Transaction, account: Account | None) -> Iterator[Policy]:
    """Those of all tenants of the account."""
    for membership in account.memberships if account else ():
        tenant = snapshot.tenant(membership.tenant_id, tx)
        if tenant is not None:
            yield snapshot.policy_of(tenant)


def _throttled(
    guessed: Guessed, account: FailureCount | None, source: FailureCount | None, now: datetime
) -> Refused | None:
    of_account, of_source = (one.wait(now) if one else 0 for one in (account, source))
    if of_account == of_source == 0:
        return None
    reason = Refusal.SOURCE_THROTTLED if of_source > of_account else Refusal.THROTTLED
    wait = max(of_account, of_source)
    return Refused(reason, retry_after=wait, tenant_id=guessed.tenant_id)


def _is_locked(account: FailureCount | None, now: datetime) -> bool:
    return account is not None and account.is_locked(now)


def _locked(guessed: Guessed, event: AuditEvent, failures: int, until: datetime) -> AuditEvent:
    return replace(
        event,
        event=Event.DEVICE_LOCKED if guessed.lane_subject else Event.ACCOUNT_LOCKED,
        actor="service",
        reason=Refusal.LOCKED_OUT,
        details={"failures": failures, "until": until.isoformat()},
    )
