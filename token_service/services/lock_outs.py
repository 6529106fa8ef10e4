"""The lock of one account, for those who may look at it and lift it."""

from dataclasses import dataclass
from datetime import datetime

from token_service.clock import Clock
from token_service.domain.accounts import Account
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.services.changes import Author, Subject, record
from token_service.services.throttling import Throttle
from token_service.storage import accounts, failure_counts
from token_service.storage.database import Database


@dataclass(frozen=True, slots=True)
class LockOut:
    """Failures in a row that are not forgotten, and the end of the lock, None while there is none.

    They come from `POST /v1/sign-in` and wherever else the account's password is verified.
    """

    failures: int
    locked_until: datetime | None


def look(
    database: Database, clock: Clock, throttle: Throttle, account_id: str, reach: str | None
) -> LockOut | Refused:
    """How things stand for the account now; `reach`: from the point of view of one tenant."""
    with database.reading() as tx:
        if not _is_reached(accounts.read(tx, account_id), reach):
            return Refused(Refusal.NOT_FOUND)
        count = failure_counts.read(tx, throttle.account_subject(account_id))
    now = clock.now()
    if count is None or count.is_forgotten(now):
        return LockOut(0, None)
    return LockOut(count.failures, count.locked_until if count.is_locked(now) else None)


def unlock(
    database: Database,
    clock: Clock,
    throttle: Throttle,
    account_id: str,
    reach: str | None,
    author: Author,
) -> Refused | None:
    """Forget the failures of the account; saying it twice changes and records nothing."""
    subject = throttle.account_subject(account_id)
    with database.transaction() as tx:
        if not _is_reached(accounts.lock(tx, account_id), reach):
            return Refused(Refusal.NOT_FOUND)
        count = failure_counts.lock(tx, subject)
        if count is None:
            return None
        failure_counts.clear(tx, subject)
        now = clock.now()
        details = {"failures": count.failures, "was_locked": count.is_locked(now)}
        about = Subject(account_id=account_id)
        record(tx, author, Event.ACCOUNT_UNLOCKED, about, now, details=details)
    return None


def _is_reached(account: Account | None, reach: str | None) -> bool:
    """The lock is one for all of the account's tenants: whoever could lift it from one of them
    could let somebody guess for ever at what belongs to the others."""
    if account is None:
        return False
    return reach is None or all(one.tenant_id == reach for one in account.memberships)
