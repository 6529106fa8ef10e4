"""The service as an operator runs it: migrated, with demo data, served by its own command."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks import installing
from benchmarks.generator import Generator
from benchmarks.plan import Stopped
from benchmarks.process import Process

_MAIN = "from token_service.cli.main import main; main()"
_PATIENCE = 180


class Service(Process):
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
        self._python = installing.service()
        self.issuer = f"http://127.0.0.1:{port}"
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(installing.ROOT),
            "TOKEN_SERVICE_ENVIRONMENT": "development",
            "TOKEN_SERVICE_DATABASE_URL": url,
            "TOKEN_SERVICE_DATA_FOLDER": str(folder),
            "TOKEN_SERVICE_ISSUER": self.issuer,
            "TOKEN_SERVICE_LOGGING_LEVEL": "warning",
            **(overrides or {}),
        }
        print(f"starting the service on {self.issuer} ({url.partition(':')[0]})", flush=True)
        self._administer("db", "upgrade")
        self._administer("demo-data", "--output", str(folder / "demo.json"))
        self.demo = json.loads((folder / "demo.json").read_text())
        for client in self.demo["clients"]:
            if secret := client["client_secret"]:
                self._secret(client["kind"]).write_text(secret)
        super().__init__(
            "the service",
            self._cli("serve", "--port", str(port), "--workers", "2"),
            f"{self.issuer}/readyz",
            folder,
            self.environ,
        )

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

    def _cli(self, *arguments: str) -> list[str | Path]:
        """Of this checkout, by what is locked for operators."""
        return [self._python, "-c", _MAIN, *arguments]

    def _secret(self, kind: str) -> Path:
        return self.folder / f"{kind}.secret"

    def administer(self, *arguments: str) -> dict:
        """One command of the operator's; its answer in JSON."""
        return json.loads(self._administer(*arguments, "--json"))

    def _administer(self, *arguments: str) -> bytes:
        done = subprocess.run(
            self._cli(*arguments),
            env=self.environ,
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
        return done.stdout


class Sessions:
    """Files with the current tokens of some sessions, one a line, in the same order."""

    def __init__(self, refresh: Path, access: Path) -> None:
        self.refresh = refresh
        self.access = access
