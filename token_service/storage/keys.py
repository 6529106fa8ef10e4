"""Key records; the private parts are encrypted before they come here."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from token_service.domain.keys import KeyRecord
from token_service.storage.database import Transaction
from token_service.storage.tables import keys


def read_all(tx: Transaction) -> list[KeyRecord]:
    """Every key that is not gone from the table."""
    return [_record(row) for row in tx.execute(select(keys).order_by(keys.c.number))]


def next_number(tx: Transaction) -> int:
    """A number no key has; the caller holds the environment's row."""
    return 1 + (tx.execute(select(func.max(keys.c.number))).scalar() or 0)


def insert_key(tx: Transaction, record: KeyRecord) -> None:
    """Write a new key."""
    tx.execute(
        insert(keys).values(
            kid=record.kid,
            number=record.number,
            purpose=record.purpose,
            algorithm=record.algorithm,
            private_encrypted=record.private_encrypted,
            public_jwk=record.public_jwk,
            created_at=record.created_at,
            activates_at=record.activates_at,
            retires_at=record.retires_at,
            gone_at=record.gone_at,
            revoked_at=record.revoked_at,
            revoked_reason=record.revoked_reason,
        )
    )


def revoke(tx: Transaction, kid: str, reason: str, now: datetime) -> bool:
    """Make every token of the key invalid at once; False where it was already, or is unknown."""
    result = tx.execute(
        update(keys)
        .where(keys.c.kid == kid, keys.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_reason=reason[:200])
    )
    return result.rowcount == 1


def retire_at(tx: Transaction, kid: str, retires_at: datetime, gone_at: datetime) -> None:
    """Move the end of a key's active time, because its successor begins earlier."""
    tx.execute(update(keys).where(keys.c.kid == kid).values(retires_at=retires_at, gone_at=gone_at))


def drop_gone(tx: Transaction, purpose: str, before: datetime) -> int:
    """Delete keys of a purpose that were gone before the given time."""
    result = tx.execute(delete(keys).where(keys.c.purpose == purpose, keys.c.gone_at < before))
    return int(result.rowcount)


def _record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        kid=row.kid,
        number=row.number,
        purpose=row.purpose,
        algorithm=row.algorithm,
        private_encrypted=row.private_encrypted,
        public_jwk=row.public_jwk,
        created_at=row.created_at,
        activates_at=row.activates_at,
        retires_at=row.retires_at,
        gone_at=row.gone_at,
        revoked_at=row.revoked_at,
        revoked_reason=row.revoked_reason,
    )
