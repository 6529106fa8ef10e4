"""Where a password comes from: never from the arguments, which every process can read."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from token_service.cli.answers import refuse
from token_service.crypto import opaque

Command = TypeVar("Command", bound=Callable[..., Any])

_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ChosenPassword:
    """A password, and what is printed of it: only one that was made here, and only once."""

    text: str = field(repr=False)
    shown: str | None = field(repr=False)


def password_options(command: Command) -> Command:
    """Gives a command `--password-stdin` and `--password-prompt`, as parameter `password_from`."""
    stdin = click.option(
        "--password-stdin",
        "password_from",
        flag_value="stdin",
        help="Read the password from the first line of standard input.",
    )
    prompt = click.option(
        "--password-prompt",
        "password_from",
        flag_value="prompt",
        help="Ask for the password.  [default: make one and print it]",
    )
    return stdin(prompt(command))


def choose(password_from: str | None) -> ChosenPassword:
    """The password from where the options say."""
    if password_from == "stdin":
        return ChosenPassword(_first_line(), None)
    if password_from == "prompt":
        typed = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return ChosenPassword(str(typed), None)
    made = opaque.encode(opaque.new_bytes(18))
    return ChosenPassword(made, made)


def _first_line() -> str:
    line = sys.stdin.buffer.readline(_MOST_BYTES)
    try:
        return line.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        refuse("the password is not UTF-8")
