"""A relying party of FAPI 2.0: it pushes its requests, signs, and binds its tokens to a key."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from tests.journeys.conformance.party import CALLBACK, Party, challenge, encoded
from tests.journeys.conformance.provider import Provider
from tests.journeys.conformance.visitor import Visitor
from tests.world.world import World
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod

VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"


def _ec_key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


@dataclass
class BoundParty(Party):
    """Registered by whoever runs the service, with `private_key_jwt` and DPoP."""

    proving: ECKey | RSAKey = field(default_factory=_ec_key)

    @classmethod
    def known(
        cls, world: World, provider: Provider, key: ECKey | RSAKey | None = None, **members: Any
    ) -> "BoundParty":
        """A new client of ours; `members` of its registration differ from what FAPI needs."""
        key = key or _ec_key()
        public = {name: one for name, one in key.as_dict(private=False).items() if name != "alg"}
        metadata: dict[str, Any] = {
            "redirect_uris": (CALLBACK,),
            "jwks": {"keys": [public]},
            "dpop_bound_access_tokens": True,
            "require_pushed_authorization_requests": True,
            "id_token_signed_response_alg": "PS256",
        } | members
        method = AuthenticationMethod.PRIVATE_KEY_JWT
        app = world.client(metadata=ClientMetadata(**metadata), authentication=method, secrets=())
        held = {
            "client_id": app.client_id,
            "token_endpoint_auth_method": "private_key_jwt",
            **{name: metadata[name] for name in ("redirect_uris", "id_token_signed_response_alg")},
        }
        return cls(provider, held, key)

    def asking(self, **changes: str | None) -> dict[str, str]:
        """The same with PKCE."""
        pkce = {"code_challenge": challenge(VERIFIER), "code_challenge_method": "S256"}
        return super().asking(**(pkce | changes))

    def push(
        self, asked: Mapping[str, str], headers: Mapping[str, str] | None = None, **claims: Any
    ) -> requests.Response:
        """RFC 9126 section 2.1; `claims` are those of the assertion that differ."""
        sent, credentials = self.credentials(**claims)
        return requests.post(
            self.provider.endpoint("pushed_authorization_request"),
            data=dict(asked) | credentials,
            headers=sent | dict(headers or {}),
            timeout=10,
        )

    def pushed(self, asked: Mapping[str, str], **headers: str) -> dict[str, str]:
        """The same, and expect a reference; what the browser then carries."""
        answer = self.push(asked, headers)
        assert answer.status_code == 201, answer.text
        assert 5 < answer.json()["expires_in"] < 600
        found = {"client_id": asked["client_id"], "request_uri": answer.json()["request_uri"]}
        return found | {"redirect_uri": asked["redirect_uri"]}

    def coded(self, visitor: Visitor, asked: dict[str, str], **headers: str) -> str:
        """Push a request, send the browser, and expect a code."""
        return self.answered(self.send(visitor, self.pushed(asked, **headers)), asked)["code"]

    def proof(
        self,
        url: str,
        method: str = "POST",
        token: str | None = None,
        header: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """A DPoP proof that is right but for the changes (RFC 9449 section 4.2)."""
        algorithm = "ES256" if isinstance(self.proving, ECKey) else "PS256"
        stated = {
            "typ": "dpop+jwt",
            "alg": algorithm,
            "jwk": _public(self.proving),
        } | dict(header or {})
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
            "ath": None if token is None else encoded(hashlib.sha256(token.encode()).digest()),
        } | changes
        return compact(self.proving, _given(stated), _given(claims))

    def token(self, form: Mapping[str, str], **headers: str) -> requests.Response:
        """Ask with a proof, unless `DPoP` is given; "" for none."""
        proofs = {"DPoP": self.proof(self.provider.endpoint("token"))} | headers
        return super().token(form, **{name: one for name, one in proofs.items() if one})

    def redeem(self, code: str, **changes: str) -> requests.Response:
        """The same with a verifier, unless another one is given."""
        return super().redeem(code, **({"code_verifier": VERIFIER} | changes))

    def resource(self, token: str, scheme: str = "DPoP", **changes: Any) -> requests.Response:
        """Ask userinfo; `proof` replaces the proof, "" sends none, all else changes it."""
        url = self.provider.endpoint("userinfo")
        proof = changes.pop("proof", None)
        if proof is None:
            proof = self.proof(url, "GET", token, **changes)
        headers = {"Authorization": f"{scheme} {token}"} | ({"DPoP": proof} if proof else {})
        return requests.get(url, headers=headers, timeout=10)


def compact(key: ECKey | RSAKey, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """A JWS of whatever is stated, with a signature that is right."""
    algorithm = header.get("alg", "none")
    if algorithm == "none":
        parts = (json.dumps(dict(one)).encode() for one in (header, claims))
        return ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts) + "."
    registry = jws.JWSRegistry(strict_check_header=False, algorithms=[algorithm])
    return jws.serialize_compact(dict(header), json.dumps(claims), key, registry=registry)


def _public(key: ECKey | RSAKey) -> dict[str, Any]:
    return {name: one for name, one in key.as_dict(private=False).items() if name != "kid"}


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in members.items() if one is not None}
