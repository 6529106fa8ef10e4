"""Telling a database that is away from one that makes us wait for a lock.

Both look the same from a connection: no answer. So when a statement takes long, a thread asks the
database something trivial on a connection of its own. An answer means that the statement waits for
a lock, and it may wait on. No answer within a second, or within the time that the settings give to
a new connection, means that the database hangs (a stopped process, a dead network): every
connection in use is cut off, its request answers 503, and further requests are refused at once
until the database answers again.
"""

import logging
import os
import select
import socket
import threading
from contextlib import suppress

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn

from token_service.domain.failures import Unavailable

TICK_SECONDS = 0.25
LONG_TICKS = 2
ANSWER_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Watch:
    """Watches the connections of one worker to one PostgreSQL database."""

    def __init__(self, conninfo: str, connect_seconds: float | None) -> None:
        """`connect_seconds`: how long the database may keep silent when a connection is made."""
        self._conninfo = conninfo.encode()
        self._connect_seconds = connect_seconds or ANSWER_SECONDS
        self._lock = threading.Lock()
        self._in_use: dict[int, int] = {}
        self._away = False
        self._probe: PGconn | None = None
        self._probing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def require(self) -> None:
        """Raise `Unavailable` while the database is known to be away."""
        if self._away:
            raise Unavailable("database: does not answer")

    def before_connecting(self) -> None:
        """Make sure that a new connection would be answered; raises `Unavailable`.

        Connecting to a database that hangs takes its time, one after the other for all that need
        it; this finds it out once for all.
        """
        self.require()
        if not self._answers():
            self._away = True
            self._start()
            raise Unavailable("database: does not answer")

    def begin(self, descriptor: int) -> None:
        """A use of the connection begins."""
        if self._thread is None:
            self._start()
        with self._lock:
            self._in_use[descriptor] = 0

    def finish(self, descriptor: int) -> None:
        """The use is over."""
        with self._lock:
            self._in_use.pop(descriptor, None)

    def stop(self) -> None:
        """End the thread; connections are watched no more."""
        self._stopped.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="database-watch", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            if self._away:
                self._away = not self._answers()
            elif self._long_in_use() and not self._answers():
                self._cut_off()

    def _long_in_use(self) -> bool:
        with self._lock:
            for descriptor in self._in_use:
                self._in_use[descriptor] += 1
            return any(ticks > LONG_TICKS for ticks in self._in_use.values())

    def _cut_off(self) -> None:
        """End every use: a thread that waits for an answer sees the end of its connection."""
        self._away = True
        with self._lock:
            _log.warning("the database does not answer; %d uses cut off", len(self._in_use))
            for descriptor in self._in_use:
                with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as end:
                    end.shutdown(socket.SHUT_RDWR)

    def _answers(self) -> bool:
        with self._probing:
            # Whoever waited for another's failed attempt need not fail by one of its own.
            return not (self._away and threading.current_thread() is not self._thread) and (
                self._asked()
            )

    def _asked(self) -> bool:
        """One answer; a probe that a restart has ended meanwhile is no evidence, a new one is."""
        for _ in range(1 if self._probe is None else 2):
            try:
                self._probe = self._probe or _connected(self._conninfo, self._connect_seconds)
                _ask(self._probe)
                return True
            except TimeoutError:
                self._drop_probe()
                return False
            except (OSError, psycopg.Error):
                self._drop_probe()
        return False

    def _drop_probe(self) -> None:
        if self._probe is not None:
            self._probe.finish()
        self._probe = None


def _connected(conninfo: bytes, seconds: float) -> PGconn:
    """A connection, or TimeoutError; libpq's own time limit cannot be below two seconds."""
    connection = pq.PGconn.connect_start(conninfo)
    while (status := connection.connect_poll()) != pq.PollingStatus.OK:
        if status == pq.PollingStatus.FAILED:
            connection.finish()
            raise OSError("the database refuses connections")
        try:
            _wait(connection, seconds, writing=status == pq.PollingStatus.WRITING)
        except TimeoutError:
            connection.finish()
            raise
    return connection


def _ask(connection: PGconn) -> None:
    connection.send_query(b"SELECT 1")
    while connection.flush():
        _wait(connection, ANSWER_SECONDS, writing=True)
    while True:
        if connection.is_busy():
            _wait(connection, ANSWER_SECONDS, writing=False)
            connection.consume_input()
        elif connection.get_result() is None:
            return


def _wait(connection: PGconn, seconds: float, *, writing: bool) -> None:
    # Not select(): it cannot watch the descriptors above 1023 of a worker with many clients.
    poll = select.poll()
    poll.register(connection.socket, select.POLLOUT if writing else select.POLLIN)
    if not poll.poll(seconds * 1000):
        raise TimeoutError("the database does not answer")
