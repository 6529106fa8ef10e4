"""Request objects (RFC 9101): what a signed authorization request must say, and what it asks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from token_service.domain.statement_times import LEEWAY, has_begun, instant

LONGEST = timedelta(minutes=60)
"""How far apart `nbf`, the present and `exp` may be (FAPI 2.0 Message Signing section 5.3.1)."""

ALGORITHMS, FAPI_ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA"), ("ES256", "PS256", "EdDSA")
"""By a key of the client: a secret that is shared is not a signature, and `none` is nothing."""

_TYPES = ("oauth-authz-req+jwt", "application/oauth-authz-req+jwt", "jwt")
_OF_THE_TOKEN = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})
_PARAMETERS = frozenset(
    {
        "response_type",
        "response_mode",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "max_age",
        "login_hint",
        "id_token_hint",
        "acr_values",
        "ui_locales",
        "claims",
        "resource",
        "tenant_id",
        "domain_hint",
        "dpop_jkt",
        "registration",
    }
)
"""The parameters that there are here."""


class ObjectFault(StrEnum):
    """Why a request object is not believed, for the audit log."""

    MALFORMED = "malformed"
    TYPE = "type"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    SUBJECT = "subject"
    AUDIENCE = "audience"
    LIFETIME = "lifetime"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    CLIENT = "client"
    NESTED = "nested"
    PARAMETER = "parameter"


@dataclass(frozen=True, slots=True)
class Expected:
    """Who must have made the object, for whom.

    `bounded`: it must say until when it holds; one that was fetched from its client's own address
    a moment ago holds now (OpenID Connect Core section 6.2 asks for no time). `strict`: since when,
    too (FAPI 2.0 Message Signing section 5.3.1).
    """

    client_id: str
    issuer: str
    bounded: bool = True
    strict: bool = False


def fault_of_type(typ: object) -> ObjectFault | None:
    """A header may say that it is a request or a JWT; every other kind of JWT says which it is
    (RFC 9101 section 10.8, RFC 8725 section 3.11)."""
    is_right = typ is None or (isinstance(typ, str) and typ.lower() in _TYPES)
    return None if is_right else ObjectFault.TYPE


def algorithms(registered: str | None, *, strict: bool = False) -> tuple[str, ...]:
    """Those by which a client may sign: what it has registered, never what the object says of
    itself (RFC 8725 section 3.1). `strict`: who has to sign does so as FAPI 2.0 section 5.4 says,
    unless another algorithm is registered."""
    if registered is None and strict:
        return FAPI_ALGORITHMS
    return tuple(one for one in ALGORITHMS if registered in (None, one))


def fault(claims: Mapping[str, object], expected: Expected, now: datetime) -> ObjectFault | None:
    """What is wrong with what an object says of itself (RFC 9101 section 4).

    It has no subject that is the client's: it would pass for a client's assertion, and it goes
    through browsers (RFC 9101 section 10.8).
    """
    if claims.get("iss") != expected.client_id:
        return ObjectFault.ISSUER
    if claims.get("sub") == expected.client_id:
        return ObjectFault.SUBJECT
    audience = claims.get("aud")
    if expected.issuer not in (audience if isinstance(audience, list) else [audience]):
        return ObjectFault.AUDIENCE
    if claims.get("client_id", expected.client_id) != expected.client_id:
        return ObjectFault.CLIENT
    if {"request", "request_uri"} & claims.keys():
        return ObjectFault.NESTED
    return _fault_of_times(claims, expected, now)


def parameters_of(claims: Mapping[str, object], client_id: str) -> Mapping[str, str] | None:
    """The parameters that an object holds, as a query would have them; None where one cannot be.

    Only what is inside counts (RFC 9101 section 6.3). An empty one counts as absent, `claims` is an
    object here and JSON there, and several `resource` are one text.
    """
    parameters = {"client_id": client_id}
    for name, value in claims.items():
        if name in _OF_THE_TOKEN:
            continue
        text = _text(name, value)
        if text is None:
            return None
        if text:
            parameters[name] = text
    return parameters


def _text(name: str, value: object) -> str | None:
    if isinstance(value, str):
        return None if "\0" in value else value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "claims" and isinstance(value, dict):
        return json.dumps(value)
    if name == "resource" and isinstance(value, list):
        texts = [one for one in value if isinstance(one, str) and "\0" not in one]
        return " ".join(texts) if len(texts) == len(value) else None
    # A parameter that there is none of here is ignored, whatever it holds (RFC 6749 section 3.1).
    return None if name in _PARAMETERS else ""


def _fault_of_times(
    claims: Mapping[str, object], expected: Expected, now: datetime
) -> ObjectFault | None:
    begins, ends = instant(claims.get("nbf")), instant(claims.get("exp"))
    missing = (expected.bounded and ends is None) or (expected.strict and begins is None)
    if missing or ("exp" in claims and ends is None):
        return ObjectFault.LIFETIME
    if ends is not None and ends + LEEWAY <= now:
        return ObjectFault.EXPIRED
    if expected.bounded and ends is not None and ends > (begins or now) + LONGEST + LEEWAY:
        return ObjectFault.LIFETIME
    if begins is not None and begins + LONGEST + LEEWAY <= now:
        return ObjectFault.EXPIRED
    return None if has_begun(claims, now) else ObjectFault.NOT_YET
