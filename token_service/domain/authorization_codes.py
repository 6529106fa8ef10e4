"""Authorization codes: what they are bound to, and whether a use of one is a right one."""

from dataclasses import dataclass, field
from datetime import datetime

from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.refusals import Refusal

LIFETIME = 60
"""Seconds that a code is good for (OAuth 2.1 section 4.1.2)."""


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code as it is stored. `grant_id` is the grant that it opens; `auth_time` the sign-in that
    it stands for."""

    account_id: str
    code_id: str
    sid: str
    tenant_id: str
    client_id: str
    secret_hash: str = field(repr=False)
    request: AuthorizationRequest
    auth_time: datetime
    expires_at: datetime
    used_at: datetime | None
    grant_id: int


@dataclass(frozen=True, slots=True)
class CodeUse:
    """A genuine code as it is presented: by whom, and with what.

    `challenge` is what the presented verifier comes to, None where there was none; `key` is the
    thumbprint of the key that the client has proved to hold, if it did.
    """

    client_id: str
    secret_hash: str = field(repr=False)
    redirect_uri: str | None
    challenge: str | None
    key: str | None


def code_refusal(code: AuthorizationCode | None, use: CodeUse, now: datetime) -> Refusal | None:
    """Why the code is not good for this use, or None; that it was used before is the first thing
    that its own client is asked about."""
    if code is None or code.secret_hash != use.secret_hash:
        return Refusal.UNKNOWN_CODE
    if code.client_id != use.client_id:
        return Refusal.FOREIGN_CLIENT
    if code.used_at is not None:
        return Refusal.CODE_REPLAYED
    if now >= code.expires_at:
        return Refusal.EXPIRED
    request = code.request
    if use.redirect_uri != request.redirect_uri and (
        use.redirect_uri is not None or request.redirect_uri_given
    ):
        return Refusal.WRONG_REDIRECT_URI
    # Also a verifier where there was no challenge: somebody took the challenge out of the request
    # (RFC 9700 section 4.8.2).
    if use.challenge != request.code_challenge:
        return Refusal.WRONG_VERIFIER
    if request.dpop_jkt not in (None, use.key):
        return Refusal.WRONG_KEY
    return None
