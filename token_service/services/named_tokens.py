"""What a token names, as far as it says so itself: found out without the database."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from token_service.clock import Clock
from token_service.crypto import jwt, refresh_tokens
from token_service.crypto.refresh_tokens import Presented
from token_service.domain import claims
from token_service.domain.claims import AccessClaims
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import GrantKey
from token_service.services import issuing, refreshing
from token_service.services.configuration import Snapshot, certain_refusal
from token_service.storage.database import Database


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A refusal that rests on the snapshot and the clock: to be given once both are proved right.

    Another worker may have signed the token with a key that is newer than the snapshot, and a node
    that is an hour ahead would call it expired.
    """

    reason: Refusal


class SessionToken(NamedTuple):
    """A session's access token, with the grant that it names."""

    access: AccessClaims
    key: GrantKey
    tenant_id: str


@dataclass(frozen=True, slots=True)
class ClientToken:
    """An access token that a client got for itself."""

    access: AccessClaims


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A genuine refresh token, with the grant that it names."""

    presented: Presented = field(repr=False)
    key: GrantKey
    tenant_id: str


Named: TypeAlias = SessionToken | ClientToken | RefreshToken


def any_token(snapshot: Snapshot, token: str, now: datetime) -> Named | Doubtful | Refused:
    """What an access token or a refresh token names: each says itself what it is."""
    if token.startswith(refresh_tokens.PREFIX):
        return _refresh_token(snapshot, token, now)
    return access_token(snapshot, token, now)


def access_token(snapshot: Snapshot, token: str, now: datetime) -> Named | Doubtful | Refused:
    """What an access token names, if it is one of ours and of this time."""
    access = signed_claims(snapshot, token, now)
    if not isinstance(access, AccessClaims):
        return access
    if not claims.in_time(access, now):
        return Doubtful(Refusal.EXPIRED)
    if access.sid is None:
        return ClientToken(access)
    return session_token(snapshot, access, now) or Doubtful(Refusal.UNKNOWN_TOKEN)


def session_token(snapshot: Snapshot, access: AccessClaims, now: datetime) -> SessionToken | None:
    """The grant that an access token names; None where its claims contradict its locator."""
    locator = issuing.locator_in(snapshot, access.jti, now)
    if locator is None or (locator.sid, locator.tenant_id) != (access.sid, access.tenant_id):
        return None
    key = GrantKey(locator.account_id, locator.sid, locator.grant_id)
    return SessionToken(access, key, locator.tenant_id)


def signed_claims(
    snapshot: Snapshot, token: str, now: datetime
) -> AccessClaims | Doubtful | Refused:
    """The claims of an access token that this service signed, however old it is."""
    try:
        found = jwt.verify(
            snapshot.keyring, token, typ=claims.TYPE, now=now, cache=snapshot.signatures
        )
    except jwt.UnknownKey:
        return Doubtful(Refusal.KEY_NOT_IN_FORCE)
    access = claims.access_claims(snapshot.issuer, found.claims) if found else None
    return access or Refused(Refusal.UNKNOWN_TOKEN)


def verified(
    database: Database, clock: Clock, snapshot: Snapshot, token: str
) -> AccessClaims | Refused:
    """The same, with the doubt removed; raises `StaleConfiguration` or `Unavailable`."""
    access = signed_claims(snapshot, token, clock.now())
    if isinstance(access, Doubtful):
        return certain_refusal(database, clock, snapshot, access.reason)
    return access


def _refresh_token(snapshot: Snapshot, token: str, now: datetime) -> Named | Doubtful | Refused:
    keys = snapshot.keyring.opaque_keys(now)
    presented = refresh_tokens.parse(keys, token)
    if presented is not None:
        key = refreshing.grant_key(presented)
        return RefreshToken(presented, key, presented.locator.tenant_id)
    if refresh_tokens.names_unknown_key(keys, token):
        return Doubtful(Refusal.UNKNOWN_TOKEN)
    return Refused(Refusal.UNKNOWN_TOKEN)
