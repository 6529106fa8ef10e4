"""The application's short way: the loop's thread answers at once whatever waits for it."""

import asyncio
import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias
from wsgiref.types import WSGIEnvironment

from token_service.server.connection import in_loop
from token_service.server.limits import Limits
from token_service.server.waiting import Request, in_thread, is_too_late
from token_service.server.wsgi import Answer, Refused
from token_service.waits import Apart, Ready, Wait, done, is_ready

logger = logging.getLogger(__package__)

MOST_TOGETHER = 16

_SOON_SECONDS = 0.005
"""So long a group keeps the loop for what it waits for: nearly all answers of a database come
sooner, and who has come meanwhile is in the next group. Where the loop goes on at once, groups are
half as large."""

_Done: TypeAlias = "Future[Any]"
_Steps: TypeAlias = Generator[Wait | tuple[int, Answer], Any, None]


class Express(Protocol):
    """What an application may have as `express`: it answers several requests at once, and leaves
    alone what must go the long way."""

    paths: frozenset[str]

    def steps(self, environs: Sequence[WSGIEnvironment]) -> _Steps:
        """The answers as they come, each with the place of its request, and what is waited for in
        between: here itself, nothing may wait."""


class Together:
    """Groups of requests, one after the other; all of it happens in the thread of the loop.

    While a group waits for the database, the loop serves everybody else.
    """

    def __init__(
        self, express: Express, limits: Limits, long_way: Callable[[Request], None]
    ) -> None:
        self._express = express
        self._limits = limits
        self._long_way = long_way
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Request] = deque()
        self._is_busy = False
        self._left: dict[int, Request] = {}
        self._steps: _Steps = _none()
        self._helper = _Helper(self._loop)

    def add(self, request: Request) -> None:
        """Raises Refused where too many wait already."""
        if len(self._waiting) >= self._limits.max_waiting:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE)
        self._waiting.append(request)
        if not self._is_busy:
            self._is_busy = True
            # Not at once: more may have come by now.
            self._loop.call_soon(self._begin)

    def refuse_late(self) -> None:
        """To be called several times a second: a group may take long, and those behind it are not
        to wait for longer than anybody."""
        while self._waiting and is_too_late(self._waiting[0], self._limits):
            self._waiting.popleft()

    def _begin(self) -> None:
        self._left = {}
        try:
            self._start()
        except Exception:
            logger.exception("a group could not begin")
            self._end()
        else:
            self._go_on(None)

    def _start(self) -> None:
        group: list[Request] = []
        while self._waiting and len(group) < MOST_TOGETHER:
            request = self._waiting.popleft()
            if not is_too_late(request, self._limits):
                group.append(request)
        self._left = dict(enumerate(group))
        self._steps = self._express.steps([request.environ for request in group])

    def _go_on(self, found: object) -> None:
        soon = time.monotonic() + _SOON_SECONDS
        try:
            while True:
                step = self._steps.send(found)
                found = None
                if isinstance(step, Ready):
                    left = max(0.0, soon - time.monotonic())
                    if not is_ready(step, left * 1000):
                        self._wait_until(step)
                        return
                elif isinstance(step, Apart):
                    self._helper.do(step, self._go_on)
                    return
                else:
                    self._give(*step)
        except StopIteration:
            pass
        except BaseException:  # SystemExit would end the worker
            logger.exception("the application raised an exception")
        self._end()

    def _give(self, place: int, answer: Answer) -> None:
        """An answer that cannot be given costs nobody else theirs."""
        exchange = self._left.pop(place).exchange
        try:
            exchange.give(answer)
        except Exception:
            logger.exception("an answer could not be given")
            exchange.refuse(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _wait_until(self, ready: Ready) -> None:
        descriptor, loop = ready.descriptor, self._loop

        def go_on() -> None:
            loop.remove_reader(descriptor)
            loop.remove_writer(descriptor)
            self._go_on(None)

        loop.add_reader(descriptor, go_on)
        if ready.to_write:
            loop.add_writer(descriptor, go_on)

    def _end(self) -> None:
        """Whoever got no answer goes the long way."""
        self._steps.close()
        for request in self._left.values():
            self._long_way(request)
        self._left = {}
        self._is_busy = bool(self._waiting)
        if self._is_busy:
            self._loop.call_soon(self._begin)


def _none() -> _Steps:
    yield from ()


class _Helper:
    """A thread for what must wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: queue.SimpleQueue[tuple[Apart, Callable[[_Done], None]]] = (
            queue.SimpleQueue()
        )
        self._has_begun = False

    def do(self, apart: Apart, then: Callable[[_Done], None]) -> None:
        if not self._has_begun:
            self._has_begun = True
            in_thread("apart", self._work)
        self._waiting.put((apart, then))

    def _work(self) -> None:
        while True:
            apart, then = self._waiting.get()
            in_loop(self._loop, partial(then, done(apart)))
