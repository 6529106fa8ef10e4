"""Roles of a tenant's members: which a tenant may define, and what a change of them comes to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from token_service.domain.clients import ROLE_PERMISSIONS, Permission

MAX_DEFINED = 100
"""Roles that a tenant may define."""
MAX_HELD = 50
"""Roles that one member may have in a tenant."""

Roles: TypeAlias = Mapping[str, frozenset[Permission]]
RoleChanges: TypeAlias = Mapping[str, frozenset[Permission] | None]
"""By role what it is to carry; None takes the role away."""

_NAME = re.compile(r"[a-z][a-z0-9_.:-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RoleFaults:
    """Everything wrong with what was asked for, by the name of the role."""

    by_name: Mapping[str, str]


def well_formed(name: object) -> bool:
    """Whether a role may be called so: `a-z`, then `a-z 0-9 _ . : -`, at most 64 characters."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def changes_in(members: Mapping[str, object]) -> RoleChanges | RoleFaults:
    """The changes that `{role: [permissions] | null}` asks for, or all that is wrong with it."""
    found = {name: _fault(name, held) for name, held in members.items()}
    if wrong := {name: fault for name, fault in found.items() if fault}:
        return RoleFaults(wrong)
    return {
        name: frozenset(Permission(one) for one in held) if isinstance(held, list) else None
        for name, held in members.items()
    }


def merged(roles: Roles, changes: RoleChanges) -> Roles:
    """The tenant's roles after the changes."""
    after = {**roles, **changes}
    return {name: held for name, held in after.items() if held is not None}


def written(roles: Roles | RoleChanges) -> dict[str, list[str] | None]:
    """Roles as they are stored, answered and recorded."""
    return {name: None if held is None else sorted(held) for name, held in sorted(roles.items())}


def _fault(name: str, held: object) -> str:
    if not well_formed(name):
        return "is no name of a role"
    if held is None:
        return ""
    # Impersonation is no permission of a role: nobody becomes a trusted backend by a change here.
    if not isinstance(held, list) or not all(_is_permission(one) for one in held):
        return f"must be a list of permissions out of {', '.join(sorted(ROLE_PERMISSIONS))}"
    return ""


def _is_permission(one: object) -> bool:
    return isinstance(one, str) and one in ROLE_PERMISSIONS
