"""What each caller is answered at each route, about somebody in the first tenant.

A row has the outcomes, as the status, the code of a refusal, whether a token was called active, and
whether the person's session ended by it; and who is given each. Every caller stands in every row.
"""

from tests.http.authorization.callers import NAMES
from tests.http.routes import Route

_ALL = set(NAMES)
_MEMBERS = {"person", "reader", "revoker", "policy_writer"}
_PEOPLE = {"owner", "acting", "stranger"} | _MEMBERS
_ADMINS = {"admin", "admin_here", "admin_elsewhere"}
_BEARERS = _PEOPLE | _ADMINS | {"service_token"}
_BACKENDS = {"backend", "backend_here", "backend_elsewhere", "policy_backend"}
_CONFIDENTIAL = {"app", "service", "resource_server"} | _BACKENDS
_CLIENTS = _CONFIDENTIAL | {"public"}
_NOT_CLIENTS = _ALL - _CLIENTS
_NO_TOKEN = _ALL - _BEARERS

Row = dict[str, set[str]]

_OPEN: Row = {"200": _ALL}


def _administration(done: str) -> Row:
    """For administrators of the environment and of the tenant."""
    return {
        done: {"admin", "admin_here"},
        "401 invalid_token": _NO_TOKEN,
        "403 insufficient_scope": _PEOPLE | {"service_token"},
        "404 not_found": {"admin_elsewhere"},
    }


def _environment() -> Row:
    """For administrators of the environment alone, whomever it is about."""
    return {
        "200": {"admin"},
        "401 invalid_token": _NO_TOKEN,
        "403 forbidden": {"admin_here", "admin_elsewhere"},
        "403 insufficient_scope": _PEOPLE | {"service_token"},
    }


def _of_clients() -> Row:
    """The same, where a tenant's administrator has clients of its own; this one is not."""
    return _administration("200") | {
        "200": {"admin"},
        "404 not_found": {"admin_here", "admin_elsewhere"},
    }


def _permitted(done: str, holder: str, *backends: str) -> Row:
    """For who holds a permission; `backends` are those that do."""
    here = set(backends) - {"backend_elsewhere"}
    return {
        done: {holder, "admin", "admin_here"} | here,
        "401 invalid_client": {"nobody", "public"},
        "403 forbidden": _CONFIDENTIAL - set(backends),
        "403 insufficient_scope": (_PEOPLE | {"service_token"}) - {holder, "stranger"},
        "404 not_found": {"stranger", "admin_elsewhere"} | (set(backends) - here),
    }


_WITH_SESSIONS = ("backend", "backend_here", "backend_elsewhere")


_NO_PERSON = _ADMINS | {"service_token"}
_ACTING_REFUSED = "403 impersonation_not_allowed"
_OTHERS = _MEMBERS | {"stranger"}


def _mine(outcomes: Row) -> Row:
    """For people, about themselves."""
    return {
        "401 invalid_token": _NO_TOKEN,
        "403 insufficient_scope": _NO_PERSON,
        **outcomes,
    }


_SIGN_IN = {"401 invalid_client": _NOT_CLIENTS, "403 client_not_allowed": _CONFIDENTIAL - {"app"}}
_REFRESH = {
    "200": {"app"},
    "400 invalid_grant": _BACKENDS | {"public"},
    "400 unauthorized_client": {"service", "resource_server"},
    "401 invalid_client": _NOT_CLIENTS,
}
_INTROSPECT = {
    "200 active": {"app"},
    "200 inactive": _CONFIDENTIAL - {"app"},
    "401 invalid_client": _NOT_CLIENTS | {"public"},
}
_INTROSPECT_IN_JSON = {
    **_INTROSPECT,
    "401 invalid_client": {"nobody", "public"},
    # A token of its own is a client's only if it is bound to a key.
    "403 insufficient_scope": _BEARERS,
}

_USERINFO = {
    "200": _PEOPLE - {"acting"},
    "401 invalid_token": _NO_TOKEN,
    # Neither a client's own token nor a backend's that acts as somebody has the scope openid.
    "403 insufficient_scope": _NO_PERSON | {"acting"},
}

# No credentials of an interface open anything at a page: it asks for a browser's cookies.
_NO_BROWSER: Row = {"400": _ALL}
_NOBODY_SIGNED_IN: Row = {"403": _ALL}

EXPECTED: dict[Route, Row] = {
    ("GET", "/oauth2/authorize"): _NO_BROWSER,
    ("POST", "/oauth2/authorize"): _NO_BROWSER,
    ("GET", "/oauth2/authorize/continue"): _NO_BROWSER,
    ("GET", "/sign-in"): _NO_BROWSER,
    ("POST", "/sign-in"): _NO_BROWSER,
    ("GET", "/tenant"): _NO_BROWSER,
    ("POST", "/tenant"): _NO_BROWSER,
    ("GET", "/consent"): _NO_BROWSER,
    ("POST", "/consent"): _NO_BROWSER,
    ("GET", "/consents"): _NOBODY_SIGNED_IN,
    ("POST", "/consents"): _NOBODY_SIGNED_IN,
    ("POST", "/session-limit"): _NO_BROWSER,
    ("GET", "/device"): _OPEN,
    ("POST", "/device"): _NO_BROWSER,
    ("GET", "/device/confirmation"): _NO_BROWSER,
    ("POST", "/device/confirmation"): _NO_BROWSER,
    ("GET", "/forgot-password"): _OPEN,
    ("POST", "/forgot-password"): _OPEN,
    ("GET", "/oauth2/logout"): _OPEN,
    ("POST", "/oauth2/logout"): {"303": _ALL},
    ("POST", "/oauth2/logout-confirmation"): _OPEN,
    ("GET", "/"): _OPEN,
    ("GET", "/.well-known/jwks.json"): _OPEN,
    ("GET", "/.well-known/oauth-authorization-server"): _OPEN,
    ("GET", "/.well-known/openid-configuration"): _OPEN,
    ("GET", "/livez"): _OPEN,
    ("GET", "/readyz"): _OPEN,
    # From this machine; `tests/operation` asks from others.
    ("GET", "/metrics"): _OPEN,
    ("GET", "/v1/openapi.json"): _OPEN,
    ("GET", "/oauth2/userinfo"): _USERINFO,
    ("POST", "/oauth2/userinfo"): _USERINFO,
    # Whoever has a good link; nobody here has one.
    ("GET", "/password-reset"): {"400": _ALL},
    ("POST", "/password-reset"): {"400": _ALL},
    ("POST", "/v1/password-resets"): {"202": _ALL},
    ("POST", "/v1/password-resets/complete"): {"400 void_link": _ALL},
    ("POST", "/oauth2/device_authorization"): {
        "400 unauthorized_client": _CLIENTS,
        "401 invalid_client": _NOT_CLIENTS,
    },
    ("POST", "/oauth2/introspect"): _INTROSPECT,
    ("POST", "/v1/token/introspect"): _INTROSPECT_IN_JSON,
    ("POST", "/v1/token/introspect/batch"): _INTROSPECT_IN_JSON,
    # Of these clients one sends browsers here.
    ("POST", "/oauth2/par"): {
        "201": {"app"},
        "400 invalid_request": _CLIENTS - {"app"},
        "401 invalid_client": _NOT_CLIENTS,
    },
    ("POST", "/oauth2/revoke"): {
        "200 ended": {"app"},
        "200": _CLIENTS - {"app"},
        "401 invalid_client": _NOT_CLIENTS,
    },
    # Off, unless an operator says otherwise; and nobody here has registered itself.
    ("POST", "/oauth2/register"): {"404 invalid_request": _ALL},
    ("GET", "/oauth2/register/<client_id>"): {"401 invalid_token": _ALL},
    ("PUT", "/oauth2/register/<client_id>"): {"401 invalid_token": _ALL},
    ("DELETE", "/oauth2/register/<client_id>"): {"401 invalid_token": _ALL},
    ("POST", "/oauth2/token"): _REFRESH,
    ("POST", "/v1/token/refresh"): _REFRESH,
    ("POST", "/v1/token/validate"): {"200 active": _ALL},
    ("POST", "/v1/token/validate/batch"): {
        "200 active": _CONFIDENTIAL,
        "401 invalid_client": {"nobody", "public"},
        "403 insufficient_scope": _BEARERS,
    },
    ("GET", "/v1/token/validate"): {"200": _BEARERS, "401 invalid_token": _NO_TOKEN},
    ("POST", "/v1/token/invalidate"): {
        "204 ended": {"owner", "revoker", *_WITH_SESSIONS, "admin", "admin_here"}
        - {"backend_elsewhere"},
        "401 invalid_client": {"nobody", "public"},
        "403 forbidden": {"app", "service", "resource_server", "policy_backend"},
        _ACTING_REFUSED: {"acting"},
        "403 insufficient_scope": {"service_token"},
        "404 not_found": (_OTHERS - {"revoker"}) | {"backend_elsewhere", "admin_elsewhere"},
    },
    ("POST", "/v1/sign-in"): _SIGN_IN | {"200": {"app", "public"}},
    ("POST", "/v1/sign-in/continue"): _SIGN_IN | {"400 invalid_ticket": {"app", "public"}},
    ("POST", "/v1/impersonations"): {
        "201": {"backend", "backend_here"},
        "401 invalid_client": {"nobody", "public"},
        "403 insufficient_scope": _BEARERS,
        "403 forbidden": _CONFIDENTIAL - set(_WITH_SESSIONS),
        "404 not_found": {"backend_elsewhere"},
    },
    ("GET", "/v1/me"): _mine({"200": _PEOPLE}),
    ("PATCH", "/v1/me"): _mine({"200": _PEOPLE - {"acting"}, _ACTING_REFUSED: {"acting"}}),
    ("GET", "/v1/me/consents"): _mine({"200": _PEOPLE - {"acting"}, _ACTING_REFUSED: {"acting"}}),
    ("DELETE", "/v1/me/consents/<client_id>"): _mine(
        {"204": _PEOPLE - {"acting"}, _ACTING_REFUSED: {"acting"}}
    ),
    ("POST", "/v1/me/password"): _mine(
        {"200": {"owner"}, "401 invalid_credentials": _OTHERS, _ACTING_REFUSED: {"acting"}}
    ),
    ("GET", "/v1/me/sessions"): _mine({"200": _PEOPLE - {"acting"}, _ACTING_REFUSED: {"acting"}}),
    ("DELETE", "/v1/me/sessions"): _mine(
        {"204 ended": {"owner"}, "204": _OTHERS, _ACTING_REFUSED: {"acting"}}
    ),
    ("GET", "/v1/me/sessions/<sid>"): _mine(
        {"200": {"owner"}, "404 not_found": _OTHERS | {"acting"}}
    ),
    ("DELETE", "/v1/me/sessions/<sid>"): _mine(
        {"204 ended": {"owner"}, "404 not_found": _OTHERS, _ACTING_REFUSED: {"acting"}}
    ),
    ("POST", "/v1/me/sessions/ping"): _mine({"200": _PEOPLE}),
    ("GET", "/v1/me/tenants"): _mine({"200": _PEOPLE}),
    ("POST", "/v1/me/tenants/<tenant_id>/tokens"): _mine(
        {
            "200": _MEMBERS | {"owner"},
            "400 tenant_not_allowed": {"stranger"},
            # The token is another client's than the one that asks.
            "400 invalid_grant": {"acting"},
        }
    ),
    ("GET", "/v1/accounts/<account_id>/audit"): _administration("200"),
    ("GET", "/v1/accounts/<account_id>/lock-out"): _administration("200"),
    ("DELETE", "/v1/accounts/<account_id>/lock-out"): _administration("204"),
    ("POST", "/v1/accounts/<account_id>/password-reset"): _administration("202"),
    ("GET", "/v1/accounts/<account_id>/session-limit"): _environment(),
    ("PATCH", "/v1/accounts/<account_id>/session-limit"): _environment(),
    ("GET", "/v1/accounts/<account_id>/sessions"): _permitted("200", "reader", *_WITH_SESSIONS),
    ("DELETE", "/v1/accounts/<account_id>/sessions"): _permitted(
        "204 ended", "revoker", *_WITH_SESSIONS
    ),
    ("GET", "/v1/accounts/<account_id>/sessions/<sid>"): _permitted(
        "200", "reader", *_WITH_SESSIONS
    ),
    ("DELETE", "/v1/accounts/<account_id>/sessions/<sid>"): _permitted(
        "204 ended", "revoker", *_WITH_SESSIONS
    ),
    ("GET", "/v1/clients/<client_id>/policy"): _of_clients(),
    ("PATCH", "/v1/clients/<client_id>/policy"): _of_clients(),
    ("GET", "/v1/policies/effective"): _permitted("200", "policy_writer", "policy_backend"),
    ("GET", "/v1/policies/environment"): _environment(),
    ("PATCH", "/v1/policies/environment"): _environment(),
    ("GET", "/v1/tenants/<tenant_id>/members"): _administration("200"),
    ("PUT", "/v1/tenants/<tenant_id>/members/<account_id>"): _administration("200"),
    ("DELETE", "/v1/tenants/<tenant_id>/members/<account_id>"): _administration("204 ended"),
    ("GET", "/v1/tenants/<tenant_id>/policy"): _permitted("200", "policy_writer", "policy_backend"),
    ("PATCH", "/v1/tenants/<tenant_id>/policy"): _permitted(
        "200", "policy_writer", "policy_backend"
    ),
    ("GET", "/v1/tenants/<tenant_id>/roles"): _administration("200"),
    ("PATCH", "/v1/tenants/<tenant_id>/roles"): _administration("200"),
}
