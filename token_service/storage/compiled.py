"""Hot statements: written in SQLAlchemy Core, compiled once, run on the driver.

SQLAlchemy's own execution costs more than the statement; its compiler runs once per process.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import JSON, BigInteger, Boolean, ColumnElement, Dialect, Integer, String, bindparam
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql import literal_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

from token_service.storage.types import Identifier, Instant, micros


class Flavour(NamedTuple):
    """What a compiled statement depends on: the dialect, and where the database's clock is."""

    dialect: str
    clock: Literal["asked", "given"]

    @property
    def is_sqlite(self) -> bool:
        """Whether the statement is for SQLite."""
        return self.dialect == "sqlite"


class Bind(NamedTuple):
    """A parameter that a prepared statement is given: its place, its name, and what makes its
    binary form."""

    place: int
    name: str
    encode: Callable[[Any], bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A statement as PostgreSQL prepares it: `$1` for each parameter, all of them in binary.

    The types (`oids`) are those of the columns. A driver would find them out from the values, each
    time, and have the server prepare one text again for small and for large numbers. `constants`
    are encoded already, in their places, and the values for `binds` come in theirs.
    """

    sql: bytes
    oids: tuple[int, ...]
    constants: tuple[bytes | None, ...]
    binds: tuple[Bind, ...]

    def encoded(self, parameters: Mapping[str, Any]) -> list[bytes | None]:
        """All parameters in their order; raises KeyError for one that is missing, and what the
        encoders raise for a value of another type."""
        values = list(self.constants)
        for place, name, encode in self.binds:
            value = parameters[name]
            values[place] = None if value is None else encode(value)
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """The SQL text with named parameters in the driver's form, and the constants among them.

    `prepared` is the same statement for a pinned connection to PostgreSQL; None for SQLite.
    """

    sql: str
    constants: Mapping[str, Any]
    prepared: Prepared | None


def compiled(statement: ClauseElement, flavour: Flavour) -> Compiled:
    """Compile for the driver: `%(name)s` and `$1` for psycopg, `:name` for sqlite3."""
    if flavour.is_sqlite:
        result = _compiled(statement, sqlite.dialect(paramstyle="named"))
        return Compiled(str(result), _constants(result), None)
    result = _compiled(statement, psycopg.dialect())  # type: ignore[no-untyped-call]
    numbered = _compiled(statement, psycopg.dialect(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]
    return Compiled(str(result), _constants(result), _prepared(numbered))


def _compiled(statement: ClauseElement, dialect: Dialect) -> SQLCompiler:
    return cast(SQLCompiler, statement.compile(dialect=dialect))


def _constants(result: SQLCompiler) -> dict[str, Any]:
    names = result.bind_names.items()
    return {name: parameter.value for parameter, name in names if not parameter.required}


def _prepared(result: SQLCompiler) -> Prepared:
    names = tuple(dict.fromkeys(result.positiontup or ()))
    forms = [_binary_form(name, result.binds[name].type) for name in names]
    given = _constants(result)
    binds = [Bind(place, names[place], encode) for place, (_, encode) in enumerate(forms)]
    return Prepared(
        sql=str(result).encode(),
        oids=tuple(oid for oid, _ in forms),
        constants=tuple(
            bind.encode(given[bind.name]) if bind.name in given else None for bind in binds
        ),
        binds=tuple(bind for bind in binds if bind.name not in given),
    )


def _binary_form(name: str, kind: TypeEngine[Any]) -> tuple[int, Callable[[Any], bytes]]:
    for column_type, oid, encode in _BINARY:
        if isinstance(kind, column_type):
            return oid, encode
    raise TypeError(f"parameter {name}: {kind!r} has no binary form here")


_bigint = Struct(">q").pack


def _instant(value: datetime | int) -> bytes:
    return _bigint(micros(value) if isinstance(value, datetime) else value)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_BINARY: tuple[tuple[type[TypeEngine[Any]], int, Callable[[Any], bytes]], ...] = (
    (Identifier, 2950, bytes.fromhex),
    (Instant, 20, _instant),
    (BigInteger, 20, _bigint),
    (Integer, 23, Struct(">i").pack),
    (String, 25, str.encode),
    (Boolean, 16, Struct(">?").pack),
    (JSON, 114, _json),
)
"""Column types with the oid and the binary form of theirs in PostgreSQL (`pg_type.dat`)."""


def database_now(flavour: Flavour) -> ColumnElement[int]:
    """The database's clock at the statement's start, in microseconds since the epoch."""
    if flavour.clock == "given":
        return bindparam("database_now", type_=BigInteger, required=True)
    if flavour.is_sqlite:
        return literal_column(
            "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)", BigInteger
        )
    return literal_column(
        "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS BIGINT)", BigInteger
    )
