"""`POST /oauth2/par` (RFC 9126): what is taken in, from whom, and what is not."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.http.building import assert_refused
from tests.http.client_authentication.proving import Prover, jwk, private_key
from tests.http.pushed.building import PATH, come_with, page_with, push, refusals, try_push
from tests.world.browser import CHALLENGE, REDIRECT, Browser, Shown, asking, redeemed, web_app
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Time, World
from token_service.domain.client_assertions import TYPE
from token_service.domain.clients import AuthenticationMethod

PREFIX = "urn:ietf:params:oauth:request_uri:"


@pytest.mark.parametrize("kind", ["app", "public"])
def test_a_pushed_request_is_named_and_gives_a_code(world: World, kind: str) -> None:
    person, app, browser = world.person(world.tenant()), web_app(world, kind), Browser(world)
    answer = try_push(world, app)
    assert answer.status_code == 201
    body = answer.get_json()
    assert set(body) == {"request_uri", "expires_in"}
    assert body["expires_in"] == 60
    assert body["request_uri"].startswith(PREFIX)
    assert len(body["request_uri"]) > len(PREFIX) + 43
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type == "application/json"
    back = browser.sign_in_at(page_with(browser, app, body["request_uri"]), person)
    assert not isinstance(back, Shown)
    assert back.uri == REDIRECT
    assert set(back.parameters) == {"code", "state", "iss"}
    assert back.parameters["state"] == "a state"
    tokens = redeemed(world, app, back.code)
    assert tokens.body["scope"] == "openid profile"


def test_two_pushes_have_nothing_in_common(world: World) -> None:
    app = web_app(world)
    one, two = push(world, app), push(world, app)
    assert one != two
    assert one[-43:] != two[-43:]


def test_the_database_holds_neither_the_name_nor_any_credential(world: World) -> None:
    app = web_app(world)
    secret = app.secret or ""
    form = asking(app) | {"client_secret": secret}
    request_uri = world.http.post(PATH, data=form).get_json()["request_uri"]
    [row] = world.sql("SELECT * FROM pushed_requests")
    held = str(tuple(row))
    assert "a state" in held
    assert secret not in held
    assert "client_secret" not in held
    assert request_uri[-43:] not in held
    assert request_uri.removeprefix(PREFIX)[:40] not in held


# From whom.


def test_a_secret_in_the_body(world: World) -> None:
    app = web_app(world)
    form = asking(app) | {"client_secret": app.secret or ""}
    assert world.http.post(PATH, data=form).status_code == 201


def test_a_client_that_authenticates_need_not_name_itself(world: World) -> None:
    app, browser = web_app(world), Browser(world)
    request_uri = push(world, app, client_id=None)
    assert page_with(browser, app, request_uri).path == "/sign-in"


def test_a_client_that_signs(world: World) -> None:
    key = private_key("ES256")
    app = web_app(
        world,
        metadata={"jwks": {"keys": [jwk("ES256", key, kid="k1")]}},
        authentication=AuthenticationMethod.PRIVATE_KEY_JWT,
        secrets=(),
    )
    prover = Prover(world, app.client_id, "ES256", key)
    proof = {"client_assertion_type": TYPE, "client_assertion": prover.assertion()}
    form = asking(App(app.client_id, None)) | proof
    assert world.http.post(PATH, data=form).status_code == 201
    [row] = world.sql("SELECT * FROM pushed_requests")
    assert "client_assertion" not in str(tuple(row))
    assert_refused(world.http.post(PATH, data=form), 401, "invalid_client")


@pytest.mark.parametrize("form", [{}, {"client_secret": "wrong"}])
def test_whoever_does_not_prove_it_pushes_nothing(world: World, form: dict[str, str]) -> None:
    app = web_app(world)
    answer = world.http.post(PATH, data=asking(app) | form)
    assert_refused(answer, 401, "invalid_client")
    assert world.sql("SELECT count(*) FROM pushed_requests")[0][0] == 0


def test_a_client_that_is_named_beside_another_one(world: World) -> None:
    app, other = web_app(world), web_app(world)
    answer = try_push(world, app, client_id=other.client_id)
    assert_refused(answer, 400, "invalid_request")


# What is not taken.

WRONG: dict[str, tuple[dict[str, str | None], str]] = {
    "a name of another request": ({"request_uri": f"{PREFIX}x"}, "invalid_request"),
    "an address": ({"request_uri": "https://app.example/request"}, "invalid_request"),
    "no redirect URI": ({"redirect_uri": None}, "invalid_request"),
    "another's redirect URI": ({"redirect_uri": f"{REDIRECT}/x"}, "invalid_request"),
    "no response type": ({"response_type": None}, "invalid_request"),
    "another response type": ({"response_type": "token"}, "unsupported_response_type"),
    "no challenge": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "a scope too much": ({"scope": "admin"}, "invalid_scope"),
    "a mode that is none": ({"response_mode": "fragment"}, "invalid_request"),
    "a prompt that is none": ({"prompt": "none login"}, "invalid_request"),
    "another's audience": ({"resource": "https://api.example"}, "invalid_target"),
    "a hint that is none": ({"id_token_hint": "a.b.c"}, "invalid_request"),
    "a request object that is none": ({"request": "e30"}, "invalid_request_object"),
    "a registration": ({"registration": "{}"}, "registration_not_supported"),
    "a key that is none": ({"dpop_jkt": "x"}, "invalid_request"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_request_is_wrong_when_it_is_pushed(world: World, what: str) -> None:
    app = web_app(world)
    changes, error = WRONG[what]
    answer = try_push(world, app, **changes)
    assert_refused(answer, 400, error)
    assert set(answer.get_json()) == {"error", "error_description"}
    [(actor, details)] = refusals(world)
    assert (actor, details["error"]) == (f"client:{app.client_id}", error)
    assert world.sql("SELECT count(*) FROM pushed_requests")[0][0] == 0


def test_a_client_that_may_not_ask_for_codes(world: World) -> None:
    app = web_app(world, grant_types=frozenset({"client_credentials"}))
    assert_refused(try_push(world, app), 400, "unauthorized_client")
    assert refusals(world) == [(f"client:{app.client_id}", {"error": "unauthorized_client"})]


def test_what_anybody_can_say_in_a_public_clients_name_is_not_on_record(world: World) -> None:
    app = web_app(world, "public")
    assert_refused(try_push(world, app, scope="admin"), 400, "invalid_scope")
    assert refusals(world) == []


def test_several_resources(world: World) -> None:
    app = web_app(world, audiences=("https://a.example", "https://b.example"))
    form: dict[str, Any] = asking(app) | {"resource": ["https://a.example", "https://b.example"]}
    assert world.http.post(PATH, data=form, headers=app.basic).status_code == 201
    twice: dict[str, Any] = asking(app) | {"scope": ["openid", "profile"]}
    assert_refused(world.http.post(PATH, data=twice, headers=app.basic), 400, "invalid_request")


# RFC 9126 section 2.3.


def test_other_ways_to_ask(world: World) -> None:
    app = web_app(world)
    form = asking(app)
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = world.http.open(PATH, method=method, data=form, headers=app.basic)
        assert_refused(answer, 405, "invalid_request")
        assert "POST" in answer.headers["Allow"]
    big = world.http.post(PATH, data=form | {"x": "x" * 300_000}, headers=app.basic)
    assert_refused(big, 413, "invalid_request")
    in_json = world.http.post(PATH, json=form, headers=app.basic)
    assert_refused(in_json, 415, "invalid_request")
    in_url = world.http.post(f"{PATH}?scope=openid", data=form, headers=app.basic)
    assert_refused(in_url, 400, "invalid_request")
    assert world.sql("SELECT count(*) FROM pushed_requests")[0][0] == 0


@pytest.fixture
def narrow(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """Three requests a minute may be left waiting, and a pushed one is good for five seconds."""
    return world_on(
        databases,
        TOKEN_SERVICE_THROTTLE_REQUESTS_PER_MINUTE="3",
        TOKEN_SERVICE_PUSHED_REQUESTS_LIFETIME_SECONDS="5",
    )


def test_what_anybody_may_push_is_limited(narrow: World, time: Time) -> None:
    app, other, own = web_app(narrow, "public"), web_app(narrow, "public"), web_app(narrow)
    assert [try_push(narrow, app).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = try_push(narrow, app)
    assert_refused(refused, 429, "temporarily_unavailable")
    assert refused.headers["Retry-After"] == "60"
    assert narrow.sql("SELECT count(*) FROM pushed_requests")[0][0] == 3
    assert try_push(narrow, other).status_code == 201
    assert {try_push(narrow, own).status_code for _ in range(8)} == {201}
    elsewhere = narrow.http.post(
        PATH, data=asking(app), environ_overrides={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert elsewhere.status_code == 201
    time.pass_(seconds=59)
    assert try_push(narrow, app).status_code == 429
    time.pass_(seconds=1)
    assert try_push(narrow, app).status_code == 201


def test_a_client_that_anybody_could_register_is_limited_too(narrow: World) -> None:
    app = web_app(narrow, metadata={"dynamic": True})
    assert [try_push(narrow, app).status_code for _ in range(4)] == [201, 201, 201, 429]


def test_the_lifetime_is_the_settings(narrow: World, time: Time) -> None:
    app = web_app(narrow)
    assert try_push(narrow, app).get_json()["expires_in"] == 5
    request_uri, browser = push(narrow, app), Browser(narrow)
    time.pass_(seconds=4)
    assert page_with(browser, app, request_uri).path == "/sign-in"
    time.pass_(seconds=1)
    assert page_with(browser, app, request_uri).answer.status_code == 400


# Who has to.


@pytest.mark.parametrize("scope", ["openid", "profile"])
def test_a_client_that_has_to_push(world: World, scope: str) -> None:
    app = web_app(world, metadata={"require_pushed_authorization_requests": True})
    back = Browser(world).back(app, scope=scope)
    assert back.parameters["error"] == "invalid_request"
    assert "code" not in back.parameters
    browser = Browser(world)
    assert page_with(browser, app, push(world, app, scope=scope)).path == "/sign-in"
    mixed = come_with(browser, app, "https://app.example/r", **asking(app, client_id=None))
    assert not isinstance(mixed, Shown)
    assert mixed.parameters["error"] == "invalid_request_uri"


def test_a_server_where_all_have_to_push(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles
) -> None:
    world = world_on(databases, TOKEN_SERVICE_PUSHED_REQUESTS_REQUIRED="true")
    person, app, browser = world.person(world.tenant()), web_app(world), Browser(world)
    assert browser.back(app).parameters["error"] == "invalid_request"
    back = browser.sign_in_at(page_with(browser, app, push(world, app)), person)
    assert not isinstance(back, Shown)
    assert back.code
    # Signed in or not: nothing else gives a code.
    assert browser.back(app).parameters["error"] == "invalid_request"
    facts = world.http.get("/.well-known/openid-configuration").get_json()
    assert facts["require_pushed_authorization_requests"] is True


def test_what_the_server_says_of_itself(world: World) -> None:
    facts = world.http.get("/.well-known/oauth-authorization-server").get_json()
    assert facts["pushed_authorization_request_endpoint"] == facts["issuer"] + PATH
    assert facts["require_pushed_authorization_requests"] is False
    assert facts["request_parameter_supported"] is True
    assert facts["request_uri_parameter_supported"] is True
    assert facts["require_request_uri_registration"] is True
    algorithms = facts["request_object_signing_alg_values_supported"]
    assert set(algorithms) == {"ES256", "RS256", "PS256", "EdDSA"}


def test_the_challenge_is_the_pushed_one(world: World) -> None:
    app = web_app(world)
    other = CHALLENGE[::-1]
    person, browser = world.person(world.tenant()), Browser(world)
    shown = page_with(browser, app, push(world, app), code_challenge=other)
    back = browser.sign_in_at(shown, person)
    assert not isinstance(back, Shown)
    assert redeemed(world, app, back.code).access
