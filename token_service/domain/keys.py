"""The life of a key: next, active, retired, gone. By its times alone, so every node agrees."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum


class KeyPurpose(StrEnum):
    """`signing`: JWTs. `opaque`: the tags of refresh tokens and locators."""

    SIGNING = "signing"
    OPAQUE = "opaque"


class KeyState(StrEnum):
    """Where a key is in its life. Only an active key makes; one gone or revoked proves nothing."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"
    GONE = "gone"
    REVOKED = "revoked"


class Algorithm(StrEnum):
    """What a key computes; fixed when it is made, and never taken from a token's header."""

    ES256 = "ES256"
    RS256 = "RS256"
    PS256 = "PS256"
    EDDSA = "EdDSA"
    HKDF_SHA256 = "HKDF-SHA256"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is stored.

    `kid` is the RFC 7638 thumbprint of a signing key and `opaque-<number>` of an opaque one.
    `public_jwk` is JSON, empty for opaque keys. `private_encrypted` holds PKCS #8 in DER for a
    signing key and 32 random bytes for an opaque one, and opens only for this row: kid, number,
    purpose, algorithm and public key are authenticated with it, so that who can write to the
    database, but has no key-encryption key, cannot plant a key of their own.
    """

    kid: str
    number: int
    purpose: str
    algorithm: str
    private_encrypted: bytes = field(repr=False)
    public_jwk: str
    created_at: datetime
    activates_at: datetime
    retires_at: datetime
    gone_at: datetime
    revoked_at: datetime | None = None
    revoked_reason: str | None = None

    def state(self, now: datetime) -> KeyState:
        """Where the key is at `now`. A revocation is never in the future: clocks may disagree."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if now < self.activates_at:
            return KeyState.NEXT
        if now < self.retires_at:
            return KeyState.ACTIVE
        return KeyState.RETIRED if now < self.gone_at else KeyState.GONE


@dataclass(frozen=True, slots=True)
class KeyRules:
    """How long keys of one purpose live.

    `lifetime`: as the active key; `ahead`: published before the first signature, at least one JWKS
    cache time; `verifies`: kept after the last signature, at least the longest token lifetime.
    """

    lifetime: timedelta
    ahead: timedelta
    verifies: timedelta


@dataclass(frozen=True, slots=True)
class KeyPeriod:
    """When a key that is to be made begins and stops to be used."""

    activates_at: datetime
    retires_at: datetime
    gone_at: datetime


def period(activates_at: datetime, rules: KeyRules) -> KeyPeriod:
    """The life of a key that becomes active at the given time."""
    retires_at = activates_at + rules.lifetime
    return KeyPeriod(activates_at, retires_at, retires_at + rules.verifies)


def needed(keys: Iterable[KeyRecord], rules: KeyRules, now: datetime) -> KeyPeriod | None:
    """The key that must be made now, or None. `keys` are those of one purpose and algorithm.

    Without an active key one begins at once. Otherwise the next one is made before the active one
    retires, early enough to be known to every verifier at its first signature.
    """
    usable = _usable(keys, now)
    if not any(key.state(now) is KeyState.ACTIVE for key in usable):
        return period(now, rules)
    last = max(key.retires_at for key in usable)
    if last - rules.ahead > now:
        return None
    return period(max(last, now + rules.ahead), rules)


def rotated(keys: Sequence[KeyRecord], rules: KeyRules, now: datetime) -> KeyPeriod:
    """The successor that an administrator asks for: published now, used after one cache time."""
    return period(now + rules.ahead, rules) if keys else period(now, rules)


def handed_over(
    keys: Iterable[KeyRecord], successor: KeyPeriod, rules: KeyRules, now: datetime
) -> list[KeyRecord]:
    """The keys whose end moves to where the successor begins, with that end.

    An administrator's successor cuts the active key short. One that was made late, because no
    process ran when it was due, finds its predecessor still active: between "no key signs" and "a
    key signs that no verifier has seen" the old one goes on.
    """
    usable = _usable(keys, now)
    last = max((key.retires_at for key in usable), default=successor.activates_at)
    begins = successor.activates_at
    return [
        replace(key, retires_at=begins, gone_at=begins + rules.verifies)
        for key in usable
        if (key.state(now) is KeyState.ACTIVE and key.retires_at > begins)
        or key.retires_at == last < begins
    ]


def _usable(keys: Iterable[KeyRecord], now: datetime) -> list[KeyRecord]:
    return [key for key in keys if key.state(now) in {KeyState.NEXT, KeyState.ACTIVE}]
