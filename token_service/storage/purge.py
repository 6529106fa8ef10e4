"""Dropping what is over, in small batches, by any number of processes at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, delete, exists, select, tuple_, update

from token_service.storage.database import Transaction
from token_service.storage.sessions import day
from token_service.storage.tables import (
    audit_events,
    authorization_codes,
    device_authorizations,
    ended_memberships,
    failure_counts,
    grants,
    initial_access_tokens,
    interactions,
    password_resets,
    pushed_requests,
    revoked_tokens,
    sessions,
    sign_in_tickets,
    used_assertions,
)


class Candidate(NamedTuple):
    """A session whose bucket has come, and when it really ended or will at the latest."""

    account_id: str
    sid: str
    over_at: datetime


def candidates(tx: Transaction, over_before: datetime, limit: int) -> list[Candidate]:
    """Sessions that may have been over before that time, locked; those of other purgers skipped.

    Their grants are locked too: past its stored end a grant is dead, but a refresh that began
    before it may still be about to move it.
    """
    rows = tx.execute(
        select(sessions.c.account_id, sessions.c.sid, sessions.c.ended_at, sessions.c.created_at)
        .where(sessions.c.purge_day <= day(over_before))
        .order_by(sessions.c.purge_day)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return []
    ends = _grant_ends(tx, [(row.account_id, row.sid) for row in rows])
    return [
        Candidate(
            row.account_id,
            row.sid,
            row.ended_at or ends.get((row.account_id, row.sid), row.created_at),
        )
        for row in rows
    ]


def drop(tx: Transaction, found: Sequence[Candidate]) -> int:
    """Delete the sessions and their grants; answers how many sessions."""
    keys = [(one.account_id, one.sid) for one in found]
    if not keys:
        return 0
    tx.execute(delete(grants).where(tuple_(grants.c.account_id, grants.c.sid).in_(keys)))
    result = tx.execute(
        delete(sessions).where(tuple_(sessions.c.account_id, sessions.c.sid).in_(keys))
    )
    return int(result.rowcount)


def postpone(tx: Transaction, found: Iterable[Candidate]) -> None:
    """Estimate anew when the sessions are over: they have been used since the last estimate."""
    by_day = defaultdict(list)
    for one in found:
        by_day[day(one.over_at) + 1].append((one.account_id, one.sid))
    for purge_day, keys in by_day.items():
        tx.execute(
            update(sessions)
            .where(tuple_(sessions.c.account_id, sessions.c.sid).in_(keys))
            .values(purge_day=purge_day)
        )


EXPIRING = {
    table.name: table
    for table in (
        revoked_tokens,
        sign_in_tickets,
        password_resets,
        authorization_codes,
        interactions,
        pushed_requests,
        device_authorizations,
        used_assertions,
        initial_access_tokens,
    )
}
"""The tables whose rows say themselves when they are over, by `expires_at`."""


def drop_expired(tx: Transaction, before: datetime, limit: int, *, name: str) -> int:
    """Forget what expired before the given time in one of the tables that say so."""
    table = EXPIRING[name]
    key, over = tuple_(*table.primary_key.columns), table.c.expires_at < before
    chosen = select(*table.primary_key.columns).where(over).limit(limit)
    # Both times: a row that took the place of a chosen one meanwhile stays.
    return int(tx.execute(delete(table).where(key.in_(chosen), over)).rowcount)


def drop_failure_counts(tx: Transaction, before: datetime, limit: int) -> int:
    """Forget failure counts that were last raised before the given time."""
    column, over = failure_counts.c.subject, failure_counts.c.last_failure_at < before
    chosen = select(column).where(over).limit(limit)
    # Both times: a count that was raised after it was chosen stays.
    return int(tx.execute(delete(failure_counts).where(column.in_(chosen), over)).rowcount)


def drop_ended_memberships(tx: Transaction, before: datetime, limit: int) -> int:
    """Forget who ended memberships before the given time, where no grant asks it any more.

    A session that lives on in other tenants keeps the grants of a tenant that was left.
    """
    table = ended_memberships
    asked = exists().where(
        grants.c.account_id == table.c.account_id, grants.c.membership == table.c.number
    )
    key = tuple_(table.c.account_id, table.c.number)
    over = and_(table.c.ended_at < before, ~asked)
    chosen = select(table.c.account_id, table.c.number).where(over).limit(limit)
    return int(tx.execute(delete(table).where(key.in_(chosen))).rowcount)


def drop_audit_events(tx: Transaction, before: datetime, limit: int) -> int:
    """Forget audit events that are older than their retention."""
    key = tuple_(audit_events.c.account_id, audit_events.c.event_id)
    chosen = (
        select(audit_events.c.account_id, audit_events.c.event_id)
        .where(audit_events.c.at < before)
        .limit(limit)
    )
    return int(tx.execute(delete(audit_events).where(key.in_(chosen))).rowcount)


def _grant_ends(tx: Transaction, keys: list[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    """When the last grant of each session ends, if it is not used again."""
    rows = tx.execute(
        select(grants.c.account_id, grants.c.sid, grants.c.ends_at)
        .where(tuple_(grants.c.account_id, grants.c.sid).in_(keys))
        .with_for_update()
    ).all()
    ends: dict[tuple[str, str], datetime] = {}
    for row in rows:
        key = (row.account_id, row.sid)
        ends[key] = max(row.ends_at, ends.get(key, row.ends_at))
    return ends
