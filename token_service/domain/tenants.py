"""Tenants: customers of the environment, with their own policies."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from token_service.domain.clients import Permission

MAX_NAME_LENGTH = 200

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+{_LABEL}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; `policy` holds only the fields that it overrides.

    `roles` are the permissions that each role of its members carries.
    """

    tenant_id: str
    name: str
    enabled: bool
    epoch: int
    policy: Mapping[str, Any]
    roles: Mapping[str, frozenset[Permission]] = field(default_factory=dict)

    def permissions(self, roles: Iterable[str]) -> frozenset[Permission]:
        """What a member with these roles may do in the tenant beyond their own sessions."""
        return frozenset().union(*(self.roles.get(role, frozenset()) for role in roles))


def well_formed_name(name: str) -> bool:
    """Whether a tenant or a client may be called so: printable, 1 to 200 characters."""
    return 0 < len(name.strip()) == len(name) <= MAX_NAME_LENGTH and name.isprintable()


def domain_in(text: str) -> str | None:
    """A domain in its one spelling, as `example.org`; None for anything else.

    One in another script is written as the DNS has it (`xn--...`, RFC 5890).
    """
    lowered = text.lower() if text.isascii() else ""
    return lowered if _DOMAIN.fullmatch(lowered) else None
