"""Refresh tokens: opaque, self-addressed, derived. The server stores none.

A token is `tsr_` + base64url of

    version          1 byte, 1
    key number       2 bytes, names the opaque key that made the tag and sealed the locator
    locator         74 bytes, `locators.seal` under the key of that same number
    generation       8 bytes, big endian
    grant secret    32 bytes, the same in every generation of one grant
    tag             32 bytes, HMAC-SHA-256 over all of the above

One number names both keys on purpose: the successor of a spent token is derived a second time when
its answer was lost, and must come out identical even if keys were rotated in between.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from token_service.crypto import locators, opaque
from token_service.crypto.locators import LOCATOR_LENGTH, MAX_KEY_NUMBER, Locator, LocatorKey

PREFIX = "tsr_"
SECRET_LENGTH = 32
# One below the largest BIGINT, so that the successor of every genuine token can be stored.
MAX_GENERATION = 2**63 - 2

_VERSION = 1
_BODY = struct.Struct(f">BH{LOCATOR_LENGTH}sQ{SECRET_LENGTH}s")
_TAG_LENGTH = 32
_TAG_PURPOSE = b"token-service refresh token v1\0"
_HASH_PURPOSE = b"token-service grant secret v1\0"
_BRANCH_PURPOSE = b"token-service grant of another tenant v1\0"
_BRANCH = struct.Struct(">16s16s16sQQ32s16s")

TOKEN_LENGTH = len(PREFIX) + len(opaque.encode(bytes(_BODY.size + _TAG_LENGTH)))


@dataclass(frozen=True, slots=True)
class OpaqueKey:
    """The keys behind one number: for tags of refresh tokens, for branches, for locators, and for
    nonces of DPoP proofs."""

    number: int
    hmac_key: bytes = field(repr=False)
    branch_key: bytes = field(repr=False)
    locator_key: LocatorKey
    nonce_key: bytes = field(repr=False)

    @classmethod
    def derive(cls, number: int, secret: bytes) -> Self:
        """All keys come from one 32-byte `secret` by HKDF (RFC 5869), a purpose each."""
        if not 1 <= number <= MAX_KEY_NUMBER:
            raise ValueError(f"the number of an opaque key is 1 to {MAX_KEY_NUMBER}")
        hmac_key = _derived(secret, 32, b"token-service refresh token tag v1")
        branch_key = _derived(secret, 32, b"token-service grant of another tenant v1")
        locator_secret = _derived(secret, locators.KEY_LENGTH, b"token-service locator v1")
        nonce_key = _derived(secret, 32, b"token-service DPoP nonce v1")
        locator_key = LocatorKey.of(number, locator_secret)
        return cls(number, hmac_key, branch_key, locator_key, nonce_key)


@dataclass(frozen=True, slots=True)
class OpaqueKeys:
    """Every opaque key that still verifies, by number, and the `current` one for new grants."""

    by_number: Mapping[int, OpaqueKey]
    locator_keys: Mapping[int, LocatorKey]
    current: OpaqueKey

    @classmethod
    def of(cls, keys: Iterable[OpaqueKey], current: OpaqueKey) -> Self:
        """`keys` need not contain `current`: it always verifies."""
        by_number = {key.number: key for key in (*keys, current)}
        return cls(by_number, {key.number: key.locator_key for key in by_number.values()}, current)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a genuine token says. That it is genuine does not mean that it is still good."""

    locator: Locator
    generation: int
    key_number: int
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """What the grant's row holds if the token belongs to it."""
        return hash_of(self.secret)


@dataclass(frozen=True, slots=True)
class Branch:
    """Address and secret of the grant that a token opens for another tenant."""

    locator: Locator
    secret: bytes = field(repr=False)


def branch(keys: OpaqueKeys, presented: Presented, tenant_id: str) -> Branch:
    """The grant that a genuine token opens for another tenant: always the same one.

    So whoever lost the answer and presents the token again gets the same tokens, and nobody without
    the key can tell what they are. The key is that of the token, whatever key is current.
    """
    locator = presented.locator
    identifiers = (locator.account_id, locator.sid, locator.tenant_id)
    message = _BRANCH.pack(
        *map(bytes.fromhex, identifiers),
        locator.grant_id,
        presented.generation,
        presented.secret,
        bytes.fromhex(tenant_id),
    )
    key = keys.by_number[presented.key_number]
    digest = hmac.digest(key.branch_key, _BRANCH_PURPOSE + message, "sha512")
    grant_id = int.from_bytes(digest[:8]) % opaque.MAX_GRANT_ID + 1
    elsewhere = replace(locator, tenant_id=tenant_id, grant_id=grant_id)
    return Branch(elsewhere, digest[8 : 8 + SECRET_LENGTH])


def hash_of(secret: bytes) -> str:
    """What a grant's row stores of its secret: SHA-256 in base64url, 43 characters.

    The secret is 256 random bits, which no search can find; and a secret alone makes no token.
    """
    return opaque.encode(hashlib.sha256(_HASH_PURPOSE + secret).digest())


def issue(
    keys: OpaqueKeys, *, locator: Locator, generation: int, key_number: int, secret: bytes
) -> str:
    """The token of one generation of a grant: the same input always gives the same token.

    Raises KeyError if `key_number` is not among the keys, ValueError for a generation or secret
    that no grant can have.
    """
    if not 0 <= generation <= MAX_GENERATION or len(secret) != SECRET_LENGTH:
        raise ValueError("the generation or the length of the secret is out of range")
    key = keys.by_number[key_number]
    sealed = locators.seal(key.locator_key, locator)
    body = _BODY.pack(_VERSION, key_number, sealed, generation, secret)
    return PREFIX + opaque.encode(body + _tag(key, body))


def parse(keys: OpaqueKeys, token: str) -> Presented | None:
    """What the token says if one of the keys has made it, otherwise None, without a database."""
    data = _data(token)
    if data is None:
        return None
    body, tag = data[:-_TAG_LENGTH], data[-_TAG_LENGTH:]
    version, number, sealed, generation, secret = _BODY.unpack(body)
    key = keys.by_number.get(number)
    if version != _VERSION or key is None:
        return None
    if not hmac.compare_digest(tag, _tag(key, body)):
        return None
    locator = locators.unseal({number: key.locator_key}, sealed)
    if locator is None or generation > MAX_GENERATION:
        return None
    return Presented(locator, generation, number, secret)


def names_unknown_key(keys: OpaqueKeys, token: str) -> bool:
    """Whether `parse` refused a token in good form only because it does not know the key's number.

    Another worker may have made it with a key that is newer than these: the caller confirms its
    configuration once and parses again, so that nobody is refused because a worker was stale.
    """
    data = _data(token)
    if data is None:
        return False
    version, number, *_ = _BODY.unpack(data[:-_TAG_LENGTH])
    return bool(version == _VERSION and number not in keys.by_number)


def _data(token: str) -> bytes | None:
    """The decoded token, always of the same length; garbage costs no more than a comparison."""
    if len(token) != TOKEN_LENGTH or not token.startswith(PREFIX):
        return None
    return opaque.decode(token[len(PREFIX) :])


def _tag(key: OpaqueKey, body: bytes) -> bytes:
    return opaque.keyed_digest(key.hmac_key, _TAG_PURPOSE + body)


def _derived(secret: bytes, length: int, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret)
