"""Signed statements that are good once, remembered until they would be refused anyway; and what
else should be used once."""

from datetime import datetime

from token_service.storage.conflicts import inserting
from token_service.storage.database import Transaction
from token_service.storage.tables import used_assertions


def spend(tx: Transaction, assertion: str, expires_at: datetime) -> bool:
    """Use a statement, by the hash of its kind, issuer and `jti`; False where it was used before.

    One guarded statement: of two that come at once, on whichever nodes, one is told so.
    """
    added = (
        inserting(tx, used_assertions)
        .values(assertion=assertion, expires_at=expires_at)
        .on_conflict_do_nothing()
        .returning(used_assertions.c.assertion)
    )
    return tx.execute(added).one_or_none() is not None
