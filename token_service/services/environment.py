"""The environment as a whole."""

from token_service.clock import Clock
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal
from token_service.services.changes import Author, Subject, record
from token_service.storage import configuration, epochs
from token_service.storage.database import Database
from token_service.storage.epochs import Raised


def restored(database: Database, clock: Clock, author: Author) -> int:
    """Say that the database comes from an older backup: every session ends; the new epoch.

    The backup knows nothing of what was refreshed or revoked after it was made, and would honour
    tokens that were replayed or revoked since.
    """
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        now = clock.now()
        epoch = configuration.raise_environment_epoch(tx)
        epochs.record_owner(tx, "environment", epoch, Raised(Refusal.RESTORED, author.actor, now))
        details = {"owner": "environment", "epoch": epoch}
        reason = Refusal.RESTORED
        record(tx, author, Event.EPOCH_RAISED, Subject(), now, reason=reason, details=details)
    return epoch
