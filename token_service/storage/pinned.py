"""Driver connections pinned to a thread: no pool checkout, no ORM, statements prepared once."""

import select
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeAlias, TypeVar

import psycopg
from psycopg.abc import Buffer
from psycopg.abc import Transformer as RowMaker
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
Rows = TypeVar("Rows")

_BINARY = int(Format.BINARY)
_DONE = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.PIPELINE_SYNC})

SQLITE_BUSY_SECONDS = 0.5
"""How long SQLite waits for writers that take no turns (`turns.py`): other programs."""

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
        return self._in_use(lambda session: session.answer(prepared, values))

    def run_all(
        self, statement: Compiled, parameters: Sequence[Mapping[str, object]]
    ) -> list[list[Row]]:
        """Run the statement once for each, all in one transaction; the rows of each.

        After any error the connection is thrown away: what was sent with it is still unread.
        """
        prepared = _prepared(statement)
        values = [prepared.encoded(one) for one in parameters]
        try:
            return self._in_use(lambda session: session.answers(prepared, values))
        except BaseException:
            self.close()
            raise

    def _in_use(self, use: Callable[["Session"], Rows]) -> Rows:
        try:
            self._watch.require()
            session = self._open()
            self._watch.begin(session.descriptor)
            try:
                session.wait_for_locks(self.lock_milliseconds)
                return use(session)
            finally:
                self._watch.finish(session.descriptor)
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


@dataclass(slots=True)
class _Known:
    """A statement that the server has prepared for a connection, and what makes rows of its
    results, which knows the types of its columns from the first one on (`is_new`: none yet)."""

    name: bytes
    formats: tuple[int, ...]
    rows: RowMaker
    is_new: bool = True


class Session:
    """An open connection, and the statements that the server has prepared for it.

    The statements are few and every request runs one: psycopg's cursor, which must find out for
    each what it is made of, takes four times the processor time of libpq's one call.
    """

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self.connection = connection
        self.descriptor = connection.fileno()
        self._lock_milliseconds = 0
        self._known: dict[Prepared, _Known] = {}
        self._end = told_of_end(connection)
        connection.adapters.register_loader("uuid", _IdentifierLoader)

    def was_closed_by_peer(self) -> bool:
        """Whether the idle connection has come to its end."""
        return bool(self._end.poll(0))

    def begin(self) -> None:
        """Begin the connection's transaction, if it has not begun; psycopg ends it."""
        pgconn = self.connection.pgconn
        if pgconn.transaction_status == TransactionStatus.IDLE:
            self._checked(pgconn.exec_(b"BEGIN"))

    def wait_for_locks(self, milliseconds: int) -> None:
        """From now on so long; 0: for as long as it takes."""
        if milliseconds != self._lock_milliseconds:
            self._checked(self.connection.pgconn.exec_(b"SET lock_timeout = %d" % milliseconds))
            self._lock_milliseconds = milliseconds

    def answer(self, prepared: Prepared, values: list[bytes | None]) -> list[Row]:
        """All rows; raises the error of psycopg that says what went wrong."""
        known = self._known_as(prepared)
        result = self.connection.pgconn.exec_prepared(
            known.name,
            values,  # type: ignore[arg-type]  # None is NULL, which psycopg's annotation forgets
            known.formats,
            _BINARY,
        )
        return self._loaded(known, result)

    def answers(self, prepared: Prepared, values: Sequence[list[bytes | None]]) -> list[list[Row]]:
        """The rows of one statement run for several lists of values, in one transaction and one
        round trip (libpq's pipeline mode): when this returns, it is committed."""
        known, pgconn = self._known_as(prepared), self.connection.pgconn
        pgconn.enter_pipeline_mode()
        for one in values:
            pgconn.send_query_prepared(known.name, one, known.formats, _BINARY)
        pgconn.pipeline_sync()
        found = []
        for _ in values:
            found.append(self._loaded(known, self._next_result()))
            self._next_result()  # the end of that statement
        self._checked(self._next_result())  # the transaction's
        pgconn.exit_pipeline_mode()
        return found

    def _next_result(self) -> PGresult | None:
        """What has been sent is answered piece by piece; while there is none, others may run."""
        pgconn = self.connection.pgconn
        while pgconn.flush():
            # Neither side goes on where both only write.
            _ready(self.descriptor, select.POLLIN | select.POLLOUT).poll()
            pgconn.consume_input()
        while pgconn.is_busy():
            self._end.poll()
            pgconn.consume_input()
        return pgconn.get_result()

    def _loaded(self, known: _Known, result: PGresult | None) -> list[Row]:
        checked = self._checked(result)
        known.rows.set_pgresult(checked, set_loaders=known.is_new)
        known.is_new = False
        return known.rows.load_rows(0, checked.ntuples, tuple)

    def _known_as(self, prepared: Prepared) -> _Known:
        known = self._known.get(prepared)
        if known is None:
            name = b"hot_%d" % len(self._known)
            self._checked(self.connection.pgconn.prepare(name, prepared.sql, prepared.oids))
            formats, rows = (_BINARY,) * len(prepared.oids), Transformer(self.connection)
            known = self._known[prepared] = _Known(name, formats, rows)
        return known

    def _checked(self, result: PGresult | None) -> PGresult:
        if result is not None and result.status in _DONE:
            return result
        if result is None or self.connection.closed:
            raise psycopg.OperationalError("the connection is lost")
        raise error_from_result(result)


def _prepared(statement: Compiled) -> Prepared:
    if statement.prepared is None:
        raise TypeError("the statement was compiled for another database")
    return statement.prepared


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
    return _ready(connection.fileno(), select.POLLIN)


def _ready(descriptor: int, events: int) -> select.poll:
    poll = select.poll()
    poll.register(descriptor, events)
    return poll


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
