"""Answers of the userinfo and the introspection endpoint as JWTs, for whoever must keep a proof."""

from collections.abc import Mapping
from datetime import datetime

from token_service.crypto import jwt
from token_service.domain.claims import instant
from token_service.domain.clients import Client
from token_service.domain.refusals import Refused
from token_service.services.configuration import Snapshot
from token_service.services.inspection import Inspection

_DEFAULT_ALGORITHM = "RS256"


def userinfo(
    snapshot: Snapshot,
    client: Client,
    algorithm: str,
    about: Mapping[str, object],
    now: datetime,
) -> str:
    """The claims, with who says so and to whom (OpenID Connect Core section 5.3.2)."""
    body = {**about, "iss": snapshot.issuer, "aud": client.client_id}
    key = snapshot.keyring.signing_key(algorithm, now)
    return jwt.sign(key, body, "JWT", jwt.LONGEST_ANSWER)


def introspection(
    snapshot: Snapshot, caller: Client, found: Inspection | Refused, now: datetime
) -> str:
    """What the caller may know of a token (RFC 9701 section 5).

    It has a type of its own, and neither `sub` nor `exp` beside the token's claims: nobody can take
    it for a token.
    """
    told = {"active": False} if isinstance(found, Refused) else {"active": True, **found.claims}
    body = {
        "iss": snapshot.issuer,
        "aud": caller.client_id,
        "iat": instant(now),
        "token_introspection": told,
    }
    algorithm = caller.metadata.introspection_signed_response_alg or _DEFAULT_ALGORITHM
    key = snapshot.keyring.signing_key(algorithm, now)
    return jwt.sign(key, body, "token-introspection+jwt", jwt.LONGEST_ANSWER)
