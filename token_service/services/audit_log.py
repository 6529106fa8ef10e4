"""Reading the audit log."""

from token_service.domain.events import NO_ACCOUNT
from token_service.storage import audit
from token_service.storage.audit import Recorded
from token_service.storage.database import Database


def newest(database: Database, account_id: str | None, limit: int) -> list[Recorded]:
    """The newest events of an account, oldest first; None: those that concern no account."""
    with database.reading() as tx:
        return audit.events_of(tx, account_id or NO_ACCOUNT, limit)
