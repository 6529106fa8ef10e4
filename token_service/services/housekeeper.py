"""The thread beside the request threads that makes keys which are due and drops rows that are over.

Any number of workers keep the same house at once, so nobody has to be chosen, started or replaced.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from token_service.clock import Clock
from token_service.domain.failures import Unavailable
from token_service.services import housekeeping, keys
from token_service.services.housekeeping import Purged, Retention
from token_service.services.keys import KeyPlan
from token_service.storage.database import Database

logger = logging.getLogger(__name__)


_RESTS = 6
"""How much longer than a batch the rest after it is: requests come first, and nobody waits for
what is over."""


class _Stopped(Exception):
    """Between two batches, the process was told to stop."""


class Housekeeper(threading.Thread):
    """Does its rounds until it is stopped, the first one at once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        plan: KeyPlan,
        retention: Retention,
        *,
        interval_seconds: float,
        pause_seconds: float,
    ) -> None:
        """At least `pause_seconds` lie between two batches of one purge."""
        super().__init__(name="housekeeping", daemon=True)
        self._database = database
        self._clock = clock
        self._plan = plan
        self._retention = retention
        self._interval_seconds = spread(interval_seconds, os.getpid())
        self._pause_seconds = pause_seconds
        self._stopping = threading.Event()
        self._resumed_at = 0.0

    def run(self) -> None:
        """Round after round; what goes wrong in one is logged, and the next one tries again."""
        while True:
            self.do_round()
            if self._stopping.wait(self._interval_seconds):
                return

    def do_round(self) -> None:
        """Each task by itself: a purge that fails must not keep keys from being made."""
        self._attempt("keys", self._ensure_keys)
        self._attempt("purge", self._purge)
        self._attempt("old keys", self._drop_keys)

    def stop(self) -> None:
        """End after the batch at hand; `join` waits for that."""
        self._stopping.set()

    def _attempt(self, name: str, task: Callable[[], None]) -> None:
        if self._stopping.is_set():
            return
        try:
            task()
        except _Stopped:
            pass
        except Unavailable as unavailable:
            logger.warning("housekeeping: %s put off: %s", name, unavailable.private)
        except Exception:
            logger.exception("housekeeping: %s failed", name)

    def _ensure_keys(self) -> None:
        if made := keys.ensure(self._database, self._clock, self._plan):
            logger.info("housekeeping: %d keys made", made)

    def _purge(self) -> None:
        self._resumed_at = time.monotonic()
        purged = housekeeping.purge_all(self._database, self._clock, self._retention, self._pause)
        if purged != Purged():
            logger.info("housekeeping: %s", purged)

    def _drop_keys(self) -> None:
        if dropped := keys.drop_gone(self._database, self._clock):
            logger.info("housekeeping: %d keys dropped", dropped)

    def _pause(self) -> None:
        worked = time.monotonic() - self._resumed_at
        if self._stopping.wait(max(self._pause_seconds, worked * _RESTS)):
            raise _Stopped
        self._resumed_at = time.monotonic()


def spread(interval_seconds: float, number: int) -> float:
    """The interval, up to a tenth more or less by a process's number.

    Workers that were started together do not come to the database together for ever.
    """
    return interval_seconds * (0.9 + 0.2 * (number * 37 % 101) / 100)
