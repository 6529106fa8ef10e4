"""Connections and transactions on SQLite and PostgreSQL.

Three ways to the database, for three needs:

* `transaction()`: a write transaction of several statements (SQLite: BEGIN IMMEDIATE);
* `reading()`: statements that change nothing;
* `statement()`: one guarded statement that is its own transaction, on a driver connection pinned to
  the thread. The hot paths use it: no pool checkout, no ORM, prepared by the server.

The last kind is also run by a thread that must not wait (`without_waiting`): what is to be asked is
said step by step (`Asks`), and the same steps serve both.

Whatever goes wrong below becomes `Unavailable`: not knowing is neither a yes nor a no.
"""

import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import psycopg
from psycopg.errors import InsufficientPrivilege, UndefinedTable
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from token_service.clock import Clock
from token_service.domain.failures import Conflict, Unavailable
from token_service.storage.compiled import Compiled, Flavour, Prepared
from token_service.storage.driver_session import Row, Session, was_closed_by_peer
from token_service.storage.pinned import (
    Line,
    PinnedPostgres,
    PinnedSqlite,
    connect_seconds,
    conninfo,
    set_pragmas,
)
from token_service.storage.turns import Turns
from token_service.storage.types import micros
from token_service.storage.watch import Watch
from token_service.waits import Apart, Waiting, waited_for

Transaction: TypeAlias = Connection
"""An open transaction, as services hold it: they pass it on and never look inside."""

Made = TypeVar("Made")
Step = TypeVar("Step")

_SESSION = "session"
NEWS = "news"
"""In a transaction's `info`: something was written that a thread of this worker waits for."""

_AS_LONG_AS_IT_TAKES = 0
_SHARED_LOCK_MILLISECONDS = 50
"""For a locked row, while others wait that have nothing to do with it."""

_READ_ONLY = {"read_only": True}
_TAKEN_IN_SQLITE = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


class Statements(Protocol):
    """Where a compiled statement can run: a pinned connection or an open transaction."""

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run it and return all rows."""


class Ask(NamedTuple):
    """One statement, run for each of these parameters; several are one transaction."""

    statement: Compiled
    parameters: Sequence[Mapping[str, object]]


Asks: TypeAlias = Generator[Ask | Apart, Any, Made]
"""Makes something, and says what is to be asked for it: it goes on with a list of rows for each of
the parameters."""


def answered(tx: Statements, asks: Asks[Made]) -> Made:
    """What is made, by a connection that runs what is asked, one by one."""
    return waited_for(_made(asks, partial(_one_by_one, tx)))


def _one_by_one(tx: Statements, ask: Ask) -> Waiting[list[list[Row]]]:
    yield from ()  # nothing is waited for but in here
    return [tx.run(ask.statement, one) for one in ask.parameters]


def _made(asks: Asks[Made], run: Callable[[Ask], Waiting[list[list[Row]]]]) -> Waiting[Made]:
    found: Any = None
    while True:
        try:
            ask = asks.send(found)
        except StopIteration as end:
            made: Made = end.value
            return made
        if isinstance(ask, Apart):
            found = yield ask
        else:
            found = yield from run(ask)


def _together(pinned: PinnedPostgres | PinnedSqlite, ask: Ask) -> Waiting[list[list[Row]]]:
    if isinstance(pinned, PinnedSqlite):
        return _one_by_one(pinned, ask)
    return pinned.run_all(ask.statement, ask.parameters)


@dataclass(frozen=True, slots=True)
class InTransaction:
    """Compiled statements inside a transaction of several statements."""

    connection: Connection

    def run(self, statement: Compiled, parameters: Mapping[str, object]) -> list[Row]:
        """Run it on the transaction's connection."""
        if statement.prepared is not None:
            return self._answer(statement.prepared, parameters)
        result = self.connection.exec_driver_sql(
            statement.sql, {**statement.constants, **parameters}
        )
        return [tuple(row) for row in result] if result.returns_rows else []

    def _answer(self, prepared: Prepared, parameters: Mapping[str, object]) -> list[Row]:
        """The same without SQLAlchemy, as on a pinned connection."""
        session = self._session()
        try:
            if not self.connection.get_execution_options().get("read_only"):
                session.begin()
            return session.answer(prepared, prepared.encoded(parameters))
        except psycopg.Error as error:
            # As SQLAlchemy would: one place says what each error means.
            raise exc.DBAPIError.instance(
                None, None, error, psycopg.Error, hide_parameters=True
            ) from error

    def _session(self) -> Session:
        """That of the pooled connection, which keeps what is prepared until it is closed."""
        info = self.connection.info
        if _SESSION not in info:
            pooled = self.connection.connection.driver_connection
            info[_SESSION] = Session(cast("psycopg.Connection[Row]", pooled))
        return cast(Session, info[_SESSION])


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
        self._watch: Watch | None = None
        self._line: Line | None = None
        self._turns: Turns | None = None
        self._bell: Callable[[], None] | None = None
        if self.is_sqlite:
            self._turns = Turns(self.file)
            prepare_sqlite(engine)
        else:
            self._watch = Watch(conninfo(engine), connect_seconds(engine))
            self._line = Line(engine, self._watch, _SHARED_LOCK_MILLISECONDS)
            watch_pool(engine, self._watch)

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for one in memory, and on PostgreSQL."""
        name = self.engine.url.database
        if not self.is_sqlite or not name or name.startswith((":", "file:")):
            return None
        return Path(name)

    def clock_parameters(self) -> dict[str, int]:
        """The parameter that stands for the database's clock where a test clock replaces it."""
        if self._database_clock is None:
            return {}
        return {"database_now": micros(self._database_clock.now())}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction; commits at the end, rolls back on any exception.

        A value that is unique and taken raises `Conflict`.
        """
        self._require()
        with _unavailable(), self._write_turn(), self.engine.begin() as connection:
            connection.info.pop(NEWS, None)
            yield connection
            has_news = connection.info.pop(NEWS, None)
        if has_news and self._bell is not None:
            self._bell()

    def on_news(self, bell: Callable[[], None]) -> None:
        """Have `bell` called after each commit that has `NEWS`, in the thread that commits."""
        self._bell = bell

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads."""
        self._require()
        with _unavailable(), self.engine.connect() as connection:
            yield connection.execution_options(**_READ_ONLY)

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """While a migration uses the engine: a database that is away is named as everywhere."""
        with _unavailable():
            yield

    def statement(self) -> AbstractContextManager[Statements]:
        """The thread's pinned connection, for one guarded statement that commits by itself.

        On SQLite a write transaction surrounds it, because there RETURNING sees only the updated
        table and the joined columns need a second statement.
        """
        pinned = self._pinned_connection()
        if isinstance(pinned, PinnedSqlite):
            return self._writing_alone(pinned)
        pinned.lock_milliseconds = _AS_LONG_AS_IT_TAKES
        return pinned

    @contextmanager
    def _writing_alone(self, pinned: PinnedSqlite) -> Iterator[Statements]:
        with self._write_turn(), pinned.writing():
            yield pinned

    def at_once(self, asks: Asks[Made]) -> Made:
        """What is made, each `Ask` in one transaction and one round trip of PostgreSQL.

        A row that somebody else has locked is not waited for long: then nothing is done for any of
        them, and `Unavailable` raised. Whoever else locks several of the rows must take them in the
        same order.
        """
        pinned = self._pinned_connection()
        if isinstance(pinned, PinnedPostgres):
            pinned.lock_milliseconds = _SHARED_LOCK_MILLISECONDS
        return waited_for(_made(asks, partial(_together, pinned)))

    def without_waiting(self, asks: Asks[Made]) -> Waiting[Made]:
        """The same for the one thread that must not wait.

        PostgreSQL is asked on a connection of its own; while that is being opened by another
        thread, this raises `Unavailable`. A file of SQLite is read at once.
        """
        return _made(asks, partial(_together, self._line or self._own_connection()))

    def unwaiting(self, steps: Generator[Step, Any, None]) -> Generator[Step, Any, None]:
        """The same steps; whatever in them would wait for the database raises `Unavailable`."""
        found: Any = None
        with closing(steps):
            while True:
                self._pinned.must_not_wait = True
                try:
                    step = steps.send(found)
                except StopIteration:
                    return
                finally:
                    self._pinned.must_not_wait = False
                found = yield step

    def query(self) -> AbstractContextManager[Statements]:
        """The thread's pinned connection, for one statement that reads."""
        return self._pinned_connection()

    def close(self) -> None:
        """Give the pool's connections and those of the calling thread back."""
        if self._watch is not None:
            self._watch.stop()
        if self._turns is not None:
            self._turns.close()
        if (pinned := getattr(self._pinned, "connection", None)) is not None:
            pinned.close()
            del self._pinned.connection
        if self._line is not None:
            self._line.end()
        self.engine.dispose()

    def _write_turn(self) -> AbstractContextManager[None]:
        """SQLite has one writer at a time."""
        return nullcontext() if self._turns is None else self._turns.taken()

    def _require(self) -> None:
        if getattr(self._pinned, "must_not_wait", False):
            raise Unavailable("database: this thread must not wait")
        if self._watch is not None:
            self._watch.require()

    def _pinned_connection(self) -> "PinnedPostgres | PinnedSqlite":
        self._require()
        return self._own_connection()

    def _own_connection(self) -> "PinnedPostgres | PinnedSqlite":
        pinned = getattr(self._pinned, "connection", None)
        if pinned is None:
            pinned = (
                PinnedSqlite(self.engine)
                if self._watch is None
                else PinnedPostgres(self.engine, self._watch)
            )
            self._pinned.connection = pinned
        return cast("PinnedPostgres | PinnedSqlite", pinned)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except exc.TimeoutError as error:
        raise Unavailable("database: no connection came free") from error
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as error:
        raise Unavailable(f"database: {type(error.orig).__name__}") from error
    except exc.IntegrityError as error:
        if _is_taken(error):
            raise Conflict(f"database: {type(error.orig).__name__}") from error
        # Not the error itself: PostgreSQL tells the whole row with it, and this goes into the log.
        raise RuntimeError(f"database: {_without_values(error)}") from None
    except exc.DBAPIError as error:
        # SQLite calls a missing table operational; PostgreSQL takes it for a fault of ours.
        unusable = isinstance(error.orig, UndefinedTable | InsufficientPrivilege)
        if unusable or error.connection_invalidated:
            raise Unavailable(f"database: {type(error.orig).__name__}") from error
        raise


def _is_taken(error: exc.IntegrityError) -> bool:
    """Whether a value is taken that must be unique; a NULL where none may be is a mistake of ours,
    and nobody's name."""
    if isinstance(error.orig, sqlite3.IntegrityError):
        return error.orig.sqlite_errorcode in _TAKEN_IN_SQLITE
    return isinstance(error.orig, psycopg.errors.UniqueViolation)


def _without_values(error: exc.IntegrityError) -> str:
    if isinstance(error.orig, psycopg.Error):
        return error.orig.diag.message_primary or type(error.orig).__name__
    return str(error.orig)


def watch_pool(engine: Engine, watch: Watch) -> None:
    """Have every pooled connection watched while a transaction holds it."""

    @event.listens_for(engine, "do_connect")
    def connecting(*_: object) -> None:
        watch.before_connecting()

    @event.listens_for(engine, "checkout")
    def taken(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        pooled = cast("psycopg.Connection[Row]", connection)
        if was_closed_by_peer(pooled):
            # The pool throws it away and tries the next one, or makes one. Its own way to find
            # out, a statement before each use, would hang unseen where the database hangs.
            raise exc.DisconnectionError("closed by the database")
        descriptor = pooled.fileno()
        if record.record_info is not None:
            record.record_info["watched"] = descriptor
        watch.begin(descriptor)

    @event.listens_for(engine, "checkin")
    def returned(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        descriptor = (record.record_info or {}).pop("watched", None)
        if descriptor is not None:
            watch.finish(descriptor)


def prepare_sqlite(engine: Engine) -> None:
    """Give the engine our pragmas and explicit BEGIN IMMEDIATE for its write transactions."""

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _record: object) -> None:
        set_pragmas(cast("sqlite3.Connection", connection))

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get("read_only")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
