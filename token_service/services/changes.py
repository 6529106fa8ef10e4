"""Administrative changes: who makes one, and how it goes on the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event, Origin
from token_service.services import recording
from token_service.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, as the audit log names them (`cli`, `account:<id>`), and from where."""

    actor: str
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is changed; `account_id` stays `NO_ACCOUNT` for what belongs to none."""

    account_id: str = NO_ACCOUNT
    tenant_id: str | None = None
    client_id: str | None = None


def record(
    tx: Transaction,
    author: Author,
    event: Event,
    subject: Subject,
    now: datetime,
    *,
    reason: str = "",
    details: Mapping[str, object] | None = None,
) -> None:
    """Write the change into the audit log, in its own transaction."""
    row = AuditEvent(
        event=event,
        origin=author.origin,
        actor=author.actor,
        account_id=subject.account_id,
        reason=reason,
        tenant_id=subject.tenant_id,
        client_id=subject.client_id,
        details=details or {},
    )
    recording.record(tx, row, now)
