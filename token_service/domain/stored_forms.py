"""Records as JSON, in the columns that keep a whole one: every field that is not at its default.

Lists stand for tuples, which JSON does not know; no record has lists of its own.
"""

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol


class Record(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def stored(record: Record) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    given = ((one, getattr(record, one.name)) for one in fields(record))
    return {
        one.name: list(value) if isinstance(value, tuple) else value
        for one, value in given
        if value != one.default
    }


def values(document: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that make the record again from what `stored` gave."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
    }
