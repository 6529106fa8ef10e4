"""Authorization requests by all rules: their parameters, and what domain and ID token hint at."""

from collections.abc import Mapping
from dataclasses import replace

from token_service.clock import Clock
from token_service.crypto.jwt import UnknownKey
from token_service.domain.authorization_requests import (
    AuthorizationRequest,
    Delivery,
    RequestRefused,
    Unredirectable,
    authorization_request,
)
from token_service.domain.clients import Client
from token_service.services import id_tokens, tenant_domains
from token_service.services.configuration import Snapshot, prove_current
from token_service.storage.database import Database


def checked(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    client: Client,
    parameters: Mapping[str, str],
    delivery: Delivery,
) -> AuthorizationRequest | Unredirectable | RequestRefused:
    """The request of the client, wherever its parameters come from; `authorization_request` says
    what they look like. Raises `StaleConfiguration` or `Unavailable`."""
    asked = authorization_request(parameters, client, delivery)
    if not isinstance(asked, AuthorizationRequest):
        return asked
    if asked.tenant_id is None:
        named = tenant_domains.named(database, parameters.get("domain_hint"))
        asked = replace(asked, tenant_id=named)
    hint = parameters.get("id_token_hint")
    if hint is None:
        return asked
    subject = _hinted_subject(database, clock, snapshot, client, hint)
    if subject is None:
        wrong = "The id_token_hint is not an ID token of this client."
        return RequestRefused("invalid_request", wrong, asked.target)
    return replace(asked, hinted_subject=subject)


def _hinted_subject(
    database: Database, clock: Clock, snapshot: Snapshot, client: Client, token: str
) -> str | None:
    """The `sub` in an ID token that was given to this client, expired or not; None for anything
    else (Core section 3.1.2.1, `id_token_hint`)."""
    try:
        hint = id_tokens.hint(snapshot, token, clock.now())
    except UnknownKey:
        prove_current(database, clock, snapshot)
        return None
    return hint.subject if hint is not None and hint.client_id == client.client_id else None
