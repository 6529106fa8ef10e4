"""The service as an operator runs it: migrated, with demo data, served by its own command."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from benchmarks.generator import Generator
from benchmarks.plan import Stopped

_EXECUTABLE = Path(sys.executable).with_name("token-service")
_PATIENCE = 180


class Service:
    """A running service with two workers; ends with the `with`."""

    def __init__(
        self,
        folder: Path,
        url: str,
        port: int,
        overrides: Mapping[str, str] | None = None,
        *,
        again: bool = False,
    ) -> None:
        """`again`: with the folder and the database of one that ran before."""
        folder.mkdir(exist_ok=again)
        self.folder = folder
        self.issuer = f"http://127.0.0.1:{port}"
        self.environ = {
            "PATH": os.environ["PATH"],
            "TOKEN_SERVICE_ENVIRONMENT": "development",
            "TOKEN_SERVICE_DATABASE_URL": url,
            "TOKEN_SERVICE_DATA_FOLDER": str(folder),
            "TOKEN_SERVICE_ISSUER": self.issuer,
            "TOKEN_SERVICE_LOGGING_LEVEL": "warning",
            **(overrides or {}),
        }
        print(f"starting the service on {self.issuer} ({url.partition(':')[0]})", flush=True)
        self._command("db", "upgrade")
        self._command("demo-data", "--output", str(folder / "demo.json"))
        self.demo = json.loads((folder / "demo.json").read_text())
        for client in self.demo["clients"]:
            if secret := client["client_secret"]:
                self._secret(client["kind"]).write_text(secret)

    def __enter__(self) -> "Service":
        port = self.issuer.rpartition(":")[2]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [_EXECUTABLE, "serve", "--port", port, "--workers", "2"],
                env=self.environ,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
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
            said = self._log.read_text()[-2000:]
            raise Stopped(f"the service ended by itself ({ended}) {said}") from value

    @property
    def pid(self) -> int:
        """The process under which all of it runs."""
        return self._process.pid

    def credentials(self, kind: str) -> dict[str, object]:
        """The demo client's id and the file with its secret, as the generator takes them."""
        client = next(one for one in self.demo["clients"] if one["kind"] == kind)
        return {"id": client["client_id"], "secret": self._secret(kind)}

    def sign_in(self, generator: Generator, number: int, name: str) -> "Sessions":
        """Sign the first demo account in so often; files with the tokens."""
        sessions = Sessions(self.folder / f"{name}.refresh", self.folder / f"{name}.access")
        files = {"save": sessions.refresh, "save_access": sessions.access}
        # Few at once: passwords are hashed one at a time, and few may wait.
        done = self.sign_ins(generator, **files, c=4, n=number, max_seconds=_PATIENCE)
        if done["ok"] != number:
            raise Stopped(f"{done['ok']} of {number} sign-ins were done in time")
        return sessions

    def sign_ins(
        self, generator: Generator, identifier: str | None = None, **options: object
    ) -> dict:
        """Sign the first demo account in, or those that have its password under other names."""
        account = self.demo["accounts"][0]
        credentials = self.credentials("app")
        body = self.folder / "sign-in.json"
        body.write_text(
            json.dumps(
                {
                    "identifier": identifier or account["email"],
                    "password": account["password"],
                    "client_id": credentials["id"],
                    "tenant_id": account["tenants"][0],
                }
            )
        )
        url = f"{self.issuer}/v1/sign-in"
        return generator.run("sign-in", url, **credentials, body=body, **options)

    def refresh(self, generator: Generator, chains: Path, **options: object) -> dict:
        """Refresh the tokens in a file, which holds their successors at the end."""
        return generator.run(
            "refresh",
            f"{self.issuer}/oauth2/token",
            **self.credentials("app"),
            seeds=chains,
            save=chains,
            server=self.pid,
            **options,
        )

    def _secret(self, kind: str) -> Path:
        return self.folder / f"{kind}.secret"

    def _command(self, *arguments: str) -> None:
        subprocess.run(
            [_EXECUTABLE, *arguments],
            env=self.environ,
            cwd=self.folder,
            check=True,
            capture_output=True,
        )

    @property
    def _log(self) -> Path:
        return self.folder / "service.log"

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not _is_ready(self.issuer):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Stopped(f"the service does not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Sessions:
    """Files with the current tokens of some sessions, one a line, in the same order."""

    def __init__(self, refresh: Path, access: Path) -> None:
        self.refresh = refresh
        self.access = access


def require_free(port: int) -> None:
    """Stops where somebody listens already: what answered would not be ours."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise Stopped(f"port {port} is taken ({error.strerror}); use --port") from None


def _is_ready(issuer: str) -> bool:
    try:
        with urllib.request.urlopen(f"{issuer}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
