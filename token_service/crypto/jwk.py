"""Public keys as JSON Web Keys (RFC 7517), of the three kinds that sign here, and their names."""

import hashlib
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from token_service.crypto import opaque

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_COORDINATE_LENGTH = 32
# The members that a thumbprint covers (RFC 7638 section 3.2, RFC 8037 section 2), which are all
# that make up a public key.
_MEMBERS = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
}


def jwk_of(key: PublicKey) -> dict[str, str]:
    """The members of a P-256, RSA or Ed25519 key (RFC 7518 section 6, RFC 8037 section 2)."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        x, y = (number.to_bytes(_COORDINATE_LENGTH, "big") for number in (point.x, point.y))
        return {"kty": "EC", "crv": "P-256", "x": opaque.encode(x), "y": opaque.encode(y)}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "e": _unsigned(numbers.e), "n": _unsigned(numbers.n)}
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": opaque.encode(raw)}


def key_of(jwk: Mapping[str, str]) -> PublicKey:
    """The key that `jwk_of` has described; raises LookupError or ValueError for anything else."""
    if jwk["kty"] == "RSA":
        return rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
    if jwk["crv"] == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))
    point = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), ec.SECP256R1())
    return point.public_key()


def public_members(jwk: Mapping[str, str]) -> dict[str, str]:
    """What makes up the public key and nothing else: never a private part, never a comment."""
    return {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The RFC 7638 thumbprint with SHA-256: base64url, 43 characters."""
    canonical = json.dumps(public_members(jwk), sort_keys=True, separators=(",", ":"))
    return opaque.encode(hashlib.sha256(canonical.encode()).digest())


def _unsigned(number: int) -> str:
    """Base64urlUInt (RFC 7518 section 2): big endian, no leading zero byte."""
    return opaque.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")


def _bytes(text: str) -> bytes:
    data = opaque.decode(text)
    if data is None:
        raise ValueError("a JWK that is not in canonical base64url")
    return data
