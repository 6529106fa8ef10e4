"""The `claims` parameter of an authorization request (OpenID Connect Core section 5.5)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.domain.openid_claims import SCOPE_OF

MAX_LENGTH = 4096
_MAX_VALUES = 20


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """One claim that is asked for; `values` are those that are wanted, () for any."""

    essential: bool = False
    values: tuple[object, ...] = ()

    def accepts(self, value: object) -> bool:
        """Whether a value is one of those that are wanted. `1` is not `true`, as in JSON."""
        if not self.values:
            return True
        return any(type(one) is type(value) and one == value for one in self.values)


@dataclass(frozen=True, slots=True)
class RequestedClaims:
    """What is asked for by name, where it is to be told."""

    userinfo: Mapping[str, ClaimRequest] = field(default_factory=dict)
    id_token: Mapping[str, ClaimRequest] = field(default_factory=dict)

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that would let out what is asked for: whoever consents to these claims
        consents to no less."""
        names = {*self.userinfo, *self.id_token}
        return frozenset(SCOPE_OF[name] for name in names if name in SCOPE_OF)

    @property
    def essential_acr(self) -> tuple[object, ...]:
        """The values of `acr` of which one must be reached, or there is no answer (5.5.1.1)."""
        asked = self.id_token.get("acr")
        return asked.values if asked is not None and asked.essential else ()

    @property
    def wanted_subject(self) -> tuple[object, ...]:
        """The values of `sub` of which one must be who signs in; () for anybody (3.1.2.2)."""
        asked = self.id_token.get("sub")
        return asked.values if asked is not None else ()


NOTHING = RequestedClaims()


def requested(text: str | None) -> RequestedClaims | None:
    """The parameter, read strictly; None where it cannot be read (`invalid_request`).

    Members that are not known, and claims that nobody here has, are ignored (section 5.5).
    """
    if text is None:
        return NOTHING
    if len(text) > MAX_LENGTH:
        return None
    try:
        members = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    userinfo, id_token = _requests(members.get("userinfo")), _requests(members.get("id_token"))
    if userinfo is None or id_token is None:
        return None
    return RequestedClaims(userinfo, id_token)


def _requests(member: object) -> dict[str, ClaimRequest] | None:
    if member is None:
        return {}
    if not isinstance(member, dict):
        return None
    found = {name: _request(value) for name, value in member.items()}
    known = {name: one for name, one in found.items() if one is not None}
    return known if len(known) == len(found) else None


def _request(value: object) -> ClaimRequest | None:
    """`null`, or an object with `essential` and one of `value` and `values` (section 5.5.1)."""
    if value is None:
        return ClaimRequest()
    if not isinstance(value, dict):
        return None
    essential, values = value.get("essential", False), value.get("values")
    if not isinstance(essential, bool) or ("value" in value and "values" in value):
        return None
    if "values" in value and not (isinstance(values, list) and 0 < len(values) <= _MAX_VALUES):
        return None
    wanted = [value["value"]] if "value" in value else values or []
    return ClaimRequest(essential, tuple(wanted))


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice in an object")
    return members


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
