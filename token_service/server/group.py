"""The process group: its sockets, and a worker alive on each of them until it is told to stop."""

import ctypes
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
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any
from wsgiref.types import WSGIApplication

from token_service.server.limits import DEFAULT_LIMITS, Limits
from token_service.server.stopping import STOP_SIGNALS, TICK_SECONDS, pipe_of_stop_signals

logger = logging.getLogger(__package__)

_EXIT_NOT_LOADED = 4
_PR_SET_CHILD_SUBREAPER = 36


class StartError(RuntimeError):
    """The address is taken, or the application cannot be loaded."""


def serve(
    load: Callable[[], Callable[[], WSGIApplication]],
    *,
    started: Callable[[], None] = lambda: None,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 2,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Serves until SIGTERM or SIGINT, then ends within `drain_seconds` + 1 s. Raises StartError.

    `load` runs in a process that the workers are then forked from, so that they share what it makes
    in memory; what it returns gives each of them its application. SystemExit in it ends all of
    them. `started` runs here, once there are workers. Call this in the main thread, and without
    other threads.
    """
    limits = replace(limits, max_connections=_room_for(limits.max_connections))
    _Group(load, _listen(host, port, workers, limits), limits).run(started)


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    ended: int  # a file descriptor that can be read from once it has
    listener: socket.socket
    started_at: float


class _Group:
    """Keeps a worker alive on each listener.

    A process of its own loads the application, so that the workers which it forks share that, and
    ends. This one adopts them: it stays small, where it would keep a third copy of every page that
    the workers change.
    """

    def __init__(
        self,
        load: Callable[[], Callable[[], WSGIApplication]],
        listeners: list[socket.socket],
        limits: Limits,
    ) -> None:
        self._load = load
        self._listeners = listeners
        self._limits = limits
        self._told_to_stop = pipe_of_stop_signals()
        self._ended = os.pidfd_open(os.getpid())
        self._workers: list[_Worker] = []

    def run(self, started: Callable[[], None]) -> None:
        _adopt_orphans()
        try:
            if exit_code := self._start(self._listeners):
                if exit_code == _EXIT_NOT_LOADED:
                    raise StartError("the application cannot be loaded")
                raise SystemExit(exit_code)
            started()
            while not self._is_told_to_stop():
                for worker in [each for each in self._workers if wait([each.ended], 0)]:
                    self._replace(worker)
        finally:
            self._end()

    def _is_told_to_stop(self) -> bool:
        """Waits for that, or for the end of a worker."""
        ends = [worker.ended for worker in self._workers]
        return self._told_to_stop in wait([self._told_to_stop, *ends])

    def _start(self, listeners: list[socket.socket], why: str = "") -> int | None:
        """A worker on each of them, or the exit code of the process that could not fork them."""
        receiver, sender = Pipe(duplex=False)
        with receiver:
            with sender:
                starter = _forked(self._fork_workers, listeners, sender, why)
            if self._told_to_stop in wait([self._told_to_stop, receiver]):
                starter.kill()
                return None
            starter.join()
            if starter.exitcode:
                return starter.exitcode
            pids: list[int] = receiver.recv()
        for pid, listener in zip(pids, listeners, strict=True):
            self._workers.append(_Worker(pid, os.pidfd_open(pid), listener, time.monotonic()))
        return None

    def _fork_workers(self, listeners: list[socket.socket], pids: Connection, why: str) -> None:
        """The life of the process that workers fork from. What only they use is loaded here."""
        from token_service.server.worker import work  # noqa: PLC0415

        try:
            application = self._load()
        except Exception:
            logger.exception("the application cannot be loaded")
            os._exit(_EXIT_NOT_LOADED)
        if why:
            logger.error(why)  # here, because the logs are set up here
        pids.send([_forked(self._work, work, application, listener).pid for listener in listeners])
        os._exit(0)  # else it would wait for the workers to end

    def _work(
        self,
        work: Callable[..., None],
        application: Callable[[], WSGIApplication],
        listener: socket.socket,
    ) -> None:
        # Who waits at the door of a worker that has ended must not be kept waiting by this one.
        for other in self._listeners:
            if other is not listener:
                other.close()
        work(application, listener, self._limits, self._ended)

    def _replace(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        exit_code = _exit_code(worker)
        age = time.monotonic() - worker.started_at
        wait([self._told_to_stop], max(0.0, 1 - age))  # one that dies at once must not spin
        why = f"worker {worker.pid} ended with {exit_code} and is replaced"
        while self._start([worker.listener], why) and not wait([self._told_to_stop], 1):
            pass

    def _end(self) -> None:
        for listener in self._listeners:
            listener.close()
        for worker in self._workers:
            os.kill(worker.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._limits.drain_seconds + 1
        for worker in self._workers:
            wait([worker.ended], max(0.0, deadline - time.monotonic()))
            os.kill(worker.pid, signal.SIGKILL)
            _exit_code(worker)


def _adopt_orphans() -> None:
    """Become the parent of workers whose own one ends: prctl(2), PR_SET_CHILD_SUBREAPER."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _forked(target: Callable[..., None], *arguments: object) -> BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    # Before the worker has handlers of its own, it would take a signal for its parent.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    process.start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    return process


def _exit_code(worker: _Worker) -> int:
    """Waits for the worker to end; minus the number of the signal that ended it."""
    _, status = os.waitpid(worker.pid, 0)
    os.close(worker.ended)
    return os.waitstatus_to_exitcode(status)


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
            # Another group of the same user would let us share its port, so ask without sharing;
            # and without listening, or somebody would be let in whom nobody answers.
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((host, port))
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
