"""Hot statements: written in SQLAlchemy Core, compiled once, run on the driver.

SQLAlchemy's own execution costs more than the statement; its compiler runs once per process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import BigInteger, ColumnElement, bindparam
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql import literal_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement


@dataclass(frozen=True, slots=True)
class Flavour:
    """What a compiled statement depends on: the dialect, and where the database's clock is."""

    dialect: str
    clock: Literal["asked", "given"]

    @property
    def is_sqlite(self) -> bool:
        """Whether the statement is for SQLite."""
        return self.dialect == "sqlite"


@dataclass(frozen=True, slots=True)
class Compiled:
    """The SQL text with named parameters in the driver's form, and the constants among them."""

    sql: str
    constants: Mapping[str, Any]


def compiled(statement: ClauseElement, flavour: Flavour) -> Compiled:
    """Compile for the driver: `%(name)s` for psycopg, `:name` for sqlite3."""
    dialect = sqlite.dialect(paramstyle="named") if flavour.is_sqlite else psycopg.dialect()  # type: ignore[no-untyped-call]
    result = cast(SQLCompiler, statement.compile(dialect=dialect))
    names = result.bind_names.items()
    constants = {name: parameter.value for parameter, name in names if not parameter.required}
    return Compiled(str(result), constants)


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
