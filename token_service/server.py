"""Serves a WSGI application from one process group; no slow client ever holds a request thread.

granian (hyper) speaks HTTP/1.1, requests that have arrived completely wait in a bounded queue, and
a fixed number of threads in each worker process run the application on them. This file owns what a
client may send and how slowly, the WSGI environ, and the life and death of the worker processes; it
knows nothing of tokens. It stands on parts of granian that are not its public interface, which
docs/adr/0006-server.md explains: tests/operation/test_server.py judges an upgrade of granian.
"""

import errno
import functools
import importlib
import io
import logging
import multiprocessing
import os
import queue
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

from granian.http import HTTP1Settings

logger = logging.getLogger(__name__)

# Its type stubs lag behind it; the protocols below name what is used of it.
_granian: Any = importlib.import_module("granian._granian")

_TICK_SECONDS = 0.25
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_EXIT_NOT_LOADED = 4
_MOST_HEADERS = 64
_LONGEST_URI = 8192
# Of two of these, somebody in front of this server may have believed the other one.
_SINGLE_HEADERS = frozenset({"authorization", "content-length", "content-type", "host"})
# An application that reads `Proxy` as HTTP_PROXY would send its own requests there (httpoxy).
_HIDDEN_HEADERS = frozenset({"connection", "keep-alive", "proxy"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What the clients of one worker process may take."""

    threads: int = 4
    header_timeout_seconds: float = 5.0  # an idle connection is closed after it, too
    body_timeout_seconds: float = 5.0  # from the headers to the last byte
    read_timeout_seconds: float = 10.0  # how long a client may leave its answer unread
    drain_seconds: float = 8.0  # from the stop signal until what still runs is cut
    max_head_bytes: int = 16_384
    max_body_bytes: int = 65_536
    max_waiting: int = 1024  # complete requests for which no thread is free; the next gets a 503
    max_connections: int = 4096
    backlog: int = 1024  # connections not yet accepted


DEFAULT_LIMITS = Limits()


class StartError(RuntimeError):
    """The address is taken, or the application cannot be loaded."""


def serve(
    app: str | Callable[[], WSGIApplication],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 2,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Serves until SIGTERM or SIGINT, then ends within `drain_seconds` + 1 s. Raises StartError.

    `app` is a factory, "module:factory()" or "module:application"; each worker makes its own. The
    workers are forked: call this in the main thread, and without other threads.
    """
    limits = replace(limits, max_connections=_room_for(limits.max_connections))
    _Group(app, _listen(host, port, workers, limits), limits).run()


# --- HTTP to WSGI and back ------------------------------------------------------------------------


class _Scope(Protocol):
    """The head of a request; `path` is percent-decoded."""

    authority: str | None
    client: str
    headers: Any
    http_version: str
    method: str
    path: str
    query_string: str


class _Arriving(Protocol):
    """Something of a body; its callback is called when it is there, or broken off, or cancelled."""

    def add_done_callback(self, callback: Callable[["_Arriving"], None]) -> None: ...
    def cancel(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def result(self) -> bytes: ...


class _Exchange(Protocol):
    """The body of a request, and the way back, from whatever thread: the first answer counts."""

    def __call__(self) -> _Arriving: ...
    def __aiter__(self) -> "_Exchange": ...
    def __anext__(self) -> _Arriving: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class _Call(Protocol):
    scope: _Scope
    proto: _Exchange


class _StopSignal(Protocol):
    def add_cb(self, callback: Callable[[], None]) -> None: ...
    def set(self) -> None: ...


class _Refused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def _refuse(exchange: _Exchange, status: HTTPStatus) -> None:
    headers = [
        ("server", ""),  # else granian puts its name there
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        # What follows on this connection may be the rest of a refused body, not a request.
        ("connection", "close"),
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("retry-after", "1"))
    exchange.response_bytes(status, headers, f"{status.value} {status.phrase}\n".encode())


def _answer(application: WSGIApplication, environ: WSGIEnvironment, exchange: _Exchange) -> None:
    """Runs the application to its last byte, so that a slow reader is left to granian."""
    head: list[tuple[int, list[tuple[str, str]]]] = []
    chunks: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        head.append((int(status[:3]), [("server", ""), *headers]))
        return chunks.append

    result = application(environ, start_response)
    try:
        chunks.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    exchange.response_bytes(*head[-1], b"".join(chunks))


def _common_environ(listener: socket.socket) -> WSGIEnvironment:
    host, port = listener.getsockname()[:2]
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _environ_of(scope: _Scope, common: WSGIEnvironment) -> WSGIEnvironment:
    """Everything but the body. Raises _Refused."""
    path, query = scope.path, scope.query_string
    if not path.startswith("/") and path != "*":
        raise _Refused(HTTPStatus.BAD_REQUEST)
    if len(path) + len(query) > _LONGEST_URI:
        raise _Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
    environ = common.copy()
    environ["REQUEST_METHOD"] = scope.method
    environ["PATH_INFO"] = _bytes_as_text(path)
    environ["QUERY_STRING"] = _bytes_as_text(query)
    environ["REMOTE_ADDR"] = scope.client.rpartition(":")[0].strip("[]")
    _add_headers(environ, scope.headers.items())
    if scope.http_version == "1.1":
        environ["SERVER_PROTOCOL"] = "HTTP/1.1"
        if "HTTP_HOST" not in environ:  # RFC 9112 section 3.2
            raise _Refused(HTTPStatus.BAD_REQUEST)
    if scope.authority:  # RFC 9112 section 3.2.2: an absolute target overrides `Host`
        environ["HTTP_HOST"] = scope.authority.rpartition("@")[2]
    return environ


def _add_headers(environ: WSGIEnvironment, headers: list[tuple[str, str]]) -> None:
    if len(headers) > _MOST_HEADERS:
        raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    for header, value in headers:
        key = _environ_key(header)
        if key is None:
            continue
        if key not in environ:
            environ[key] = value
        elif header in _SINGLE_HEADERS:
            raise _Refused(HTTPStatus.BAD_REQUEST)
        else:
            environ[key] += ("; " if header == "cookie" else ",") + value


@functools.lru_cache(maxsize=512)
def _environ_key(header: str) -> str | None:
    """None for a header that the application does not see."""
    # X_Forwarded_For would have the key of X-Forwarded-For and come past a proxy that sets that.
    if "_" in header or header in _HIDDEN_HEADERS:
        return None
    key = header.upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"


def _bytes_as_text(text: str) -> str:
    """PEP 3333's way to put bytes into a str."""
    return text if text.isascii() else text.encode().decode("latin-1")


# --- the way in: bodies are awaited on granian's one Python thread, where nothing may block -------


@dataclass(slots=True)
class _Incoming:
    """A request whose body is on its way."""

    environ: WSGIEnvironment
    exchange: _Exchange
    is_chunked: bool
    deadline: float
    body: bytearray = field(default_factory=bytearray)


class _Door:
    def __init__(self, common: WSGIEnvironment, limits: Limits) -> None:
        self._common = common
        self._limits = limits
        self._awaited: dict[_Arriving, _Incoming] = {}
        self._complete: queue.SimpleQueue[tuple[WSGIEnvironment, _Exchange]] = queue.SimpleQueue()

    def admit(self, call: _Call) -> None:
        """What granian calls with each request, once its head is there."""
        try:
            self._admit(call.scope, call.proto)
        except _Refused as refused:
            _refuse(call.proto, refused.status)
        except Exception:
            logger.exception("a request could not be let in")
            _refuse(call.proto, HTTPStatus.INTERNAL_SERVER_ERROR)

    def cut_overdue(self) -> None:
        """Called from another thread. A body whose last byte comes just now is let through."""
        now = time.monotonic()
        for arriving, incoming in list(self._awaited.items()):
            if incoming.deadline <= now:
                arriving.cancel()

    def answer_for_ever(self, application: WSGIApplication) -> None:
        """The life of a request thread."""
        while True:
            environ, exchange = self._complete.get()
            try:
                _answer(application, environ, exchange)
            except BaseException:  # SystemExit would end the thread, and nobody would notice
                logger.exception("the application raised an exception")
                _refuse(exchange, HTTPStatus.INTERNAL_SERVER_ERROR)
            # Else they stay in memory, and the connection open, until the next request comes.
            del environ, exchange

    # granian takes the door for its event loop, too: a callback runs where and when it is brought.
    def call_soon(self, callback: Callable[..., None], *args: object, context: object) -> None:
        try:
            callback(*args)
        except Exception:
            logger.exception("a request was lost on its way in")

    call_soon_threadsafe = call_soon

    def _admit(self, scope: _Scope, exchange: _Exchange) -> None:
        environ = _environ_of(scope, self._common)
        length = int(environ.get("CONTENT_LENGTH", 0))
        coding = environ.pop("HTTP_TRANSFER_ENCODING", None)
        if coding not in (None, "chunked"):  # nobody here would undo a "gzip, chunked"
            raise _Refused(HTTPStatus.BAD_REQUEST)
        if length > self._limits.max_body_bytes:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not length and not coding:
            self._enqueue(environ, exchange, b"")
            return
        deadline = time.monotonic() + self._limits.body_timeout_seconds
        incoming = _Incoming(environ, exchange, coding is not None, deadline)
        # hyper holds a body to its length; one without a length is counted while it comes.
        self._await(exchange.__aiter__().__anext__() if coding else exchange(), incoming)

    def _await(self, arriving: _Arriving, incoming: _Incoming) -> None:
        self._awaited[arriving] = incoming
        arriving.add_done_callback(self._take)

    def _take(self, arriving: _Arriving) -> None:
        incoming = self._awaited.pop(arriving)
        try:
            self._take_part(_result_of(arriving), incoming)
        except _Refused as refused:
            _refuse(incoming.exchange, refused.status)

    def _take_part(self, part: bytes, incoming: _Incoming) -> None:
        incoming.body += part
        if len(incoming.body) > self._limits.max_body_bytes:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if incoming.is_chunked and not _is_end(part, incoming.exchange):
            self._await(incoming.exchange.__anext__(), incoming)
        else:
            self._enqueue(incoming.environ, incoming.exchange, bytes(incoming.body))

    def _enqueue(self, environ: WSGIEnvironment, exchange: _Exchange, body: bytes) -> None:
        if self._complete.qsize() >= self._limits.max_waiting:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        self._complete.put((environ, exchange))


def _result_of(arriving: _Arriving) -> bytes:
    if arriving.cancelled():
        raise _Refused(HTTPStatus.REQUEST_TIMEOUT)
    try:
        return arriving.result()
    except RuntimeError as error:
        raise _Refused(HTTPStatus.BAD_REQUEST) from error


def _is_end(chunk: bytes, exchange: _Exchange) -> bool:
    """Raises _Refused for a body that broke off.

    granian makes an empty chunk of both the end of a chunked body and an error in it, but only
    after the end there is no next one. Half a body must not pass for a whole one.
    """
    if chunk:
        return False
    try:
        exchange.__anext__()
    except StopAsyncIteration:
        return True
    raise _Refused(HTTPStatus.BAD_REQUEST)


# --- a worker process -----------------------------------------------------------------------------


def _work(
    app: str | Callable[[], WSGIApplication], listener: socket.socket, limits: Limits, parent: int
) -> None:
    """The life of a worker process."""
    told_to_stop = _pipe_of_stop_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    try:
        application = _load(app)
    except Exception:
        logger.exception("the application cannot be loaded")
        sys.exit(_EXIT_NOT_LOADED)
    door = _Door(_common_environ(listener), limits)
    for number in range(limits.threads):
        name = f"request-{number}"
        threading.Thread(
            target=door.answer_for_ever, args=(application,), name=name, daemon=True
        ).start()
    stop: _StopSignal = _granian.WorkerSignal()
    stopped = threading.Event()
    stop.add_cb(stopped.set)
    _open(door, listener, limits, stop)
    # The orphans of a killed group would hold its port against the next one.
    while not wait([told_to_stop], _TICK_SECONDS) and os.getppid() == parent:
        door.cut_overdue()
    stop.set()
    cut_at = time.monotonic() + limits.drain_seconds
    while not stopped.wait(_TICK_SECONDS) and time.monotonic() < cut_at:
        door.cut_overdue()


def _load(app: str | Callable[[], WSGIApplication]) -> WSGIApplication:
    if not isinstance(app, str):
        return app()
    module, _, name = app.partition(":")
    target = getattr(importlib.import_module(module), name.removesuffix("()"))
    application: WSGIApplication = target() if name.endswith("()") else target
    return application


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


# --- the process group ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Worker:
    process: BaseProcess
    listener: socket.socket
    started_at: float


class _Group:
    """Keeps a worker alive on each listener, from the process that starts them."""

    def __init__(
        self,
        app: str | Callable[[], WSGIApplication],
        listeners: list[socket.socket],
        limits: Limits,
    ) -> None:
        self._app = app
        self._listeners = listeners
        self._limits = limits
        self._told_to_stop = _pipe_of_stop_signals()
        self._workers: list[_Worker] = []
        self._has_replaced = False

    def run(self) -> None:
        try:
            for listener in self._listeners:
                self._start(listener)
            while not self._is_told_to_stop():
                for worker in [each for each in self._workers if not each.process.is_alive()]:
                    self._replace(worker)
        finally:
            self._end()

    def _is_told_to_stop(self) -> bool:
        """Waits for that, or for the end of a worker."""
        ends = [worker.process.sentinel for worker in self._workers]
        return self._told_to_stop in wait([self._told_to_stop, *ends])

    def _start(self, listener: socket.socket) -> None:
        process = multiprocessing.get_context("fork").Process(
            target=self._work, args=(listener, os.getpid())
        )
        # Before the worker has handlers of its own, it would take a signal for this process.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        self._workers.append(_Worker(process, listener, time.monotonic()))

    def _work(self, listener: socket.socket, parent: int) -> None:
        # Who waits at the door of a worker that has ended must not be kept waiting by this one.
        for other in self._listeners:
            if other is not listener:
                other.close()
        _work(self._app, listener, self._limits, parent)

    def _replace(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        exit_code = worker.process.exitcode
        if exit_code == _EXIT_NOT_LOADED and not self._has_replaced:
            raise StartError("the application cannot be loaded")
        logger.error("worker %s ended with %s and is replaced", worker.process.pid, exit_code)
        age = time.monotonic() - worker.started_at
        wait([self._told_to_stop], max(0.0, 1 - age))  # one that dies at once must not spin
        self._has_replaced = True
        self._start(worker.listener)

    def _end(self) -> None:
        for listener in self._listeners:
            listener.close()
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + self._limits.drain_seconds + 1
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.process.kill()
            worker.process.join()


def _room_for(connections: int) -> int:
    """Raises the limit on open files: a worker that has none left would spin on accept()."""
    spare = 256  # for the application's own: databases, logs, pipes
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = max(soft, connections + spare)
    if hard != resource.RLIM_INFINITY:
        files = min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, min(connections, files - spare))


def _listen(host: str, port: int, workers: int, limits: Limits) -> list[socket.socket]:
    """A socket per worker, among which the kernel spreads the connections evenly.

    They belong to the group: who waits in one survives the death of its worker.
    """
    give_up_at = time.monotonic() + 12 * _TICK_SECONDS  # orphans of a killed group take a tick
    while True:
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            # Another group of the same user would let us share its port, so ask without sharing.
            with socket.create_server((host, port), family=family) as probe:
                address = probe.getsockname()
            return [_listener(address, family, limits) for _ in range(workers)]
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > give_up_at:
                raise StartError(f"cannot listen on {host}:{port}: {error.strerror}") from error
            time.sleep(_TICK_SECONDS)


def _listener(address: tuple[Any, ...], family: int, limits: Limits) -> socket.socket:
    listener = socket.create_server(address, family=family, backlog=limits.backlog, reuse_port=True)
    # The connections inherit both.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    milliseconds = int(limits.read_timeout_seconds * 1000)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return listener


def _pipe_of_stop_signals() -> int:
    """A file descriptor that can be read from once this process has been told to stop."""
    reader, writer = os.pipe()
    for stop_signal in _STOP_SIGNALS:
        signal.signal(stop_signal, lambda *_: os.write(writer, b"."))
    return reader
