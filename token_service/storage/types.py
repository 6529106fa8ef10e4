"""Column types: how identifiers and times are kept in both databases."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CHAR, BigInteger, Dialect, types
from sqlalchemy.dialects import postgresql

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since the epoch, exactly (a float would lose the last digit)."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The UTC time of a stored number of microseconds."""
    return _EPOCH + timedelta(microseconds=microseconds)


def optional_moment(microseconds: int | None) -> datetime | None:
    """The UTC time, or None for NULL."""
    return None if microseconds is None else moment(microseconds)


def identifier(value: object) -> str:
    """32 hexadecimal characters from what a driver returns for an `Identifier` column."""
    return value.hex if isinstance(value, uuid.UUID) else str(value)


def optional_identifier(value: object) -> str | None:
    """The same, or None for NULL."""
    return None if value is None else identifier(value)


class Identifier(types.TypeDecorator[str]):
    """A 128-bit id: 32 hexadecimal characters in Python, 16 bytes (`uuid`) in PostgreSQL."""

    impl = CHAR(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        """`uuid` where the database has it, else text."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(CHAR(32))

    def process_result_value(self, value: object, dialect: Dialect) -> str | None:
        """Without the hyphens that PostgreSQL puts in."""
        return None if value is None else str(value).replace("-", "")


class Instant(types.TypeDecorator[datetime]):
    """A UTC time as microseconds since the epoch.

    A number compares and adds the same way in both databases, so one guard serves both; to read
    one by hand in PostgreSQL: `to_timestamp(column / 1e6)`.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | int | None, dialect: Dialect) -> int | None:
        """From an aware time; a number of microseconds passes as it is."""
        return micros(value) if isinstance(value, datetime) else value

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """To an aware time."""
        return optional_moment(value)
