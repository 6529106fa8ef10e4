"""What every command has in common: help, JSON, exit codes, one line about what is wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.cli.building import AWAY, NOT_MIGRATED, CommandLine
from token_service.cli.main import main

UNKNOWN = "0" * 32


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def options(path: tuple[str, ...]) -> list[str]:
    command: Any = main
    for name in path:
        command = command.get_command(click.Context(command), name)
    return [option for parameter in command.params for option in parameter.opts]


COMMANDS = list(commands(main))
ON_THE_DATABASE = [
    path for path in COMMANDS if path not in {("config", "check"), ("dev",), ("serve",)}
]


class TestEveryCommand:
    def test_there_are_all_that_the_readme_names(self) -> None:
        assert {" ".join(path) for path in COMMANDS} >= {
            "serve",
            "dev",
            "db upgrade",
            "db restored",
            "demo-data",
            "purge",
            "config check",
            "audit list",
            "sessions list",
            "sessions end",
            "sessions ended",
            "keys list",
            "keys rotate",
            "keys retire",
            *(f"tenant {verb}" for verb in ("create", "list", "disable", "enable")),
            *(f"account {verb}" for verb in ("create", "list", "disable", "enable")),
            *(f"account {verb}" for verb in ("lock-out", "unlock")),
            *(f"tenant roles {verb}" for verb in ("show", "set")),
            *(f"tenant domains {verb}" for verb in ("list", "add", "remove")),
            *(f"account {verb}" for verb in ("set-password", "send-reset", "join", "leave")),
            "account set-roles",
            *(f"client {verb}" for verb in ("create", "list", "disable", "enable")),
            "client rotate-secret",
            *(f"client {verb}" for verb in ("show", "update", "permit", "withdraw-permits")),
            *(f"policy {verb}" for verb in ("show", "set", "explain")),
            "account session-limit",
        }

    @pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
    def test_explains_itself_and_answers_in_json(self, path: tuple[str, ...]) -> None:
        result = CliRunner().invoke(main, [*path, "--help"])
        assert result.exit_code == 0
        assert re.match(r"Usage: main .*\n\n  [A-Z]\w+\W", result.stdout)
        assert "--json" in options(path)

    @pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
    def test_takes_no_secret_from_its_arguments(self, path: tuple[str, ...]) -> None:
        """Every process on the machine can read them."""
        assert not {"--password", "--secret", "--client-secret"} & set(options(path))

    @pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
    def test_ends_with_2_for_an_option_that_it_does_not_know(self, path: tuple[str, ...]) -> None:
        result = CliRunner().invoke(main, [*path, "--nonsense"])
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "No such option" in result.stderr

    @pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
    def test_ends_with_3_and_one_line_where_the_settings_are_wrong(
        self, path: tuple[str, ...], variables: dict[str, str], tmp_path: Path
    ) -> None:
        runner = CliRunner(env=variables | {"TOKEN_SERVICE_ISSUER": "nonsense"})
        line = CommandLine(runner).refused(*path, *needed(path, tmp_path), code=3)
        assert line.startswith("issuer = 'nonsense' (TOKEN_SERVICE_ISSUER): must be")

    @pytest.mark.parametrize("path", ON_THE_DATABASE, ids=" ".join)
    def test_ends_with_3_and_one_line_where_the_database_is_away(
        self, path: tuple[str, ...], variables: dict[str, str], tmp_path: Path
    ) -> None:
        runner = CliRunner(env=variables | {"TOKEN_SERVICE_DATABASE_URL": AWAY})
        line = CommandLine(runner).refused(*path, *needed(path, tmp_path), code=3)
        assert line.startswith("cannot be done now: database")

    @pytest.mark.parametrize(
        "path", [path for path in ON_THE_DATABASE if path != ("db", "upgrade")], ids=" ".join
    )
    def test_ends_with_3_and_one_line_before_the_database_was_migrated(
        self, path: tuple[str, ...], empty_variables: dict[str, str], tmp_path: Path
    ) -> None:
        command_line = CommandLine(CliRunner(env=empty_variables))
        line = command_line.refused(*path, *needed(path, tmp_path), code=3)
        assert line == NOT_MIGRATED


def needed(path: tuple[str, ...], folder: Path) -> list[str]:
    """Arguments without which a command is not understood."""
    arguments: dict[tuple[str, ...], list[str]] = {
        ("demo-data",): ["--output", str(folder / "demo.json")],
        ("tenant", "create"): ["North"],
        ("tenant", "disable"): [UNKNOWN],
        ("tenant", "enable"): [UNKNOWN],
        ("account", "create"): ["--email", "ada@example.test"],
        ("account", "disable"): [UNKNOWN],
        ("account", "enable"): [UNKNOWN],
        ("account", "set-password"): [UNKNOWN],
        ("account", "send-reset"): [UNKNOWN],
        ("account", "lock-out"): [UNKNOWN],
        ("account", "unlock"): [UNKNOWN],
        ("account", "join"): [UNKNOWN, UNKNOWN],
        ("account", "leave"): [UNKNOWN, UNKNOWN],
        ("account", "session-limit"): [UNKNOWN],
        ("account", "set-roles"): [UNKNOWN, UNKNOWN],
        ("tenant", "domains", "list"): [UNKNOWN],
        ("tenant", "domains", "add"): [UNKNOWN, "example.org"],
        ("tenant", "domains", "remove"): [UNKNOWN, "example.org"],
        ("tenant", "roles", "show"): [UNKNOWN],
        ("tenant", "roles", "set"): [UNKNOWN, "owner"],
        ("client", "create"): ["--kind", "app", "--name", "App"],
        ("client", "disable"): ["app"],
        ("client", "enable"): ["app"],
        ("client", "rotate-secret"): ["app"],
        ("client", "show"): ["app"],
        ("client", "update"): ["app"],
        ("keys", "rotate"): ["ES256"],
        ("keys", "retire"): ["kid"],
        ("sessions", "list"): ["--account", UNKNOWN],
        ("sessions", "end"): ["--account", UNKNOWN],
        ("sessions", "ended"): ["--account", UNKNOWN],
    }
    return arguments.get(path, [])
