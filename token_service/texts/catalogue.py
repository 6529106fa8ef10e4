"""The texts of one language, by their keys."""

import tomllib
from collections.abc import Mapping
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


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The texts of the service's language."""
    text = resources.files(__package__).joinpath(f"{LANGUAGE}.toml").read_text("utf-8")
    return Catalogue(tomllib.loads(text))
