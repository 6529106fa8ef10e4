"""Running commands: in this process, or as an operator does."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.world.world import World, environ
from token_service.cli.main import main
from token_service.storage.schema import SCHEMA_REVISION

AWAY = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"
NOT_MIGRATED = (
    f"the database has no schema, this release needs {SCHEMA_REVISION}: "
    "run token-service db upgrade"
)
EXECUTABLE = Path(sys.executable).with_name("token-service")


def in_json(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--json`, which after a `--` would be no option any more."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:end], "--json", *arguments[end:]]


@dataclass(frozen=True)
class CommandLine:
    """Commands in this process, with their exit code, standard output and standard error."""

    runner: CliRunner

    def run(self, *arguments: str, given: str | bytes | None = None) -> Result:
        """Run a command and answer what came of it; a bug is raised."""
        result = self.runner.invoke(main, arguments, input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def text(self, *arguments: str, given: str | None = None) -> str:
        """Run a command that must succeed; what it printed."""
        result = self.run(*arguments, given=given)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        return result.stdout

    def json(self, *arguments: str, given: str | None = None) -> dict[str, Any]:
        """The same with `--json`: exactly one object."""
        answer = json.loads(self.text(*in_json(arguments), given=given))
        assert isinstance(answer, dict)
        return answer

    def refused(self, *arguments: str, code: int = 1) -> str:
        """Run a command that must end with the code; the one line that says why."""
        result = self.run(*arguments)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        [line] = result.stderr.splitlines()
        return line.removeprefix("Error: ")


def started(variables: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command in a process of its own, as an operator runs it."""
    return subprocess.run(
        [EXECUTABLE, *arguments],
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def migrate(url: str) -> None:
    """What `db upgrade` does."""
    with tempfile.TemporaryDirectory() as folder:
        CommandLine(CliRunner(env=environ(url, Path(folder), {}))).text("db", "upgrade")


def somebody(cli: CommandLine) -> tuple[dict[str, Any], dict[str, Any]]:
    """An account `ada` in a tenant, and a client to sign in through."""
    tenant = cli.json("tenant", "create", "North")["id"]
    account = cli.json("account", "create", "--username", "ada", "--tenant", tenant)
    return account, cli.json("client", "create", "--kind", "app", "--name", "App")


def sign_in(variables: dict[str, str], name: str, password: str, client: dict[str, Any]) -> int:
    """Sign in over HTTP; the status of the answer."""
    url, folder = (
        variables["TOKEN_SERVICE_DATABASE_URL"],
        Path(variables["TOKEN_SERVICE_DATA_FOLDER"]),
    )
    world = World(url, folder)
    answer = world.http.post(
        "/v1/sign-in",
        json={"identifier": name, "password": password, "client_id": client["client_id"]},
        auth=(client["client_id"], client["client_secret"]),
    )
    world.close()
    return answer.status_code
