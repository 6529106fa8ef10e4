"""An account's own number of sessions."""

from collections.abc import Mapping

from token_service.clock import Clock
from token_service.domain import policy_changes
from token_service.domain.effective_policies import limit_written
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.services.changes import Author, Subject, record
from token_service.storage import accounts
from token_service.storage.database import Database


def of_account(database: Database, account_id: str) -> object | Refused:
    """The account's own limit as the API writes it: a number, `"off"`, or None for none."""
    with database.reading() as tx:
        account = accounts.read(tx, account_id)
    return Refused(Refusal.NOT_FOUND) if account is None else limit_written(account.session_limit)


def change(
    database: Database,
    clock: Clock,
    account_id: str,
    asked: Mapping[str, object],
    author: Author,
) -> object | Refused:
    """Change it; a lower one ends no session, it holds from the next sign-in on."""
    with database.transaction() as tx:
        account = accounts.lock(tx, account_id)
        if account is None:
            return Refused(Refusal.NOT_FOUND)
        after = policy_changes.changed_account_limit(account.session_limit, asked)
        if isinstance(after, Refused):
            return after
        if after != account.session_limit:
            accounts.set_session_limit(tx, account_id, after)
            before, now_is = limit_written(account.session_limit), limit_written(after)
            subject = Subject(account_id=account_id)
            details = {"level": "account", "before": before, "after": now_is}
            record(tx, author, Event.POLICY_CHANGED, subject, clock.now(), details=details)
    return limit_written(after)
