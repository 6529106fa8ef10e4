"""Driver connections pinned to a thread: no pool checkout, no ORM, statements prepared once."""

import select
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine

from token_service.domain.failures import Unavailable
from token_service.storage.compiled import Compiled
from token_service.storage.watch import Watch

Row: TypeAlias = tuple[Any, ...]

SQLITE_BUSY_SECONDS = 1.5
CONNECT_TIMEOUT = "connect_timeout"
"""The name in a URL, and in libpq, of the seconds that a connection attempt may take."""


class PinnedPostgres:
    """One autocommitting psycopg connection of one thread; statements are prepared at first use."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch
        self._connection: psycopg.Connection[Row] | None = None

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run the statement; a broken connection is thrown away and the next call makes another."""
        try:
            self._watch.require()
            connection = self._open()
            with self._watch.using(connection.fileno()):
                cursor = connection.execute(
                    statement.sql, {**statement.constants, **parameters}, prepare=True, binary=True
                )
            return cursor.fetchall()
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
            self.close()
            raise Unavailable(f"database: {type(error).__name__}") from error

    def _open(self) -> psycopg.Connection[Row]:
        if self._connection is not None and was_closed_by_peer(self._connection):
            self.close()
        if self._connection is None:
            self._watch.before_connecting()
            arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
            self._connection = psycopg.connect(*arguments, **{**options, "autocommit": True})
            # The statements are few and find everything by primary key: planning their joins anew
            # for each request would cost more than running them.
            self._connection.execute("SET plan_cache_mode = force_generic_plan")
        return self._connection

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


def was_closed_by_peer(connection: psycopg.Connection[Row]) -> bool:
    """Whether an idle connection has something to read, which can only be its end.

    Found before the statement is sent, a restart of the database costs nobody an answer; found
    after, nobody could tell whether the statement ran.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


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

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        if (connection := self.__dict__.pop("_connection", None)) is not None:
            connection.close()

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


def conninfo(engine: Engine) -> str:
    """The engine's database in libpq's form."""
    _, options = engine.dialect.create_connect_args(engine.url)
    return make_conninfo(**{key: value for key, value in options.items() if key != "context"})


def connect_seconds(engine: Engine) -> float | None:
    """How long a connection attempt may take by the engine's URL; None where it does not say."""
    stated = engine.url.query.get(CONNECT_TIMEOUT)
    return float(stated) if isinstance(stated, str) else None


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
