"""A worker process: its door, where bodies arrive, and the threads that run the application."""

import importlib
import io
import logging
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from multiprocessing.connection import wait
from typing import Any, Protocol, TypeAlias
from wsgiref.types import WSGIApplication, WSGIEnvironment

from granian.http import HTTP1Settings

from token_service.server.limits import Limits
from token_service.server.stopping import STOP_SIGNALS, TICK_SECONDS, pipe_of_stop_signals
from token_service.server.wsgi import (
    Answer,
    Arriving,
    Exchange,
    Refused,
    Scope,
    answer,
    common_environ,
    environ_of,
    give,
    refuse,
)

logger = logging.getLogger(__package__)

# Its type stubs lag behind it; the protocols here and in `wsgi` name what is used of it.
_granian: Any = importlib.import_module("granian._granian")

MOST_TOGETHER = 16


class _Call(Protocol):
    scope: Scope
    proto: Exchange


class _Express(Protocol):
    """What an application may have as `express`: it answers several requests at once, and leaves
    alone what must go the long way."""

    paths: frozenset[str]

    def answers(self, environs: Sequence[WSGIEnvironment]) -> Iterator[tuple[int, Answer]]:
        """The answers as they come, each with the place of its request."""


class _StopSignal(Protocol):
    def add_cb(self, callback: Callable[[], None]) -> None: ...
    def set(self) -> None: ...


# --- the way in: bodies are awaited on granian's one Python thread, where nothing may block -------


@dataclass(slots=True)
class _Incoming:
    """A request whose body is on its way."""

    environ: WSGIEnvironment
    exchange: Exchange
    is_chunked: bool
    deadline: float
    body: bytearray = field(default_factory=bytearray)


_Waiting: TypeAlias = tuple[WSGIEnvironment, Exchange, float]
"""A whole request, and since when it waits for a thread (monotonic seconds)."""

_Queue: TypeAlias = "queue.SimpleQueue[_Waiting]"


class _Door:
    def __init__(self, common: WSGIEnvironment, limits: Limits) -> None:
        self._common = common
        self._limits = limits
        self._awaited: dict[Arriving, _Incoming] = {}
        self._complete: _Queue = queue.SimpleQueue()
        self._slow: _Queue = queue.SimpleQueue()
        self._together: _Queue = queue.SimpleQueue()
        self._express_paths: frozenset[str] = frozenset()

    def admit(self, call: _Call) -> None:
        """What granian calls with each request, once its head is there."""
        try:
            self._admit(call.scope, call.proto)
        except Refused as refused:
            refuse(call.proto, refused.status)
        except Exception:
            logger.exception("a request could not be let in")
            refuse(call.proto, HTTPStatus.INTERNAL_SERVER_ERROR)

    def cut_overdue(self) -> None:
        """Called from another thread. A body whose last byte comes just now is let through."""
        now = time.monotonic()
        for arriving, incoming in list(self._awaited.items()):
            if incoming.deadline <= now:
                arriving.cancel()

    def begin(self, application: WSGIApplication) -> None:
        """Start the request threads."""
        express: _Express | None = getattr(application, "express", None)
        if express is not None:
            self._express_paths = express.paths
            # One thread: several would share the interpreter, and each find fewer that wait.
            self._start("express", self._answer_together, express)
        for number in range(self._limits.threads):
            self._start(f"request-{number}", self._answer_each, application, self._complete)
        for number in range(self._limits.slow_threads):
            self._start(f"slow-request-{number}", self._answer_each, application, self._slow)

    def _start(self, name: str, life: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=life, args=arguments, name=name, daemon=True).start()

    def _answer_each(self, application: WSGIApplication, waiting: _Queue) -> None:
        """The life of a request thread."""
        while True:
            environ, exchange, since = waiting.get()
            try:
                if not self._refused_for_waiting(exchange, since):
                    answer(application, environ, exchange)
            except BaseException:  # SystemExit would end the thread, and nobody would notice
                logger.exception("the application raised an exception")
                refuse(exchange, HTTPStatus.INTERNAL_SERVER_ERROR)
            # Else they stay in memory, and the connection open, until the next request comes.
            del environ, exchange

    def _answer_together(self, express: _Express) -> None:
        """The life of a thread that answers at once whatever waits."""
        while True:
            self._answer_group(express, _all_that_wait(self._together))

    def _answer_group(self, express: _Express, group: list[_Waiting]) -> None:
        """Whoever gets no answer goes on to the other threads."""
        left = dict(enumerate(one for one in group if not self._refused_for_waiting(*one[1:])))
        try:
            for place, found in express.answers([environ for environ, _, _ in left.values()]):
                # Nobody's failure to take an answer is to cost the others theirs.
                with suppress(Exception):
                    give(left.pop(place)[1], found)
        except BaseException:  # SystemExit would end the thread, and nobody would notice
            logger.exception("the application raised an exception")
        for one in left.values():
            self._complete.put(one)

    def _refused_for_waiting(self, exchange: Exchange, since: float) -> bool:
        """Its client may have given up, and asked again elsewhere: what is done for nobody costs
        others their time, and a refresh that comes behind its own repetition and the refresh after
        that is a replay."""
        is_too_late = time.monotonic() - since > self._limits.longest_wait_seconds
        if is_too_late:
            refuse(exchange, HTTPStatus.SERVICE_UNAVAILABLE)
        return is_too_late

    # granian takes the door for its event loop, too: a callback runs where and when it is brought.
    def call_soon(self, callback: Callable[..., None], *args: object, context: object) -> None:
        try:
            callback(*args)
        except Exception:
            logger.exception("a request was lost on its way in")

    call_soon_threadsafe = call_soon

    def _admit(self, scope: Scope, exchange: Exchange) -> None:
        environ = environ_of(scope, self._common)
        length = int(environ.get("CONTENT_LENGTH", 0))
        coding = environ.pop("HTTP_TRANSFER_ENCODING", None)
        if coding not in (None, "chunked"):  # nobody here would undo a "gzip, chunked"
            raise Refused(HTTPStatus.BAD_REQUEST)
        if length > self._limits.max_body_bytes:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not length and not coding:
            self._enqueue(environ, exchange, b"")
            return
        deadline = time.monotonic() + self._limits.body_timeout_seconds
        incoming = _Incoming(environ, exchange, coding is not None, deadline)
        # hyper holds a body to its length; one without a length is counted while it comes.
        self._await(exchange.__aiter__().__anext__() if coding else exchange(), incoming)

    def _await(self, arriving: Arriving, incoming: _Incoming) -> None:
        self._awaited[arriving] = incoming
        arriving.add_done_callback(self._take)

    def _take(self, arriving: Arriving) -> None:
        incoming = self._awaited.pop(arriving)
        try:
            self._take_part(_result_of(arriving), incoming)
        except Refused as refused:
            refuse(incoming.exchange, refused.status)

    def _take_part(self, part: bytes, incoming: _Incoming) -> None:
        incoming.body += part
        if len(incoming.body) > self._limits.max_body_bytes:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if incoming.is_chunked and not _is_end(part, incoming.exchange):
            self._await(incoming.exchange.__anext__(), incoming)
        else:
            self._enqueue(incoming.environ, incoming.exchange, bytes(incoming.body))

    def _enqueue(self, environ: WSGIEnvironment, exchange: Exchange, body: bytes) -> None:
        waiting = self._queue_of(environ["PATH_INFO"], environ["REQUEST_METHOD"])
        if waiting.qsize() >= self._limits.max_waiting:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        waiting.put((environ, exchange, time.monotonic()))

    def _queue_of(self, path: str, method: str) -> _Queue:
        if method == "POST" and path in self._express_paths:
            return self._together
        if method == "POST" and path in self._limits.slow_paths:
            return self._slow
        return self._complete


def _all_that_wait(waiting: _Queue) -> list[_Waiting]:
    """At least one: it is waited for."""
    group = [waiting.get()]
    with suppress(queue.Empty):
        while len(group) < MOST_TOGETHER:
            group.append(waiting.get_nowait())
    return group


def _result_of(arriving: Arriving) -> bytes:
    if arriving.cancelled():
        raise Refused(HTTPStatus.REQUEST_TIMEOUT)
    try:
        return arriving.result()
    except RuntimeError as error:
        raise Refused(HTTPStatus.BAD_REQUEST) from error


def _is_end(chunk: bytes, exchange: Exchange) -> bool:
    """Raises Refused for a body that broke off.

    granian makes an empty chunk of both the end of a chunked body and an error in it, but only
    after the end there is no next one. Half a body must not pass for a whole one.
    """
    if chunk:
        return False
    try:
        exchange.__anext__()
    except StopAsyncIteration:
        return True
    raise Refused(HTTPStatus.BAD_REQUEST)


# --- a worker process -----------------------------------------------------------------------------


def work(
    load: Callable[[], WSGIApplication], listener: socket.socket, limits: Limits, group_ended: int
) -> None:
    """The life of a worker process; `group_ended` can be read from once its group has."""
    told_to_stop = pipe_of_stop_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    application = load()
    door = _Door(common_environ(listener), limits)
    door.begin(application)
    stop: _StopSignal = _granian.WorkerSignal()
    stopped = threading.Event()
    stop.add_cb(stopped.set)
    _open(door, listener, limits, stop)
    # The orphans of a killed group would hold its port against the next one.
    while not wait([told_to_stop, group_ended], TICK_SECONDS):
        door.cut_overdue()
    stop.set()
    cut_at = time.monotonic() + limits.drain_seconds
    while not stopped.wait(TICK_SECONDS) and time.monotonic() < cut_at:
        door.cut_overdue()


def _open(door: _Door, listener: socket.socket, limits: Limits, stop: _StopSignal) -> None:
    """Returns at once; from then on granian's own threads speak HTTP, until `stop` is set."""
    logging.getLogger("_granian").setLevel(logging.WARNING)
    socket_of_granian = _granian.SocketHolder(listener.detach(), False, limits.backlog)
    scheduler = _granian.CallbackScheduler(door, door.admit, None, None, None)
    scheduler._schedule_fn = door.admit
    granian = _granian.RSGIWorker(
        1,
        (None, socket_of_granian),
        None,
        py_threads=1,
        backpressure=limits.max_connections,
        http_mode="1",
        http1_opts=HTTP1Settings(
            header_read_timeout=int(limits.header_timeout_seconds * 1000),
            max_buffer_size=limits.max_head_bytes,
        ),
    )
    granian.serve_str(scheduler, door, stop)
