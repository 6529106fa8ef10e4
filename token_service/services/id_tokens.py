"""ID tokens (OpenID Connect Core section 2): made here, and read back as a hint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from token_service.crypto import jwt, token_hashes
from token_service.crypto.drafts import Drafting
from token_service.domain import authentication_context, claims
from token_service.domain.claims import instant
from token_service.domain.clients import Client
from token_service.services import subjects
from token_service.services.configuration import Snapshot

TYPE = "JWT"
LIFETIME = 300
"""Seconds: an ID token says that somebody has signed in, and is read when it arrives."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """A sign-in that a client is told of.

    `methods` are `amr` values (RFC 8176). `nonce` is the request's, None at a refresh. `about` are
    the account's claims that were asked for (`openid_claims.for_id_token`).
    """

    client: Client
    account_id: str
    sid: str
    tenant_id: str
    auth_time: datetime
    methods: tuple[str, ...]
    nonce: str | None = None
    about: Mapping[str, object] = field(default_factory=dict, repr=False)


def making(
    snapshot: Snapshot,
    authentication: Authentication,
    access_token: str,
    longest: int,
    now: datetime,
) -> Drafting[str]:
    """The ID token that goes beside an access token, good for at most `longest` seconds.

    `aud` is the client alone, and so there is no `azp` (section 2). Raises `NoKey`.
    """
    client = authentication.client
    algorithm = client.metadata.id_token_signed_response_alg
    key = snapshot.keyring.signing_key(algorithm, now)
    body = {
        # First, so that nothing that is told of the account replaces a claim of the protocol.
        **authentication.about,
        "iss": snapshot.issuer,
        "sub": subjects.subject(snapshot, client, authentication.account_id),
        "aud": client.client_id,
        "iat": instant(now),
        "exp": instant(now) + min(LIFETIME, longest),
        "auth_time": instant(authentication.auth_time),
        "amr": list(authentication.methods),
        "sid": authentication.sid,
        "tenantId": authentication.tenant_id,
        "at_hash": token_hashes.half_hash(algorithm, access_token),
    }
    if (acr := authentication_context.reached(authentication.methods)) is not None:
        body["acr"] = acr
    if authentication.nonce is not None:
        body["nonce"] = authentication.nonce
    return (yield jwt.draft(key, body, TYPE, jwt.LONGEST_ANSWER))


@dataclass(frozen=True, slots=True)
class Hint:
    """What an `id_token_hint` says: an ID token of ours, whether it has expired or not."""

    subject: str
    client_id: str
    sid: str
    issued_at: int
    expires_at: int


def hint(snapshot: Snapshot, token: str, now: datetime) -> Hint | None:
    """An ID token that this service has signed, for whichever client; None for anything else.

    The caller decides whether it may have expired, and asks whether `client_id` is the right one.
    Raises `jwt.UnknownKey` where its key may be newer than the snapshot.
    """
    found = jwt.verify(snapshot.keyring, token, typ=TYPE, now=now)
    if found is None or found.claims.get("iss") != snapshot.issuer:
        return None
    # A userinfo answer is signed with the same keys, and has none of the last three.
    texts = [found.claims.get(name) for name in ("sub", "aud", "sid")]
    times = [found.claims.get(name) for name in ("iat", "exp", "auth_time")]
    if not all(isinstance(text, str) and text for text in texts):
        return None
    if not all(claims.is_instant(time) for time in times):
        return None
    subject, client_id, sid = (str(text) for text in texts)
    issued_at, expires_at, _ = (int(str(time)) for time in times)
    return Hint(subject, client_id, sid, issued_at, expires_at)
