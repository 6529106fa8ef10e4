"""The outbox of letters: written in the transaction of what they tell of, taken by any postman."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from token_service.domain.letters import LetterKind, QueuedLetter
from token_service.storage.database import Transaction
from token_service.storage.tables import letters


def insert_letter(
    tx: Transaction,
    account_id: str,
    letter_id: str,
    kind: LetterKind,
    recipient: str,
    details: Mapping[str, str],
    now: datetime,
) -> None:
    """Write a letter that is due at once."""
    tx.execute(
        insert(letters).values(
            account_id=account_id,
            letter_id=letter_id,
            kind=kind,
            recipient=recipient,
            details=dict(details),
            attempts=0,
            next_attempt_at=now,
            created_at=now,
        )
    )


def lock_due(tx: Transaction, now: datetime) -> QueuedLetter | None:
    """The letter that has been due for longest, locked; those of other postmen are skipped.

    `attempts` is the number that an attempt now would have.
    """
    row = tx.execute(
        select(letters)
        # A letter of a newer release is left to it.
        .where(letters.c.next_attempt_at <= now, letters.c.kind.in_(list(LetterKind)))
        .order_by(letters.c.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    return None if row is None else _letter(row)


def take(tx: Transaction, letter: QueuedLetter, next_attempt_at: datetime) -> None:
    """Count the attempt; nobody else looks at the letter before the next one. The caller holds it.

    Time is what binds the letter to its postman: one that dies takes no letter with it.
    """
    tx.execute(
        update(letters)
        .where(letters.c.account_id == letter.account_id, letters.c.letter_id == letter.letter_id)
        .values(attempts=letter.attempts, next_attempt_at=next_attempt_at)
    )


def drop(tx: Transaction, account_id: str, letter_id: str) -> bool:
    """The letter is done with; False where it was already."""
    result = tx.execute(
        delete(letters).where(letters.c.account_id == account_id, letters.c.letter_id == letter_id)
    )
    return result.rowcount == 1


def drop_kind(tx: Transaction, account_id: str, kind: LetterKind) -> None:
    """Write no more letters of this kind to the account; waits for one that is being taken."""
    tx.execute(delete(letters).where(letters.c.account_id == account_id, letters.c.kind == kind))


def _letter(row: Row[Any]) -> QueuedLetter:
    return QueuedLetter(
        account_id=row.account_id,
        letter_id=row.letter_id,
        kind=LetterKind(row.kind),
        recipient=row.recipient,
        details=row.details,
        attempts=row.attempts + 1,
        created_at=row.created_at,
    )
