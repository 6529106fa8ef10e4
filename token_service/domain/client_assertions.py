"""Client assertions: what a statement by which a client authenticates must say (RFC 7523)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from token_service.domain.statement_times import LEEWAY, has_begun, instant

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The value of `client_assertion_type` (RFC 7523 section 2.2)."""

LONGEST = timedelta(minutes=5)
"""How far ahead `exp` may be: an assertion is remembered for as long as it is good."""

SECRET_ALGORITHMS = ("HS256",)
KEY_ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
FAPI_ALGORITHMS = ("ES256", "PS256", "EdDSA")
"""FAPI 2.0 Security Profile section 5.4."""

_TYPES = ("jwt", "client-authentication+jwt")


class AssertionFault(StrEnum):
    """Why an assertion is not believed, for the audit log."""

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
    NO_ID = "no_id"


@dataclass(frozen=True, slots=True)
class Expected:
    """`audiences` are the names of this service that the client may have meant; `as_text`: not
    even a list with one of them (FAPI 2.0 Security Profile section 5.3.2.1)."""

    client_id: str
    audiences: tuple[str, ...]
    as_text: bool


def fault_of_type(typ: object) -> AssertionFault | None:
    """A header may say that it is a JWT, or a client's; every other kind of JWT says which it is
    (RFC 8725 section 3.11)."""
    is_right = typ is None or (isinstance(typ, str) and typ.lower() in _TYPES)
    return None if is_right else AssertionFault.TYPE


def fault(claims: Mapping[str, object], expected: Expected, now: datetime) -> AssertionFault | None:
    """What is wrong with the claims of an assertion that was signed correctly (RFC 7523 section 3).

    Its audience is one value, and ours: what a client was made to send to somebody else is not
    good here.
    """
    if claims.get("iss") != expected.client_id:
        return AssertionFault.ISSUER
    if claims.get("sub") != expected.client_id:
        return AssertionFault.SUBJECT
    if not _is_meant(claims.get("aud"), expected):
        return AssertionFault.AUDIENCE
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        return AssertionFault.NO_ID
    return _fault_of_times(claims, now)


def good_until(claims: Mapping[str, object]) -> datetime:
    """From when on the assertion is refused for its age alone; `fault` has found its `exp` good."""
    expires_at = instant(claims["exp"])
    if expires_at is None:
        raise ValueError("an assertion without an end")
    return expires_at + LEEWAY


def _is_meant(audience: object, expected: Expected) -> bool:
    if isinstance(audience, list) and len(audience) == 1 and not expected.as_text:
        audience = audience[0]
    return isinstance(audience, str) and audience in expected.audiences


def _fault_of_times(claims: Mapping[str, object], now: datetime) -> AssertionFault | None:
    expires_at = instant(claims.get("exp"))
    if expires_at is None or expires_at > now + LONGEST + LEEWAY:
        return AssertionFault.LIFETIME
    if expires_at + LEEWAY <= now:
        return AssertionFault.EXPIRED
    return None if has_begun(claims, now) else AssertionFault.NOT_YET
