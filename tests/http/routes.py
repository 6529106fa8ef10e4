"""A good request of every route, for the tests that ask each of them.

`every_route` is what the application serves; a test that has no answer for one of them fails, so
that a new route cannot be forgotten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.test import TestResponse

from tests.world.browser import CHALLENGE, REDIRECT
from tests.world.world import World
from token_service.storage.schema import SCHEMA_REVISION

Route = tuple[str, str]
"""A method and the template of a path, as `("GET", "/v1/accounts/<account_id>/sessions")`."""


@dataclass(frozen=True)
class Request:
    """What is sent to a route. Texts name, in braces, what the test fills in."""

    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    query: Mapping[str, str] = field(default_factory=dict)


_CLIENT = {"client_id": "{client_id}"}
_TOKEN = {"token": "{access}"}
_TOKENS = {"tokens": ["{access}"]}
_SIGN_IN = {"identifier": "{email}", "password": "{password}", "tenant_id": "{tenant_id}"}
_REFRESH = {"refresh_token": "{refresh}"}
_PASSWORD = {"current_password": "{password}", "new_password": "quite another long password"}
_LINK = {"token": "{link}", "new_password": "quite another long password"}
_ACT = {"account_id": "{account_id}", "tenant_id": "{tenant_id}", "reason": "Ticket 4711"}
_CONTINUE = {"ticket": "{ticket}", "end_sid": "{sid}"}
_NO_INTERACTION = {"interaction": "0" * 32}
_AUTHORIZE = {"client_id": "{client_id}", "response_type": "code", "scope": "openid"}
_BACK = {
    "redirect_uri": REDIRECT,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}

AT_PAGES: dict[Route, Request] = {
    ("GET", "/oauth2/authorize"): Request(query=_AUTHORIZE),
    ("POST", "/oauth2/authorize"): Request(form=_AUTHORIZE),
    ("GET", "/oauth2/authorize/continue"): Request(query=_NO_INTERACTION),
    ("GET", "/sign-in"): Request(query=_NO_INTERACTION),
    ("POST", "/sign-in"): Request(form=_NO_INTERACTION),
    ("GET", "/tenant"): Request(query=_NO_INTERACTION),
    ("POST", "/tenant"): Request(form=_NO_INTERACTION),
    ("GET", "/consent"): Request(query=_NO_INTERACTION),
    ("POST", "/consent"): Request(form=_NO_INTERACTION),
    ("GET", "/consents"): Request(),
    ("POST", "/consents"): Request(form=_CLIENT),
    ("POST", "/session-limit"): Request(form=_NO_INTERACTION),
    ("GET", "/device"): Request(),
    ("POST", "/device"): Request(form={"user_code": "BBBB-BBBB"}),
    ("GET", "/device/confirmation"): Request(query=_NO_INTERACTION),
    ("POST", "/device/confirmation"): Request(form=_NO_INTERACTION),
    ("GET", "/forgot-password"): Request(),
    ("POST", "/forgot-password"): Request(form={"identifier": "{email}"}),
    ("GET", "/oauth2/logout"): Request(),
    ("POST", "/oauth2/logout"): Request(form={"state": "a state"}),
    ("POST", "/oauth2/logout-confirmation"): Request(form={"state": "a state"}),
}
"""What browsers are sent to. These requests are good by themselves only where no interaction and no
sign-in in the browser is needed; `tests/http/pages` walks through the others."""

REQUESTS: dict[Route, Request] = {
    **AT_PAGES,
    ("GET", "/"): Request(),
    ("GET", "/.well-known/jwks.json"): Request(),
    ("GET", "/.well-known/oauth-authorization-server"): Request(),
    ("GET", "/.well-known/openid-configuration"): Request(),
    ("GET", "/livez"): Request(),
    ("GET", "/readyz"): Request(),
    ("GET", "/metrics"): Request(),
    ("GET", "/password-reset"): Request(query={"token": "{link}"}),
    ("POST", "/password-reset"): Request(form=_LINK | {"repeated": _LINK["new_password"]}),
    ("POST", "/oauth2/device_authorization"): Request(form=_CLIENT),
    ("POST", "/oauth2/introspect"): Request(form=_CLIENT | _TOKEN),
    ("POST", "/oauth2/par"): Request(form=_AUTHORIZE | _BACK),
    ("POST", "/oauth2/revoke"): Request(form=_CLIENT | _TOKEN),
    ("POST", "/oauth2/register"): Request({"client_name": "Notes"}),
    ("GET", "/oauth2/register/<client_id>"): Request(),
    ("PUT", "/oauth2/register/<client_id>"): Request(_CLIENT),
    ("DELETE", "/oauth2/register/<client_id>"): Request(),
    ("POST", "/oauth2/token"): Request(form=_CLIENT | {"grant_type": "refresh_token"} | _REFRESH),
    ("GET", "/oauth2/userinfo"): Request(),
    ("POST", "/oauth2/userinfo"): Request(),
    ("GET", "/v1/openapi.json"): Request(),
    ("POST", "/v1/sign-in"): Request(_CLIENT | _SIGN_IN),
    ("POST", "/v1/sign-in/continue"): Request(_CLIENT | _CONTINUE),
    ("POST", "/v1/token/introspect"): Request(_TOKEN),
    ("POST", "/v1/token/introspect/batch"): Request(_TOKENS),
    ("POST", "/v1/token/invalidate"): Request({"sid": "{sid}"}),
    ("POST", "/v1/token/refresh"): Request(_CLIENT | _REFRESH),
    ("POST", "/v1/token/validate"): Request(_TOKEN),
    ("POST", "/v1/token/validate/batch"): Request(_TOKENS),
    ("GET", "/v1/token/validate"): Request(),
    ("POST", "/v1/impersonations"): Request(_ACT),
    ("GET", "/v1/me"): Request(),
    ("PATCH", "/v1/me"): Request({"profile": {"theme": "dark"}}),
    ("GET", "/v1/me/consents"): Request(),
    ("DELETE", "/v1/me/consents/<client_id>"): Request(),
    ("POST", "/v1/me/password"): Request(_PASSWORD),
    ("GET", "/v1/me/sessions"): Request(),
    ("DELETE", "/v1/me/sessions"): Request(),
    ("GET", "/v1/me/sessions/<sid>"): Request(),
    ("DELETE", "/v1/me/sessions/<sid>"): Request(),
    ("POST", "/v1/me/sessions/ping"): Request(),
    ("GET", "/v1/me/tenants"): Request(),
    ("POST", "/v1/me/tenants/<tenant_id>/tokens"): Request(
        {"client_id": "{app_id}", "client_secret": "{app_secret}"}
    ),
    ("POST", "/v1/password-resets"): Request({"identifier": "{email}"}),
    ("POST", "/v1/password-resets/complete"): Request(_LINK),
    ("GET", "/v1/accounts/<account_id>/audit"): Request(),
    ("GET", "/v1/accounts/<account_id>/lock-out"): Request(),
    ("DELETE", "/v1/accounts/<account_id>/lock-out"): Request(),
    ("POST", "/v1/accounts/<account_id>/password-reset"): Request(),
    ("GET", "/v1/accounts/<account_id>/session-limit"): Request(),
    ("PATCH", "/v1/accounts/<account_id>/session-limit"): Request({"max_sessions": 50}),
    ("GET", "/v1/accounts/<account_id>/sessions"): Request(),
    ("DELETE", "/v1/accounts/<account_id>/sessions"): Request(),
    ("GET", "/v1/accounts/<account_id>/sessions/<sid>"): Request(),
    ("DELETE", "/v1/accounts/<account_id>/sessions/<sid>"): Request(),
    ("GET", "/v1/clients/<client_id>/policy"): Request(),
    ("PATCH", "/v1/clients/<client_id>/policy"): Request({"idle_timeout": 7200}),
    ("GET", "/v1/policies/effective"): Request(
        query={"account": "{account_id}", "tenant": "{tenant_id}", "client": "{app_id}"}
    ),
    ("GET", "/v1/policies/environment"): Request(),
    ("PATCH", "/v1/policies/environment"): Request({"idle_timeout": 7200}),
    ("GET", "/v1/tenants/<tenant_id>/members"): Request(),
    ("PUT", "/v1/tenants/<tenant_id>/members/<account_id>"): Request({"roles": []}),
    ("DELETE", "/v1/tenants/<tenant_id>/members/<account_id>"): Request(),
    ("GET", "/v1/tenants/<tenant_id>/policy"): Request(),
    ("PATCH", "/v1/tenants/<tenant_id>/policy"): Request({"idle_timeout": 7200}),
    ("GET", "/v1/tenants/<tenant_id>/roles"): Request(),
    ("PATCH", "/v1/tenants/<tenant_id>/roles"): Request({"clerk": ["sessions:read"]}),
}


def every_route(app: Flask) -> Iterator[Route]:
    """Every route of the application, by the method it does something on."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule


def described_routes(world: World) -> set[Route]:
    """Every route that the OpenAPI document describes, written as the application writes them."""
    paths = world.http.get("/v1/openapi.json").get_json()["paths"]
    return {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, operations in paths.items()
        for method in operations
        if method != "parameters"
    }


def ask(
    world: World,
    route: Route,
    names: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    in_path: Mapping[str, str] | None = None,
) -> TestResponse:
    """Send the good request, with these names filled in; `in_path` has those that differ there."""
    method, rule = route
    request = REQUESTS[route]
    placed = {name: quote(value, safe="") for name, value in {**names, **(in_path or {})}.items()}
    path = rule.replace("<path:", "<").replace("<", "{").replace(">", "}").format_map(placed)
    sent: dict[str, Any] = {"query_string": _filled(request.query, names)}
    if request.json is not None:
        sent["json"] = _filled(request.json, names)
    if request.form is not None:
        sent["data"] = _filled(request.form, names)
    return world.http.open(path, method=method, headers=dict(headers or {}), **sent)


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(names)
    if isinstance(value, Mapping):
        return {name: _filled(one, names) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, names) for one in value]
    return value


def stamp(world: World) -> None:
    """Say that the database is migrated, so that the world may become ready."""
    world.sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    world.sql("INSERT INTO alembic_version VALUES (:revision)", revision=SCHEMA_REVISION)
