"""The claims of an access token (RFC 9068): made here, and read back strictly."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from token_service.domain.confirmations import Confirmation, in_claims

TYPE = "at+jwt"
LEEWAY_SECONDS = 60
_LONGEST_CLIENT_ID = 255
_MAX_INSTANT = 253_402_300_799
"""Last second of the year 9999: nothing later fits a `datetime`."""


class AccessClaims(NamedTuple):
    """An access token's claims with their types checked; `claims` is the whole of them.

    `sid` and `tenant_id` are None in a client-credentials token, which has no session.
    """

    subject: str
    client_id: str
    audience: tuple[str, ...]
    scope: str
    jti: str
    issued_at: int
    expires_at: int
    sid: str | None
    tenant_id: str | None
    confirmation: Confirmation
    claims: Mapping[str, Any]


def instant(moment: datetime) -> int:
    """A `NumericDate` (RFC 7519 section 2), in whole seconds, rounded down."""
    return int(moment.timestamp())


def moment(numeric_date: int) -> datetime:
    """The UTC time of a whole-second `NumericDate`."""
    return datetime.fromtimestamp(numeric_date, UTC)


def access_claims(issuer: str, claims: Mapping[str, Any]) -> AccessClaims | None:
    """Read verified claims back; None where any is missing or of a wrong type.

    Strict, because a token signed with the right key may still be of another make: `exp: true`
    passes for an integer in Python, and a list passes for a string in a careless comparison.
    """
    audience = _audience(claims.get("aud"))
    texts = {name: claims.get(name) for name in ("sub", "client_id", "jti", "scope")}
    issued_at, expires_at = _instant(claims.get("iat")), _instant(claims.get("exp"))
    if claims.get("iss") != issuer or audience is None or issued_at is None or expires_at is None:
        return None
    # No database of ours looks for a text with NUL in it, and PostgreSQL takes it for an error.
    if not all(isinstance(text, str) and "\0" not in text for text in texts.values()):
        return None
    if not texts["sub"] or not texts["client_id"] or not texts["jti"]:
        return None
    if len(texts["client_id"]) > _LONGEST_CLIENT_ID:
        return None
    if "nbf" in claims and _instant(claims["nbf"]) is None:
        return None
    sid, tenant_id = claims.get("sid"), claims.get("tenantId")
    confirmation = in_claims(claims)
    if not isinstance(sid, str | None) or not isinstance(tenant_id, str | None):
        return None
    if confirmation is None:
        return None
    return AccessClaims(
        subject=texts["sub"],
        client_id=texts["client_id"],
        audience=audience,
        scope=texts["scope"] or "",
        jti=texts["jti"],
        issued_at=issued_at,
        expires_at=expires_at,
        sid=sid,
        tenant_id=tenant_id,
        confirmation=confirmation,
        claims=claims,
    )


def in_time(access: AccessClaims, now: datetime) -> bool:
    """Whether the token is neither expired nor from the future.

    Expiry is exact, because the service that asks is the one that issued; `iat` and `nbf` allow
    `LEEWAY_SECONDS` of difference between its nodes.
    """
    seconds = now.timestamp()
    not_before = _instant(access.claims.get("nbf")) or access.issued_at
    latest_start = max(access.issued_at, not_before) - LEEWAY_SECONDS
    return latest_start <= seconds < access.expires_at


def is_instant(value: object) -> bool:
    """Whether a claim is a `NumericDate` in whole seconds; `true` is none."""
    return _instant(value) is not None


def _instant(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_INSTANT:
        return None
    return value


def _audience(value: object) -> tuple[str, ...] | None:
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, list) or not members:
        return None
    if not all(isinstance(member, str) and member for member in members):
        return None
    return tuple(members)
