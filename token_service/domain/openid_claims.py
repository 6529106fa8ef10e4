"""What applications may learn of an account: the standard claims, and which scope lets them out.

OpenID Connect Core sections 5.1 and 5.4. Sign-in names come from the account; everything else is
what its owner keeps in the profile under the name of the claim, where it is of the claim's type. So
nobody becomes `email_verified`, or another `sub`, by a change of their profile.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from token_service.domain import scopes
from token_service.domain.accounts import NameKind
from token_service.domain.claims import instant

OPENID_SCOPE = "openid"
SCOPES: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
}
"""The claims that each scope stands for (section 5.4)."""

SCOPE_OF: Mapping[str, str] = {name: scope for scope, names in SCOPES.items() for name in names}
"""And the scope of each claim."""

_LONGEST_TEXT = 1000
_ADDRESS = ("formatted", "street_address", "locality", "region", "postal_code", "country")
_BIRTHDATE = re.compile(r"\d{4}(?:-\d{2}-\d{2})?", re.ASCII)
_WEB = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True)
class KnownName:
    """A sign-in name as its owner wrote it, and whether it was proved to be theirs."""

    kind: NameKind
    display: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """All that claims are made of; names in the order in which they are preferred."""

    names: tuple[KnownName, ...] = field(repr=False)
    profile: Mapping[str, Any] = field(repr=False)
    updated_at: datetime


def claims_of_scope(scope: str) -> frozenset[str]:
    """The claims that a token's scope lets its client learn."""
    granted = scopes.names(scope)
    return frozenset(name for name, one in SCOPE_OF.items() if one in granted)


def claims_about(identity: Identity) -> dict[str, object]:
    """Every claim that there is of the account; one without a value is absent (section 5.3.2)."""
    found = _of_profile(identity.profile) | {"updated_at": instant(identity.updated_at)}
    if (email := _preferred(identity.names, NameKind.EMAIL)) is not None:
        found |= {"email": email.display, "email_verified": email.verified}
    if (phone := _preferred(identity.names, NameKind.PHONE)) is not None:
        found |= {"phone_number": phone.display, "phone_number_verified": phone.verified}
    if (username := _preferred(identity.names, NameKind.USERNAME)) is not None:
        found["preferred_username"] = username.display
    return found


def _preferred(names: Iterable[KnownName], kind: NameKind) -> KnownName | None:
    """The first name of the kind, one that was proved before any other."""
    ofkind = [one for one in names if one.kind is kind]
    return next((one for one in ofkind if one.verified), ofkind[0] if ofkind else None)


def _of_profile(profile: Mapping[str, Any]) -> dict[str, object]:
    found: dict[str, object] = {
        name: profile[name]
        for name, is_right in _FORMS.items()
        if name in profile and is_right(profile[name])
    }
    if address := _address(profile.get("address")):
        found["address"] = address
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT


def _is_web_address(value: object) -> bool:
    """Applications make links and pictures of it: no `javascript:` comes from here."""
    return isinstance(value, str) and _is_text(value) and _WEB.fullmatch(value) is not None


def _is_birthdate(value: object) -> bool:
    """`YYYY-MM-DD`, with year 0000 where it is kept private, or the year alone."""
    return isinstance(value, str) and _BIRTHDATE.fullmatch(value) is not None


_FORMS: Mapping[str, Callable[[object], bool]] = {
    "name": _is_text,
    "family_name": _is_text,
    "given_name": _is_text,
    "middle_name": _is_text,
    "nickname": _is_text,
    "profile": _is_web_address,
    "picture": _is_web_address,
    "website": _is_web_address,
    "gender": _is_text,
    "birthdate": _is_birthdate,
    "zoneinfo": _is_text,
    "locale": _is_text,
}
"""The claims that come from the profile, but for `address`."""


def _address(value: object) -> dict[str, str]:
    """The members of section 5.1.1 that are texts; {} where there is none."""
    if not isinstance(value, Mapping):
        return {}
    return {name: value[name] for name in _ADDRESS if _is_text(value.get(name))}
