"""Driver connections pinned to a thread: no pool checkout, no ORM, statements prepared once."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine

from token_service.domain.failures import Unavailable
from token_service.storage.compiled import Compiled, Prepared
from token_service.storage.driver_session import Row, Session
from token_service.storage.watch import Watch
from token_service.waits import Waiting

SQLITE_BUSY_SECONDS = 0.5
"""How long SQLite waits for writers that take no turns (`turns.py`): other programs."""

PLANNING = """
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET jit = off
"""
"""The statements are few and find everything by primary key: planning their joins anew for each
request would cost more than running them. And what PostgreSQL knows of a new database says that its
tables are small: it reads them as a whole then, for as long as it has not looked again. Before
PostgreSQL 18, what has no other way than one that is off counts as so dear that it is compiled for
each run."""

_REOPEN_SECONDS = 0.25
"""So often at most a connection is opened that nobody waits for."""

CONNECT_TIMEOUT = "connect_timeout"
"""The name in a URL, and in libpq, of the seconds that a connection attempt may take."""


class PinnedPostgres:
    """One autocommitting psycopg connection of one thread; statements are prepared at first use."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch
        self.lock_milliseconds = 0
        """How long a statement waits for a locked row; 0: for as long as it takes."""
        self._session: Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held: each statement is its own transaction."""

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run the statement; a broken connection is thrown away and the next call makes another."""
        prepared = _prepared(statement)
        values = prepared.encoded(parameters)
        with self._in_use() as session:
            return session.answer(prepared, values)

    def run_all(
        self, statement: Compiled, parameters: Sequence[Mapping[str, object]]
    ) -> Waiting[list[list[Row]]]:
        """Run the statement once for each, all in one transaction; the rows of each.

        After any error the connection is thrown away: what was sent with it is still unread.
        """
        prepared = _prepared(statement)
        values = [prepared.encoded(one) for one in parameters]
        session: Session | None = None
        try:
            with self._in_use() as session:
                # Nobody finds it until everything is read: it would be another's rows.
                self._session = None
                found = yield from session.answers(prepared, values)
                self._session = session
                return found
        except BaseException:
            if session is not None:
                session.close()
            raise

    @contextmanager
    def _in_use(self) -> Iterator[Session]:
        try:
            self._watch.require()
            session = self._open()
            self._watch.begin(session.descriptor)
            try:
                session.wait_for_locks(self.lock_milliseconds)
                yield session
            finally:
                self._watch.finish(session.descriptor)
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
            self.close()
            raise Unavailable(f"database: {type(error).__name__}") from error

    def _open(self) -> Session:
        if self._session is not None and self._session.was_closed_by_peer():
            self.close()
        if self._session is None:
            self._session = self._connected()
        return self._session

    def _connected(self) -> Session:
        self._watch.before_connecting()
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        hot = {"autocommit": True, "client_encoding": "utf8"}
        connection = psycopg.connect(*arguments, **{**options, **hot})
        connection.execute(PLANNING)
        return Session(connection)

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        if self._session is not None:
            self._session.close()
        self._session = None


class Line(PinnedPostgres):
    """A connection of a thread that must not wait: until another one has opened it, there is none.

    It is used by `run_all` alone, once at a time.
    """

    def __init__(self, engine: Engine, watch: Watch, lock_milliseconds: int) -> None:
        super().__init__(engine, watch)
        self.lock_milliseconds = lock_milliseconds
        self._is_busy = False
        self._is_closed = False
        self._opener: threading.Thread | None = None
        self._open_after = 0.0

    def run_all(
        self, statement: Compiled, parameters: Sequence[Mapping[str, object]]
    ) -> Waiting[list[list[Row]]]:
        if self._is_busy:
            raise Unavailable("database: the connection is in use")
        self._is_busy = True
        try:
            return (yield from super().run_all(statement, parameters))
        finally:
            self._is_busy = False

    def end(self) -> None:
        """Close it for good."""
        self._is_closed = True
        self.close()

    def _open(self) -> Session:
        if self._session is not None and self._session.was_closed_by_peer():
            self.close()
        if self._session is None:
            self._have_opened()
            raise Unavailable("database: a connection is being opened")
        return self._session

    def _have_opened(self) -> None:
        now = time.monotonic()
        if now < self._open_after or (self._opener is not None and self._opener.is_alive()):
            return
        self._open_after = now + _REOPEN_SECONDS
        self._opener = threading.Thread(target=self.open_here, name="line", daemon=True)
        self._opener.start()

    def open_here(self) -> None:
        """Open it in this thread."""
        # Why there is none is found out, and said, by those who wait for a connection of their own.
        with suppress(Unavailable, psycopg.Error):
            session = self._connected()
            try:
                session.wait_for_locks(self.lock_milliseconds)
            except psycopg.Error:
                session.close()
                raise
            self._session = session
        if self._is_closed:
            self.close()


def _prepared(statement: Compiled) -> Prepared:
    if statement.prepared is None:
        raise TypeError("the statement was compiled for another database")
    return statement.prepared


class PinnedSqlite:
    """One sqlite3 connection of one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held: only reads are run so."""

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
