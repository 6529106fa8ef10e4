"""Clients with keys of their own, and the proofs that they make (RFC 9449 section 4)."""

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from werkzeug.test import TestResponse

from tests.http.building import SignedIn, code_of
from tests.world.world import ISSUER, App, Person, Tokens, World, tokens_of
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.events import AuditEvent

TOKEN_URL = f"{ISSUER}/oauth2/token"
BOUND = ClientMetadata(dpop_bound_access_tokens=True)
"""The metadata of a client that has bound tokens only."""

_numbers = itertools.count(1)
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
_KINDS = {
    "ES256": jwt.algorithms.ECAlgorithm,
    "ES384": jwt.algorithms.ECAlgorithm,
    "RS256": jwt.algorithms.RSAAlgorithm,
    "PS256": jwt.algorithms.RSAAlgorithm,
    "RS512": jwt.algorithms.RSAAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(segment: str) -> dict[str, Any]:
    """A segment of a JWT that is a JSON object."""
    return dict(json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))))


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """An RSA key of a size; they take a while to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Key:
    """A key on a device, and the algorithm that it signs proofs with."""

    private: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    algorithm: str = "ES256"

    @classmethod
    def of(cls, algorithm: str) -> "Key":
        """A key for the algorithm."""
        if algorithm == "EdDSA":
            return cls(ed25519.Ed25519PrivateKey.generate(), algorithm)
        return cls(algorithm=algorithm) if algorithm == "ES256" else cls(rsa_key(2048), algorithm)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key."""
        kind = _KINDS[self.algorithm]
        members = json.loads(kind.to_jwk(self.private.public_key()))
        return {name: members[name] for name in _MEMBERS[members["kty"]]}

    @property
    def private_jwk(self) -> dict[str, Any]:
        """The same with its private part, which nobody should send anywhere."""
        return dict(json.loads(_KINDS[self.algorithm].to_jwk(self.private)))

    @property
    def thumbprint(self) -> str:
        """RFC 7638."""
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return encoded(hashlib.sha256(text.encode()).digest())

    def proof(
        self,
        method: str = "POST",
        url: str = TOKEN_URL,
        *,
        header: Mapping[str, Any] | None = None,
        token: str | None = None,
        **claims: Any,
    ) -> str:
        """A proof for a request, with an `ath` for the token; None takes a claim or member away."""
        stated = {
            "jti": f"proof-{next(_numbers)}",
            "htm": method,
            "htu": url,
            "iat": int(datetime.now(UTC).timestamp()),
            "ath": encoded(hashlib.sha256(token.encode()).digest()) if token else None,
        } | claims
        members = {"typ": "dpop+jwt", "jwk": self.jwk, **(header or {})}
        algorithm = members.pop("alg", self.algorithm)
        body = {name: value for name, value in stated.items() if value is not None}
        shown = {name: value for name, value in members.items() if value is not None}
        key = self.private if algorithm in _KINDS else None
        text = jwt.encode(body, key, algorithm=algorithm if key else "none", headers=shown)
        # Without a `typ`, the library writes one of its own.
        return _without_typ(text, self) if members["typ"] is None else text

    def shown(self, method: str = "POST", url: str = TOKEN_URL, **made: Any) -> dict[str, str]:
        """The header that carries such a proof."""
        return {"DPoP": self.proof(method, url, **made)}

    def using(self, tokens: Tokens | str, method: str, path: str, **made: Any) -> dict[str, str]:
        """The headers of a request with an access token that is bound to the key."""
        token = tokens if isinstance(tokens, str) else tokens.access
        proof = self.proof(method, ISSUER + path, **{"token": token} | made)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    def signed(self, header: str, payload: str) -> str:
        """Two segments with a signature of this key under them, whatever they say."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        signature = algorithm.sign(f"{header}.{payload}".encode(), self.private)
        return f"{header}.{payload}.{encoded(signature)}"


def _without_typ(text: str, key: Key) -> str:
    header, payload, _ = text.split(".")
    members = decoded(header)
    del members["typ"]
    return key.signed(encoded(json.dumps(members).encode()), payload)


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def refreshed(
    world: World, app: App, token: str, key: Key | None = None, **made: Any
) -> TestResponse:
    """A refresh with a proof of the key, or with none."""
    headers = key.shown(**made) if key else {}
    return world.token(app, headers, grant_type="refresh_token", refresh_token=token)


def client_token(world: World, app: App, key: Key | None = None, **made: Any) -> TestResponse:
    """A client-credentials request with a proof of the key, or with none."""
    headers = key.shown(**made) if key else {}
    return world.token(app, headers, grant_type="client_credentials")


def events_of_client(world: World, app: App) -> list[AuditEvent]:
    """What the audit log says of a client where no account is concerned."""
    return [one for one in world.events("0" * 32) if one.client_id == app.client_id]


def reasons_of(world: World, app: App) -> list[str]:
    """The reasons for which its proofs were refused."""
    return [one.reason for one in events_of_client(world, app) if one.event == "proof_refused"]


def outcome(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal, or the type of the token that was given."""
    if answer.status_code == 200:
        return 200, str(answer.get_json()["token_type"])
    return answer.status_code, code_of(answer)


def signed_in_with(
    world: World,
    key: Key | None,
    kind: str = "public",
    policy: Mapping[str, Any] | None = None,
    **client: Any,
) -> SignedIn:
    """Somebody who has signed in with a proof of the key; `policy` is what the tenant overrides."""
    tenant_id = world.tenant(**(policy or {}))
    person, app = world.person(tenant_id), world.client(kind, **client)
    tokens = tokens_of(sign_in(world, person, app, key))
    return SignedIn(world, tenant_id, person, app, world.client("backend"), tokens)


def sign_in(world: World, person: Person, app: App, key: Key | None, **made: Any) -> TestResponse:
    """A sign-in with a proof of the key, or with none."""
    body = {
        "identifier": person.email,
        "password": person.password,
        "client_id": app.client_id,
    }
    headers = dict(app.basic) if app.secret else {}
    if key is not None:
        headers |= key.shown(url=f"{ISSUER}/v1/sign-in", **made)
    return world.http.post("/v1/sign-in", json=body, headers=headers)
