"""Clean-up while serving: small batches, any number of processes at once, nobody waits."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from token_service.clock import Clock
from token_service.services.configuration import prove_clock
from token_service.storage import purge
from token_service.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is over is kept, so that its reason stays visible."""

    sessions: timedelta
    audit: timedelta
    failures: timedelta
    batch: int


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows a purge dropped."""

    sessions: int = 0
    revoked_tokens: int = 0
    sign_in_tickets: int = 0
    failure_counts: int = 0
    audit_events: int = 0
    password_resets: int = 0


def purge_all(
    database: Database, clock: Clock, retention: Retention, pause: Callable[[], None]
) -> Purged:
    """Drop everything that is due; `pause` is called between batches."""
    prove_clock(database, clock)
    return Purged(
        sessions=_sessions(database, clock, retention, pause),
        revoked_tokens=_rows(
            database, clock, pause, timedelta(), retention.batch, purge.drop_revoked_tokens
        ),
        sign_in_tickets=_rows(
            database, clock, pause, timedelta(), retention.batch, purge.drop_sign_in_tickets
        ),
        failure_counts=_rows(
            database, clock, pause, retention.failures, retention.batch, purge.drop_failure_counts
        ),
        audit_events=_rows(
            database, clock, pause, retention.audit, retention.batch, purge.drop_audit_events
        ),
        password_resets=_rows(
            database, clock, pause, timedelta(), retention.batch, purge.drop_password_resets
        ),
    )


def _sessions(
    database: Database, clock: Clock, retention: Retention, pause: Callable[[], None]
) -> int:
    dropped = 0
    while True:
        with database.transaction() as tx:
            over_before = clock.now() - retention.sessions
            found = purge.candidates(tx, over_before, retention.batch)
            over = [one for one in found if one.over_at <= over_before]
            dropped += purge.drop(tx, over)
            purge.postpone(tx, _without(found, over))
        if len(found) < retention.batch:
            return dropped
        pause()


def _without(
    found: Iterable[purge.Candidate], over: Iterable[purge.Candidate]
) -> list[purge.Candidate]:
    chosen = set(over)
    return [one for one in found if one not in chosen]


def _rows(
    database: Database,
    clock: Clock,
    pause: Callable[[], None],
    retention: timedelta,
    batch: int,
    drop: Callable[[Transaction, datetime, int], int],
) -> int:
    dropped = 0
    while True:
        with database.transaction() as tx:
            count = drop(tx, clock.now() - retention, batch)
        dropped += count
        if count < batch:
            return dropped
        pause()
