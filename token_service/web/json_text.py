"""JSON that every parser reads in the same way (RFC 8259, RFC 7493)."""

import json

import orjson

MAX_DEPTH = 32
MAX_DIGITS = 1000
_NESTING = (dict, list)


def json_object(data: bytes) -> dict[str, object]:
    """The object that the text is. Raises ValueError for anything else, or anything doubtful.

    orjson refuses text that is not UTF-8, byte order marks, NaN, infinities and lone surrogates,
    but keeps the last of two equal names and rounds long integers; so json looks for these.
    """
    value = orjson.loads(data)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    if not _is_shallow(value, MAX_DEPTH):
        raise ValueError("nested too deep")
    json.loads(data, object_pairs_hook=_distinct, parse_int=_bounded, parse_float=_bounded)
    return value


def _distinct(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name occurs twice in an object")


def _bounded(digits: str) -> None:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number has too many digits")


def _is_shallow(value: object, depth: int) -> bool:
    """Whether no more than `depth` objects and arrays lie within each other."""
    if not isinstance(value, _NESTING):
        return True
    members = value.values() if isinstance(value, dict) else value
    inner = [member for member in members if isinstance(member, _NESTING)]
    return depth > 0 and all(_is_shallow(member, depth - 1) for member in inner)
