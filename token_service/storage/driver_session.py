"""An open connection of PostgreSQL: prepared statements by libpq's own calls."""

import select
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg.abc import Buffer
from psycopg.abc import Transformer as RowMaker
from psycopg.adapt import Loader, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from token_service.storage.compiled import Prepared
from token_service.waits import Ready, Waiting

Row: TypeAlias = tuple[Any, ...]

_BINARY = int(Format.BINARY)
_DONE = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.PIPELINE_SYNC})


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

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self.connection.close()

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

    def answers(
        self, prepared: Prepared, values: Sequence[list[bytes | None]]
    ) -> Waiting[list[list[Row]]]:
        """The rows of one statement run for several lists of values, in one transaction and one
        round trip (libpq's pipeline mode): when this returns, it is committed."""
        known = self._known.get(prepared)
        if known is not None and len(values) == 1:
            return [(yield from self._alone(known, values[0]))]
        pgconn, is_new = self.connection.pgconn, known is None
        pgconn.enter_pipeline_mode()
        if known is None:
            known = self._named(prepared)
            pgconn.send_prepare(known.name, prepared.sql, prepared.oids)
        for one in values:
            pgconn.send_query_prepared(known.name, one, known.formats, _BINARY)
        pgconn.pipeline_sync()
        yield from self._sent()
        if is_new:
            self._checked((yield from self._next_result()))
            yield from self._next_result()
        found = []
        for _ in values:
            found.append(self._loaded(known, (yield from self._next_result())))
            yield from self._next_result()  # the end of that statement
        self._checked((yield from self._next_result()))  # the transaction's
        pgconn.exit_pipeline_mode()
        self._known[prepared] = known
        return found

    def _alone(self, known: _Known, values: list[bytes | None]) -> Waiting[list[Row]]:
        """A transaction of its own costs less outside of the pipeline."""
        self.connection.pgconn.send_query_prepared(known.name, values, known.formats, _BINARY)
        yield from self._sent()
        rows = self._loaded(known, (yield from self._next_result()))
        # The commit comes after the rows, and may fail.
        while (more := (yield from self._next_result())) is not None:
            self._checked(more)
        return rows

    def _sent(self) -> Waiting[None]:
        while self.connection.pgconn.flush():
            # Neither side goes on where both only write.
            yield Ready(self.descriptor, to_write=True)
            self.connection.pgconn.consume_input()

    def _next_result(self) -> Waiting[PGresult | None]:
        """What has been sent is answered piece by piece."""
        pgconn = self.connection.pgconn
        while pgconn.is_busy():
            yield Ready(self.descriptor)
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
            known = self._named(prepared)
            self._checked(self.connection.pgconn.prepare(known.name, prepared.sql, prepared.oids))
            self._known[prepared] = known
        return known

    def _named(self, prepared: Prepared) -> _Known:
        name = b"hot_%d" % len(self._known)
        return _Known(name, (_BINARY,) * len(prepared.oids), Transformer(self.connection))

    def _checked(self, result: PGresult | None) -> PGresult:
        if result is not None and result.status in _DONE:
            return result
        if result is None or self.connection.closed:
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
    return _ready(connection.fileno(), select.POLLIN)


def _ready(descriptor: int, events: int) -> select.poll:
    poll = select.poll()
    poll.register(descriptor, events)
    return poll
