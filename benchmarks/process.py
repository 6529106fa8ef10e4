"""A server of this run's own: started, awaited, watched and ended."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.plan import Stopped

_PATIENCE = 180


class Process:
    """Serves while the `with` lasts, which begins with the first answer of 200."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        ready: str,
        folder: Path,
        environ: Mapping[str, str],
    ) -> None:
        """`ready`: the URL that answers 200 once it serves; `folder`: where it runs, and logs."""
        self._name = name
        self._command = command
        self._ready = ready
        self._folder = folder
        self._environ = environ
        self._log = folder / "server.log"

    def __enter__(self) -> Self:
        began = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait(began + _PATIENCE)
        except BaseException:
            self._end()
            raise
        self.cold_start_s = round(time.monotonic() - began, 2)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended = self._process.poll()
        self._end()
        if ended is not None:
            raise Stopped(f"{self._name} ended by itself ({ended}) {self._said()}") from value

    @property
    def pid(self) -> int:
        """The process under which all of it runs."""
        return self._process.pid

    def _wait(self, deadline: float) -> None:
        while not _answers(self._ready):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Stopped(f"{self._name} does not start: {self._said()}")
            time.sleep(0.02)

    def _said(self) -> str:
        return self._log.read_text()[-2000:]

    def _end(self) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        with suppress(ProcessLookupError):  # all of it ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def require_free(port: int) -> None:
    """Stops where somebody listens already: what answered would not be ours."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise Stopped(f"port {port} is taken ({error.strerror}); use --port") from None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
