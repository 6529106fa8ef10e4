"""What clients and resource servers look up: the keys (RFC 7517) and the metadata (RFC 8414)."""

import hashlib
from urllib.parse import urlsplit

import orjson
from flask import Blueprint, Response, request

from token_service.domain.authorization_requests import (
    CHALLENGE_METHOD,
    PROMPTS,
    RESPONSE_MODES,
)
from token_service.oauth.credentials import CONFIDENTIAL, EVERY_CLIENT
from token_service.oauth.server import GRANTS
from token_service.services.configuration import Snapshot, prove_current
from token_service.settings import Settings
from token_service.texts.catalogue import languages
from token_service.web.current import on_current
from token_service.web.parts import parts

METADATA = "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"


def blueprint_for(settings: Settings) -> Blueprint:
    """The two documents of an issuer."""
    blueprint = Blueprint("discovery", __name__)
    document = orjson.dumps(metadata(settings.issuer))

    def authorization_server() -> Response:
        return _cached(document, settings.keys.jwks_cache_seconds)

    blueprint.add_url_rule(JWKS, view_func=jwks)
    # RFC 8414 section 3.1: an issuer's path comes after the well-known part.
    for path in {METADATA, METADATA + urlsplit(settings.issuer).path}:
        blueprint.add_url_rule(path, view_func=authorization_server)
    return blueprint


@on_current
def jwks(snapshot: Snapshot) -> Response:
    """The public keys: next, active and retired ones, as of now on every node."""
    here = parts()
    now = prove_current(here.database, here.clock, snapshot)
    keys = orjson.dumps(snapshot.keyring.jwks(now))
    return _cached(keys, here.settings.keys.jwks_cache_seconds)


def metadata(issuer: str) -> dict[str, object]:
    """RFC 8414 section 2: what there is, and nothing that is not."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "token_endpoint_auth_methods_supported": [*EVERY_CLIENT],
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "introspection_endpoint_auth_methods_supported": [*CONFIDENTIAL],
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "revocation_endpoint_auth_methods_supported": [*EVERY_CLIENT],
        "jwks_uri": issuer + JWKS,
        "grant_types_supported": [grant.GRANT_TYPE for grant in GRANTS],
        "response_types_supported": ["code"],
        "response_modes_supported": [*RESPONSE_MODES],
        "code_challenge_methods_supported": [CHALLENGE_METHOD],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": [*PROMPTS],
        "request_uri_parameter_supported": False,
        "ui_locales_supported": [*languages()],
    }


def _cached(document: bytes, seconds: int) -> Response:
    """The document, or 304 for who has it already."""
    response = Response(document, content_type="application/json")
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.set_etag(hashlib.sha256(document).hexdigest()[:32])
    response.make_conditional(request)
    return response
