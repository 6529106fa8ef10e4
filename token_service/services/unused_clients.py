"""Clients that registered themselves and that nobody has let in since: forgotten after a time, so
that they do not take the place of others."""

from datetime import datetime

from token_service.clock import Clock
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal
from token_service.services.changes import Author, Subject, record
from token_service.storage import configuration, epochs, unused_clients
from token_service.storage.database import Transaction
from token_service.storage.epochs import Raised

_SERVICE = Author("service")


def drop(clock: Clock, tx: Transaction, before: datetime, limit: int) -> int:
    """Forget those that had registered before the given time, each on the record; how many."""
    if not unused_clients.are_due(tx, before):
        return 0
    configuration.lock_environment(tx)
    now, dropped = clock.now(), unused_clients.drop(tx, before, limit)
    for one in dropped:
        # As where a client deletes itself: whatever is in its name somewhere is dead.
        owner = f"client:{one.client_id}"
        raised = Raised(Refusal.CLIENT_DISABLED, _SERVICE.actor, now)
        epochs.record_owner(tx, owner, one.epoch + 1, raised)
        subject = Subject(client_id=one.client_id)
        details = {"never_used_since": one.registered_at.isoformat()}
        record(tx, _SERVICE, Event.CLIENT_DELETED, subject, now, details=details)
    return len(dropped)
