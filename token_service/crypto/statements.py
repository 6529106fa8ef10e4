"""JWTs that clients have signed: read, and verified by their keys.

What `jwt` verifies was made here; these were made by anybody. So a header may hold more, none of
which counts but `alg`, `kid` and `typ`: a key that a token brings along, or an address of one,
proves nothing (RFC 8725 section 3.10).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from token_service.crypto import jwt, opaque
from token_service.crypto.client_jwks import ClientKey
from token_service.crypto.jwt import Parts

_LONGEST_HEADER = 2048
SECRET_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Statement:
    """A JWT in good form. Nothing that it says is true before its signature was verified."""

    algorithm: str
    kid: str | None
    typ: object
    claims: dict[str, object] = field(repr=False)
    parts: Parts = field(repr=False)


def read(token: str) -> Statement | None:
    """None for what is no signed JWT, or holds something that must be understood (`crit`)."""
    parts = jwt.unverified(token)
    if parts is None or len(parts.header) > _LONGEST_HEADER:
        return None
    encoded = opaque.decode(parts.header)
    header = None if encoded is None else jwt.json_object(encoded)
    claims = jwt.json_object(parts.payload)
    if header is None or claims is None or {"crit", "b64", "zip", "enc"} & header.keys():
        return None
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not (kid is None or isinstance(kid, str)):
        return None
    return Statement(algorithm, kid, header.get("typ"), claims, parts)


def candidates(statement: Statement, keys: Iterable[ClientKey]) -> list[ClientKey]:
    """The keys that can have signed it: of its algorithm and, if it names one, of that name."""
    return [
        key
        for key in keys
        if statement.algorithm in key.algorithms and statement.kid in (None, key.kid)
    ]


def is_signed_by_key(statement: Statement, keys: Iterable[ClientKey]) -> bool:
    """Whether one of the keys has signed it, by an algorithm that is the key's own."""
    return any(
        jwt.is_signed_by(
            statement.algorithm, key.public_key, statement.parts.signed, statement.parts.signature
        )
        for key in candidates(statement, keys)
    )


def is_signed_by_secret(statement: Statement, secrets: Iterable[str]) -> bool:
    """Whether it was signed with one of the shared secrets (OpenID Connect Core section 10.1)."""
    parts = statement.parts
    return statement.algorithm == SECRET_ALGORITHM and any(
        jwt.is_signed_by(SECRET_ALGORITHM, secret.encode(), parts.signed, parts.signature)
        for secret in secrets
    )
