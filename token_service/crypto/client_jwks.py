"""The keys of a client, out of the JWK set (RFC 7517) that it has registered or publishes."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa

from token_service.crypto.jwk import PublicKey, key_of

MAX_KEYS = 20
_RSA_BITS = range(2048, 8193)
_ALGORITHMS: dict[tuple[str, str | None], frozenset[str]] = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("RSA", None): frozenset({"RS256", "PS256"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One public key, and the algorithms of which it may have signed something."""

    kid: str | None
    algorithms: frozenset[str]
    public_key: PublicKey


def keys_of(jwks: Mapping[str, object]) -> list[ClientKey]:
    """The keys that may have signed something: the first 20, others than ours passed over."""
    return [key for jwk in _members(jwks) if (key := _key(jwk)) is not None]


def certificates_of(jwks: Mapping[str, object]) -> list[bytes]:
    """The certificates of the keys (`x5c`, RFC 7517 section 4.7), each the first one in DER."""
    chains = (jwk.get("x5c") for jwk in _members(jwks))
    first = (chain[0] for chain in chains if isinstance(chain, list) and chain)
    return [der for one in first if isinstance(one, str) and (der := _der(one)) is not None]


def names(jwks: Mapping[str, object], kid: str) -> bool:
    """Whether a key of the set is called so."""
    return any(jwk.get("kid") == kid for jwk in _members(jwks))


def holds_private_part(jwks: Mapping[str, object]) -> bool:
    """Whether a key of the set is more than public: then it is everybody's."""
    return any({"d", "k"} & jwk.keys() for jwk in _members(jwks))


def _members(jwks: Mapping[str, object]) -> list[Mapping[str, object]]:
    members = jwks.get("keys")
    if not isinstance(members, list):
        return []
    return [one for one in members[:MAX_KEYS] if isinstance(one, dict)]


def _key(jwk: Mapping[str, object]) -> ClientKey | None:
    texts = {name: value for name, value in jwk.items() if isinstance(value, str)}
    kid, stated, kty = jwk.get("kid"), jwk.get("alg"), texts.get("kty", "")
    algorithms = _ALGORITHMS.get((kty, None if kty == "RSA" else texts.get("crv")))
    if algorithms is None or not (kid is None or isinstance(kid, str)) or not _is_to_verify(jwk):
        return None
    if stated is not None:
        algorithms = frozenset({one for one in algorithms if one == stated})
    try:
        key = key_of(texts)
    except (LookupError, ValueError):
        return None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size not in _RSA_BITS:
        return None
    return ClientKey(kid, algorithms, key)


def _is_to_verify(jwk: Mapping[str, object]) -> bool:
    """RFC 7517 sections 4.2 and 4.3; a key with a private part in it is nobody's own any more."""
    operations = jwk.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return False
    return jwk.get("use", "sig") == "sig" and "d" not in jwk


def _der(text: str) -> bytes | None:
    """Base64 with padding, not base64url (RFC 7517 section 4.7)."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
