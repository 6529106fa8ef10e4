"""Writes configuration.md from config/default.toml: `python docs/generate_configuration.py`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from token_service.settings_sources import ADDRESSES, SECRETS, file_variable_of, variable_of

ROOT = Path(__file__).resolve().parent.parent

INTRODUCTION = """\
# Configuration

Made from `config/default.toml` by `docs/generate_configuration.py`; a test fails when it is old.

A value is looked for in this order, and the first one found counts:

1. the variable, `TOKEN_SERVICE_` and the key in capitals: `database.url` is
   `TOKEN_SERVICE_DATABASE_URL`. For a secret, the same with `_FILE` may name a file that holds it
   (production wants that file to be its owner's alone, mode 0600 or 0400);
2. `config/<environment>.toml`;
3. `config/default.toml`.

The service does not start with a key or a `TOKEN_SERVICE_` variable that it does not know, nor
with a value that is not allowed: one line says which, from where, and what is allowed.
`token-service config check` shows every value and where it came from.

Five variables have no key:

- `TOKEN_SERVICE_ENVIRONMENT`: `development` (the default), `test` or `production`;
- `TOKEN_SERVICE_CONFIG_FOLDER`: where the files are, else in `config` in the working directory,
  else in the one beside the package. A folder of your own needs `<environment>.toml` only;
- `TOKEN_SERVICE_TEST_CLOCK` (in `test` only): a file that moves the time. An ISO 8601 instant or
  seconds since the epoch: it stands still there; `+N` or `-N`: the machine's time shifted by so
  many seconds; empty: the machine's time;
- `TOKEN_SERVICE_TEST_DATABASE_CLOCK` (in `test` only): such a file for the database's side;
- `TOKEN_SERVICE_TEST_POSTGRES_URL`: the PostgreSQL server that the tests use.

Production refuses to start with a missing or weak secret (short, repetitive, a typed text, a
well-known word), with an `http` issuer, with `FLASK_DEBUG` or `TOKEN_SERVICE_DEBUG`, with a test
clock, with a cheaper password hash than OWASP recommends, and with a database in memory.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """`[name]` and what its comment says; the keys before the first one have the name ""."""

    name: str
    comment: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A key in full (`database.url`), its default as TOML writes it, and its comment."""

    key: str
    default: str
    comment: str


def entries(default_toml: str) -> Iterator[Section | Setting]:
    """What `default.toml` holds, in its order. Raises ValueError for a key without a comment."""
    section = ""
    comment: list[str] = []
    for line in default_toml.splitlines():
        if line.startswith("#"):
            comment.append(line.removeprefix("#").removeprefix(" "))
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
            yield Section(section, "\n".join(comment))
        elif pair := re.fullmatch(r"(\w+) = (.+)", line):
            key = f"{section}.{pair[1]}" if section else pair[1]
            if not comment:
                raise ValueError(f"{key} has no comment")
            yield Setting(key, pair[2], "\n".join(comment))
        elif line:
            raise ValueError(f"neither a section nor a key on one line: {line}")
        comment = []


def render(default_toml: str) -> str:
    """The whole page."""
    parts = [INTRODUCTION, "## The service as a whole\n"]
    for entry in entries(default_toml):
        parts.append(_section(entry) if isinstance(entry, Section) else _setting(entry))
    return "\n".join(parts)


def _section(section: Section) -> str:
    return f"## {section.name}\n" + (f"\n{section.comment}\n" if section.comment else "")


def _setting(setting: Setting) -> str:
    variables = f"`{variable_of(setting.key)}`"
    if setting.key in SECRETS + ADDRESSES:
        variables += f" or `{file_variable_of(setting.key)}`"
    facts = f"{variables}, default `{setting.default}`"
    return f"### `{setting.key}`\n\n{facts}\n\n{setting.comment}\n"


if __name__ == "__main__":
    page = render((ROOT / "config" / "default.toml").read_text(encoding="utf-8"))
    (ROOT / "docs" / "configuration.md").write_text(page, encoding="utf-8")
