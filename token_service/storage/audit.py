"""The audit log: rows are only ever added, in the transaction of the change they tell of."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, insert, or_, select

from token_service.domain.events import AuditEvent, Event, Origin
from token_service.storage.database import Transaction
from token_service.storage.ready import Ready
from token_service.storage.tables import IMPERSONATIONS, audit_events

_INSERT = Ready(insert(audit_events))


class Recorded(NamedTuple):
    """An audit event as it was stored."""

    at: datetime
    event: AuditEvent
    event_id: str


class Within(NamedTuple):
    """What a caller of a tenant may read: the tenant's events; `alone`: those of none as well."""

    tenant_id: str
    alone: bool


def record(tx: Transaction, event_id: str, event: AuditEvent, now: datetime) -> None:
    """Write one event."""
    values = {
        "account_id": event.account_id,
        "event_id": event_id,
        "at": now,
        "event": event.event,
        "reason": event.reason,
        "actor": event.actor[:300],
        "tenant_id": event.tenant_id,
        "client_id": event.client_id,
        "sid": event.sid,
        "address": event.origin.address[:45],
        "user_agent": event.origin.user_agent[:400],
        "request_id": event.origin.request_id[:64],
        "details": dict(event.details),
    }
    _INSERT.rows(tx, values)


def events_of(tx: Transaction, account_id: str, limit: int = 1000) -> list[Recorded]:
    """The newest events of an account, oldest first."""
    rows = tx.execute(
        select(audit_events)
        .where(audit_events.c.account_id == account_id)
        .order_by(audit_events.c.event_id.desc())
        .limit(limit)
    ).all()
    return [_recorded(row) for row in reversed(rows)]


def impersonations_since(
    tx: Transaction, event: Event, client_id: str, since: datetime, most: int
) -> int:
    """How often a client impersonated, or an alarm was raised about it; counted up to `most`."""
    found = (
        select(audit_events.c.event_id)
        .where(
            IMPERSONATIONS,
            audit_events.c.client_id == client_id,
            audit_events.c.event == event,
            audit_events.c.at > since,
        )
        .limit(most)
        .subquery()
    )
    return tx.execute(select(func.count()).select_from(found)).scalar_one()


def page(
    tx: Transaction, account_id: str, within: Within | None, before: str | None, limit: int
) -> list[Recorded]:
    """Events of an account, newest first, below the id `before`; None: all that concern it."""
    query = (
        select(audit_events)
        .where(audit_events.c.account_id == account_id)
        .order_by(audit_events.c.event_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(audit_events.c.event_id < before)
    if within is not None:
        mine = audit_events.c.tenant_id == within.tenant_id
        query = query.where(or_(mine, audit_events.c.tenant_id.is_(None)) if within.alone else mine)
    return [_recorded(row) for row in tx.execute(query)]


def _recorded(row: Any) -> Recorded:  # noqa: ANN401 - a row of any select
    return Recorded(
        row.at,
        AuditEvent(
            event=Event(row.event),
            origin=Origin(row.address, row.user_agent, row.request_id),
            actor=row.actor,
            account_id=row.account_id,
            reason=row.reason,
            tenant_id=row.tenant_id,
            client_id=row.client_id,
            sid=row.sid,
            details=row.details,
        ),
        row.event_id,
    )
