"""How commands answer: text or JSON on stdout, one line on stderr, and an exit code."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import click

from token_service.domain.failures import KeyUnreadable, NoKey, Unavailable
from token_service.domain.policy_changes import Faulty
from token_service.domain.refusals import Refusal, Refused
from token_service.server.group import StartError
from token_service.settings import SettingsError

Command = TypeVar("Command", bound=Callable[..., Any])
Value = TypeVar("Value")

_SENTENCES: dict[Refusal, str] = {
    Refusal.NOT_FOUND: "there is no such account or session",
    Refusal.UNKNOWN_TENANT: "there is no such tenant",
    Refusal.UNKNOWN_CLIENT: "there is no such client",
    Refusal.TAKEN: "the name or id is taken",
    Refusal.MALFORMED: "a name or id has a form that is not allowed",
    Refusal.INVALID_SCOPE: "the scope is not allowed for this kind of client",
    Refusal.NOT_A_MEMBER: "the account is no member of the tenant",
    Refusal.ALREADY_A_MEMBER: "the account is a member of the tenant already",
    Refusal.UNSUITABLE_PASSWORD: (
        "the password is too short, too long, common, or made of what is known of the account"
    ),
    Refusal.ACCOUNT_DISABLED: "the account is disabled",
    Refusal.NO_ADDRESS: "the account has no e-mail address",
    Refusal.WRONG_AUTHENTICATION_METHOD: "the client has no secret",
    Refusal.INVALID_AUTHENTICATION: (
        "keys, names in certificates or algorithm do not fit the way to authenticate"
    ),
}


class Refusing(click.ClickException):
    """The command was understood, and the answer is no."""

    exit_code = 1


class Unready(click.ClickException):
    """The configuration is wrong, or something that the command needs does not answer."""

    exit_code = 3


class ServiceGroup(click.Group):
    """Turns what stops a command into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (SettingsError, StartError, KeyUnreadable, NoKey) as error:
            raise Unready(_one_line(error)) from error
        except Unavailable as unavailable:
            raise Unready(f"cannot be done now: {unavailable.private}") from unavailable


@dataclass(frozen=True, slots=True)
class Output:
    """Where an answer goes: for people, or with `--json` for programs."""

    as_json: bool

    def show(self, answer: Mapping[str, object], *lines: str) -> None:
        """One answer: the mapping as JSON, or the lines."""
        if self.as_json:
            click.echo(json.dumps(answer, default=_plain))
        else:
            click.echo("\n".join(lines))

    def show_items(
        self,
        items: Sequence[Mapping[str, object]],
        columns: Iterable[str],
        next_cursor: str | None = None,
    ) -> None:
        """A list: all fields as JSON, or the chosen columns as a table."""
        if self.as_json:
            click.echo(json.dumps({"items": items, "next_cursor": next_cursor}, default=_plain))
            return
        for line in _table(items, list(columns)):
            click.echo(line)
        if next_cursor is not None:
            click.echo(f"more: --cursor {next_cursor}")


def json_option(command: Command) -> Command:
    """Gives a command `--json`, and with it the parameter `output`."""
    option = click.option(
        "--json",
        "output",
        is_flag=True,
        callback=lambda _context, _parameter, value: Output(value),
        help="Answer in JSON.",
    )
    return option(command)


def page_options(command: Command) -> Command:
    """Gives a command that lists something `--limit` and `--cursor`."""
    limit = click.option(
        "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Items."
    )
    cursor = click.option("--cursor", default="", help="Where the last list said it goes on.")
    return limit(cursor(command))


def paged(
    read: Callable[[str, int], Sequence[Value]],
    cursor: str,
    limit: int,
    key: Callable[[Value], str],
) -> tuple[Sequence[Value], str | None]:
    """One page, and the cursor of the next one. `read` takes the key to go on after."""
    found = read(cursor, limit + 1)
    items = found[:limit]
    return items, key(items[-1]) if len(found) > limit else None


def granted(answer: Value | Refused) -> Value:
    """The answer of a service, unless it refused: then the command ends with 1."""
    if isinstance(answer, Refused):
        refuse(_SENTENCES.get(answer.reason, answer.reason.value))
    return answer


def accepted(answer: Value | Refused) -> Value:
    """The answer to a change of a policy; a wrong one ends the command with all its faults."""
    if isinstance(answer, Faulty):
        refuse("; ".join(f"{fault.field} {fault.message}" for fault in answer.faults))
    return granted(answer)


def refuse(sentence: str) -> NoReturn:
    """End the command with 1 and this sentence."""
    raise Refusing(sentence)


def _table(items: Sequence[Mapping[str, object]], columns: Sequence[str]) -> Iterable[str]:
    rows = [[column.upper() for column in columns]]
    rows += [[_cell(item[column]) for column in columns] for item in items]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(str(one) for one in value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(_plain(value))


def _plain(value: object) -> object:
    """Times as the API writes them (RFC 3339, UTC)."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
