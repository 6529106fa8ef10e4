"""Which scripts of other origins may read an answer (CORS), route by route.

Keys and metadata are for everybody. The endpoints that a script in a browser needs answer the
origins that a client has registered (`allowed_origins`). Every other route has no CORS at all: no
page, no `/v1`, not the authorization endpoint (RFC 9700 section 2.6). Credentials of the browser
are never let in, so an origin gains nothing that a server could not ask for, too; whose client it
is need not be asked.
"""

from flask import Flask, Response, g, request

from token_service.domain.browser_origins import is_origin
from token_service.services.configuration import Snapshot, prove_current
from token_service.web.current import on_current
from token_service.web.discovery import metadata_paths
from token_service.web.parts import parts, this_request
from token_service.web.server_metadata import JWKS

_LISTED = {
    "/oauth2/token": "POST",
    "/oauth2/revoke": "POST",
    "/oauth2/par": "POST",
    "/oauth2/userinfo": "GET, POST",
}
"""The methods of each route that registered origins may use."""

_REQUEST_HEADERS = "Authorization, Content-Type, DPoP"
_ANSWER_HEADERS = "DPoP-Nonce, Retry-After, WWW-Authenticate"
_SECONDS = "600"


def install(app: Flask, *, issuer: str) -> None:
    """Register the hooks."""
    public = {JWKS, *metadata_paths(issuer)}

    @app.before_request
    def decide() -> Response | None:
        asked = this_request()
        origin = asked.headers.get("Origin")
        if origin is None:
            return None
        is_public = asked.path in public
        methods = "GET" if is_public else _LISTED.get(asked.path)
        if methods is None:
            return None
        if is_public:
            g.allowed_origin = "*"
        elif is_origin(origin) and _is_listed(origin):
            g.allowed_origin = origin
        if asked.method != "OPTIONS" or "allowed_origin" not in g:
            return None
        return _preflight(methods)

    @app.after_request
    def tell(response: Response) -> Response:
        if request.path in _LISTED:
            response.headers.add("Vary", "Origin")
        if (allowed := g.get("allowed_origin")) is not None:
            response.headers["Access-Control-Allow-Origin"] = allowed
            if request.method != "OPTIONS" and allowed != "*":
                response.headers["Access-Control-Expose-Headers"] = _ANSWER_HEADERS
        return response


def _preflight(methods: str) -> Response:
    """What a browser asks before it sends a script's request (Fetch, "CORS-preflight fetch")."""
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = methods
    response.headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
    response.headers["Access-Control-Max-Age"] = _SECONDS
    return response


@on_current
def _is_listed(snapshot: Snapshot, origin: str) -> bool:
    """Whether some client that is served has registered the origin, as of now on every node."""
    here = parts()
    prove_current(here.database, here.clock, snapshot)
    return snapshot.lists_origin(origin)
