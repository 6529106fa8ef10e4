"""The threads beside the request threads that tell clients of log-outs; any number of processes at
once.

One thread looks for what is due, a few others carry it. A client has at most one of them at a time,
so that one which hangs keeps nobody waiting but itself.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from token_service.clock import Clock
from token_service.domain.failures import Unavailable
from token_service.domain.logout_notices import Messenger, NotTold
from token_service.services import logout_notices
from token_service.services.configuration import Configuration
from token_service.services.logout_notices import Errand, Looked
from token_service.storage.database import Database

logger = logging.getLogger(__name__)

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class NoticeOffice:
    """What the herald works with."""

    database: Database
    clock: Clock
    configuration: Configuration
    messenger: Messenger


class Herald(threading.Thread):
    """Does its rounds until it is stopped: when called, and every few seconds for what others
    wrote, what time has ended, and what is to be tried again."""

    def __init__(self, office: NoticeOffice, interval_seconds: float) -> None:
        super().__init__(name="herald", daemon=True)
        self._office = office
        self._interval_seconds = interval_seconds
        self._called = threading.Event()
        self._stopping = threading.Event()
        self._carriers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="herald")
        self._free = threading.Semaphore(_AT_ONCE)
        self._changing = threading.Lock()
        self._busy: set[str] = set()

    def call(self) -> None:
        """Say that something is to be told, so that nobody waits for the next round."""
        self._called.set()

    def stop(self) -> None:
        """Begin nothing more; `join` and `settle` wait for what is on its way."""
        self._stopping.set()
        self._called.set()

    def settle(self) -> None:
        """Wait until nothing is on its way any more; nothing is carried after that."""
        self._carriers.shutdown()

    def run(self) -> None:
        """Round after round; what goes wrong in one is logged, and the next one tries again."""
        while not self._stopping.is_set():
            self.do_round()
            self._called.wait(self._interval_seconds)
            self._called.clear()
        self.settle()

    def do_round(self) -> None:
        """Send out what is due, until nothing is."""
        try:
            while not self._stopping.is_set() and self._send_next():
                pass
        except Unavailable as unavailable:
            logger.warning("herald: put off: %s", unavailable.private)
        except Exception:
            logger.exception("herald: a round failed")

    def _send_next(self) -> bool:
        """Send one out once somebody is free to carry it; False where none is due."""
        self._free.acquire()
        sent = False
        try:
            found = self._take()
            if isinstance(found, Errand):
                self._carriers.submit(self._carry, found)
                sent = True
            return found is not None
        finally:
            if not sent:
                self._free.release()

    def _take(self) -> Errand | Looked | None:
        office = self._office
        with self._changing:
            spared = frozenset(self._busy)
        found = office.configuration.on_current(
            lambda snapshot: logout_notices.take(office.database, office.clock, snapshot, spared)
        )
        if isinstance(found, Errand):
            with self._changing:
                self._busy.add(found.notice.client_id)
        return found

    def _carry(self, errand: Errand) -> None:
        """Deliver it, outside of any transaction, and look for more afterwards."""
        try:
            self._deliver(errand)
        except Unavailable as unavailable:
            logger.warning("herald: put off: %s", unavailable.private)
        except Exception:
            logger.exception("herald: a delivery failed")
        finally:
            with self._changing:
                self._busy.discard(errand.notice.client_id)
            self._free.release()
            self.call()

    def _deliver(self, errand: Errand) -> None:
        office = self._office
        try:
            office.messenger.deliver(errand.uri, errand.logout_token)
        except NotTold as not_told:
            client_id = errand.notice.client_id
            logger.warning("herald: client %s did not take a notice: %s", client_id, not_told)
            logout_notices.not_told(office.database, office.clock, errand)
        else:
            logout_notices.told(office.database, errand)
