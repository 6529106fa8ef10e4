"""DPoP proofs (RFC 9449 section 4): read, their signatures checked, and the nonces for them.

A proof brings its own key along, which is the point of it: the key is nobody's until a token is
bound to it. So whatever a key may be is decided here, before it is used for anything.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from token_service.crypto import jwk, jwt, opaque
from token_service.crypto.jwk import PublicKey
from token_service.crypto.refresh_tokens import OpaqueKey, OpaqueKeys
from token_service.domain.dpop import ALGORITHMS, TYPE, ProofClaims, proof_claims

MAX_LENGTH = 4096

_KINDS = {
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
    "PS256": ("RSA", None),
}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA_BITS = range(2048, 4096 + 1)
_RSA_EXPONENTS = range(3, 2**32)
_NONCE_PURPOSE = b"token-service DPoP nonce v1\0"
_KEY_NUMBER_LENGTH = 2
_NONCE_LENGTH = _KEY_NUMBER_LENGTH + 32


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose key has signed it; what it is good for is the domain's to say.

    `key` is the thumbprint of the key (RFC 7638).
    """

    claims: ProofClaims
    key: str

    @property
    def fingerprint(self) -> str:
        """What is remembered of a used proof: a hash over kind, key and `jti`, 43 characters."""
        text = f"dpop\0{self.key}\0{self.claims.jti}".encode("utf-8", "surrogatepass")
        return opaque.encode(hashlib.sha256(text).digest())


def parse(proof: str) -> Proof | None:
    """The proof, if it is one in good form and signed by the key in its header, otherwise None.

    Steps 2 to 7 of RFC 9449 section 4.3. No input raises.
    """
    if len(proof) > MAX_LENGTH:
        return None
    found = jwt.foreign(proof, MAX_LENGTH)
    if found is None or found.header.get("typ") != TYPE:
        return None
    algorithm, material = found.header.get("alg"), found.header.get("jwk")
    if algorithm not in ALGORITHMS or not isinstance(material, Mapping):
        return None
    members = _members(str(algorithm), material)
    key = None if members is None else _key(members)
    claims = proof_claims(found.claims)
    if members is None or key is None or claims is None:
        return None
    if not found.is_signed_by(str(algorithm), key):
        return None
    return Proof(claims, jwk.thumbprint(members))


def token_hash(access_token: str) -> str:
    """The `ath` of a proof that goes with the access token (RFC 9449 section 4.2)."""
    return opaque.encode(hashlib.sha256(access_token.encode("utf-8", "surrogatepass")).digest())


def certificate_thumbprint(certificate: bytes) -> str:
    """The `x5t#S256` of a certificate in DER (RFC 8705 section 3.1)."""
    return opaque.encode(hashlib.sha256(certificate).digest())


def nonce(key: OpaqueKey, time_slice: int) -> str:
    """The nonce of a slice of time: the same on every node, and nobody without the key knows the
    next one (RFC 9449 section 8)."""
    digest = hmac.digest(key.nonce_key, _NONCE_PURPOSE + time_slice.to_bytes(8, "big"), "sha256")
    return opaque.encode(key.number.to_bytes(_KEY_NUMBER_LENGTH, "big") + digest)


def key_of_nonce(keys: OpaqueKeys, text: str) -> OpaqueKey | None:
    """The key that a nonce says it was made with, None where there is none of that number."""
    data = opaque.decode(text) if len(text) <= 2 * _NONCE_LENGTH else None
    if data is None or len(data) != _NONCE_LENGTH:
        return None
    return keys.by_number.get(int.from_bytes(data[:_KEY_NUMBER_LENGTH]))


def _members(algorithm: str, material: Mapping[str, object]) -> dict[str, str] | None:
    """What makes up the public key, if it is of the kind for the algorithm.

    A private part in it is refused (step 7): who has sent it to us has given the key away.
    """
    kind, curve = _KINDS[algorithm]
    if material.get("kty") != kind or material.get("crv") != curve or material.keys() & _PRIVATE:
        return None
    texts = {name: value for name, value in material.items() if isinstance(value, str)}
    try:
        return jwk.public_members(texts)
    except LookupError:
        return None


def _key(members: Mapping[str, str]) -> PublicKey | None:
    """The key, if there can be such a one: a point on its curve, an RSA key of a sound size."""
    if not all(value.isascii() for value in members.values()):
        return None
    try:
        key = jwk.key_of(members)
    except (LookupError, ValueError, UnsupportedAlgorithm):
        return None
    if members != jwk.jwk_of(key):
        # The same key in another spelling would have another thumbprint.
        return None
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        is_sound = numbers.e in _RSA_EXPONENTS and numbers.e % 2 == 1
        return key if is_sound and numbers.n.bit_length() in _RSA_BITS else None
    return key
