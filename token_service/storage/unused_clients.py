"""Clients that registered themselves: whether somebody has ever let one in, and those that nobody
has."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, exists, select, update

from token_service.storage.configuration import changed
from token_service.storage.database import Transaction
from token_service.storage.tables import clients


class Dropped(NamedTuple):
    """A client that is gone: the epoch that it had, and when it had registered."""

    client_id: str
    epoch: int
    registered_at: datetime


def used(tx: Transaction, client_id: str, now: datetime) -> None:
    """Remember that the client has had a grant; of many, the first one writes."""
    tx.execute(
        update(clients)
        .where(clients.c.client_id == client_id, clients.c.used_at.is_(None))
        .values(used_at=now)
    )


def are_due(tx: Transaction, before: datetime) -> bool:
    """Whether there are any to drop."""
    return bool(tx.execute(select(exists().where(*_unused(before)))).scalar_one())


def drop(tx: Transaction, before: datetime, limit: int) -> list[Dropped]:
    """Forget those that had registered before the given time. The caller holds the environment's
    row.

    Both times: one that was used after it was chosen stays.
    """
    chosen = select(clients.c.client_id).where(*_unused(before)).limit(limit)
    rows = tx.execute(
        delete(clients)
        .where(clients.c.client_id.in_(chosen), *_unused(before))
        .returning(clients.c.client_id, clients.c.epoch, clients.c.created_at)
    ).all()
    changed(tx)
    return [Dropped(row.client_id, row.epoch, row.created_at) for row in rows]


def _unused(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        clients.c.registration_token_hash.is_not(None),
        clients.c.used_at.is_(None),
        clients.c.created_at < before,
    )
