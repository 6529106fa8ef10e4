"""Connections and transactions on SQLite and PostgreSQL.

Three ways to the database, for three needs:

* `transaction()`: a write transaction of several statements (SQLite: BEGIN IMMEDIATE);
* `reading()`: statements that change nothing;
* `statement()`: one guarded statement that is its own transaction, on a driver connection pinned to
  the thread. The hot paths use it: no pool checkout, no ORM, prepared by the server.

Whatever goes wrong below becomes `Unavailable`: not knowing is neither a yes nor a no.
"""

import select
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias, cast

import psycopg
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection

from token_service.clock import Clock
from token_service.domain.failures import Unavailable
from token_service.storage.compiled import Compiled, Flavour
from token_service.storage.types import micros

Row: TypeAlias = tuple[Any, ...]
Transaction: TypeAlias = Connection
"""An open transaction, as services hold it: they pass it on and never look inside."""

SQLITE_BUSY_SECONDS = 2.0
CONNECT_SECONDS = 2
_READ_ONLY = {"read_only": True}


class Statements(Protocol):
    """Where a compiled statement can run: a pinned connection or an open transaction."""

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run it and return all rows."""


@dataclass(frozen=True, slots=True)
class InTransaction:
    """Compiled statements inside a transaction of several statements."""

    connection: Connection

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run it on the transaction's connection."""
        result = self.connection.exec_driver_sql(
            statement.sql, {**statement.constants, **parameters}
        )
        return [tuple(row) for row in result] if result.returns_rows else []


class Database:
    """One database as one worker uses it."""

    def __init__(self, engine: Engine, clock: Clock, database_clock: Clock | None) -> None:
        """`database_clock` None: the database's own clock is asked, as it should be."""
        self.engine = engine
        self.clock = clock
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.flavour = Flavour(engine.dialect.name, "asked" if database_clock is None else "given")
        self._database_clock = database_clock
        self._pinned = threading.local()
        self._writing = threading.Lock()
        if self.is_sqlite:
            prepare_sqlite(engine)

    def clock_parameters(self) -> dict[str, int]:
        """The parameter that stands for the database's clock where a test clock replaces it."""
        if self._database_clock is None:
            return {}
        return {"database_now": micros(self._database_clock.now())}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction; commits at the end, rolls back on any exception."""
        with _unavailable(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads."""
        with _unavailable(), self.engine.connect() as connection:
            yield connection.execution_options(**_READ_ONLY)

    @contextmanager
    def statement(self) -> Iterator[Statements]:
        """The thread's pinned connection, for one guarded statement that commits by itself.

        On SQLite a write transaction surrounds it, because there RETURNING sees only the updated
        table and the joined columns need a second statement.
        """
        pinned = self._pinned_connection()
        if isinstance(pinned, PinnedPostgres):
            yield pinned
            return
        with self._writing, pinned.writing():
            yield pinned

    @contextmanager
    def query(self) -> Iterator[Statements]:
        """The thread's pinned connection, for one statement that reads."""
        yield self._pinned_connection()

    def _pinned_connection(self) -> "PinnedPostgres | PinnedSqlite":
        pinned = getattr(self._pinned, "connection", None)
        if pinned is None:
            pinned = PinnedSqlite(self.engine) if self.is_sqlite else PinnedPostgres(self.engine)
            self._pinned.connection = pinned
        return cast("PinnedPostgres | PinnedSqlite", pinned)


class PinnedPostgres:
    """One autocommitting psycopg connection of one thread; statements are prepared at first use."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: psycopg.Connection[Row] | None = None

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run the statement; a broken connection is thrown away and the next call makes another."""
        try:
            cursor = self._open().execute(
                statement.sql, {**statement.constants, **parameters}, prepare=True, binary=True
            )
            return cursor.fetchall()
        except psycopg.OperationalError as error:
            self._discard()
            raise Unavailable(f"database: {type(error).__name__}") from error

    def _open(self) -> psycopg.Connection[Row]:
        if self._connection is not None and _was_closed_by_peer(self._connection):
            self._discard()
        if self._connection is None:
            arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
            options = {**options, "connect_timeout": CONNECT_SECONDS, "autocommit": True}
            self._connection = psycopg.connect(*arguments, **options)
            # The statements are few and find everything by primary key: planning their joins anew
            # for each request would cost more than running them.
            self._connection.execute("SET plan_cache_mode = force_generic_plan")
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


def _was_closed_by_peer(connection: psycopg.Connection[Row]) -> bool:
    """Whether an idle connection has something to read, which can only be its end.

    Found before the statement is sent, a restart of the database costs nobody an answer; found
    after, nobody could tell whether the statement ran.
    """
    if connection.closed:
        return True
    readable, _, _ = select.select([connection.fileno()], [], [], 0)
    return bool(readable)


class PinnedSqlite:
    """One sqlite3 connection of one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(str(self._engine.url.database))
        set_pragmas(connection)
        return connection

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run the statement; outside of `writing()` it must not change anything."""
        try:
            cursor = self._connection.execute(statement.sql, {**statement.constants, **parameters})
            return cursor.fetchall()
        except sqlite3.OperationalError as error:
            raise Unavailable(f"database: {error.sqlite_errorname}") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """BEGIN IMMEDIATE: the write lock is taken before anything is read."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"database: {error.sqlite_errorname}") from error
        try:
            yield
        except BaseException:
            with suppress(sqlite3.OperationalError):
                self._connection.execute("ROLLBACK")
            raise
        try:
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            with suppress(sqlite3.OperationalError):
                self._connection.execute("ROLLBACK")
            raise Unavailable(f"database: {error.sqlite_errorname}") from error


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except exc.TimeoutError as error:
        raise Unavailable("database: no connection came free") from error
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as error:
        raise Unavailable(f"database: {type(error.orig).__name__}") from error
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable(f"database: {type(error.orig).__name__}") from error
        raise


def set_pragmas(connection: sqlite3.Connection) -> None:
    """WAL and FULL: what was answered survives a power cut. Autocommit: we say BEGIN ourselves."""
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {int(SQLITE_BUSY_SECONDS * 1000)}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def prepare_sqlite(engine: Engine) -> None:
    """Give the engine our pragmas and explicit BEGIN IMMEDIATE for its write transactions."""

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _record: object) -> None:
        set_pragmas(cast("sqlite3.Connection", connection))

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get("read_only")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
