"""Failed attempts per account and per source, shared by all workers and nodes.

Whoever needs the counts of several subjects at once takes them in the order of the subjects, so
that two of them can never block each other for good.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, delete, select, update

from token_service.domain.throttling import FailureCount
from token_service.storage.conflicts import inserting
from token_service.storage.database import Transaction
from token_service.storage.tables import failure_counts


def read(tx: Transaction, subject: str) -> FailureCount | None:
    """The count for one subject (a keyed hash of an account or a source)."""
    return read_all(tx, (subject,)).get(subject)


def read_all(tx: Transaction, subjects: Collection[str]) -> dict[str, FailureCount]:
    """The counts of the subjects that have one."""
    query = select(failure_counts).where(failure_counts.c.subject.in_(subjects))
    return {row.subject: _count(row) for row in tx.execute(query)}


def lock(tx: Transaction, subject: str) -> FailureCount | None:
    """The count for one subject, locked to the end of the transaction; None, and no lock, where
    there is none."""
    query = select(failure_counts).where(failure_counts.c.subject == subject).with_for_update()
    row = tx.execute(query).one_or_none()
    return None if row is None else _count(row)


def hold(tx: Transaction, subjects: Collection[str], now: datetime) -> dict[str, FailureCount]:
    """The counts of the subjects, locked to the end of the transaction; new ones begin with 0.

    A row that is not there cannot be locked: it is written first, so that of two first failures at
    once the second one sees the other.
    """
    statement = inserting(tx, failure_counts).values(
        [
            {"subject": one, "failures": 0, "first_failure_at": now, "last_failure_at": now}
            for one in sorted(subjects)
        ]
    )
    rows = tx.execute(
        statement.on_conflict_do_update(
            index_elements=[failure_counts.c.subject],
            set_={"failures": failure_counts.c.failures},
        ).returning(failure_counts)
    )
    return {row.subject: _count(row) for row in rows}


def write(tx: Transaction, subject: str, count: FailureCount) -> None:
    """Store the count of a subject that is held."""
    tx.execute(
        update(failure_counts)
        .where(failure_counts.c.subject == subject)
        .values(
            failures=count.failures,
            first_failure_at=count.first_failure_at,
            last_failure_at=count.last_failure_at,
            throttled_until=count.throttled_until,
            locked_until=count.locked_until,
        )
    )


def add(tx: Transaction, subject: str, now: datetime, forgotten_before: datetime) -> int:
    """Count one failure and answer the number; a count last raised before the given time restarts.

    One statement, so that parallel failures are all counted.
    """
    is_forgotten = failure_counts.c.last_failure_at < forgotten_before
    statement = inserting(tx, failure_counts).values(
        subject=subject, failures=1, first_failure_at=now, last_failure_at=now
    )
    row = tx.execute(
        statement.on_conflict_do_update(
            index_elements=[failure_counts.c.subject],
            set_={
                "failures": case((is_forgotten, 1), else_=failure_counts.c.failures + 1),
                "first_failure_at": case(
                    (is_forgotten, statement.excluded.first_failure_at),
                    else_=failure_counts.c.first_failure_at,
                ),
                "last_failure_at": now,
            },
        ).returning(failure_counts.c.failures)
    ).one()
    return int(row.failures)


def clear(tx: Transaction, subject: str) -> None:
    """Forget the failures of one subject, and with them its lock."""
    tx.execute(delete(failure_counts).where(failure_counts.c.subject == subject))


def _count(row: Row[Any]) -> FailureCount:
    return FailureCount(
        failures=row.failures,
        first_failure_at=row.first_failure_at,
        last_failure_at=row.last_failure_at,
        throttled_until=row.throttled_until,
        locked_until=row.locked_until,
    )
