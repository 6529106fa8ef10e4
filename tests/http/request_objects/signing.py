"""Clients that sign their requests, and the request objects that they make (RFC 9101)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from werkzeug.test import TestResponse

from tests.http.client_authentication.proving import jwk, private_key
from tests.http.pushed.building import refusals
from tests.world.browser import Browser, Returned, Shown, asking, web_app
from tests.world.world import ISSUER, App, World
from token_service.crypto import opaque

ERROR = "invalid_request_object"


@dataclass(frozen=True)
class Signer:
    """An application with a key of its own."""

    world: World
    app: App
    algorithm: str
    key: Any
    kid: str = "k1"

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a request object that is right but for the changes; None takes one away."""
        now = int(self.world.parts.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.app.client_id,
            "aud": ISSUER,
            "nbf": now,
            "exp": now + 300,
            **asking(self.app),
        }
        return {name: one for name, one in (claims | changes).items() if one is not None}

    def signed(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A request object; None takes a claim or a member of the header away."""
        stated = {"alg": self.algorithm, "kid": self.kid, "typ": "oauth-authz-req+jwt"}
        members = {
            name: one for name, one in (stated | dict(header or {})).items() if one is not None
        }
        return hand_made(members, self.claims(**changes), self.algorithm, self.key)

    def sends(self, token: str, **beside: str) -> TestResponse:
        """The first answer to a browser that comes with an object and what stands beside it."""
        named = {"client_id": self.app.client_id, "request": token} | beside
        return Browser(self.world).get("/oauth2/authorize", **named)

    def come(self, browser: Browser, token: str, **beside: str) -> Shown | Returned:
        """The same, followed as far as it goes."""
        named = {"client_id": self.app.client_id, "request": token} | beside
        return browser.follow("/oauth2/authorize", browser.get("/oauth2/authorize", **named))

    def pushes(self, token: str, **beside: str) -> TestResponse:
        """The object, pushed."""
        form = {"client_id": self.app.client_id, "request": token} | beside
        return self.world.http.post("/oauth2/par", data=form, headers=self.app.basic)


def signer(world: World, algorithm: str = "ES256", **metadata: Any) -> Signer:
    """An application whose key is in its registration."""
    key = private_key(algorithm)
    jwks = {"keys": [jwk(algorithm, key, kid="k1")]}
    app = web_app(world, metadata={"jwks": jwks} | metadata)
    return Signer(world, app, algorithm, key)


def hand_made(
    header: Mapping[str, Any], claims: Mapping[str, Any], algorithm: str, key: Any
) -> str:
    """A JWT with a header that no library would make."""
    signed = ".".join(opaque.encode(json.dumps(one).encode()) for one in (header, claims))
    signing = jwt.get_algorithm_by_name(algorithm)
    return f"{signed}.{opaque.encode(signing.sign(signed.encode(), signing.prepare_key(key)))}"


def assert_taken(one: Signer, token: str, **beside: str) -> None:
    """The object leads to the sign-in page, and it can be pushed."""
    shown = one.come(Browser(one.world), token, **beside)
    assert isinstance(shown, Shown), shown
    assert shown.path == "/sign-in", shown.answer.text
    assert one.pushes(token).status_code == 201


def assert_not_taken(one: Signer, token: str, fault: str, error: str = ERROR) -> None:
    """Neither in a browser nor pushed, and the log says why."""
    answer = one.sends(token, redirect_uri="https://app.example/cb", state="s", scope="openid")
    assert answer.status_code == 303, answer.text
    location = answer.headers["Location"]
    assert location.startswith("https://app.example/cb?")
    assert f"error={error}&" in location
    assert "state=s" in location
    pushed = one.pushes(token)
    assert (pushed.status_code, pushed.get_json()["error"]) == (400, error)
    assert refusals(one.world)[-1][1] == {"error": error, "fault": fault}
