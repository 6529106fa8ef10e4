"""Grants that a refresh token opened for another tenant, and how many of a session are kept."""

from collections.abc import Sequence

from sqlalchemy import and_, delete, select, update

from token_service.domain.sessions import GrantKey
from token_service.storage.database import Transaction
from token_service.storage.tables import grants


def mark_branched(tx: Transaction, key: GrantKey) -> None:
    """Remember that the token before the current one has opened a grant for another tenant."""
    tx.execute(
        update(grants)
        .where(
            grants.c.account_id == key.account_id,
            grants.c.sid == key.sid,
            grants.c.grant_id == key.grant_id,
        )
        .values(branched=True)
    )


def any_used(tx: Transaction, account_id: str, sid: str, grant_ids: Sequence[int]) -> bool:
    """Whether a refresh token of one of these grants was ever used."""
    found = tx.execute(
        select(grants.c.grant_id)
        .where(
            grants.c.account_id == account_id,
            grants.c.sid == sid,
            grants.c.grant_id.in_(grant_ids),
            grants.c.generation > 0,
        )
        .limit(1)
    ).first()
    return found is not None


def drop_ended(tx: Transaction, account_id: str, sid: str, kept: int) -> int:
    """Drop grants of one session that ended, all but those that ended last; answers how many."""
    of_session = and_(grants.c.account_id == account_id, grants.c.sid == sid)
    surplus = (
        select(grants.c.grant_id)
        .where(of_session, grants.c.ended_at.is_not(None))
        .order_by(grants.c.ended_at.desc(), grants.c.grant_id)
        .offset(kept)
    )
    result = tx.execute(delete(grants).where(of_session, grants.c.grant_id.in_(surplus)))
    return int(result.rowcount)
