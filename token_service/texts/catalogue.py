"""The texts of each language, by their keys."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tables of one file. A key that is missing is a mistake of ours and raises KeyError."""

    tables: Mapping[str, Any]

    def section(self, *path: str) -> Mapping[str, str]:
        """The texts of one table as they are, with their braces."""
        table = self.tables
        for key in path:
            table = table[key]
        return table

    def filled(self, *path: str, values: Mapping[str, object]) -> str:
        """One text with its braces filled in; a value is never looked into for braces."""
        return self.section(*path[:-1])[path[-1]].format_map(values)


@lru_cache
def languages() -> tuple[str, ...]:
    """The languages that there are: one file each, named by its tag (RFC 5646)."""
    files = (file.name for file in resources.files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def chosen(wanted: Iterable[str]) -> str:
    """The first of the wanted languages that there is, by its tag or by what the tag begins with;
    the service's own where there is none of them."""
    for tag in wanted:
        for known in (tag.lower(), tag.lower().partition("-")[0]):
            if known in languages():
                return known
    return LANGUAGE


@lru_cache
def catalogue(language: str = LANGUAGE) -> Catalogue:
    """The texts of a language that there is."""
    text = resources.files(__package__).joinpath(f"{language}.toml").read_text("utf-8")
    return Catalogue(tomllib.loads(text))
