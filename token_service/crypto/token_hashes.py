"""What binds an ID token to what it came with: `at_hash`, and `c_hash` in the same way."""

import hashlib

from token_service.crypto import opaque
from token_service.domain.keys import Algorithm

_HASHES = {
    Algorithm.ES256: hashlib.sha256,
    Algorithm.RS256: hashlib.sha256,
    Algorithm.PS256: hashlib.sha256,
    # EdDSA names no hash: Ed25519 computes with SHA-512 inside, and that is the one which OpenID
    # Providers and clients have settled on.
    Algorithm.EDDSA: hashlib.sha512,
}


def half_hash(algorithm: str, value: str) -> str:
    """Base64url of the left half of the hash of an ASCII value (OpenID Connect Core 3.1.3.6).

    The hash is that of `algorithm`, by which the ID token is signed; a KeyError tells of one that
    no ID token is signed by.
    """
    digest = _HASHES[Algorithm(algorithm)](value.encode("ascii")).digest()
    return opaque.encode(digest[: len(digest) // 2])
