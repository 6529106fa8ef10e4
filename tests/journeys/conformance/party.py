"""A relying party, written from the specifications: it forgives nothing that they demand."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from tests.journeys.conformance.provider import Provider
from tests.journeys.conformance.visitor import Callback, Page, Visitor

CALLBACK = "https://rp.example/callback"
LOGGED_OUT = "https://rp.example/logged-out"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
_HASHES = {"RS256": hashlib.sha256, "PS256": hashlib.sha256, "ES256": hashlib.sha256}


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def challenge(verifier: str) -> str:
    """RFC 7636 section 4.2, S256."""
    return encoded(hashlib.sha256(verifier.encode()).digest())


@dataclass(frozen=True)
class Signed:
    """A JWT of the provider whose signature is right: its header and its claims."""

    token: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


@dataclass
class Party:
    """What it was registered as, and its keys."""

    provider: Provider
    held: dict[str, Any]
    key: RSAKey | ECKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))

    @classmethod
    def try_to_register(cls, provider: Provider, **members: Any) -> requests.Response:
        """Ask for a registration (OpenID Connect Dynamic Client Registration section 3.1)."""
        asked = {
            "client_name": "Conformance",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [LOGGED_OUT],
            "token_endpoint_auth_method": "client_secret_basic",
            "contacts": ["somebody@rp.example"],
        } | members
        return requests.post(
            provider.endpoint("registration"),
            json=asked,
            headers={"Authorization": f"Bearer {provider.permit}"},
            timeout=10,
        )

    @classmethod
    def registered(cls, provider: Provider, **members: Any) -> "Party":
        """Register with a key, and expect that it is done (section 3.2)."""
        key = members.pop("key", None) or RSAKey.generate_key(2048, auto_kid=True)
        if "jwks_uri" not in members:
            members["jwks"] = {"keys": [key.as_dict(private=False)]}
        answer = cls.try_to_register(provider, **members)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        held = answer.json()
        assert {"client_id", "registration_access_token", "registration_client_uri"} <= held.keys()
        assert ("client_secret" in held) == ("client_secret_expires_at" in held)
        return cls(provider, held, key)

    # The way through the browser.

    def asking(self, **changes: str | None) -> dict[str, str]:
        """An authentication request that is right but for the changes; None leaves one out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.held["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
        } | changes
        return {name: value for name, value in asked.items() if value is not None}

    def send(self, visitor: Visitor, asked: dict[str, str], method: str = "GET") -> Callback | Page:
        """Send the visitor's browser to the provider."""
        address = self.provider.endpoint("authorization")
        back = str(asked.get("redirect_uri", self.held["redirect_uris"][0])).partition("?")[0]
        return visitor.go(address, asked, back, method)

    def code(self, visitor: Visitor, asked: dict[str, str], method: str = "GET") -> str:
        """The same, and expect a code in an answer of good form."""
        return self.answered(self.send(visitor, asked, method), asked)["code"]

    def error(self, visitor: Visitor, asked: dict[str, str]) -> str:
        """The same, and expect an error in an answer of good form (RFC 6749 section 4.1.2.1)."""
        parameters = self.answered(self.send(visitor, asked), asked)
        assert "code" not in parameters
        assert parameters.keys() <= {"error", "error_description", "error_uri", "state", "iss"}
        assert parameters.get("error_description", "").isascii()
        return parameters["error"]

    def answered(self, back: Callback | Page, asked: Mapping[str, str]) -> dict[str, str]:
        """The answer, if it came the way and with the `state` that was asked for, and from here."""
        assert isinstance(back, Callback), back.text
        in_a_form = asked.get("response_mode") == "form_post"
        assert back.method == ("POST" if in_a_form else "GET")
        assert back.parameters.get("state") == asked.get("state")
        assert back.parameters["iss"] == self.provider.issuer
        return back.parameters

    # The token endpoint.

    def token(self, form: Mapping[str, str], **headers: str) -> requests.Response:
        """Ask it, authenticated as the party was registered."""
        sent, credentials = self.credentials()
        return requests.post(
            self.provider.endpoint("token"),
            data=dict(form) | credentials,
            headers=sent | headers,
            timeout=10,
        )

    def credentials(self, **claims: Any) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and form parameters that prove who asks."""
        client_id, method = self.held["client_id"], self.held["token_endpoint_auth_method"]
        secret = self.held.get("client_secret", "")
        if method == "client_secret_basic":
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}, {}
        if method == "client_secret_post":
            return {}, {"client_id": client_id, "client_secret": secret}
        return {}, {"client_assertion_type": ASSERTION, "client_assertion": self.assertion(claims)}

    def assertion(self, changes: Mapping[str, Any], algorithm: str | None = None) -> str:
        """A client assertion that is right but for the changes; None leaves a claim out."""
        now, client_id = int(time.time()), self.held["client_id"]
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": self.provider.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        } | changes
        return self.signed(
            {name: one for name, one in claims.items() if one is not None}, algorithm
        )

    def signed(self, claims: Mapping[str, Any], algorithm: str | None = None, **header: Any) -> str:
        """A JWT of the party's."""
        used = algorithm or ("RS256" if isinstance(self.key, RSAKey) else "ES256")
        named = {"kid": self.key.kid} if self.key.kid else {}
        stated = {"alg": used} | named | header
        return jwt.encode(stated, dict(claims), self.key, algorithms=[used])

    def redeem(self, code: str, **changes: str) -> requests.Response:
        """Use a code (OpenID Connect Core section 3.1.3.1)."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.token(form | changes)

    def tokens(self, answer: requests.Response) -> dict[str, Any]:
        """What a token response gives, if it is of good form (RFC 6749 section 5.1)."""
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        body = dict(answer.json())
        assert body["token_type"].lower() in ("bearer", "dpop")
        assert body["expires_in"] > 0
        return body

    def signed_in(self, visitor: Visitor, **changes: str) -> "SignedIn":
        """Sign in, from the first request to the last check."""
        asked = self.asking(**changes)
        body = self.tokens(self.redeem(self.code(visitor, asked)))
        return SignedIn(self, body, self.id_token(body, asked.get("nonce")))

    # What comes back.

    def verified(self, token: str) -> Signed:
        """A JWT that one of the provider's published keys has signed, named by its `kid`."""
        found = jwt.decode(token, KeySet.import_key_set(self.provider.keys()), ALGORITHMS)
        assert found.header["kid"]
        return Signed(token, found.header, found.claims)

    def id_token(self, body: Mapping[str, Any], nonce: str | None) -> Signed:
        """The ID token of a token response, by every rule of section 3.1.3.7."""
        found, now = self.verified(str(body["id_token"])), time.time()
        claims = found.claims
        assert found.header["alg"] == self.held["id_token_signed_response_alg"]
        assert claims["iss"] == self.provider.issuer
        assert claims["aud"] in (self.held["client_id"], [self.held["client_id"]])
        assert now - 60 < claims["iat"] <= now + 5 < claims["exp"]
        assert 0 < len(claims["sub"]) <= 255
        assert claims["sub"].isascii()
        assert claims.get("nonce") == nonce
        if (hashing := _HASHES.get(found.header["alg"])) is not None:
            half = hashing(body["access_token"].encode()).digest()[:16]
            assert claims["at_hash"] == encoded(half)
        return found

    def userinfo(self, access_token: str, by: str = "header") -> requests.Response:
        """Ask who it is: `header`, `posted header` or `posted body` (section 5.3.1)."""
        address, bearer = self.provider.endpoint("userinfo"), f"Bearer {access_token}"
        if by == "posted body":
            return requests.post(address, data={"access_token": access_token}, timeout=10)
        method = "POST" if by == "posted header" else "GET"
        headers = {"Authorization": bearer}
        return requests.request(method, address, headers=headers, timeout=10)

    def who(self, signed_in: "SignedIn", by: str = "header") -> dict[str, Any]:
        """The claims, of the same person (section 5.3.2)."""
        answer = self.userinfo(signed_in.access_token, by)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
        claims = dict(json.loads(answer.text))
        assert claims["sub"] == signed_in.id_token.claims["sub"]
        return claims


@dataclass(frozen=True)
class SignedIn:
    """What one sign-in gave to a party."""

    party: Party
    body: Mapping[str, Any]
    id_token: Signed

    @property
    def access_token(self) -> str:
        """The access token."""
        return str(self.body["access_token"])
