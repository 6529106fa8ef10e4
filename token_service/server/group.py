"""The process group: its sockets, and a worker alive on each of them until it is told to stop."""

import errno
import logging
import multiprocessing
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any
from wsgiref.types import WSGIApplication

from token_service.server.limits import DEFAULT_LIMITS, Limits
from token_service.server.worker import (
    EXIT_NOT_LOADED,
    STOP_SIGNALS,
    TICK_SECONDS,
    pipe_of_stop_signals,
    work,
)

logger = logging.getLogger(__package__)


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
        self._told_to_stop = pipe_of_stop_signals()
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
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        self._workers.append(_Worker(process, listener, time.monotonic()))

    def _work(self, listener: socket.socket, parent: int) -> None:
        # Who waits at the door of a worker that has ended must not be kept waiting by this one.
        for other in self._listeners:
            if other is not listener:
                other.close()
        work(self._app, listener, self._limits, parent)

    def _replace(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        exit_code = worker.process.exitcode
        if exit_code == EXIT_NOT_LOADED and not self._has_replaced:
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
    give_up_at = time.monotonic() + 12 * TICK_SECONDS  # orphans of a killed group take a tick
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
            time.sleep(TICK_SECONDS)


def _listener(address: tuple[Any, ...], family: int, limits: Limits) -> socket.socket:
    listener = socket.create_server(address, family=family, backlog=limits.backlog, reuse_port=True)
    # The connections inherit both.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    milliseconds = int(limits.read_timeout_seconds * 1000)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return listener
