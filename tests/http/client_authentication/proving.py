"""Clients that prove who they are by keys, by a shared secret as a key, or by certificates."""

import base64
import functools
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from werkzeug.test import TestResponse

from tests.world.world import ISSUER, World
from token_service.crypto import opaque, shared_secrets
from token_service.crypto.shared_secrets import SharedSecret
from token_service.domain.client_assertions import TYPE
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod
from token_service.domain.events import NO_ACCOUNT, Event

ENDPOINTS = ("/oauth2/token", "/oauth2/introspect", "/oauth2/revoke")
FORM = {"grant_type": "client_credentials", "token": "x"}
"""Good at each of the endpoints, for a client that may have tokens of its own."""

_numbers = itertools.count(1)


def private_key(algorithm: str, number: int = 1) -> Any:
    """A key of a client; the same for the whole run, because RSA takes long."""
    return _private_key(algorithm, number)


@functools.cache
def _private_key(algorithm: str, _number: int) -> Any:
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def jwk(algorithm: str, key: Any, **members: object) -> dict[str, Any]:
    """The public part, as another library writes it."""
    writer = {"ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}.get(algorithm, RSAAlgorithm)
    public: dict[str, Any] = json.loads(writer.to_jwk(key.public_key()))
    public.pop("key_ops", None)
    return public | members


def public_forms(algorithm: str, key: Any) -> list[bytes]:
    """The public key in forms that somebody might take for a secret, and what is no secret."""
    public = key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = jwk(algorithm, key)
    return [
        pem,
        pem.strip(),
        pem.replace(b"\n", b"\r\n"),
        b" \n" + pem,
        b"\xef\xbb\xbf" + pem,
        der,
        base64.b64encode(der),
        str(text).encode(),
        json.dumps(text).encode(),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        str(text.get("n", text.get("x"))).encode(),
        b"",
        b"\0",
        b"secret",
        b"k1",
    ]


@dataclass(frozen=True)
class Prover:
    """A client that signs what proves it."""

    world: World
    client_id: str
    algorithm: str
    key: Any
    kid: str | None = "k1"

    def claims(self, **changes: object) -> dict[str, Any]:
        """Those of a good assertion; None takes one away."""
        now = self.world.parts.clock.now().timestamp()
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": ISSUER,
            "jti": f"j{next(_numbers)}",
            "iat": now,
            "exp": now + 60,
        }
        return {name: one for name, one in (claims | changes).items() if one is not None}

    def assertion(self, header: Mapping[str, object] | None = None, **changes: object) -> str:
        """A new one, with some claims and header members changed."""
        members: dict[str, Any] = {"kid": self.kid} if self.kid else {}
        return jwt.api_jws.encode(
            json.dumps(self.claims(**changes)).encode(),
            self.key,
            self.algorithm,
            headers=members | dict(header or {}),
        )

    def ask(
        self, assertion: str | None = None, path: str = ENDPOINTS[0], **form: str
    ) -> TestResponse:
        """An endpoint, with the assertion or a new one."""
        return send(self.world, assertion or self.assertion(), path, **form)

    def at(self, worker: World) -> "Prover":
        """The same client at another worker."""
        return replace(self, world=worker)


def send(world: World, assertion: str, path: str = ENDPOINTS[0], **form: str) -> TestResponse:
    """A request that only an assertion proves."""
    proof = {"client_assertion_type": TYPE, "client_assertion": assertion}
    return world.http.post(path, data=FORM | proof | form)


def with_key(
    world: World, algorithm: str = "ES256", *, jwks_uri: str | None = None, **metadata: Any
) -> Prover:
    """A service that authenticates by `private_key_jwt`."""
    key = private_key(algorithm)
    jwks = None if jwks_uri else {"keys": [jwk(algorithm, key, kid="k1")]}
    stated = ClientMetadata(**({"jwks": jwks, "jwks_uri": jwks_uri} | metadata))
    app = world.client(
        "service",
        authentication=AuthenticationMethod.PRIVATE_KEY_JWT,
        secrets=(),
        metadata=stated,
    )
    return Prover(world, app.client_id, algorithm, key)


def with_shared_secret(world: World, **metadata: Any) -> Prover:
    """A service that authenticates by `client_secret_jwt`."""
    client_id, secret = f"signer-{next(_numbers)}", opaque.new_secret("tss_")
    sealed = shared_secrets.seal(world.parts.keys.encryption, client_id, [SharedSecret(secret)])
    world.client(
        "service",
        client_id=client_id,
        authentication=AuthenticationMethod.SECRET_JWT,
        secrets=(),
        shared_secret_encrypted=sealed,
        metadata=ClientMetadata(**metadata),
    )
    return Prover(world, client_id, "HS256", secret, None)


def failures(world: World) -> list[tuple[str, object]]:
    """Why clients were not believed: reason and fault."""
    return [
        (one.reason, one.details.get("fault"))
        for one in world.events(NO_ACCOUNT)
        if one.event is Event.CLIENT_AUTHENTICATION_FAILED
    ]
