"""Reading the audit log."""

from token_service.domain.events import NO_ACCOUNT
from token_service.services.account_sessions import is_within
from token_service.storage import accounts, audit
from token_service.storage.audit import Recorded, Within
from token_service.storage.database import Database


def newest(database: Database, account_id: str | None, limit: int) -> list[Recorded]:
    """The newest events of an account, oldest first; None: those that concern no account."""
    with database.reading() as tx:
        return audit.events_of(tx, account_id or NO_ACCOUNT, limit)


def page(
    database: Database, account_id: str, tenant_id: str | None, before: str | None, limit: int
) -> list[Recorded] | None:
    """Events of an account, newest first, below the id `before`; None for an unknown account.

    With `tenant_id` only the events in that tenant, and those in none where the account belongs to
    no other: what it does elsewhere is not that tenant's to read.
    """
    with database.reading() as tx:
        account = accounts.read(tx, account_id)
        if account is None or not is_within(account, tenant_id):
            return None
        within = tenant_id and Within(tenant_id, alone=account.belongs_only_to(tenant_id))
        return audit.page(tx, account_id, within or None, before, limit)
