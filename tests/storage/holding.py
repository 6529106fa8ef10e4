"""Lock-hold: another session of PostgreSQL holds a row until everybody waits for it.

A plain burst of threads finds a race one time in ten; this finds it each time. Nothing sleeps
blindly: the server is asked who waits.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from tests.world.world import World

Answer = TypeVar("Answer")

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
# Where a guard is broken, a test may come to wait for itself: it is to fail, not to hang.
_LET_GO = "idle_in_transaction_session_timeout=40s"
_POLLS = 3000
_POLL_SECONDS = 0.01


def url_of(world: World) -> str:
    """The world's database in libpq's form."""
    return world.url.replace("postgresql+psycopg://", "postgresql://")


class Hold:
    """Locks that an outside session has, and the threads that it makes wait."""

    def __init__(self, world: World, pool: ThreadPoolExecutor) -> None:
        self._holder = psycopg.connect(url_of(world), options=f"-c {_LET_GO}")
        self._observer = psycopg.connect(url_of(world), autocommit=True)
        self._pool = pool
        self._started = 0

    def run(self, query: str, *parameters: object) -> None:
        """Run a statement in the holding transaction."""
        self._holder.execute(query, parameters)

    def start(self, *uses: Callable[[], Answer]) -> list[Future[Answer]]:
        """Start each in a thread of its own, and come back when all of them wait for a lock.

        One after the other, so that they queue in this order.
        """
        futures = []
        for use in uses:
            futures.append(self._pool.submit(use))
            self._started += 1
            self.until_waiting(self._started)
        return futures

    def until_waiting(self, number: int) -> None:
        """Come back when so many backends wait for a lock."""
        for _ in range(_POLLS):
            (waiting,) = self._observer.execute(_WAITING).fetchone() or (0,)
            if waiting >= number:
                return
            time.sleep(_POLL_SECONDS)
        raise AssertionError(f"{waiting} of {number} wait for a lock")

    def release(self) -> None:
        """Commit what the holder did, and let everybody go."""
        self._holder.commit()

    def at_once(
        self, row: tuple[str, *tuple[object, ...]], *uses: Callable[[], Answer]
    ) -> list[Answer]:
        """Hold a row (a query and its parameters) until each waits for it, and answer all that they
        gave when it was let go."""
        self.run(*row)
        futures = self.start(*uses)
        self.release()
        return [future.result(timeout=60) for future in futures]

    def close(self) -> None:
        """Let go and disconnect."""
        self._holder.close()
        self._observer.close()


@contextmanager
def holding(world: World) -> Iterator[Hold]:
    """An outside session; whatever still waits at the end is let go."""
    with ThreadPoolExecutor(max_workers=64) as pool:
        hold = Hold(world, pool)
        try:
            yield hold
        finally:
            hold.close()
