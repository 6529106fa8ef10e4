"""Pushed authorization requests (RFC 9126): what a client has sent ahead of the browser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from token_service.domain.refusals import Refusal

REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
"""How the name of a pushed request begins (RFC 9126 section 2.2)."""


@dataclass(frozen=True, slots=True)
class PushRules:
    """How long a pushed request is good, in seconds; whether there is another way to ask at all."""

    lifetime: int
    required: bool


@dataclass(frozen=True, slots=True)
class PushedRequest:
    """A request that was good when it was pushed; `signed`: it came as a request object.

    `parameters` are those of the request alone, each with a value, never credentials.
    """

    request_id: str
    secret_hash: str = field(repr=False)
    client_id: str
    parameters: Mapping[str, str] = field(repr=False)
    signed: bool
    expires_at: datetime


def pushed_refusal(
    pushed: PushedRequest | None, secret_hash: str, client_id: str, now: datetime
) -> Refusal | None:
    """Why nothing is begun with it; None: it is this client's, and still good."""
    if pushed is None or pushed.secret_hash != secret_hash:
        return Refusal.UNKNOWN_REQUEST
    if pushed.client_id != client_id:
        return Refusal.FOREIGN_CLIENT
    return Refusal.EXPIRED if now >= pushed.expires_at else None
