"""Grants that a refresh token opened for another tenant, and how many of a session are kept."""

from sqlalchemy import and_, delete, select

from token_service.domain.sessions import GrantKey
from token_service.storage.database import Transaction
from token_service.storage.grants import addressed
from token_service.storage.tables import grants


def lock(tx: Transaction, key: GrantKey) -> int | None:
    """The generation of a grant, with its row locked to the end of the transaction.

    None where it is kept no more. Whoever uses its refresh token has done so before, or waits.
    """
    return tx.execute(
        select(grants.c.generation).where(addressed(key)).with_for_update(key_share=True)
    ).scalar_one_or_none()


def drop_ended(tx: Transaction, account_id: str, sid: str, kept: int) -> None:
    """Drop grants of one session that ended, all but so many of those that ended last."""
    of_session = and_(grants.c.account_id == account_id, grants.c.sid == sid)
    surplus = (
        select(grants.c.grant_id)
        .where(of_session, grants.c.ended_at.is_not(None))
        .order_by(grants.c.ended_at.desc(), grants.c.grant_id)
        .offset(kept)
    )
    tx.execute(delete(grants).where(of_session, grants.c.grant_id.in_(surplus)))
