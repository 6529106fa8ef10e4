"""openid-client and oauth4webapi of npm against a running service, told nothing but its issuer.

The person who signs in is `javascript/person.mjs`: a browser without scripts.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.journeys import node
from tests.journeys.service import Service
from tests.world.world import App, Person, World
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod

REDIRECT = "http://127.0.0.1:3999/callback"
LOGGED_OUT = "http://127.0.0.1:3999/bye"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def person(world: World) -> Person:
    """Somebody who belongs to two tenants, and has to choose."""
    return world.person(world.tenant(), world.tenant())


def registered(world: World, kind: str = "app", metadata: Any = None, **changes: Any) -> App:
    """A client of ours that sends browsers here."""
    held = {"redirect_uris": (REDIRECT,), "post_logout_redirect_uris": (LOGGED_OUT,)}
    return world.client(kind, metadata=ClientMetadata(**(held | (metadata or {}))), **changes)


def journey(
    service: Service, person: Person, name: str, client: Mapping[str, Any]
) -> dict[str, Any]:
    """What openid-client saw on one of its journeys."""
    return node.run("openid_client.mjs", {"journey": name, **given(service, person, client)})


def given(service: Service, person: Person, client: Mapping[str, Any]) -> dict[str, Any]:
    """All that a script knows."""
    return {
        "issuer": service.issuer,
        "client": client,
        "redirect_uri": REDIRECT,
        "post_logout_redirect_uri": LOGGED_OUT,
        "person": {"email": person.email, "password": person.password},
    }


def key_pair() -> tuple[dict[str, Any], dict[str, Any]]:
    """A client's key, and what of it is registered."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = json.loads(ECAlgorithm.to_jwk(key)) | {"kid": "one", "alg": "ES256"}
    return private, {name: one for name, one in private.items() if name != "d"}


def held(app: App) -> dict[str, Any]:
    """A client's registration as its developer has it."""
    return {"client_id": app.client_id, "client_secret": app.secret}


@pytest.mark.parametrize("kind", ["app", "public"])
def test_openid_client_signs_in_refreshes_asks_and_gives_back(
    service: Service, world: World, person: Person, kind: str
) -> None:
    app = registered(world, kind)
    saw = journey(service, person, "whole", held(app))
    assert saw["claims"]["aud"] == app.client_id
    assert {"sid", "auth_time", "amr", "at_hash", "tenantId"} <= saw["claims"].keys()
    assert saw["who"]["sub"] == saw["claims"]["sub"]
    assert saw["who"]["email"] == person.email
    assert saw["rotated"] is True
    assert saw["before"]["active"] is True
    assert saw["refused"] == "invalid_grant"
    assert "grant_ended" in world.event_names(person.account_id)


def test_openid_client_proves_itself_with_a_key(
    service: Service, world: World, person: Person
) -> None:
    private, public = key_pair()
    app = registered(
        world,
        metadata={"jwks": {"keys": [public]}},
        authentication=AuthenticationMethod.PRIVATE_KEY_JWT,
        secrets=(),
    )
    saw = journey(service, person, "whole", {"client_id": app.client_id, "key": private})
    assert saw["before"]["active"] is True
    assert saw["refused"] == "invalid_grant"


def test_openid_client_signs_in_silently_and_out_everywhere(service: Service, world: World) -> None:
    person = world.person(world.tenant())  # nothing to choose: not even silence could
    saw = journey(service, person, "silentAndOut", held(registered(world)))
    assert saw["sameSession"] is True
    assert saw["left"] == f"{LOGGED_OUT}?state=out"
    assert saw["after"] == "login_required"
    assert saw["refused"] == "invalid_grant"
    assert "session_ended" in world.event_names(person.account_id)


def test_openid_client_binds_tokens_to_its_key(
    service: Service, world: World, person: Person
) -> None:
    saw = journey(service, person, "bound", held(registered(world, "public")))
    assert saw["tokenType"].lower() == "dpop"
    assert saw["sub"]
    assert saw["stolen"] == "invalid_grant"
    assert saw["asBearer"] == "invalid_token"


def test_openid_client_registers_itself(service: Service, person: Person) -> None:
    saw = journey(service, person, "registered", {})
    assert saw["has_secret"] is True
    assert saw["aud"] == saw["client_id"]
    assert saw["rotated"] is True


def test_openid_client_pushes_its_request(service: Service, world: World, person: Person) -> None:
    app = registered(world, metadata={"require_pushed_authorization_requests": True})
    assert journey(service, person, "pushed", held(app))["aud"] == app.client_id


def test_openid_client_signs_its_request(service: Service, world: World, person: Person) -> None:
    private, public = key_pair()
    app = registered(
        world,
        metadata={"jwks": {"keys": [public]}, "require_signed_request_object": True},
        authentication=AuthenticationMethod.PRIVATE_KEY_JWT,
        secrets=(),
    )
    saw = journey(service, person, "signed", {"client_id": app.client_id, "key": private})
    assert saw["aud"] == app.client_id


def test_openid_client_lets_a_device_in(service: Service, world: World, person: Person) -> None:
    app = registered(world, "public", grant_types=frozenset({DEVICE}))
    saw = journey(service, person, "device", held(app))
    assert saw["before"] == "authorization_pending"
    assert saw["tokenType"].lower() == "bearer"
    assert saw["sub"]


def test_oauth4webapi_finds_every_answer_right(
    service: Service, world: World, person: Person
) -> None:
    app = registered(world, metadata={"introspection_signed_response_alg": "RS256"})
    saw = node.run("oauth4webapi.mjs", given(service, person, held(app)))
    assert saw["sameFacts"] is True
    assert saw["who"]["sub"] == saw["claims"]["sub"]
    assert saw["active"]["active"] is True
    assert saw["active"]["client_id"] == app.client_id
    assert saw["signedActive"]["active"] is True
    assert saw["usedTwice"] == "invalid_grant"
    assert saw["ended"] == {"active": False}
