"""Keys, keyrings and hand-made tokens for the tests of this folder."""

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from token_service.crypto import opaque
from token_service.crypto.keyring import (
    KeyEncryptionKeys,
    Keyring,
    PrivateKey,
    SigningKey,
    generate,
)
from token_service.domain.keys import Algorithm, KeyPurpose, KeyRecord

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KEK = b"k" * 32
ENCRYPTION = KeyEncryptionKeys([KEK])
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIGNING = (Algorithm.ES256, Algorithm.RS256, Algorithm.EDDSA)


def key_row(
    algorithm: str = Algorithm.ES256, *, number: int = 1, activates_at: datetime = NOW - DAY
) -> KeyRecord:
    """A key that is active for 10 days and verifies for 10 more."""
    purpose = KeyPurpose.OPAQUE if algorithm == Algorithm.HKDF_SHA256 else KeyPurpose.SIGNING
    return generate(
        purpose,
        algorithm,
        number=number,
        now=activates_at - DAY,
        activates_at=activates_at,
        retires_at=activates_at + 10 * DAY,
        gone_at=activates_at + 20 * DAY,
        encryption=ENCRYPTION,
    )


@functools.cache
def standing_row(algorithm: str) -> KeyRecord:
    """One key of each algorithm for the whole run: an RSA key takes a second to make."""
    return key_row(algorithm)


def keyring_of(*rows: KeyRecord) -> Keyring:
    return Keyring.open(rows, ENCRYPTION)


@functools.cache
def standing_keyring() -> Keyring:
    """One active key of each algorithm."""
    return keyring_of(*map(standing_row, Algorithm))


def signing_key(algorithm: str = Algorithm.ES256) -> SigningKey:
    return standing_keyring().signing_key(algorithm, NOW)


def header_of(key: SigningKey, **changes: object) -> dict[str, object]:
    """A right header with changes; a value of None takes the member out."""
    header = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid} | changes
    return {name: value for name, value in header.items() if value is not None}


def forged(
    key: SigningKey, header: Mapping[str, object] | bytes, payload: Mapping[str, object] | bytes
) -> str:
    """A token with whatever header and payload, really signed with the key."""
    signed = f"{_segment(header)}.{_segment(payload)}"
    return f"{signed}.{opaque.encode(raw_signature(key.private_key, signed.encode()))}"


def raw_signature(key: PrivateKey, message: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def _segment(content: Mapping[str, object] | bytes) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return opaque.encode(data)
