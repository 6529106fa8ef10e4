"""JWTs that clients have signed: read, and verified by their keys.

What `jwt` verifies was made here; these were made by anybody. So a header may hold more, none of
which counts but `alg`, `kid` and `typ`: a key that a token brings along, or an address of one,
proves nothing (RFC 8725 section 3.10).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from token_service.crypto import jwt
from token_service.crypto.client_jwks import ClientKey
from token_service.crypto.jwt import Foreign

_LONGEST_HEADER = 2048
SECRET_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Statement:
    """A JWT in good form. Nothing that it says is true before its signature was verified."""

    algorithm: str
    kid: str | None
    typ: object
    signed: Foreign = field(repr=False)

    @property
    def claims(self) -> dict[str, object]:
        """What it says."""
        return self.signed.claims


def read(token: str) -> Statement | None:
    """None for what is no signed JWT, or holds something that must be understood (`crit`)."""
    found = jwt.foreign(token, _LONGEST_HEADER)
    if found is None or {"b64", "zip", "enc"} & found.header.keys():
        return None
    algorithm, kid = found.header.get("alg"), found.header.get("kid")
    if not isinstance(algorithm, str) or not (kid is None or isinstance(kid, str)):
        return None
    return Statement(algorithm, kid, found.header.get("typ"), found)


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
        statement.signed.is_signed_by(statement.algorithm, key.public_key)
        for key in candidates(statement, keys)
    )


def is_signed_by_secret(statement: Statement, secrets: Iterable[str]) -> bool:
    """Whether it was signed with one of the shared secrets (OpenID Connect Core section 10.1)."""
    return statement.algorithm == SECRET_ALGORITHM and any(
        statement.signed.is_signed_by(SECRET_ALGORITHM, secret.encode()) for secret in secrets
    )
