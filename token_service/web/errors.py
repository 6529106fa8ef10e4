"""The one table that turns refusals into answers: a status, a stable code, a sentence.

A `Stage` says what any refusal means at one point of a request. Every stage gives one answer to
all reasons that it does not name, so that no client can tell unknown from expired from replayed;
the audit log can.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from token_service.domain.authorization_requests import Unredirectable
from token_service.domain.dpop import ALGORITHMS
from token_service.domain.refusals import Refusal

_BASIC = 'Basic realm="token-service", charset="UTF-8"'
_BEARER = 'Bearer realm="token-service"'
_DPOP = f'DPoP realm="token-service", algs="{" ".join(ALGORITHMS)}"'


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to say no.

    `code` is for `/v1` (RFC 9457), `error` the one of RFC 6749 where it is another. `sentence` has
    the characters that RFC 6749 section 5.2 allows, and nothing that a request said.
    `challenge` is the value of `WWW-Authenticate`.
    """

    status: int
    code: str
    sentence: str
    error: str = ""
    challenge: str = ""

    def saying(self, sentence: str) -> "Fault":
        """The same with another sentence."""
        return replace(self, sentence=sentence)


INVALID_REQUEST = Fault(400, "invalid_request", "The request is malformed.")
INVALID_CLIENT = Fault(
    401, "invalid_client", "The client is unknown or its credentials are wrong.", challenge=_BASIC
)
INVALID_CREDENTIALS = Fault(401, "invalid_credentials", "The identifier or the password is wrong.")
TENANT_REQUIRED = Fault(
    400, "tenant_required", "The account belongs to several tenants: name one by tenant_id."
)
TENANT_NOT_ALLOWED = Fault(
    403, "tenant_not_allowed", "The account cannot sign in to this tenant with this client."
)
TENANT_UNREACHABLE = Fault(
    400,
    "tenant_not_allowed",
    "The session cannot enter this tenant with this client.",
    error="invalid_target",
)
TENANT_FULL = Fault(
    400,
    "session_limit",
    "The account has as many sessions in this tenant as it may have at once.",
    error="invalid_target",
)
REFRESH_FIRST = Fault(
    400,
    "refresh_first",
    "The refresh token was used already: refresh without tenant_id, and use what that gives.",
    error="invalid_target",
)
CLIENT_NOT_ALLOWED = Fault(403, "client_not_allowed", "The client may not do this.")
INVALID_SCOPE = Fault(
    400, "invalid_scope", "The scope is malformed or more than what may be granted."
)
UNAUTHORIZED_CLIENT = Fault(400, "unauthorized_client", "The client may not use this grant type.")
UNSUPPORTED_GRANT_TYPE = Fault(400, "unsupported_grant_type", "The grant type is not supported.")
INVALID_REQUEST_OBJECT = Fault(
    400,
    "invalid_request_object",
    "The request object is not one that the client has signed for now and for here.",
)
INVALID_GRANT = Fault(400, "invalid_grant", "The refresh token is not valid.")
INVALID_DEVICE_CODE = INVALID_GRANT.saying("The device code is not valid.")
AUTHORIZATION_PENDING = Fault(400, "authorization_pending", "Nobody has decided yet: ask again.")
SLOW_DOWN = Fault(400, "slow_down", "Ask less often: wait 5 seconds longer from now on.")
EXPIRED_DEVICE_CODE = Fault(400, "expired_token", "The device code is too old: begin again.")
ACCESS_DENIED = Fault(400, "access_denied", "The device was not let in.")
INVALID_CODE = INVALID_GRANT.saying("The code is not valid.")
INVALID_TARGET = Fault(
    400,
    "invalid_target",
    "The client may not ask for tokens for this resource.",
)
INVALID_POLICY = Fault(
    400, "invalid_policy", "The change of the policy is wrong, and nothing was changed."
)
INVALID_CURSOR = Fault(400, "invalid_cursor", "The cursor is not one that was given out here.")
INVALID_TICKET = Fault(
    400, "invalid_ticket", "The ticket is not valid: sign in with the password again."
)
SESSION_NOT_LIVE = Fault(
    400, "session_not_live", "end_sid is none of the live sessions that can be ended for this."
)
SESSION_LIMIT = Fault(
    403, "session_limit", "The account has as many sessions as it may have at once."
)
SESSION_LIMIT_ASKS = Fault(
    409, "session_limit", "The account has as many sessions as it may have at once: end one."
)
NO_TOKEN_OF_OURS = Fault(400, "invalid_token", "The token is not one of this service.")
TOKEN_MISSING = Fault(
    401, "invalid_token", "An access token is needed as a Bearer token.", challenge=_BEARER
)
INVALID_TOKEN = Fault(
    401,
    "invalid_token",
    "The access token is not valid.",
    challenge=f'{_BEARER}, error="invalid_token"',
)
INVALID_PROOF = Fault(400, "invalid_dpop_proof", "A DPoP proof is needed, and this is none.")
NONCE_NEEDED = Fault(400, "use_dpop_nonce", "The DPoP proof must contain the nonce of this answer.")
CERTIFICATE_NEEDED = INVALID_REQUEST.saying("The client must show its certificate.")
INVALID_BOUND_TOKEN = Fault(
    401,
    "invalid_token",
    "The access token is bound to a key that was not proved.",
    challenge=f'{_DPOP}, error="invalid_token"',
)
INVALID_PROOF_FOR_TOKEN = Fault(
    401,
    "invalid_dpop_proof",
    "The DPoP proof is not valid.",
    challenge=f'{_DPOP}, error="invalid_dpop_proof"',
)
NONCE_NEEDED_FOR_TOKEN = Fault(
    401,
    "use_dpop_nonce",
    "The DPoP proof must contain the nonce of this answer.",
    challenge=f'{_DPOP}, error="use_dpop_nonce"',
)
INSUFFICIENT_SCOPE = Fault(
    403,
    "insufficient_scope",
    "The access token does not permit this.",
    challenge=f'{_BEARER}, error="insufficient_scope"',
)
OPENID_SCOPE_NEEDED = Fault(
    403,
    "insufficient_scope",
    "The access token is not one of a person with the scope openid.",
    challenge=f'{_BEARER}, error="insufficient_scope", scope="openid"',
)
AUTHENTICATION_MISSING = Fault(
    401,
    "invalid_client",
    "Client credentials or an access token are needed.",
    challenge=f"{_BASIC}, {_BEARER}",
)
FORBIDDEN = Fault(403, "forbidden", "The client does not have this permission.")
IMPERSONATION_NOT_ALLOWED = Fault(
    403, "impersonation_not_allowed", "Acting as somebody else is not allowed here."
)
INVALID_REDIRECT_URI = Fault(400, "invalid_redirect_uri", "An address to be sent back to is wrong.")
INVALID_CLIENT_METADATA = Fault(400, "invalid_client_metadata", "The client metadata is wrong.")
CLIENTS_FULL = Fault(
    403, "access_denied", "As many clients as may be have registered: the next one needs a permit."
)
UNSUITABLE_PASSWORD = Fault(
    400, "unsuitable_password", "The new password cannot be chosen; the errors say why."
)
WRONG_PASSWORD = INVALID_CREDENTIALS.saying("The current password is wrong.")
VOID_LINK = Fault(400, "void_link", "The link is not, or no longer, good.")
NO_ADDRESS = Fault(409, "no_address", "The account has no e-mail address.")
ACCOUNT_DISABLED = Fault(409, "account_disabled", "The account is switched off.")
NOT_FOUND = Fault(404, "not_found", "There is nothing here.", error="invalid_request")
METHOD_NOT_ALLOWED = Fault(
    405, "method_not_allowed", "The method is not allowed here.", error="invalid_request"
)
TOO_LARGE = Fault(
    413, "request_too_large", "The request body is too large.", error="invalid_request"
)
UNSUPPORTED_MEDIA_TYPE = Fault(
    415, "unsupported_media_type", "The body has the wrong content type.", error="invalid_request"
)
THROTTLED = Fault(
    429, "throttled", "Too many failures: try again later.", error="temporarily_unavailable"
)
TOO_MANY_REQUESTS = THROTTLED.saying("Too many requests: try again later.")
INTERNAL = Fault(500, "internal_error", "Something went wrong here.", error="server_error")
UNAVAILABLE = Fault(
    503,
    "unavailable",
    "The service cannot answer now: try again.",
    error="temporarily_unavailable",
)

_BY_STATUS = {
    fault.status: fault
    for fault in (
        INVALID_REQUEST,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        UNAVAILABLE,
    )
}


_PHRASES = {int(status): status.phrase for status in HTTPStatus}


def of_status(status: int) -> Fault:
    """The fault of an error that the framework found."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if not 400 <= status < 500:
        return INTERNAL
    phrase = _PHRASES.get(status, "Bad Request")
    code = phrase.lower().replace(" ", "_").replace("-", "_").replace("'", "")
    return Fault(status, code, f"{phrase}.", error="invalid_request")


@dataclass(frozen=True, slots=True)
class Stage:
    """What refusals mean at one point of a request: some by name, all others alike."""

    otherwise: Fault
    named: Mapping[Refusal, Fault] = field(default_factory=dict)

    def fault(self, reason: Refusal) -> Fault:
        """What the client is told."""
        return self.named.get(reason, self.otherwise)


CLIENT = Stage(INVALID_CLIENT, {Refusal.THROTTLED: THROTTLED})
"""A client proves who it is."""

SIGN_IN = Stage(
    INVALID_CREDENTIALS,
    {
        Refusal.THROTTLED: THROTTLED,
        Refusal.SOURCE_THROTTLED: THROTTLED,
        Refusal.TENANT_REQUIRED: TENANT_REQUIRED,
        Refusal.NOT_A_MEMBER: TENANT_NOT_ALLOWED,
        Refusal.UNKNOWN_TENANT: TENANT_NOT_ALLOWED,
        Refusal.TENANT_DISABLED: TENANT_NOT_ALLOWED,
        Refusal.NOT_FIRST_PARTY: CLIENT_NOT_ALLOWED,
        Refusal.INVALID_SCOPE: INVALID_SCOPE,
        Refusal.SESSION_LIMIT: SESSION_LIMIT,
    },
)
"""A person proves who they are."""

CONTINUE = Stage(
    INVALID_TICKET,
    {
        Refusal.NOT_FIRST_PARTY: CLIENT_NOT_ALLOWED,
        Refusal.SESSION_LIMIT: SESSION_LIMIT,
        Refusal.UNKNOWN_SESSION: SESSION_NOT_LIVE,
    },
)
"""A sign-in that waited goes on: whatever is wrong with the ticket looks alike."""

GRANT = Stage(
    INVALID_GRANT,
    {
        Refusal.INVALID_SCOPE: INVALID_SCOPE,
        Refusal.GRANT_NOT_ALLOWED: UNAUTHORIZED_CLIENT,
        Refusal.NOT_A_MEMBER: TENANT_UNREACHABLE,
        Refusal.NOT_ALLOWED_THERE: TENANT_UNREACHABLE,
        Refusal.SESSION_LIMIT: TENANT_FULL,
        Refusal.SPENT_OTHERWISE: REFRESH_FIRST,
    },
)
"""A client that has authenticated asks for tokens."""

CODE = Stage(
    INVALID_CODE,
    {Refusal.GRANT_NOT_ALLOWED: UNAUTHORIZED_CLIENT, Refusal.INVALID_TARGET: INVALID_TARGET},
)
"""The same by an authorization code: whatever is wrong with it looks alike."""

DEVICE_BEGINS = Stage(
    INVALID_REQUEST.saying("The client is not for this tenant."),
    {
        Refusal.GRANT_NOT_ALLOWED: UNAUTHORIZED_CLIENT,
        Refusal.INVALID_SCOPE: INVALID_SCOPE,
        Refusal.INVALID_TARGET: INVALID_TARGET,
        Refusal.SOURCE_THROTTLED: TOO_MANY_REQUESTS,
    },
)
"""A device begins to wait for a person."""

DEVICE = Stage(
    INVALID_DEVICE_CODE,
    {
        Refusal.GRANT_NOT_ALLOWED: UNAUTHORIZED_CLIENT,
        Refusal.AUTHORIZATION_PENDING: AUTHORIZATION_PENDING,
        Refusal.SLOW_DOWN: SLOW_DOWN,
        Refusal.EXPIRED: EXPIRED_DEVICE_CODE,
        Refusal.DENIED: ACCESS_DENIED,
        Refusal.SIGN_IN_OVER: ACCESS_DENIED,
        Refusal.NOT_A_MEMBER: ACCESS_DENIED,
        Refusal.SESSION_LIMIT: ACCESS_DENIED,
    },
)
"""The same device asks for its tokens (RFC 8628 section 3.5)."""

TENANT_ROLES = Stage(
    NOT_FOUND, {Refusal.MALFORMED: INVALID_REQUEST.saying("The tenant would have too many roles.")}
)
"""An administrator changes what the roles of a tenant permit."""

MEMBER = Stage(NOT_FOUND)
"""An administrator changes somebody's membership: who is not there and who is no member alike."""

INSPECTION = Stage(INVALID_REQUEST, {Refusal.SOURCE_THROTTLED: TOO_MANY_REQUESTS})
"""Somebody asks about tokens: only too much garbage is refused, all else is an answer."""

BEARER = Stage(INVALID_TOKEN)
"""An access token in the `Authorization` header."""

USERINFO = Stage(INVALID_TOKEN, {Refusal.FORBIDDEN: OPENID_SCOPE_NEEDED})
"""The same at the userinfo endpoint."""

PROOF = Stage(
    INVALID_PROOF,
    {
        Refusal.NONCE_NEEDED: NONCE_NEEDED,
        Refusal.CERTIFICATE_MISSING: CERTIFICATE_NEEDED,
    },
)
"""A client proves which key or certificate it has, to get tokens that are bound to it."""

BOUND_TOKEN = Stage(
    INVALID_PROOF_FOR_TOKEN,
    {
        Refusal.NONCE_NEEDED: NONCE_NEEDED_FOR_TOKEN,
        Refusal.PROOF_MISSING: INVALID_BOUND_TOKEN,
        Refusal.WRONG_KEY: INVALID_BOUND_TOKEN,
        Refusal.CERTIFICATE_MISSING: INVALID_TOKEN,
    },
)
"""Whoever uses a bound access token proves that it is theirs."""

REGISTRATION = Stage(
    INVALID_TOKEN,
    {
        Refusal.REGISTRATION_OFF: NOT_FOUND,
        Refusal.SOURCE_THROTTLED: THROTTLED.saying("Too many registrations: try again later."),
        Refusal.TOO_MANY_CLIENTS: CLIENTS_FULL,
        Refusal.INVALID_REDIRECT_URI: INVALID_REDIRECT_URI,
        Refusal.INVALID_CLIENT_METADATA: INVALID_CLIENT_METADATA,
    },
)
"""A client registers itself, or manages its registration: who it is not looks like nobody."""
PUSH = Stage(INVALID_PROOF, {Refusal.SOURCE_THROTTLED: TOO_MANY_REQUESTS})
"""A client pushes a request, and has proved another key than the request states."""

UNPUSHABLE: Mapping[Unredirectable, Fault] = {
    Unredirectable.UNKNOWN_CLIENT: INVALID_CLIENT,
    Unredirectable.REDIRECT_URI_MISSING: INVALID_REQUEST.saying("The redirect_uri is missing."),
    Unredirectable.REDIRECT_URI_UNKNOWN: INVALID_REQUEST.saying(
        "The redirect_uri is not one of the client."
    ),
    Unredirectable.REQUEST_URI_INVALID: INVALID_REQUEST.saying(
        "The parameter request_uri cannot be pushed."
    ),
    Unredirectable.REQUEST_OBJECT_INVALID: INVALID_REQUEST_OBJECT,
}
"""The same where a browser would be told by a page."""


def of_request(error: str, sentence: str) -> Fault:
    """What is wrong with an authorization request, by a code of RFC 6749 section 4.1.2.1."""
    return Fault(400, error, sentence)


POLICY = Stage(NOT_FOUND, {Refusal.INVALID_POLICY: INVALID_POLICY})
"""A policy is read or changed."""
IMPERSONATION = Stage(
    NOT_FOUND,
    {
        Refusal.FORBIDDEN: FORBIDDEN,
        Refusal.INVALID_SCOPE: INVALID_SCOPE,
        Refusal.ACCOUNT_DISABLED: IMPERSONATION_NOT_ALLOWED,
        Refusal.IMPERSONATION_NOT_ALLOWED: IMPERSONATION_NOT_ALLOWED,
        Refusal.PRIVILEGED_ACCOUNT: IMPERSONATION_NOT_ALLOWED,
    },
)
"""A backend asks to act as an account: what it may not know of looks like what is not there."""

POSSESSION = Stage(NO_TOKEN_OF_OURS)
"""A token that is to be invalidated by whoever holds it."""

_PASSWORD_CHANGE = {
    Refusal.WRONG_CREDENTIALS: WRONG_PASSWORD,
    Refusal.THROTTLED: THROTTLED,
    Refusal.SOURCE_THROTTLED: THROTTLED,
}
PASSWORD_CHANGE = Stage(INVALID_TOKEN, _PASSWORD_CHANGE)
"""A person changes their password in a session that may have ended meanwhile."""

PASSWORD_AND_REFRESH = Stage(
    INVALID_GRANT, {**_PASSWORD_CHANGE, Refusal.GRANT_NOT_ALLOWED: UNAUTHORIZED_CLIENT}
)
"""The same, with a refresh token that is used on the way."""

RESET = Stage(VOID_LINK, {Refusal.THROTTLED: THROTTLED})
"""A person without their password asks for a link, or comes by one."""

SENDING = Stage(
    NOT_FOUND,
    {Refusal.NO_ADDRESS: NO_ADDRESS, Refusal.ACCOUNT_DISABLED: ACCOUNT_DISABLED},
)
"""An administrator has a link sent."""
