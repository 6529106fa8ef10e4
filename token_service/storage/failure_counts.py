"""Failed attempts per account and per source, shared by all workers."""

from datetime import datetime

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from token_service.domain.throttling import FailureCount
from token_service.storage.database import Transaction
from token_service.storage.tables import failure_counts


def read(tx: Transaction, subject: str) -> FailureCount | None:
    """The count for one subject (a keyed hash of an account or a source)."""
    row = tx.execute(
        select(failure_counts).where(failure_counts.c.subject == subject)
    ).one_or_none()
    return None if row is None else FailureCount(row.failures, row.last_failure_at)


def add(tx: Transaction, subject: str, now: datetime, forgotten_before: datetime) -> int:
    """Count one failure and answer the number; a count last raised before the given time restarts.

    One statement, so that parallel failures are all counted.
    """
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(failure_counts).values(
        subject=subject, failures=1, last_failure_at=now
    )
    counted = case(
        (failure_counts.c.last_failure_at < forgotten_before, 1),
        else_=failure_counts.c.failures + 1,
    )
    row = tx.execute(
        statement.on_conflict_do_update(
            index_elements=[failure_counts.c.subject],
            set_={"failures": counted, "last_failure_at": now},
        ).returning(failure_counts.c.failures)
    ).one()
    return int(row.failures)


def clear(tx: Transaction, subject: str) -> None:
    """Forget the failures of one subject."""
    tx.execute(delete(failure_counts).where(failure_counts.c.subject == subject))
