"""Permits to register clients (RFC 7591 section 3): written, looked at, used a number of times."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, select, update

from token_service.storage.database import Transaction
from token_service.storage.tables import initial_access_tokens


def add(tx: Transaction, token_hash: str, uses: int, created_by: str, expires_at: datetime) -> None:
    """Write a new permit for so many clients."""
    tx.execute(
        insert(initial_access_tokens).values(
            token_hash=token_hash, uses_left=uses, created_by=created_by, expires_at=expires_at
        )
    )


def is_good(tx: Transaction, token_hash: str, now: datetime) -> bool:
    """Whether the permit could be used; looking uses nothing."""
    query = select(initial_access_tokens.c.token_hash).where(_good(token_hash, now))
    return tx.execute(query).one_or_none() is not None


def use(tx: Transaction, token_hash: str, now: datetime) -> bool:
    """Use the permit for one client: the one guarded statement; False where nothing is left."""
    used = tx.execute(
        update(initial_access_tokens)
        .where(_good(token_hash, now))
        .values(uses_left=initial_access_tokens.c.uses_left - 1)
        .returning(initial_access_tokens.c.uses_left)
    )
    return used.one_or_none() is not None


def withdraw_all(tx: Transaction, now: datetime) -> int:
    """Let no permit that is still good be used again; how many these were."""
    withdrawn = tx.execute(update(initial_access_tokens).where(_any_good(now)).values(uses_left=0))
    return withdrawn.rowcount


def _good(token_hash: str, now: datetime) -> ColumnElement[bool]:
    return and_(initial_access_tokens.c.token_hash == token_hash, _any_good(now))


def _any_good(now: datetime) -> ColumnElement[bool]:
    return and_(initial_access_tokens.c.uses_left > 0, initial_access_tokens.c.expires_at > now)
