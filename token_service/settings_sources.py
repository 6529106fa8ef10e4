"""Where settings come from: TOML files, variables, and files that hold one secret.

Knows how to find, refuse and remember a value, not which settings there are.
"""

import difflib
import os
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from token_service import settings_forms

T = TypeVar("T")

PREFIX = "TOKEN_SERVICE_"
ENVIRONMENT = "TOKEN_SERVICE_ENVIRONMENT"
CONFIG_FOLDER = "TOKEN_SERVICE_CONFIG_FOLDER"
TEST_CLOCK = "TOKEN_SERVICE_TEST_CLOCK"
TEST_DATABASE_CLOCK = "TOKEN_SERVICE_TEST_DATABASE_CLOCK"
TEST_POSTGRES_URL = "TOKEN_SERVICE_TEST_POSTGRES_URL"

# These variables say where settings are, or belong to tests: they have no key.
_WITHOUT_KEY = (ENVIRONMENT, CONFIG_FOLDER, TEST_CLOCK, TEST_DATABASE_CLOCK, TEST_POSTGRES_URL)

# Secrets, and addresses that may carry a password: none is ever shown whole, each may be a file.
SECRETS = ("key_encryption_key", "pepper", "server.metrics_token")
ADDRESSES = ("database.url", "mail.smtp_url")

_LARGEST_SECRET_FILE = 65_536


class SettingsError(Exception):
    """Why the service must not start: one line for the operator, without any secret."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The keys of one file (`database.url`) with the values that TOML gave them."""

    source: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was found, not yet looked at."""

    key: str
    raw: object
    source: str

    def refusal(self, allowed: str) -> SettingsError:
        shown = "" if self.key in SECRETS + ADDRESSES else f" = {self.raw!r:.80}"
        return SettingsError(f"{self.key}{shown} ({self.source}): must be {allowed}")


def variable_of(key: str) -> str:
    """The variable of a key: `database.url` -> TOKEN_SERVICE_DATABASE_URL."""
    return PREFIX + key.upper().replace(".", "_")


def file_variable_of(key: str) -> str:
    """The variable that names the file with a secret: `pepper` -> TOKEN_SERVICE_PEPPER_FILE."""
    return variable_of(key) + "_FILE"


def read_files(folder: Path | None, environment: str) -> tuple[SettingsFile, SettingsFile]:
    """The environment's file and the defaults, the stronger first.

    Without a `folder`, it is `config` in the working directory, else the one beside the package.
    An operator's folder needs the environment's file only: the defaults belong to the release,
    and a copy of them would lack the keys of the next one.
    """
    shipped = Path(__file__).resolve().parent.parent / "config"
    own_name = f"{environment}.toml"
    if folder is None:
        folder = Path("config") if (Path("config") / own_name).is_file() else shipped
    default = folder / "default.toml"
    return (
        _read_file(folder / own_name),
        _read_file(default if default.is_file() else shipped / "default.toml"),
    )


def _read_file(path: Path) -> SettingsFile:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such settings file") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"{path}: is not TOML in UTF-8: {reason}") from None
    return SettingsFile(str(path), dict(_flat(content, "")))


def _flat(table: Mapping[str, object], above: str) -> Iterable[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value


class SettingsReader:
    """Answers for one key after the other, and remembers what it said and where it had it from.

    The strongest source that has a key decides: a variable, the environment's file, the defaults.
    Each method raises SettingsError where that value is not allowed.
    """

    def __init__(
        self,
        environment: str,
        variables: Mapping[str, str],
        files: tuple[SettingsFile, SettingsFile],
    ) -> None:
        self.environment = environment
        self.described: dict[str, tuple[str, str]] = {}
        self._variables = variables
        self._files = files
        self._known = tuple(files[1].values)
        self._refuse_unknown_keys()
        self._refuse_unknown_variables()
        self._refuse_secrets_in_files()

    def whole(self, key: str, low: int, high: int) -> int:
        found = self._find(key)
        value = settings_forms.whole(found.raw, low, high)
        return self._accept(found, value, f"a whole number from {low} to {high}")

    def whole_or(self, key: str, word: str, low: int, high: int) -> int | None:
        """None where the value is `word`."""
        found = self._find(key)
        if found.raw == word:
            self.note(key, word, found.source)
            return None
        value = settings_forms.whole(found.raw, low, high)
        return self._accept(found, value, f'"{word}" or a whole number from {low} to {high}')

    def number(self, key: str, low: float, high: float) -> float:
        found = self._find(key)
        value = settings_forms.number(found.raw, low, high)
        return self._accept(found, value, f"a number from {low:g} to {high:g}")

    def switch(self, key: str) -> bool:
        found = self._find(key)
        return self._accept(found, settings_forms.switch(found.raw), "true or false")

    def choice(self, key: str, choices: Sequence[str]) -> str:
        found = self._find(key)
        value = next((choice for choice in choices if choice == found.raw), None)
        return self._accept(found, value, "one of " + ", ".join(choices))

    def text(self, key: str, parse: Callable[[str], T | None], allowed: str) -> T:
        """What `parse` makes of a printable text; None from it means that it is not `allowed`."""
        found = self._find(key)
        return self._accept(found, _parsed(found.raw, parse), allowed)

    def optional_text(self, key: str, parse: Callable[[str], T | None], allowed: str) -> T | None:
        """As `text`, but None where the value is empty."""
        found = self._find(key)
        if found.raw == "":
            self.note(key, "", found.source)
            return None
        return self._accept(found, _parsed(found.raw, parse), f"empty or {allowed}")

    def several(
        self, key: str, parse: Callable[[str], str | None], allowed: str
    ) -> tuple[str, ...]:
        """An array in TOML, separated by commas in a variable; nothing in it twice."""
        found = self._find(key)
        raw = found.raw
        if isinstance(raw, str):
            raw = [text.strip() for text in raw.split(",")] if raw else []
        parsed = [_parsed(item, parse) for item in raw] if isinstance(raw, list) else [None]
        values = tuple(value for value in parsed if value is not None)
        complete = len(set(values)) == len(parsed)
        return self._accept(found, values if complete else None, allowed)

    def secret(self, key: str, parse: Callable[[str], T | None], allowed: str) -> T | None:
        """As `optional_text`; white space around a secret, as at a file's end, is no part of it."""
        found = self._find(key)
        text = found.raw.strip() if isinstance(found.raw, str) else None
        if text == "":
            self.note(key, "missing", found.source)
            return None
        value = parse(text) if text is not None and text.isascii() else None
        return self._accept(found, value, allowed)

    def note(self, key: str, shown: str, source: str) -> None:
        """Remembers for `config check` what a key's value is, and from where."""
        self.described[key] = (shown, source)

    def refusal(self, key: str, allowed: str) -> SettingsError:
        """For a value that is allowed by itself but not beside the others."""
        return self._find(key).refusal(allowed)

    def refuse_unread_keys(self) -> None:
        """A key that nobody asked for, although the defaults name it, is unknown as well."""
        for key in self._known:
            if key not in self.described:
                raise SettingsError(f"unknown setting {key} ({self._files[1].source})")

    def _find(self, key: str) -> Found:
        variable = variable_of(key)
        file_variable = file_variable_of(key)
        if key in SECRETS + ADDRESSES and file_variable in self._variables:
            if variable in self._variables:
                raise SettingsError(f"{key}: give {variable} or {file_variable}, not both")
            return Found(key, self._content(key, file_variable), file_variable)
        if variable in self._variables:
            return Found(key, self._variables[variable], variable)
        for file in self._files:
            if key in file.values:
                return Found(key, file.values[key], file.source)
        raise SettingsError(f"{key}: missing in {self._files[1].source}")

    def _content(self, key: str, file_variable: str) -> str:
        # The path is not shown: who mixes up the two variables has put the secret itself there.
        source = f"{key} ({file_variable})"
        try:
            with Path(self._variables[file_variable]).open("rb") as file:
                others_may_look = os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
                content = file.read(_LARGEST_SECRET_FILE).decode("ascii").strip()
        except OSError as error:
            raise SettingsError(f"{source}: the file cannot be read: {error.strerror}") from None
        except ValueError:
            raise SettingsError(f"{source}: must name a file with an ASCII text") from None
        if self.environment == "production" and others_may_look:
            raise SettingsError(f"{source}: the file must be its owner's alone (chmod 600)")
        return content

    def _accept(self, found: Found, value: T | None, allowed: str) -> T:
        if value is None:
            raise found.refusal(allowed)
        self.note(found.key, _shown(found.key, value), found.source)
        return value

    def _refuse_unknown_keys(self) -> None:
        own = self._files[0]
        for key in own.values:
            if key not in self._known:
                hint = _nearest(key, self._known)
                raise SettingsError(f"unknown setting {key} ({own.source}): {hint}")

    def _refuse_unknown_variables(self) -> None:
        known = [variable_of(key) for key in self._known]
        known += [file_variable_of(key) for key in SECRETS + ADDRESSES]
        known += _WITHOUT_KEY
        for name in sorted(self._variables):
            if name.startswith(PREFIX) and name not in known:
                raise SettingsError(f"unknown variable {name}: {_nearest(name, known)}")

    def _refuse_secrets_in_files(self) -> None:
        # Settings files are committed, copied and shown around; a secret in one is a leaked one.
        for file in self._files:
            for key in SECRETS:
                if file.values.get(key, "") != "":
                    raise SettingsError(
                        f"{key} ({file.source}): a secret does not belong in a settings file; "
                        f"use {variable_of(key)} or {file_variable_of(key)}"
                    )


def _parsed(raw: object, parse: Callable[[str], T | None]) -> T | None:
    return parse(raw) if isinstance(raw, str) and raw.isprintable() else None


def _shown(key: str, value: object) -> str:
    if key in SECRETS:
        return "set"
    if key in ADDRESSES:
        return settings_forms.without_password(str(value))
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nearest(name: str, known: Sequence[str]) -> str:
    # Without the prefix, which would make all of them look alike.
    by_end = {full.removeprefix(PREFIX): full for full in known}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), by_end, n=1)
    if near:
        return f"did you mean {by_end[near[0]]}?"
    return "docs/configuration.md lists what there is"
