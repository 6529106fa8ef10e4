"""What this server says of itself (RFC 8414 section 2, OpenID Connect Discovery section 3).

One source for both documents, so that they state the same facts. Each capability adds its own in a
function of its own; whatever stands here is true, and a test drives it.
"""

from collections.abc import Iterable

from token_service.domain import authentication_context, openid_claims
from token_service.domain.authorization_requests import (
    CHALLENGE_METHOD,
    PROMPTS,
    RESPONSE_MODES,
)
from token_service.domain.client_assertions import KEY_ALGORITHMS, SECRET_ALGORITHMS
from token_service.domain.clients import OFFLINE_SCOPE
from token_service.domain.dpop import ALGORITHMS as DPOP_ALGORITHMS
from token_service.domain.request_objects import ALGORITHMS as OBJECT_ALGORITHMS
from token_service.oauth.credentials import CERTIFICATES, CONFIDENTIAL, EVERY_CLIENT, Method
from token_service.oauth.server import GRANTS
from token_service.settings import Settings
from token_service.texts.catalogue import languages

JWKS = "/.well-known/jwks.json"
_OF_THE_PROTOCOL = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid")


def facts(settings: Settings) -> dict[str, object]:
    """Everything, for both documents."""
    return {
        "issuer": settings.issuer,
        "jwks_uri": settings.issuer + JWKS,
        **_authorization(settings),
        **_requests(settings),
        **_tokens(settings),
        **_device(settings),
        **_openid(settings),
        **_registration(settings),
        **_log_out(settings),
    }


def _authorization(settings: Settings) -> dict[str, object]:
    """The authorization endpoint and its pages."""
    return {
        "authorization_endpoint": f"{settings.issuer}/oauth2/authorize",
        "response_types_supported": ["code"],
        "response_modes_supported": [*RESPONSE_MODES],
        "code_challenge_methods_supported": [CHALLENGE_METHOD],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": [*PROMPTS],
        "claims_parameter_supported": True,
        "ui_locales_supported": [*languages()],
    }


def _requests(settings: Settings) -> dict[str, object]:
    """Requests that come otherwise than in the URL: pushed (RFC 9126 section 5) or signed (RFC 9101
    section 10.5, OpenID Connect Discovery section 3)."""
    return {
        "pushed_authorization_request_endpoint": f"{settings.issuer}/oauth2/par",
        "require_pushed_authorization_requests": settings.pushed_requests.required,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "request_object_signing_alg_values_supported": [*OBJECT_ALGORITHMS],
    }


def _tokens(settings: Settings) -> dict[str, object]:
    """The token, introspection and revocation endpoints."""
    issuer = settings.issuer
    return {
        "token_endpoint": f"{issuer}/oauth2/token",
        **_authentication(settings, "token", EVERY_CLIENT),
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        **_authentication(settings, "introspection", CONFIDENTIAL),
        "introspection_signing_alg_values_supported": _algorithms(settings),
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        **_authentication(settings, "revocation", EVERY_CLIENT),
        "grant_types_supported": [grant.GRANT_TYPE for grant in GRANTS],
        "dpop_signing_alg_values_supported": [*DPOP_ALGORITHMS],
        "tls_client_certificate_bound_access_tokens": True,
    }


def _device(settings: Settings) -> dict[str, object]:
    """RFC 8628 section 4."""
    return {
        "device_authorization_endpoint": f"{settings.issuer}/oauth2/device_authorization",
    }


def _authentication(
    settings: Settings, endpoint: str, methods: Iterable[Method]
) -> dict[str, object]:
    """How clients authenticate there; by certificates only where a proxy hands these on."""
    server = settings.server
    absent = set() if server.client_certificate_header else {*CERTIFICATES}
    if server.client_ca_file is None:
        absent.add(Method.TLS)
    return {
        f"{endpoint}_endpoint_auth_methods_supported": [
            one for one in methods if one not in absent
        ],
        f"{endpoint}_endpoint_auth_signing_alg_values_supported": [
            *KEY_ALGORITHMS,
            *SECRET_ALGORITHMS,
        ],
    }


def _openid(settings: Settings) -> dict[str, object]:
    """ID tokens and what they and the userinfo endpoint tell of an account."""
    return {
        "userinfo_endpoint": f"{settings.issuer}/oauth2/userinfo",
        "userinfo_signing_alg_values_supported": _algorithms(settings),
        "id_token_signing_alg_values_supported": _algorithms(settings),
        "subject_types_supported": ["public", "pairwise"],
        "scopes_supported": [openid_claims.OPENID_SCOPE, *openid_claims.SCOPES, OFFLINE_SCOPE],
        "claim_types_supported": ["normal"],
        "claims_supported": [*_OF_THE_PROTOCOL, "tenantId", *openid_claims.SCOPE_OF],
        "acr_values_supported": [*authentication_context.SUPPORTED],
    }


def _log_out(settings: Settings) -> dict[str, object]:
    """RP-Initiated Logout section 2.1, Back-Channel and Front-Channel Logout section 3 each."""
    return {
        "end_session_endpoint": f"{settings.issuer}/oauth2/logout",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
    }


def _registration(settings: Settings) -> dict[str, object]:
    """Where clients register themselves (RFC 7591), if they may."""
    if settings.registration.mode == "off":
        return {}
    return {"registration_endpoint": f"{settings.issuer}/oauth2/register"}


def _algorithms(settings: Settings) -> list[str]:
    """Those that there are keys for; never one that a client's secret could sign with."""
    return [*settings.keys.signing]
