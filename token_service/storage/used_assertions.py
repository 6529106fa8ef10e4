"""Signed statements that are good once, remembered until they would be refused anyway; and what
else should be used once."""

from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite

from token_service.storage.database import Transaction
from token_service.storage.ready import Ready
from token_service.storage.tables import used_assertions

_SPEND = {
    name: Ready(
        insert(used_assertions).on_conflict_do_nothing().returning(used_assertions.c.assertion)
    )
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def spend(tx: Transaction, assertion: str, expires_at: datetime) -> bool:
    """Use a statement, by the hash of its kind, issuer and `jti`; False where it was used before.

    One guarded statement: of two that come at once, on whichever nodes, one is told so.
    """
    values = {"assertion": assertion, "expires_at": expires_at}
    return _SPEND[tx.dialect.name].row(tx, values) is not None
