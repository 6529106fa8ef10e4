"""What clients and resource servers look up: the keys (RFC 7517) and the server's metadata."""

import hashlib
from urllib.parse import urlsplit

import orjson
from flask import Blueprint, Response, request

from token_service.services.configuration import Snapshot, prove_current
from token_service.settings import Settings
from token_service.web import answers, server_metadata
from token_service.web.current import on_current
from token_service.web.parts import parts
from token_service.web.server_metadata import JWKS

METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


def blueprint_for(settings: Settings) -> Blueprint:
    """The documents of an issuer."""
    blueprint = Blueprint("discovery", __name__)
    document = orjson.dumps(server_metadata.facts(settings))

    def metadata() -> Response:
        return _cached(document, settings.keys.jwks_cache_seconds)

    blueprint.add_url_rule(JWKS, view_func=jwks)
    for path in metadata_paths(settings.issuer):
        blueprint.add_url_rule(path, view_func=metadata)
    return blueprint


def metadata_paths(issuer: str) -> frozenset[str]:
    """Where the one document is found.

    Where the issuer has a path, a proxy has taken it off here: OpenID Connect Discovery section 4
    puts the well-known part after it, RFC 8414 section 3.1 in front of it (section 5 for both).
    """
    path = urlsplit(issuer).path
    return frozenset(one + suffix for one in METADATA for suffix in ("", path))


@on_current
def jwks(snapshot: Snapshot) -> Response:
    """The public keys: next, active and retired ones, as of now on every node."""
    here = parts()
    now = prove_current(here.database, here.clock, snapshot)
    keys = orjson.dumps(snapshot.keyring.jwks(now))
    return _cached(keys, here.settings.keys.jwks_cache_seconds)


def _cached(document: bytes, seconds: int) -> Response:
    """The document, or 304 for who has it already."""
    response = Response(document, content_type=answers.JSON)
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.set_etag(hashlib.sha256(document).hexdigest()[:32])
    response.make_conditional(request)
    return response
