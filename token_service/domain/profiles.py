"""What an account's applications keep about it, changed by JSON merge patch (RFC 7396)."""

import json
from collections.abc import Mapping
from typing import Any

MAX_BYTES = 8192
MAX_DEPTH = 8
"""Objects and arrays within each other, the profile itself the first."""


def merged(target: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The target after the patch (RFC 7396 section 2): `null` removes, anything else replaces.

    Only objects are merged member by member; neither argument is changed.
    """
    after = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, Mapping):
            after[name] = merged(after.get(name), value)
        else:
            after[name] = value
    return after


def encoded(profile: Mapping[str, Any]) -> str:
    """The profile as compact JSON; two are the same exactly if these are (1 is not `true`)."""
    return json.dumps(profile, ensure_ascii=False, separators=(",", ":"))


def faults(profile: Mapping[str, Any]) -> list[str]:
    """Everything wrong with a profile, in sentences; [] where it may be kept."""
    found = []
    if _depth(profile) > MAX_DEPTH:
        found.append(f"Nested deeper than {MAX_DEPTH} levels.")
    if len(encoded(profile).encode()) > MAX_BYTES:
        found.append(f"Longer than {MAX_BYTES} bytes of JSON.")
    if _has_nul(profile):
        found.append("Contains NUL.")
    return found


def _depth(value: object) -> int:
    match value:
        case Mapping():
            return 1 + max(map(_depth, value.values()), default=0)
        case list():
            return 1 + max(map(_depth, value), default=0)
    return 0


def _has_nul(value: object) -> bool:
    match value:
        case Mapping():
            return any(map(_has_nul, value)) or any(map(_has_nul, value.values()))
        case list():
            return any(map(_has_nul, value))
        case str():
            return "\0" in value
    return False
