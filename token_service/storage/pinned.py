"""Driver connections pinned to a thread: no pool checkout, no ORM, statements prepared once."""

import select
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, TypeAlias

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader, Transformer
from psycopg.conninfo import make_conninfo
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Engine

from token_service.domain.failures import Unavailable
from token_service.storage.compiled import Compiled, Prepared
from token_service.storage.watch import Watch

Row: TypeAlias = tuple[Any, ...]

SQLITE_BUSY_SECONDS = 0.5
"""How long SQLite waits for writers that take no turns (`turns.py`): other programs."""

CONNECT_TIMEOUT = "connect_timeout"
"""The name in a URL, and in libpq, of the seconds that a connection attempt may take."""


class PinnedPostgres:
    """One autocommitting psycopg connection of one thread; statements are prepared at first use."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch
        self._session: Session | None = None

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run the statement; a broken connection is thrown away and the next call makes another."""
        prepared = statement.prepared
        if prepared is None:
            raise TypeError("the statement was compiled for another database")
        values = prepared.encoded(parameters)
        try:
            self._watch.require()
            session = self._open()
            with self._watch.using(session.descriptor):
                return session.answer(prepared, values)
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
            self.close()
            raise Unavailable(f"database: {type(error).__name__}") from error

    def _open(self) -> "Session":
        if self._session is not None and self._session.was_closed_by_peer():
            self.close()
        if self._session is None:
            self._watch.before_connecting()
            arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
            hot = {"autocommit": True, "client_encoding": "utf8"}
            connection = psycopg.connect(*arguments, **{**options, **hot})
            # The statements are few and find everything by primary key: planning their joins anew
            # for each request would cost more than running them.
            connection.execute("SET plan_cache_mode = force_generic_plan")
            self._session = Session(connection)
        return self._session

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.connection.close()
        self._session = None


class Session:
    """An open connection, and the names of the statements that the server has prepared for it.

    The statements are few and every request runs one: psycopg's cursor, which must find out for
    each what it is made of, takes four times the processor time of libpq's one call.
    """

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self.connection = connection
        self.descriptor = connection.fileno()
        self._names: dict[Prepared, bytes] = {}
        self._end = told_of_end(connection)
        connection.adapters.register_loader("uuid", _IdentifierLoader)
        self._rows = Transformer(connection)

    def was_closed_by_peer(self) -> bool:
        """Whether the idle connection has come to its end."""
        return bool(self._end.poll(0))

    def begin(self) -> None:
        """Begin the connection's transaction, if it has not begun; psycopg ends it."""
        pgconn = self.connection.pgconn
        if pgconn.transaction_status == TransactionStatus.IDLE:
            self._checked(pgconn.exec_(b"BEGIN"))

    def answer(self, prepared: Prepared, values: list[bytes | None]) -> list[Row]:
        """All rows; raises the error of psycopg that says what went wrong."""
        name = self._names.get(prepared) or self._prepare(prepared)
        formats = [Format.BINARY] * len(values)
        result = self.connection.pgconn.exec_prepared(
            name,
            values,  # type: ignore[arg-type]  # None is NULL, which psycopg's annotation forgets
            formats,
            Format.BINARY,
        )
        self._rows.set_pgresult(self._checked(result))
        return self._rows.load_rows(0, result.ntuples, tuple)

    def _prepare(self, prepared: Prepared) -> bytes:
        name = b"hot_%d" % len(self._names)
        self._checked(self.connection.pgconn.prepare(name, prepared.sql, prepared.oids))
        self._names[prepared] = name
        return name

    def _checked(self, result: PGresult) -> PGresult:
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            return result
        if self.connection.closed:
            raise psycopg.OperationalError("the connection is lost")
        raise error_from_result(result)


class _IdentifierLoader(Loader):
    """A `uuid` as 32 hexadecimal characters, as `Identifier` columns have them in Python."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        """The 16 bytes in hexadecimal."""
        return bytes(data).hex()


def was_closed_by_peer(connection: psycopg.Connection[Row]) -> bool:
    """Whether an idle connection has something to read, which can only be its end.

    Found before the statement is sent, a restart of the database costs nobody an answer; found
    after, nobody could tell whether the statement ran.
    """
    return connection.closed or bool(told_of_end(connection).poll(0))


def told_of_end(connection: psycopg.Connection[Row]) -> select.poll:
    """What an idle connection is asked about its end, at once, by `poll(0)`."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return poll


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
