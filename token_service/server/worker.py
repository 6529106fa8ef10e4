"""A worker process: a loop in which the connections live, and threads that run the application."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Sequence
from wsgiref.types import WSGIApplication, WSGIEnvironment

import uvloop

from token_service.server.connection import Connection, Exchange, Shared
from token_service.server.limits import Limits
from token_service.server.stopping import STOP_SIGNALS, TICK_SECONDS, pipe_of_stop_signals
from token_service.server.together import Express, Together
from token_service.server.waiting import Crew, Request
from token_service.server.wsgi import common_environ

_DRAINED_EVERY_SECONDS = 0.02


def work(
    load: Callable[[], WSGIApplication], listener: socket.socket, limits: Limits, group_ended: int
) -> None:
    """The life of a worker process; `group_ended` can be read from once its group has."""
    told_to_stop = pipe_of_stop_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    application = load()
    # The orphans of a killed group would hold its port against the next one.
    ends = [told_to_stop, group_ended]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(application, listener, limits, ends))


async def _serve(
    application: WSGIApplication, listener: socket.socket, limits: Limits, ends: Sequence[int]
) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for end in ends:
        loop.add_reader(end, stopped.set)
    host, port = listener.getsockname()[:2]
    door = _Door(application, limits)
    shared = Shared(limits, common_environ(host, port), door.let_in)
    server = await loop.create_server(
        lambda: Connection(shared), sock=listener, backlog=limits.backlog
    )
    while not stopped.is_set():
        shared.tick()
        door.tick()
        await _within(TICK_SECONDS, stopped)
    for end in ends:
        loop.remove_reader(end)
    server.close()
    shared.close()
    cut_at = time.monotonic() + limits.drain_seconds
    while shared.open and time.monotonic() < cut_at:
        shared.tick()
        door.tick()
        await asyncio.sleep(_DRAINED_EVERY_SECONDS)


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


class _Door:
    """Which way a request goes."""

    def __init__(self, application: WSGIApplication, limits: Limits) -> None:
        """In the thread of the loop."""
        self._limits = limits
        self._any = Crew("request", limits.threads, application, limits)
        self._slow = Crew("slow-request", limits.slow_threads, application, limits)
        self._express_paths: frozenset[str] = frozenset()
        self._together: Together | None = None
        express: Express | None = getattr(application, "express", None)
        if express is not None:
            self._express_paths = express.paths
            self._together = Together(express, limits, self._any.take_over)

    def let_in(self, environ: WSGIEnvironment, exchange: Exchange) -> None:
        """A whole request. Raises Refused where too many wait for the same."""
        request = Request(environ, exchange, time.monotonic())
        if environ["REQUEST_METHOD"] == "POST":
            path = environ["PATH_INFO"]
            if self._together is not None and path in self._express_paths:
                self._together.add(request)
                return
            if path in self._limits.slow_paths:
                self._slow.add(request)
                return
        self._any.add(request)

    def tick(self) -> None:
        """To be called several times a second."""
        if self._together is not None:
            self._together.refuse_late()
