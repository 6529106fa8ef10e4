"""Key material, encrypted at rest, and the set of keys in force at an instant.

A key walks `next -> active -> retired -> gone` by its own times, without anybody's help: it is
published before its first signature and after its last. Revoking it ends everything it ever signed.
"""

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, Protocol, Self, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from token_service.crypto import opaque
from token_service.crypto.jwk import PublicKey, jwk_of, key_of, public_members, thumbprint
from token_service.crypto.locators import MAX_KEY_NUMBER
from token_service.crypto.refresh_tokens import OpaqueKey, OpaqueKeys
from token_service.domain.failures import KeyUnreadable, NoKey
from token_service.domain.keys import Algorithm, KeyPurpose, KeyRecord, KeyState

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Made = TypeVar("Made")

RSA_BITS = 3072

_RSA_EXPONENT = 65537
_OPAQUE_SECRET_LENGTH = 32
_KEK_LENGTH = 32
_KEK_ID_LENGTH = 8
_NONCE_LENGTH = 12


SIGNING_ALGORITHMS = frozenset({Algorithm.ES256, Algorithm.RS256, Algorithm.PS256, Algorithm.EDDSA})


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A loaded private key with the two things that it says of itself in a header."""

    kid: str
    algorithm: str
    private_key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A loaded public key; `jwk` is what the JWKS says of it.

    `fingerprint` names algorithm and key material, so that two keys under one kid stay two keys.
    """

    kid: str
    algorithm: str
    public_key: PublicKey
    jwk: Mapping[str, str]
    fingerprint: str


class KeyEncryption(Protocol):
    """Encrypts key material for storage. A PKCS #11 token or a key service fits behind it."""

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """`plain`, encrypted, bound to `context`."""

    def decrypt(self, data: bytes, context: bytes) -> bytes:
        """What `encrypt` was given; raises KeyUnreadable if it was altered or cannot be read."""


class KeyEncryptionKeys:
    """AES-256-GCM under key-encryption keys (KEKs) of 32 bytes: the first encrypts, all decrypt.

    Rotation: put the new KEK in front, `rewrap` every row, drop the old one. The output is the id
    of the KEK (8 bytes), a random nonce (12), cipher text and tag. An id is an HMAC under its KEK
    and tells nothing of it.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != _KEK_LENGTH for key in keys):
            raise ValueError(f"key-encryption keys: at least one, of {_KEK_LENGTH} bytes each")
        self._ciphers = {_kek_id(key): AESGCM(key) for key in keys}
        self._first = _kek_id(keys[0])

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """`plain` under the first KEK."""
        nonce = opaque.new_bytes(_NONCE_LENGTH)
        sealed = self._ciphers[self._first].encrypt(nonce, plain, context)
        return self._first + nonce + sealed

    def decrypt(self, data: bytes, context: bytes) -> bytes:
        """Raises KeyUnreadable for a KEK that is not configured and for altered or moved data."""
        kek_id, rest = data[:_KEK_ID_LENGTH], data[_KEK_ID_LENGTH:]
        cipher = self._ciphers.get(kek_id)
        if cipher is None:
            known = ", ".join(known_id.hex() for known_id in self._ciphers)
            raise KeyUnreadable(
                f"it is encrypted under key-encryption key {kek_id.hex()},"
                f" which is not configured (configured: {known})"
            )
        try:
            return cipher.decrypt(rest[:_NONCE_LENGTH], rest[_NONCE_LENGTH:], context)
        except (InvalidTag, ValueError):
            raise KeyUnreadable("it was altered, or belongs to another row") from None


def generate(
    purpose: KeyPurpose,
    algorithm: str,
    *,
    number: int,
    now: datetime,
    activates_at: datetime,
    retires_at: datetime,
    gone_at: datetime,
    encryption: KeyEncryption,
) -> KeyRecord:
    """A new key, ready to be stored.

    Raises ValueError if the algorithm is not one of the purpose, if the times are out of order, or
    for a number outside 1 to 65535 (a token has two bytes for it).
    """
    if not activates_at < retires_at <= gone_at:
        raise ValueError("a key activates, then retires, then is gone")
    if not 1 <= number <= MAX_KEY_NUMBER:
        raise ValueError(f"the number of a key is 1 to {MAX_KEY_NUMBER}")
    private, kid, public_jwk = _new_material(purpose, algorithm, number)
    row = KeyRecord(
        kid=kid,
        number=number,
        purpose=str(purpose),
        algorithm=str(algorithm),
        private_encrypted=b"",
        public_jwk=public_jwk,
        created_at=now,
        activates_at=activates_at,
        retires_at=retires_at,
        gone_at=gone_at,
        revoked_at=None,
        revoked_reason=None,
    )
    return replace(row, private_encrypted=encryption.encrypt(private, _context(row)))


def rewrap(row: KeyRecord, encryption: KeyEncryption) -> KeyRecord:
    """The same key, encrypted under the present first key-encryption key."""
    private = _private_part(row, encryption)
    return replace(row, private_encrypted=encryption.encrypt(private, _context(row)))


@dataclass(frozen=True, slots=True)
class _Window(Generic[Made]):
    """What some keys come to from one turn of theirs (`begins <= now`) until just before the next.

    Which key is active is looked for once for each window, not for each signature.
    """

    begins: datetime
    ends: datetime
    made: Made

    @classmethod
    def at(cls, now: datetime, rows: Sequence[KeyRecord], made: Made) -> Self:
        """The window around `now`, in which one of the rows is active."""
        turns = [turn for row in rows for turn in (row.activates_at, row.retires_at)]
        begins = max(turn for turn in turns if turn <= now)
        return cls(begins, min(turn for turn in turns if turn > now), made)


class Keyring:
    """The keys of one configuration version: immutable, so any number of threads may read it.

    Rows are decrypted when they are first needed, and what was loaded is kept. Whichever method
    needs a row that cannot be decrypted raises KeyUnreadable: that is neither a yes nor a no.
    """

    def __init__(self, rows: Sequence[KeyRecord], encryption: KeyEncryption) -> None:
        self._encryption = encryption
        self._signing_rows = {row.kid: row for row in rows if row.purpose == KeyPurpose.SIGNING}
        self._opaque_rows = [
            row for row in rows if row.purpose == KeyPurpose.OPAQUE and row.revoked_at is None
        ]
        self._signing_windows: dict[str, _Window[SigningKey]] = {}
        self._verifying_keys: dict[str, VerifyingKey] = {}
        self._opaque_window: _Window[OpaqueKeys] | None = None

    @classmethod
    def open(cls, rows: Sequence[KeyRecord], encryption: KeyEncryption) -> Self:
        """Raises ValueError if two rows claim one kid, or two opaque keys one number."""
        kids = [row.kid for row in rows]
        numbers = [row.number for row in rows if row.purpose == KeyPurpose.OPAQUE]
        if len(set(kids)) != len(kids) or len(set(numbers)) != len(numbers):
            raise ValueError("two keys have the same kid or number")
        return cls(rows, encryption)

    def signing_key(self, algorithm: str, now: datetime) -> SigningKey:
        """The active key of the algorithm, the newest if there are several; raises NoKey."""
        window = self._signing_windows.get(algorithm)
        if window is None or not window.begins <= now < window.ends:
            window = self._signing_windows[algorithm] = self._signing_window(algorithm, now)
        return window.made

    def verifying_key(self, kid: str, now: datetime) -> VerifyingKey | None:
        """The key named `kid` unless it is gone, revoked or unknown.

        The next ones verify too: a node whose clock is a little ahead may sign with them already.
        """
        row = self._signing_rows.get(kid)
        if row is None or row.state(now) in (KeyState.GONE, KeyState.REVOKED):
            return None
        key = self._verifying_keys.get(kid)
        if key is None:
            key = self._verifying_keys[kid] = _verifying_key(row, self._encryption)
        return key

    def knows(self, kid: str) -> bool:
        """Whether a signing key of that name was loaded at all, whatever has become of it."""
        return kid in self._signing_rows

    def opaque_keys(self, now: datetime) -> OpaqueKeys:
        """The opaque keys: the newest active one is current, all that are not revoked verify.

        They verify whatever their `gone_at`, for as long as their rows exist: a replay of an old
        token must stay recognisable until the last grant of its time has been purged. Raises NoKey
        if none is active.
        """
        window = self._opaque_window
        if window is None or not window.begins <= now < window.ends:
            window = self._opaque_window = self._opaque_window_at(now)
        return window.made

    def jwks(self, now: datetime) -> dict[str, list[dict[str, str]]]:
        """The JWK set (RFC 7517 section 5): next, active and retired signing keys, oldest first."""
        rows = sorted(self._signing_rows.values(), key=lambda row: (row.activates_at, row.kid))
        keys = [self.verifying_key(row.kid, now) for row in rows]
        return {"keys": [dict(key.jwk) for key in keys if key is not None]}

    def _signing_window(self, algorithm: str, now: datetime) -> _Window[SigningKey]:
        rows = [row for row in self._signing_rows.values() if row.algorithm == algorithm]
        active = _newest_active(rows, now)
        if active is None:
            raise NoKey(f"no {algorithm} key is active")
        private = _private_key(active, self._encryption)
        return _Window.at(now, rows, SigningKey(active.kid, active.algorithm, private))

    def _opaque_window_at(self, now: datetime) -> _Window[OpaqueKeys]:
        current = _newest_active(self._opaque_rows, now)
        if current is None:
            raise NoKey("no opaque key is active")
        keys = {
            row.number: OpaqueKey.derive(row.number, _private_part(row, self._encryption))
            for row in self._opaque_rows
        }
        made = OpaqueKeys.of(keys.values(), keys[current.number])
        return _Window.at(now, self._opaque_rows, made)


def _newest_active(rows: Iterable[KeyRecord], now: datetime) -> KeyRecord | None:
    active = (row for row in rows if row.state(now) is KeyState.ACTIVE)
    return max(active, key=lambda row: (row.activates_at, row.number, row.kid), default=None)


def _new_material(purpose: KeyPurpose, algorithm: str, number: int) -> tuple[bytes, str, str]:
    """Private part, kid and public JWK of a new key."""
    if purpose == KeyPurpose.OPAQUE and algorithm == Algorithm.HKDF_SHA256:
        return opaque.new_bytes(_OPAQUE_SECRET_LENGTH), f"opaque-{number}", ""
    if purpose != KeyPurpose.SIGNING or algorithm not in SIGNING_ALGORITHMS:
        raise ValueError(f"{algorithm} is no algorithm for {purpose} keys")
    key = _new_private_key(algorithm)
    public = jwk_of(key.public_key())
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return private, thumbprint(public), json.dumps(public, sort_keys=True)


def _new_private_key(algorithm: str) -> PrivateKey:
    if algorithm == Algorithm.ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == Algorithm.EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=_RSA_EXPONENT, key_size=RSA_BITS)


def _private_key(row: KeyRecord, encryption: KeyEncryption) -> PrivateKey:
    # OpenSSL's check of an RSA key takes a third of a second of the first request; the encryption
    # has just proved that these bytes are the ones that were generated here.
    key = load_der_private_key(
        _private_part(row, encryption), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, PrivateKey):
        raise KeyUnreadable(f"key {row.kid}: it is no key for {row.algorithm}")
    return key


def _verifying_key(row: KeyRecord, encryption: KeyEncryption) -> VerifyingKey:
    # Decrypting proves that the public key stands in the row that it was generated with.
    _private_part(row, encryption)
    material = public_members(json.loads(row.public_jwk))
    return VerifyingKey(
        kid=row.kid,
        algorithm=row.algorithm,
        public_key=key_of(material),
        jwk={"kid": row.kid, "alg": row.algorithm, "use": "sig", **material},
        fingerprint=f"{row.algorithm} {thumbprint(material)}",
    )


def _private_part(row: KeyRecord, encryption: KeyEncryption) -> bytes:
    try:
        return encryption.decrypt(row.private_encrypted, _context(row))
    except KeyUnreadable as unreadable:
        raise KeyUnreadable(f"key {row.kid}: {unreadable}") from None
    except (LookupError, TypeError, ValueError):
        raise KeyUnreadable(f"key {row.kid}: its public part is no JWK") from None


def _context(row: KeyRecord) -> bytes:
    """What the encryption of a row is bound to: each part with its length before it, so that
    nothing moves from one to the next. The thumbprint stands for the public key, whose JSON a
    database may write in another way."""
    public = thumbprint(json.loads(row.public_jwk)) if row.public_jwk else ""
    parts = ("token-service key v1", row.kid, str(row.number), row.purpose, row.algorithm, public)
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(2, "big") + part for part in encoded)


def _kek_id(key: bytes) -> bytes:
    return hmac.digest(key, b"token-service key-encryption key id", "sha256")[:_KEK_ID_LENGTH]
