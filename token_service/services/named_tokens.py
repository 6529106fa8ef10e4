"""What a token names, as far as it says so itself: found out without the database."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from token_service.clock import Clock
from token_service.crypto import jwt, opaque, refresh_tokens
from token_service.crypto.refresh_tokens import OpaqueKeys, Presented
from token_service.domain import claims
from token_service.domain.claims import AccessClaims
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import GrantKey
from token_service.services import issuing, refreshing
from token_service.services.configuration import Snapshot, certain_refusal
from token_service.storage.database import Database

_PURPOSE = b"access token"
_LONGEST_KEPT = 2_048
"""What the claims of a longer one take in memory is too much to be kept."""


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
    digest = opaque.digest(_PURPOSE, token)
    known = _known(snapshot, digest, now)
    if known is None:
        return _found_out(snapshot, digest, token, now)
    return known if claims.in_time(known.access, now) else Doubtful(Refusal.EXPIRED)


class _Known(NamedTuple):
    """What a token was found to name, and the keys that say so."""

    named: SessionToken | ClientToken
    kid: str
    opaque: OpaqueKeys | None


def _known(snapshot: Snapshot, digest: bytes, now: datetime) -> SessionToken | ClientToken | None:
    """The same as before, as long as the keys are in force."""
    known = snapshot.named.get(digest)
    if not isinstance(known, _Known) or snapshot.keyring.verifying_key(known.kid, now) is None:
        return None
    if known.opaque is not None and known.opaque is not snapshot.keyring.opaque_keys(now):
        return None
    return known.named


def _found_out(
    snapshot: Snapshot, digest: bytes, token: str, now: datetime
) -> SessionToken | ClientToken | Doubtful | Refused:
    verified = _verified(snapshot, token, now)
    if not isinstance(verified, tuple):
        return verified
    access, kid = verified
    if not claims.in_time(access, now):
        return Doubtful(Refusal.EXPIRED)
    if access.sid is None:
        known = _Known(ClientToken(access), kid, None)
    else:
        named = session_token(snapshot, access, now)
        if named is None:
            return Doubtful(Refusal.UNKNOWN_TOKEN)
        known = _Known(named, kid, snapshot.keyring.opaque_keys(now))
    if len(token) <= _LONGEST_KEPT:
        snapshot.named.put(digest, known)
    return known.named


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
    verified = _verified(snapshot, token, now)
    return verified[0] if isinstance(verified, tuple) else verified


def _verified(
    snapshot: Snapshot, token: str, now: datetime
) -> tuple[AccessClaims, str] | Doubtful | Refused:
    """And the id of the key that says so."""
    try:
        found = jwt.verify(
            snapshot.keyring, token, typ=claims.TYPE, now=now, cache=snapshot.signatures
        )
    except jwt.UnknownKey:
        return Doubtful(Refusal.KEY_NOT_IN_FORCE)
    access = claims.access_claims(snapshot.issuer, found.claims) if found else None
    if found is None or access is None:
        return Refused(Refusal.UNKNOWN_TOKEN)
    return access, found.kid


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
