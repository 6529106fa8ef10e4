"""Profiles: the merge patch of RFC 7396, and what may be kept."""

import copy
from typing import Any

import pytest

from token_service.domain.profiles import MAX_BYTES, MAX_DEPTH, encoded, faults, merged

RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
"""The rows of appendix A whose patch is an object: no other may be sent here."""


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_the_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy((target, patch))
    assert merged(target, patch) == result
    assert (target, patch) == before


def test_true_is_not_one() -> None:
    assert {"a": 1} == {"a": True}
    assert encoded(merged({"a": 1}, {"a": True})) == '{"a":true}'
    assert encoded({"a": 1}) != encoded({"a": True}) != encoded({"a": 1.0})


def nested(depth: int) -> dict[str, Any]:
    """A profile so many levels deep."""
    return {} if depth == 1 else {"a": nested(depth - 1)}


def in_lists(depth: int) -> Any:
    """The same in arrays."""
    return [] if depth == 1 else [in_lists(depth - 1)]


def test_eight_levels_are_the_most() -> None:
    assert faults(nested(MAX_DEPTH)) == []
    assert faults({"a": in_lists(MAX_DEPTH - 1)}) == []
    for deep in (nested(MAX_DEPTH + 1), {"a": in_lists(MAX_DEPTH)}):
        assert faults(deep) == ["Nested deeper than 8 levels."]


@pytest.mark.parametrize("letter", ["x", "é", "東", "\U0001f600"])
def test_eight_kibibytes_of_json_are_the_most(letter: str) -> None:
    """Counted as they would be sent, not as the characters that they stand for."""
    room, size = MAX_BYTES - len(encoded({"a": ""})), len(letter.encode())
    padding = "x" * (room % size)
    assert faults({"a": letter * (room // size) + padding}) == []
    assert faults({"a": letter * (room // size) + padding + "x"}) == [
        "Longer than 8192 bytes of JSON."
    ]


@pytest.mark.parametrize("unfit", [{"a": "x\0"}, {"\0": 1}, {"a": [{"b": "\0"}]}, {"a": {"\0": 1}}])
def test_nul_is_kept_nowhere(unfit: Any) -> None:
    assert faults(unfit) == ["Contains NUL."]


def test_every_fault_is_named() -> None:
    assert len(faults(nested(9) | {"b": "x\0" * 9000})) == 3
