"""Whole requests that wait, and the threads that answer them."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple, TypeAlias
from wsgiref.types import WSGIApplication, WSGIEnvironment

from token_service.server.connection import Exchange
from token_service.server.limits import Limits
from token_service.server.wsgi import Refused, answer_of

logger = logging.getLogger(__package__)


class Request(NamedTuple):
    """A whole request, and since when it waits (monotonic seconds)."""

    environ: WSGIEnvironment
    exchange: Exchange
    since: float


_Queue: TypeAlias = "queue.SimpleQueue[Request]"


def in_thread(name: str, life: Callable[[], None]) -> None:
    """A thread that lives as long as the process."""
    threading.Thread(target=life, name=name, daemon=True).start()


def is_too_late(request: Request, limits: Limits) -> bool:
    """Whether it has waited too long, and has been told so.

    Its client may have given up, and asked again elsewhere: what is done for nobody costs others
    their time, and a refresh that comes behind its own repetition and the refresh after that is a
    replay.
    """
    if time.monotonic() - request.since <= limits.longest_wait_seconds:
        return False
    request.exchange.refuse(HTTPStatus.SERVICE_UNAVAILABLE)
    return True


class Crew:
    """So many threads that run the application, and the requests that wait for one of them."""

    def __init__(
        self, name: str, threads: int, application: WSGIApplication, limits: Limits
    ) -> None:
        self._application = application
        self._limits = limits
        self._waiting: _Queue = queue.SimpleQueue()
        for number in range(threads):
            in_thread(f"{name}-{number}", self._answer)

    def add(self, request: Request) -> None:
        """Raises Refused where too many wait already."""
        if self._waiting.qsize() >= self._limits.max_waiting:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE)
        self.take_over(request)

    def take_over(self, request: Request) -> None:
        """One that has been let in, however many wait."""
        self._waiting.put(request)

    def _answer(self) -> None:
        """The life of a thread."""
        while True:
            request = self._waiting.get()
            try:
                if not is_too_late(request, self._limits):
                    request.exchange.give(answer_of(self._application, request.environ))
            except BaseException:  # SystemExit would end the thread, and nobody would notice
                logger.exception("the application raised an exception")
                request.exchange.refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
            # Else it stays in memory until the next request comes.
            del request
