"""Writing the audit log: one event, in the open transaction of the change that it tells of."""

from datetime import datetime

from token_service.crypto import opaque
from token_service.domain.events import AuditEvent
from token_service.storage import audit
from token_service.storage.database import Transaction


def record(tx: Transaction, event: AuditEvent, now: datetime) -> None:
    """Write the event; it is in the log exactly if the transaction commits."""
    audit.record(tx, opaque.new_event_id(now), event, now)
