"""Confirmations: to which key or certificate a token is bound (RFC 7800, claim `cnf`).

A bound token is worth nothing to whoever stole it without the private key behind it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

from token_service.domain.clients import Client

KEY = "jkt"
"""The thumbprint (RFC 7638) of the key that signs DPoP proofs (RFC 9449 section 6.1)."""
CERTIFICATE = "x5t#S256"
"""The SHA-256 of a client certificate in DER (RFC 8705 section 3.1)."""

TokenType = Literal["Bearer", "DPoP"]

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True)
class Confirmation:
    """What somebody has proved to hold, or what a token demands; base64url, 43 characters each."""

    key: str | None = None
    certificate: str | None = None

    @classmethod
    def of(cls, stored: str | None) -> Self:
        """From what `stored` gave."""
        members = dict(part.rsplit(":", 1) for part in stored.split()) if stored else {}
        return cls(members.get(KEY), members.get(CERTIFICATE))

    @cached_property
    def stored(self) -> str | None:
        """As a grant's row keeps it: `jkt:` or `x5t#S256:` and a thumbprint, or both in this order
        with a space between them; None for nothing."""
        return " ".join(f"{name}:{value}" for name, value in self.members.items()) or None

    @property
    def members(self) -> dict[str, str]:
        """The members of the claim `cnf`; none for a token that whoever bears it may use."""
        named = ((KEY, self.key), (CERTIFICATE, self.certificate))
        return {name: value for name, value in named if value is not None}

    @property
    def token_type(self) -> TokenType:
        """How a token that demands this is used (RFC 9449 section 5); a certificate changes nothing
        about it (RFC 8705 section 3)."""
        return "Bearer" if self.key is None else "DPoP"


UNBOUND = Confirmation()
"""Nothing was proved, and nothing is demanded."""


def in_claims(claims: Mapping[str, object]) -> Confirmation | None:
    """What a token's claims demand; None where `cnf` is there and is not one of ours.

    A confirmation that cannot be understood must not be taken for none (RFC 7800 section 3.1).
    """
    if "cnf" not in claims:
        return UNBOUND
    members = claims["cnf"]
    if not isinstance(members, Mapping) or not members or not members.keys() <= {KEY, CERTIFICATE}:
        return None
    for value in members.values():
        if not isinstance(value, str) or _THUMBPRINT.fullmatch(value) is None:
            return None
    return Confirmation(members.get(KEY), members.get(CERTIFICATE))


def chain_binding(client: Client, proved: Confirmation) -> str | None:
    """What the refresh tokens that the client gets are bound to, as a grant's row keeps it.

    Those of a public client to what it has proved; those of a confidential one to the client, which
    authenticates each time and may have another key by then (RFC 9449 section 5).
    """
    return proved.stored if client.is_public else None
