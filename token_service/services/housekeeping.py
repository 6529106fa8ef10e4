"""Clean-up while serving: small batches, any number of processes at once, nobody waits."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from token_service.clock import Clock
from token_service.domain import interactions
from token_service.services import unused_clients
from token_service.services.configuration import prove_clock
from token_service.storage import purge
from token_service.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is over is kept, so that its reason stays visible."""

    sessions: timedelta
    audit: timedelta
    failures: timedelta
    unused_clients: timedelta
    batch: int


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows a purge dropped."""

    sessions: int = 0
    revoked_tokens: int = 0
    sign_in_tickets: int = 0
    failure_counts: int = 0
    audit_events: int = 0
    ended_memberships: int = 0
    password_resets: int = 0
    authorization_codes: int = 0
    interactions: int = 0
    pushed_requests: int = 0
    device_authorizations: int = 0
    used_assertions: int = 0
    initial_access_tokens: int = 0
    unused_clients: int = 0


_KEPT = {
    "authorization_codes": timedelta(days=1),
    "device_authorizations": timedelta(hours=1),
    "pushed_requests": timedelta(seconds=interactions.LIFETIME),
}
"""How long after its expiry a row is still wanted.

So long a second use of a code is known for one, a device that polls on is told that its code is too
old, and somebody may be at a page that began with a pushed request and ends with its answer.
"""


def purge_all(
    database: Database, clock: Clock, retention: Retention, pause: Callable[[], None]
) -> Purged:
    """Drop everything that is due; `pause` is called between batches."""
    prove_clock(database, clock)
    return Purged(
        sessions=_sessions(database, clock, retention, pause),
        failure_counts=_rows(
            database, clock, pause, retention.failures, retention.batch, purge.drop_failure_counts
        ),
        audit_events=_rows(
            database, clock, pause, retention.audit, retention.batch, purge.drop_audit_events
        ),
        unused_clients=_rows(
            database,
            clock,
            pause,
            retention.unused_clients,
            retention.batch,
            partial(unused_clients.drop, clock),
        ),
        # After the sessions, whose grants ask for them.
        ended_memberships=_rows(
            database,
            clock,
            pause,
            retention.sessions,
            retention.batch,
            purge.drop_ended_memberships,
        ),
        **{name: _expired(database, clock, retention, pause, name) for name in purge.EXPIRING},
    )


def _expired(
    database: Database, clock: Clock, retention: Retention, pause: Callable[[], None], name: str
) -> int:
    kept = _KEPT.get(name, timedelta())
    drop = partial(purge.drop_expired, name=name)
    return _rows(database, clock, pause, kept, retention.batch, drop)


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
