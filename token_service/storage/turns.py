"""Writers of one SQLite file take turns: first come, first served, whichever process they are in.

SQLite lets one write at a time. It has the others sleep and ask again, ever more rarely, so whoever
asks at the right moment is first, and somebody waits for seconds. Here the kernel keeps the queue
of the processes, by `flock` on an empty file beside the database, and each process keeps that of
its threads. SQLite's own lock remains the authority: who writes without a turn does no harm.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

from token_service.domain.failures import Unavailable

TURN_SECONDS = 1.5
"""How long a writer waits for its turn."""


class Turns:
    """The turns of one process's writers.

    A thread stands in the kernel's queue for all of them, because that wait cannot be broken off:
    the writers wait for the thread, and can give up.
    """

    def __init__(self, database: Path | None) -> None:
        """None: a database in memory, which no other process has."""
        self._database = database
        self._file: int | None = None
        self._places: SimpleQueue[_Place | None] = SimpleQueue()
        self._ended = _taken_lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn, and have it for the length of the `with`; raises `Unavailable`."""
        self._start()
        place = _Place()
        self._places.put(place)
        if not place.is_called(TURN_SECONDS) and place.settle():
            raise Unavailable("database: the writers before do not come to an end")
        try:
            yield
        finally:
            # Not left to the thread: the next process need not wait until that runs.
            self._unlock()
            self._ended.release()

    def close(self) -> None:
        """End the thread, once those who wait have had their turns."""
        if self._thread is not None:
            self._places.put(None)
            self._thread.join(TURN_SECONDS)

    def _start(self) -> None:
        """Start the thread, also where a fork has left it behind."""
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._file = None  # that of the other process would lock for both
                    # And these may be as the other one's thread was about to find them.
                    self._places, self._ended = SimpleQueue(), _taken_lock()
                    self._thread = threading.Thread(
                        target=self._call, name="write-turns", daemon=True
                    )
                    self._thread.start()

    def _call(self) -> None:
        """Call one place after the other."""
        while (place := self._places.get()) is not None:
            self._lock()
            if place.settle():
                place.call()
                self._ended.acquire()
            else:
                self._unlock()
        if self._file is not None:
            os.close(self._file)

    def _lock(self) -> None:
        """Wait for the other processes. Where nothing can be locked, SQLite's own lock is left."""
        if self._database is not None:
            with suppress(OSError):
                if self._file is None:
                    self._file = _opened(self._database)
                fcntl.flock(self._file, fcntl.LOCK_EX)

    def _unlock(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_UN)


class _Place:
    """One writer's place in the queue: a future, but with fewer locks on the way.

    With those of `concurrent.futures`, eight threads refreshed a tenth less.
    """

    __slots__ = ("_called", "_settled")

    def __init__(self) -> None:
        self._called = _taken_lock()
        self._settled = threading.Lock()

    def settle(self) -> bool:
        """True for the first to ask: who would call the writer, or the writer who would give up."""
        return self._settled.acquire(blocking=False)

    def call(self) -> None:
        """Give the writer its turn."""
        self._called.release()

    def is_called(self, seconds: float) -> bool:
        """Wait for the turn, for so long."""
        return self._called.acquire(timeout=seconds)


def _taken_lock() -> threading.Lock:
    """One whose next taker waits until somebody else releases it."""
    lock = threading.Lock()
    lock.acquire()
    return lock


def _opened(database: Path) -> int:
    """The file beside the database, with its mode and owner, as SQLite makes its journals."""
    found = database.stat()
    file = os.open(f"{database}-turn", os.O_CREAT | os.O_RDONLY, found.st_mode & 0o666)
    with suppress(PermissionError):
        # Made by root, for one command, it must be there for the service too.
        os.fchown(file, found.st_uid, found.st_gid)
    return file
