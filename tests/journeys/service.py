"""A service as an operator runs it: migrated, with demo data, served by its own command."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.cli.building import in_json
from tests.world.world import World, environ

EXECUTABLE = Path(sys.executable).with_name("token-service")
PATIENCE = 60


@dataclass
class Service:
    """A running service, its demo data, and the variables that its commands need."""

    process: "subprocess.Popen[bytes]"
    issuer: str
    demo: Mapping[str, Any]
    environ: Mapping[str, str]

    def client(self, kind: str) -> Mapping[str, Any]:
        """The demo client of a kind."""
        return next(one for one in self.demo["clients"] if one["kind"] == kind)

    def credentials(self, kind: str) -> tuple[str, str]:
        """The demo client's id and secret, as HTTP clients take them."""
        client = self.client(kind)
        return client["client_id"], client["client_secret"]

    def sign_in(self, kind: str = "app") -> dict[str, Any]:
        """Sign the first demo account in."""
        account, client = self.demo["accounts"][0], self.client(kind)
        body = {
            "identifier": account["email"],
            "password": account["password"],
            "client_id": client["client_id"],
            "tenant_id": account["tenants"][0],
        }
        auth = self.credentials(kind) if client["client_secret"] else None
        answer = requests.post(f"{self.issuer}/v1/sign-in", json=body, auth=auth, timeout=10)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, token: str) -> requests.Response:
        """Use a refresh token of the demo application."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return requests.post(
            f"{self.issuer}/oauth2/token", data=form, auth=self.credentials("app"), timeout=10
        )

    def is_live(self, access_token: str) -> bool:
        """Whether the access token is live, asked online."""
        answer = requests.post(
            f"{self.issuer}/v1/token/validate", json={"token": access_token}, timeout=10
        )
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    def command(self, *arguments: str) -> Any:
        """Run a command of the service and read its JSON."""
        done = subprocess.run(
            [EXECUTABLE, *in_json(arguments)], env=self.environ, capture_output=True, check=True
        )
        return json.loads(done.stdout)

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        folder = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(one) for one in folder.read_text().split()]


@contextmanager
def behind(service: Service) -> Iterator[World]:
    """The same database in this process, to put there what a journey needs."""
    variables = service.environ
    folder = Path(variables["TOKEN_SERVICE_DATA_FOLDER"])
    world = World(variables["TOKEN_SERVICE_DATABASE_URL"], folder, variables)
    yield world
    world.close()


@contextmanager
def serving(
    url: str,
    folder: Path,
    overrides: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Service]:
    """Migrate, make demo data, serve, and end the whole group."""
    port = port or free_port()
    here = f"http://127.0.0.1:{port}"
    variables = environ(url, folder, {"TOKEN_SERVICE_ISSUER": here, **(overrides or {})})
    variables["PATH"] = os.environ["PATH"]
    for arguments in (["db", "upgrade"], ["demo-data", "--output", str(folder / "demo.json")]):
        subprocess.run([EXECUTABLE, *arguments], env=variables, check=True, capture_output=True)
    demo = json.loads((folder / "demo.json").read_text())
    process = subprocess.Popen(
        [EXECUTABLE, "serve", "--port", str(port), "--workers", "2"],
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: _answers(here), process)
        yield Service(process, variables["TOKEN_SERVICE_ISSUER"], demo, variables)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(reached: Any, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Poll until the condition holds; fail where it never does."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert process is None or process.poll() is None, "the service ended"
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def _answers(here: str) -> bool:
    try:
        return requests.get(f"{here}/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
