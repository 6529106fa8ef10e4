"""Authorization requests: raw parameters become one typed request, or a named no.

Whatever is wrong before client and redirect URI are certain is never sent anywhere: a server that
redirects then is an open redirector (RFC 6749 section 4.1.2.1, RFC 9700 section 4.11.2).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from token_service.domain import claims_parameter, scopes, stored_forms
from token_service.domain.accounts import well_formed_id
from token_service.domain.clients import Client
from token_service.domain.openid_claims import OPENID_SCOPE
from token_service.domain.redirects import matching

PROMPTS = ("none", "login", "consent", "select_account")
RESPONSE_MODES = ("query", "form_post")
CHALLENGE_METHOD = "S256"

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 in base64url: a challenge (RFC 7636 section 4.2) or the thumbprint of a key."""
_SECONDS = re.compile(r"0|[1-9][0-9]{0,8}")
_MAX_NONCE = 512


class Unredirectable(StrEnum):
    """Why the person is told, and nobody else: client or redirect URI are not certain."""

    UNKNOWN_CLIENT = "unknown_client"
    REDIRECT_URI_MISSING = "redirect_uri_missing"
    REDIRECT_URI_UNKNOWN = "redirect_uri_unknown"
    REQUEST_URI_INVALID = "request_uri_invalid"
    REQUEST_OBJECT_INVALID = "request_object_invalid"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the answer of an authorization request goes, and how."""

    redirect_uri: str
    response_mode: str = "query"
    state: str | None = None


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request whose answer is an error; `error` is a code of RFC 6749 section 4.1.2.1, OpenID
    Connect Core section 3.1.2.6 or RFC 8707. `sentence` says for the developer what is wrong."""

    error: str
    sentence: str
    target: Target


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the parameters came: pushed by the client before (RFC 9126), or signed (RFC 9101)."""

    pushed: bool = False
    signed: bool = False


IN_THE_BROWSER = Delivery()


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request in good form, of a client that may make it.

    `redirect_uri_given`: whether it was in the request, so that it must be when the code is used.
    `scope` is what of it the client may have. `code_challenge` is None only for a confidential
    client that is exempt. `max_age` is in seconds. `claims` is the parameter as JSON.
    `hinted_subject` is the `sub` that `id_token_hint` names. `resources` are the audiences that
    were asked for, () for the client's own. `dpop_jkt` is a thumbprint (RFC 9449 section 10).
    `device_id` is the device that the answer is for, in place of a redirect URI (RFC 8628).
    `pushed_as` is the id of the pushed request that it is, and that its answer uses up.
    """

    client_id: str
    redirect_uri: str
    redirect_uri_given: bool = True
    response_mode: str = "query"
    scope: str = ""
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str | None = None
    acr_values: tuple[str, ...] = ()
    ui_locales: tuple[str, ...] = ()
    claims: str | None = None
    hinted_subject: str | None = None
    resources: tuple[str, ...] = ()
    tenant_id: str | None = None
    dpop_jkt: str | None = None
    device_id: str | None = None
    pushed_as: str | None = None

    @property
    def target(self) -> Target:
        """Where the answer goes."""
        return Target(self.redirect_uri, self.response_mode, self.state)

    @property
    def is_openid(self) -> bool:
        """Whether it is an OpenID Connect authentication."""
        return OPENID_SCOPE in scopes.names(self.scope)

    def stored(self) -> dict[str, Any]:
        """As JSON: only what differs from the defaults."""
        return stored_forms.stored(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """From what `stored` gave."""
        return cls(**stored_forms.values(stored))


class _Wrong(Exception):
    """Leaves the reading of a request whose redirect URI is certain."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(error)
        self.error = error
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class _Asked:
    """The parameters, each at most once and none empty, and who asks."""

    parameters: Mapping[str, str] = field(repr=False)
    client: Client
    delivery: Delivery

    def get(self, name: str) -> str | None:
        return self.parameters.get(name)

    def list_of(self, name: str) -> tuple[str, ...]:
        return tuple(self.parameters.get(name, "").split())


def authorization_request(
    parameters: Mapping[str, str], client: Client | None, delivery: Delivery = IN_THE_BROWSER
) -> AuthorizationRequest | Unredirectable | RequestRefused:
    """Read a request by the client that its `client_id` names (RFC 6749 section 4.1.1).

    Each name comes once and with a value; several `resource` are one text with spaces between
    them. Unknown parameters are ignored. `id_token_hint` is the caller's to verify.
    """
    if client is None or not client.enabled:
        return Unredirectable.UNKNOWN_CLIENT
    target = target_of(parameters, client)
    if isinstance(target, Unredirectable):
        return target
    asked = _Asked(parameters, client, delivery)
    try:
        if not _has_mode(parameters, client):
            raise _Wrong("invalid_request", "The response_mode is not one of this client's.")
        _check_kind(asked)
        return _read(asked, target)
    except _Wrong as wrong:
        return RequestRefused(wrong.error, wrong.sentence, target)


def target_of(parameters: Mapping[str, str], client: Client) -> Target | Unredirectable:
    """Where an answer to these parameters goes, whatever else may be wrong with them; in the query
    where they name a response mode that is none of the client's."""
    redirect_uri = _redirect_uri(parameters, client)
    if isinstance(redirect_uri, Unredirectable):
        return redirect_uri
    mode = parameters.get("response_mode") if _has_mode(parameters, client) else None
    return Target(redirect_uri, mode or "query", parameters.get("state"))


def _has_mode(parameters: Mapping[str, str], client: Client) -> bool:
    mode = parameters.get("response_mode", "query")
    return mode in RESPONSE_MODES and mode in client.metadata.response_modes


def _redirect_uri(parameters: Mapping[str, str], client: Client) -> str | Unredirectable:
    registered, requested = client.metadata.redirect_uris, parameters.get("redirect_uri")
    if requested is not None:
        found = matching(registered, requested, client.metadata.application_type)
        return found or Unredirectable.REDIRECT_URI_UNKNOWN
    # OpenID Connect Core section 3.1.2.1 demands it; RFC 6749 section 3.1.2.3 where there are more.
    if len(registered) != 1 or OPENID_SCOPE in scopes.names(parameters.get("scope", "")):
        return Unredirectable.REDIRECT_URI_MISSING
    return registered[0]


def _check_kind(asked: _Asked) -> None:
    """That it is a request of a kind that there is here, and that this client may make."""
    client, metadata = asked.client, asked.client.metadata
    for name in ("request", "request_uri", "registration"):
        if asked.get(name) is not None:
            raise _Wrong(f"{name}_not_supported", f"The parameter {name} is not supported.")
    response_type = asked.get("response_type")
    if response_type is None:
        raise _Wrong("invalid_request", "The parameter response_type is missing.")
    if response_type != "code":
        raise _Wrong("unsupported_response_type", "The only response_type is code.")
    if "authorization_code" not in client.grant_types or "code" not in metadata.response_types:
        raise _Wrong("unauthorized_client", "The client may not ask for codes.")
    if metadata.require_pushed_authorization_requests and not asked.delivery.pushed:
        raise _Wrong("invalid_request", "The client has to push its requests.")
    if metadata.require_signed_request_object and not asked.delivery.signed:
        raise _Wrong("invalid_request", "The client has to sign its requests.")


def _read(asked: _Asked, target: Target) -> AuthorizationRequest:
    request = AuthorizationRequest(
        client_id=asked.client.client_id,
        redirect_uri=target.redirect_uri,
        redirect_uri_given=asked.get("redirect_uri") is not None,
        response_mode=target.response_mode,
        state=target.state,
        scope=_scope(asked),
        code_challenge=_challenge(asked),
        prompt=_prompt(asked),
        max_age=_max_age(asked),
        login_hint=asked.get("login_hint"),
        acr_values=asked.list_of("acr_values") or asked.client.metadata.default_acr_values,
        ui_locales=asked.list_of("ui_locales"),
    )
    return replace(
        request,
        nonce=_nonce(asked),
        claims=_claims(asked),
        resources=_resources(asked),
        tenant_id=_tenant_id(asked),
        dpop_jkt=_thumbprint(asked, "dpop_jkt"),
    )


def _scope(asked: _Asked) -> str:
    """What the client may have of the scope that it asks for.

    OpenID Connect has scopes ignored that are not known (Core section 3.1.2.1); otherwise one too
    much is `invalid_scope` (RFC 6749 section 4.1.2.1).
    """
    requested, allowed = asked.get("scope"), asked.client.scope_names
    if requested is None:
        return asked.client.default_scope
    if not scopes.well_formed(requested):
        raise _Wrong("invalid_scope", "The scope is malformed.")
    wanted = scopes.names(requested)
    granted = wanted & allowed
    if not granted or (granted != wanted and OPENID_SCOPE not in granted):
        raise _Wrong("invalid_scope", "The client may not ask for this scope.")
    return scopes.canonical(granted)


def _challenge(asked: _Asked) -> str | None:
    """PKCE with S256, for everybody (OAuth 2.1 section 4.1.1); an exempt client may leave it out.

    A method that is missing would mean `plain` (RFC 7636 section 4.3), which hides nothing.
    """
    client = asked.client
    challenge, method = asked.get("code_challenge"), asked.get("code_challenge_method")
    if challenge is None and method is None:
        if client.metadata.pkce_required or client.is_public:
            raise _Wrong("invalid_request", "The parameter code_challenge is missing.")
        return None
    if method != CHALLENGE_METHOD:
        raise _Wrong("invalid_request", "The only code_challenge_method is S256.")
    if challenge is None:
        raise _Wrong("invalid_request", "The parameter code_challenge is missing.")
    return _thumbprint(asked, "code_challenge")


def _thumbprint(asked: _Asked, name: str) -> str | None:
    value = asked.get(name)
    if value is not None and not _THUMBPRINT.fullmatch(value):
        raise _Wrong("invalid_request", f"The parameter {name} is not a SHA-256 hash in base64url.")
    return value


def _prompt(asked: _Asked) -> tuple[str, ...]:
    prompts = asked.list_of("prompt")
    if not set(prompts) <= set(PROMPTS):
        raise _Wrong("invalid_request", "The parameter prompt has an unknown value.")
    if "none" in prompts and len(set(prompts)) > 1:
        raise _Wrong("invalid_request", "The prompt none goes with no other.")
    return prompts


def _max_age(asked: _Asked) -> int | None:
    text = asked.get("max_age")
    if text is None:
        return asked.client.metadata.default_max_age
    if not _SECONDS.fullmatch(text):
        raise _Wrong("invalid_request", "The parameter max_age is not a number of seconds.")
    return int(text)


def _nonce(asked: _Asked) -> str | None:
    nonce = asked.get("nonce")
    if nonce is not None and len(nonce) > _MAX_NONCE:
        raise _Wrong("invalid_request", "The parameter nonce is too long.")
    return nonce


def _claims(asked: _Asked) -> str | None:
    """The parameter `claims`, if it can be read (Core section 5.5)."""
    text = asked.get("claims")
    if claims_parameter.requested(text) is None:
        raise _Wrong("invalid_request", "The parameter claims is malformed.")
    return text


def _resources(asked: _Asked) -> tuple[str, ...]:
    """RFC 8707 section 2: resource servers that the client's tokens may be for, by their names."""
    wanted = asked.list_of("resource")
    if not set(wanted) <= set(asked.client.audience):
        raise _Wrong("invalid_target", "The client may not ask for tokens for this resource.")
    return tuple(dict.fromkeys(wanted))


def _tenant_id(asked: _Asked) -> str | None:
    """The tenant that the person is to be in; a client of a tenant is for that one alone."""
    own, requested = asked.client.tenant_id, asked.get("tenant_id")
    if requested is not None and (not well_formed_id(requested) or own not in (None, requested)):
        raise _Wrong("invalid_request", "The client is not for this tenant.")
    return requested or own
