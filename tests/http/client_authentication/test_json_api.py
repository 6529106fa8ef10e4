"""Clients without a secret at `/v1`: as at the token endpoint where they name themselves, and by a
token that is bound to their key where nothing of a request names them."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.client_authentication.proving import Prover, failures, jwk, private_key
from tests.http.client_authentication.test_certificates import (
    AUTHORITY,
    HEADER,
    PROXY,
    SUBJECT,
    issue,
)
from tests.http.client_authentication.test_certificates import world as behind_a_proxy
from tests.http.dpop.proving import Key
from tests.http.passwords.building import NEW
from tests.world.world import ISSUER, App, Person, World
from token_service.domain.client_assertions import TYPE
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod
from token_service.domain.events import Event

proxied = behind_a_proxy
"""A world behind a proxy that hands on certificates."""

BY_KEY = AuthenticationMethod.PRIVATE_KEY_JWT


def signing(world: World, kind: str = "app", **changes: Any) -> Prover:
    """A client that signs what proves it, and has no secret."""
    key = private_key("ES256")
    metadata = ClientMetadata(jwks={"keys": [jwk("ES256", key, kid="k1")]})
    app = world.client(kind, authentication=BY_KEY, secrets=(), metadata=metadata, **changes)
    return Prover(world, app.client_id, "ES256", key)


def proof(client: Prover, **claims: object) -> dict[str, str]:
    """The fields that prove who it is."""
    assertion = client.assertion(**claims)
    named = {"client_id": client.client_id, "client_assertion_type": TYPE}
    return named | {"client_assertion": assertion}


def sign_in(world: World, person: Person, fields: dict[str, str], **headers: str) -> TestResponse:
    """A person signs in through the client that the fields name."""
    body = {"identifier": person.email, "password": person.password} | fields
    return world.http.post("/v1/sign-in", json=body, headers=headers)


# Where a client names itself in the body.


def test_an_assertion_proves_its_client_at_every_such_endpoint(world: World) -> None:
    client, tenants = signing(world), [world.tenant(), world.tenant()]
    person, http = world.person(*tenants, default=tenants[0]), world.http
    first = sign_in(world, person, proof(client))
    assert first.status_code == 200, first.text
    fields = proof(client) | {"refresh_token": first.get_json()["refresh_token"]}
    second = http.post("/v1/token/refresh", json=fields)
    assert second.status_code == 200, second.text
    given = second.get_json()
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    entered = http.post(f"/v1/me/tenants/{tenants[1]}/tokens", json=proof(client), headers=bearer)
    assert entered.status_code == 200, entered.text
    passwords = {"current_password": person.password, "new_password": NEW}
    fields = proof(client) | passwords | {"refresh_token": given["refresh_token"]}
    changed = http.post("/v1/me/password", json=fields, headers=bearer)
    assert changed.status_code == 200, changed.text


def test_a_waiting_sign_in_goes_on_by_an_assertion(world: World) -> None:
    client = signing(world)
    person = world.person(world.tenant(max_sessions=1, max_sessions_action="ask"))
    sid = sign_in(world, person, proof(client)).get_json()["sid"]
    ticket = sign_in(world, person, proof(client)).get_json()["ticket"]
    fields = proof(client) | {"ticket": ticket, "end_sid": sid}
    assert world.http.post("/v1/sign-in/continue", json=fields).status_code == 200


def test_a_wrong_or_used_assertion_proves_nothing(world: World) -> None:
    client, person = signing(world), world.person(world.tenant())
    foreign = proof(client, aud="https://elsewhere.example")
    assert_refused(sign_in(world, person, foreign), 401, "invalid_client")
    once = proof(client)
    assert sign_in(world, person, once).status_code == 200
    assert_refused(sign_in(world, person, once), 401, "invalid_client")
    named = {"client_id": client.client_id}
    assert_refused(sign_in(world, person, named), 401, "invalid_client")
    assert [reason for reason, _ in failures(world)] == [
        "wrong_client_assertion",
        "client_assertion_replayed",
        "wrong_authentication_method",
    ]


def test_two_ways_at_once_are_none(world: World) -> None:
    client, person = signing(world), world.person(world.tenant())
    with_secret = proof(client) | {"client_secret": "x"}
    assert_refused(sign_in(world, person, with_secret), 400, "invalid_request")
    basic = App(client.client_id, "x").basic
    assert_refused(sign_in(world, person, proof(client), **basic), 400, "invalid_request")


def test_credentials_of_nobody_do_not_belong_into_a_change_of_password(world: World) -> None:
    who = signed_in(world)
    fields = {"current_password": who.person.password, "new_password": NEW}
    for name in ("client_secret", "client_assertion", "client_assertion_type"):
        answer = world.http.post(
            "/v1/me/password", json=fields | {name: "x"}, headers=who.tokens.bearer
        )
        assert_refused(answer, 400, "invalid_request")
        assert set(answer.get_json()["errors"]) == {name}


def test_a_certificate_proves_its_client(proxied: World) -> None:
    own, foreign = issue(by=AUTHORITY), issue("other", by=AUTHORITY)
    app = proxied.client(
        authentication=AuthenticationMethod.TLS, secrets=(), metadata=ClientMetadata(**SUBJECT)
    )
    person, named = proxied.person(proxied.tenant()), {"client_id": app.client_id}
    proxied.http.environ_base["REMOTE_ADDR"] = PROXY
    assert sign_in(proxied, person, named, **{HEADER: own.escaped}).status_code == 200
    other = sign_in(proxied, person, named, **{HEADER: foreign.escaped})
    assert_refused(other, 401, "invalid_client")
    assert_refused(sign_in(proxied, person, named), 401, "invalid_client")
    proxied.http.environ_base["REMOTE_ADDR"] = "192.0.2.9"
    stranger = sign_in(proxied, person, named, **{HEADER: own.escaped})
    assert_refused(stranger, 401, "invalid_client")


# Where nothing of a request names the client.


def own_token(client: Prover, key: Key | None) -> str:
    """The backend's own access token, bound to its key."""
    form = proof(client) | {"grant_type": "client_credentials"}
    headers = key.shown() if key else {}
    answer = client.world.http.post("/oauth2/token", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.get_json()["access_token"])


def listed(who: SignedIn, headers: dict[str, str]) -> TestResponse:
    """The sessions of the account, as whoever the headers say."""
    return who.world.http.get(sessions_of(who), headers=headers)


def sessions_of(who: SignedIn) -> str:
    """The path of the account's sessions."""
    return f"/v1/accounts/{who.account_id}/sessions"


def test_a_backend_acts_by_a_token_that_is_bound_to_its_key(world: World) -> None:
    who, key, backend = signed_in(world), Key(), signing(world, "backend")
    token, http = own_token(backend, key), world.http
    assert listed(who, key.using(token, "GET", sessions_of(who))).status_code == 200
    path, asked = "/v1/token/introspect", {"token": token}
    introspected = http.post(path, json=asked, headers=key.using(token, "POST", path))
    assert introspected.get_json()["active"] is True
    body = {"account_id": who.account_id, "tenant_id": who.tenant_id, "reason": "ticket 7"}
    path = "/v1/impersonations"
    acting = http.post(path, json=body, headers=key.using(token, "POST", path))
    assert acting.status_code == 201, acting.text
    assert world.validate(acting.get_json()["access_token"])["cnf"] == {"jkt": key.thumbprint}
    ended = http.delete(sessions_of(who), headers=key.using(token, "DELETE", sessions_of(who)))
    assert ended.status_code == 204
    event = world.events(who.account_id)[-1]
    assert (event.event, event.reason) == (Event.EPOCH_RAISED, "ended_by_backend")
    assert event.actor == f"client:{backend.client_id}"


def test_a_token_that_anybody_can_bear_is_no_proof_of_its_client(world: World) -> None:
    who, backend = signed_in(world), signing(world, "backend")
    bearer = {"Authorization": f"Bearer {own_token(backend, None)}"}
    assert_refused(listed(who, bearer), 403, "insufficient_scope")
    for path, body in (
        ("/v1/token/introspect", {"token": "x"}),
        (
            "/v1/impersonations",
            {"account_id": who.account_id, "tenant_id": who.tenant_id, "reason": "ticket 7"},
        ),
    ):
        answer = world.http.post(path, json=body, headers=bearer)
        assert_refused(answer, 403, "insufficient_scope")


def test_whoever_has_stolen_a_bound_token_has_nothing(world: World) -> None:
    who, key, backend = signed_in(world), Key(), signing(world, "backend")
    token = own_token(backend, key)
    assert_refused(listed(who, {"Authorization": f"Bearer {token}"}), 401, "invalid_token")
    foreign = Key().using(token, "GET", sessions_of(who))
    assert_refused(listed(who, foreign), 401, "invalid_token")


@pytest.mark.parametrize("kind", ["backend", "service"])
def test_a_client_without_the_permission(world: World, kind: str) -> None:
    who, key = signed_in(world), Key()
    token = own_token(signing(world, kind, permissions=frozenset()), key)
    answer = listed(who, key.using(token, "GET", sessions_of(who)))
    code = "forbidden" if kind == "backend" else "insufficient_scope"
    assert_refused(answer, 403, code)


def test_a_backend_of_a_tenant_reaches_no_further_so(world: World) -> None:
    who, key = signed_in(world), Key()
    token = own_token(signing(world, "backend", tenant_id=world.tenant()), key)
    assert_refused(listed(who, key.using(token, "GET", sessions_of(who))), 404, "not_found")


def test_a_persons_bound_token_is_no_clients(world: World) -> None:
    client, person, key = signing(world), world.person(world.tenant()), Key()
    headers = key.shown(url=f"{ISSUER}/v1/sign-in")
    given = sign_in(world, person, proof(client), **headers).get_json()
    path = "/v1/token/introspect"
    using = key.using(given["access_token"], "POST", path)
    answer = world.http.post(path, json={"token": given["access_token"]}, headers=using)
    assert_refused(answer, 403, "insufficient_scope")
