"""Proofs of possession in a request: its `DPoP` header, and the certificate that it came with."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import g, request

from token_service.clock import Clock
from token_service.domain.clients import Client
from token_service.domain.confirmations import Confirmation, TokenType
from token_service.domain.dpop import url_of
from token_service.domain.refusals import Refusal, Refused
from token_service.services import proofs
from token_service.services.configuration import Snapshot
from token_service.services.inspection import Inspection
from token_service.services.proofs import Shown
from token_service.storage.database import Database
from token_service.web import client_certificates, errors
from token_service.web.origin import is_from_proxy, origin
from token_service.web.parts import parts, this_request
from token_service.web.refusing import refusal


@dataclass(frozen=True, slots=True)
class Target:
    """The request that a proof is made for, as its client sees it."""

    method: str
    url: str


def confirming(snapshot: Snapshot) -> Callable[[Client], Confirmation | Refused]:
    """What asks, once the client is known, to which key or certificate its tokens are bound."""

    return _asking(snapshot, proofs.confirmed)


def confirming_if_shown(snapshot: Snapshot) -> Callable[[Client], Confirmation | Refused]:
    """The same where nothing is issued yet: no proof is no fault."""
    return _asking(snapshot, proofs.confirmed_if_shown)


def _asking(
    snapshot: Snapshot,
    find: Callable[[Database, Clock, Snapshot, Client, Shown], Confirmation | Refused],
) -> Callable[[Client], Confirmation | Refused]:
    def confirm(client: Client) -> Confirmation | Refused:
        here, shown = parts(), _shown(_own_target(snapshot))
        found = find(here.database, here.clock, snapshot, client, shown)
        _offer_nonce(snapshot, shown, found)
        return found

    return confirm


def confirmation(snapshot: Snapshot, client: Client) -> Confirmation:
    """The same at `/v1`, where a no ends the request."""
    found = confirming(snapshot)(client)
    if isinstance(found, Refused):
        raise refusal(found, errors.PROOF)
    return found


def require(
    snapshot: Snapshot,
    found: Inspection,
    token: str,
    scheme: TokenType,
    target: Target | None = None,
) -> None:
    """End the request if a live access token is bound to what its bearer does not show.

    `target` is the request that the token was sent with, where that is another than this one.
    """
    if scheme == "Bearer" and not found.confirmation.members:
        return
    here, shown = parts(), _shown(target or _own_target(snapshot))
    refused = proofs.not_possessed(here.database, here.clock, snapshot, found, token, scheme, shown)
    _offer_nonce(snapshot, shown, refused)
    if refused is not None:
        raise refusal(refused, errors.BOUND_TOKEN)


def gateway_target() -> Target:
    """The request that a gateway asks for, as the gateway tells it and nobody else.

    Where it does not tell, no proof is for that request.
    """
    names = ("Method", "Proto", "Host", "Uri")
    told = [request.headers.get(f"X-Forwarded-{name}", "") for name in names]
    if not is_from_proxy() or not all(told):
        return Target("", "")
    method, scheme, host, path = told
    return Target(method, f"{scheme}://{host}{path}")


def _own_target(snapshot: Snapshot) -> Target:
    asked = this_request()
    return Target(asked.method, url_of(snapshot.issuer, asked.path))


def _shown(target: Target) -> Shown:
    return Shown(
        proof=request.headers.get("DPoP"),
        certificate=client_certificates.encoded(),
        method=target.method,
        url=target.url,
        nonce_required=parts().settings.dpop.nonce == "required",
        origin=origin(),
        spent=g.setdefault("spent_proofs", set()),
    )


def _offer_nonce(snapshot: Snapshot, shown: Shown, answer: object) -> None:
    """Have the answer carry a nonce for the client's next proof (RFC 9449 sections 8 and 8.2)."""
    asked = isinstance(answer, Refused) and answer.reason is Refusal.NONCE_NEEDED
    if asked or (shown.nonce_required and shown.proof is not None):
        g.dpop_nonce = proofs.fresh_nonce(parts().clock, snapshot)
