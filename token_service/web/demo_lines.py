"""The demo as `curl` lines for a shell, with real values: copied one after the other, they work."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

_TAKE = (
    r"""ACCESS=$(printf %s "$TOKENS" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')""",
    r"""REFRESH=$(printf %s "$TOKENS" | sed -n 's/.*"refresh_token":"\([^"]*\)".*/\1/p')""",
)
_TOKEN = r'''-d "{\"token\":\"$ACCESS\"}"'''
_JSON = "-H 'Content-Type: application/json'"


def curl_lines(demo: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(title, command) for sign-in, refresh, validate, introspect, active sessions, invalidate.

    `demo` is what `token-service demo-data` writes. The commands need a POSIX shell, curl and sed;
    the first two keep the tokens in `$ACCESS` and `$REFRESH` for the others.
    """
    issuer = demo["issuer"]
    account = demo["accounts"][0]
    clients = {one["kind"]: one for one in demo["clients"]}
    app = clients["app"]
    sign_in = json.dumps(
        {
            "identifier": account["email"],
            "password": account["password"],
            "client_id": app["client_id"],
            "tenant_id": account["tenants"][0],
        }
    )
    by_app, by_resource_server = _by(app), _by(clients["resource_server"])
    return [
        (
            "Sign in: an access token and a one-time refresh token",
            _keeping(f"{by_app} {issuer}/v1/sign-in {_JSON} -d {shlex.quote(sign_in)}"),
        ),
        (
            "Refresh: once, or again with the same token if the answer was lost",
            _keeping(
                f"{by_app} {issuer}/oauth2/token -d grant_type=refresh_token"
                ' -d "refresh_token=$REFRESH"'
            ),
        ),
        (
            "Validate: is the access token live? Whoever holds it may ask",
            f"curl -s {issuer}/v1/token/validate {_JSON} {_TOKEN}; echo",
        ),
        (
            "Introspect: the resource server that the token is meant for asks (RFC 7662)",
            f'{by_resource_server} {issuer}/oauth2/introspect -d "token=$ACCESS"; echo',
        ),
        (
            "Active sessions of the account: a trusted backend asks",
            f"{_by(clients['backend'])} {issuer}/v1/accounts/{account['id']}/sessions; echo",
        ),
        (
            "Active sessions: one's own, by the access token",
            f'curl -s -H "Authorization: Bearer $ACCESS" {issuer}/v1/me/sessions; echo',
        ),
        (
            "Invalidate: the session ends with everything under it (204)",
            f"curl -s -w '%{{http_code}}\\n' {issuer}/v1/token/invalidate {_JSON} {_TOKEN}",
        ),
    ]


def _by(client: Mapping[str, Any]) -> str:
    return f"curl -s -u {shlex.quote(client['client_id'] + ':' + client['client_secret'])}"


def _keeping(command: str) -> str:
    return "; ".join((f"TOKENS=$({command})", 'echo "$TOKENS"', *_TAKE))
