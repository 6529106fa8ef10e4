"""A bound access token at our own resources (RFC 9449 section 7): useless to whoever stole it."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.http.building import SignedIn, assert_refused
from tests.http.dpop.proving import (
    Key,
    client_token,
    events_of_client,
    outcome,
    refreshed,
    sign_in,
    signed_in_with,
)
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import ISSUER, Tokens, World, tokens_of

TRUSTED = {"TOKEN_SERVICE_SERVER_TRUSTED_PROXIES": "127.0.0.1"}
RESOURCES = (
    ("GET", "/v1/me"),
    ("PATCH", "/v1/me"),
    ("GET", "/v1/me/sessions"),
    ("POST", "/v1/me/sessions/ping"),
    ("GET", "/v1/me/tenants"),
    ("DELETE", "/v1/me/sessions/{sid}"),
)
THIEVES: dict[str, tuple[str, str]] = {
    "as a bearer token": ("invalid_token", "proof_missing"),
    "without a proof": ("invalid_token", "proof_missing"),
    "with another key": ("invalid_token", "wrong_key"),
    "with a proof for the token endpoint": ("invalid_dpop_proof", "proof_for_another_request"),
    "with a proof for another method": ("invalid_dpop_proof", "proof_for_another_request"),
    "with a proof without ath": ("invalid_dpop_proof", "proof_for_another_token"),
    "with a proof for another token": ("invalid_dpop_proof", "proof_for_another_token"),
    "with a proof of yesterday": ("invalid_dpop_proof", "proof_out_of_time"),
    "with a broken proof": ("invalid_dpop_proof", "proof_malformed"),
}


def headers_of(thief: str, key: Key, token: str, method: str, path: str) -> dict[str, str]:
    """What the thief sends."""
    made: dict[str, dict[str, str]] = {
        "as a bearer token": {"Authorization": f"Bearer {token}"},
        "without a proof": {"Authorization": f"DPoP {token}"},
        "with another key": Key().using(token, method, path),
        "with a proof for the token endpoint": key.using(token, "POST", "/oauth2/token"),
        "with a proof for another method": key.using(token, "PUT", path),
        "with a proof without ath": key.using(token, method, path, ath=None),
        "with a proof for another token": key.using(token, method, path, token="another"),
        "with a proof of yesterday": key.using(token, method, path, iat=1772366400 - 86400),
        "with a broken proof": {"Authorization": f"DPoP {token}", "DPoP": "proof"},
    }
    return made[thief]


def asked(who: SignedIn, method: str, path: str, headers: dict[str, str]) -> TestResponse:
    """A request to one of the person's own resources."""
    body = {"profile": {"a": 1}} if method == "PATCH" else None
    return who.world.http.open(path, method=method, headers=headers, json=body)


@pytest.mark.parametrize(("method", "path"), RESOURCES)
def test_the_owner_uses_it_and_no_thief_does(world: World, method: str, path: str) -> None:
    key = Key()
    who = signed_in_with(world, key)
    path = path.format(sid=who.tokens.sid)
    for thief, (code, reason) in THIEVES.items():
        answer = asked(who, method, path, headers_of(thief, key, who.tokens.access, method, path))
        assert (thief, *outcome(answer)) == (thief, 401, code)
        assert answer.headers["WWW-Authenticate"].startswith("DPoP ")
        assert f'error="{code}"' in answer.headers["WWW-Authenticate"]
        assert (thief, who.happened[-1]) == (thief, ("proof_refused", reason))
    assert len(who.happened) == len(THIEVES)
    answer = asked(who, method, path, key.using(who.tokens, method, path))
    assert answer.status_code in (200, 204), answer.text


def test_a_bound_token_is_no_bearer_token_even_with_its_proof(world: World) -> None:
    """RFC 9449 section 7.2."""
    key = Key()
    who = signed_in_with(world, key)
    headers = key.using(who.tokens, "GET", "/v1/me") | who.tokens.bearer
    assert_refused(world.http.get("/v1/me", headers=headers), 401, "invalid_token")
    assert who.happened == [("proof_refused", "proof_missing")]


def test_a_proof_for_a_resource_is_good_once(world: World, second_worker: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    headers = key.using(who.tokens, "GET", "/v1/me")
    assert world.http.get("/v1/me", headers=headers).status_code == 200
    answer = second_worker.http.get("/v1/me", headers=headers)
    assert_refused(answer, 401, "invalid_dpop_proof")
    assert who.happened == [("proof_refused", "proof_replayed")]


def test_the_query_is_no_part_of_the_address(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    headers = key.using(who.tokens, "GET", "/v1/me/sessions")
    answer = world.http.get("/v1/me/sessions?limit=1", headers=headers)
    assert answer.status_code == 200


def test_a_token_that_is_bound_to_nothing_is_no_dpop_token(world: World) -> None:
    who = signed_in_with(world, None)
    for headers in (
        Key().using(who.tokens, "GET", "/v1/me"),
        {"Authorization": f"DPoP {who.tokens.access}"},
    ):
        assert_refused(world.http.get("/v1/me", headers=headers), 401, "invalid_token")
    assert world.http.get("/v1/me", headers=who.tokens.bearer).status_code == 200


def test_a_dead_token_is_dead_with_the_best_of_proofs(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    world.invalidate(token=who.tokens.refresh)
    answer = world.http.get("/v1/me", headers=key.using(who.tokens, "GET", "/v1/me"))
    assert_refused(answer, 401, "invalid_token")


def test_the_scheme_is_read_in_any_case(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    headers = key.using(who.tokens, "GET", "/v1/me")
    headers["Authorization"] = f"dpop  {who.tokens.access}"
    assert world.http.get("/v1/me", headers=headers).status_code == 200


def test_an_administrators_bound_token_needs_its_proof(world: World) -> None:
    key, admin = Key(), world.client("admin")
    token = client_token(world, admin, key).get_json()["access_token"]
    path = "/v1/policies/environment"
    bearer = world.http.get(path, headers={"Authorization": f"Bearer {token}"})
    assert_refused(bearer, 401, "invalid_token")
    (event,) = [one for one in events_of_client(world, admin) if one.event == "proof_refused"]
    assert (event.reason, event.actor) == ("proof_missing", f"client:{admin.client_id}")
    assert world.http.get(path, headers=key.using(token, "GET", path)).status_code == 200


def test_a_changed_password_gives_tokens_for_the_same_key(world: World) -> None:
    key, path = Key(), "/v1/me/password"
    who = signed_in_with(world, key)
    body = {"current_password": who.person.password, "new_password": "horses batteries one"}
    stolen = {"Authorization": f"Bearer {who.tokens.access}"}
    assert_refused(world.http.post(path, json=body, headers=stolen), 401, "invalid_token")
    refresh = {"refresh_token": who.tokens.refresh, "client_id": who.app.client_id}
    headers = key.using(who.tokens, "POST", path)
    answer = world.http.post(path, json=body | refresh, headers=headers)
    assert outcome(answer) == (200, "DPoP")
    given = tokens_of(answer)
    assert world.validate(given.access)["cnf"] == {"jkt": key.thumbprint}
    assert_refused(refreshed(world, who.app, given.refresh), 400, "invalid_grant")
    assert outcome(refreshed(world, who.app, given.refresh, key)) == (200, "DPoP")


def test_a_bound_refresh_token_is_not_used_beside_an_unbound_access_token(world: World) -> None:
    """Somebody holds both tokens of a person, who has the key of one of them."""
    key, path = Key(), "/v1/me/password"
    who = signed_in_with(world, None)
    bound = refreshed(world, who.app, who.tokens.refresh, key).get_json()["refresh_token"]
    body = {
        "current_password": who.person.password,
        "new_password": "horses batteries one",
        "refresh_token": bound,
        "client_id": who.app.client_id,
    }
    answer = world.http.post(path, json=body, headers=who.tokens.bearer)
    assert_refused(answer, 400, "invalid_grant")
    assert who.happened == [("refresh_wrong_key", "")]


def test_entering_a_tenant_by_access_token_keeps_its_key(world: World) -> None:
    key, here, there = Key(), world.tenant(), world.tenant()
    person, app = world.person(here, there, default=here), world.client("app")
    tokens: Tokens = tokens_of(sign_in(world, person, app, key))
    path = f"/v1/me/tenants/{there}/tokens"
    body = {"client_id": app.client_id, "client_secret": app.secret}
    stolen = {"Authorization": f"Bearer {tokens.access}"}
    assert_refused(world.http.post(path, json=body, headers=stolen), 401, "invalid_token")
    answer = world.http.post(path, json=body, headers=key.using(tokens, "POST", path))
    assert outcome(answer) == (200, "DPoP")
    entered = answer.get_json()["access_token"]
    assert world.validate(entered)["cnf"] == {"jkt": key.thumbprint}


def test_possession_is_enough_to_ask_and_to_end(world: World) -> None:
    """Who only asks does not use the token: the resource server that asks looks at `cnf`."""
    key = Key()
    who = signed_in_with(world, key)
    told = world.validate(who.tokens.access)
    assert (told["active"], told["token_type"]) == (True, "DPoP")
    world.invalidate(token=who.tokens.access)
    assert not world.is_live(who.tokens)


# Gateways.


@pytest.fixture
def behind(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """A service whose gateway is a trusted proxy."""
    return world_on(databases, **TRUSTED)


API = "https://api.example.test"
FORWARDED = {
    "X-Forwarded-Method": "PUT",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "api.example.test",
    "X-Forwarded-Uri": "/orders/7?a=b",
}


def at_the_api(key: Key, token: str, url: str = f"{API}/orders/7") -> dict[str, str]:
    """The headers that a client sent to the API behind the gateway."""
    return {"Authorization": f"DPoP {token}", "DPoP": key.proof("PUT", url, token=token)}


def test_a_gateway_has_the_proof_checked_against_the_request_that_it_tells(
    behind: World,
) -> None:
    key = Key()
    who = signed_in_with(behind, key)
    token, path = who.tokens.access, "/v1/token/validate"
    good = behind.http.get(path, headers=at_the_api(key, token) | FORWARDED)
    assert good.status_code == 200
    assert good.headers["X-Token-Subject"] == who.account_id
    elsewhere = at_the_api(key, token, f"{API}/orders/8") | FORWARDED
    assert_refused(behind.http.get(path, headers=elsewhere), 401, "invalid_dpop_proof")
    stolen = FORWARDED | {"Authorization": f"Bearer {token}"}
    assert_refused(behind.http.get(path, headers=stolen), 401, "invalid_token")
    thief = at_the_api(Key(), token) | FORWARDED
    assert_refused(behind.http.get(path, headers=thief), 401, "invalid_token")


def test_a_gateway_that_does_not_tell_the_request_gets_no_bound_token_through(
    behind: World,
) -> None:
    key = Key()
    who = signed_in_with(behind, key)
    for missing in FORWARDED:
        headers = at_the_api(key, who.tokens.access) | FORWARDED
        del headers[missing]
        answer = behind.http.get("/v1/token/validate", headers=headers)
        assert_refused(answer, 401, "invalid_dpop_proof")
    # A proof for this very endpoint was made for nobody's API.
    own = key.using(who.tokens, "GET", "/v1/token/validate")
    answer = behind.http.get("/v1/token/validate", headers=own)
    assert_refused(answer, 401, "invalid_dpop_proof")


def test_nobody_but_a_trusted_proxy_tells_which_request_it_was(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    headers = at_the_api(key, who.tokens.access) | FORWARDED
    answer = world.http.get("/v1/token/validate", headers=headers)
    assert_refused(answer, 401, "invalid_dpop_proof")


def test_discovery_tells_what_there_is(world: World) -> None:
    document = world.http.get("/.well-known/oauth-authorization-server").get_json()
    assert document["issuer"] == ISSUER
    algorithms = document["dpop_signing_alg_values_supported"]
    assert set(algorithms) == {"ES256", "EdDSA", "Ed25519", "PS256"}
    assert document["tls_client_certificate_bound_access_tokens"] is True
