"""Which answers a script of another origin may read (CORS), and which never."""

import pytest
from werkzeug.test import TestResponse

from tests.http.administration import disable_client, tell_workers
from tests.http.building import signed_in
from tests.http.openid.building import metadata
from tests.world.world import App, World

APP = "https://app.example.test"
PORT = "http://localhost:3000"
PUBLIC = (
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
)
LISTED = {
    "/oauth2/token": "POST",
    "/oauth2/revoke": "POST",
    "/oauth2/par": "POST",
    "/oauth2/userinfo": "GET",
}
NEVER = (
    "/",
    "/livez",
    "/metrics",
    "/oauth2/authorize",
    "/oauth2/introspect",
    "/password-reset",
    "/v1/me",
    "/v1/me/sessions",
    "/v1/openapi.json",
    "/v1/sign-in",
    "/v1/policies/environment",
    "/sign-in",
)
EVIL = (
    "null",
    "https://evil.example",
    "https://app.example.test.evil.example",
    "https://app.example.test:8443",
    "http://app.example.test",
    "https://APP.example.test",
    "https://app.example.test/",
    "https://app.example.test\\@evil.example",
    "https://*.example.test",
    "https://t1.example.evil",
    "%",
    "*",
    "",
    '","allowed_origins":["',
    "https://" + "a" * 300,
)


@pytest.fixture
def app(world: World) -> App:
    """A client whose scripts run on two origins."""
    return world.client(metadata=metadata(allowed_origins=(APP, PORT)))


def preflight(world: World, path: str, origin: str, method: str = "POST") -> TestResponse:
    """What a browser asks first."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, dpop",
    }
    return world.http.options(path, headers=headers)


def simple(world: World, path: str, origin: str, method: str = "GET") -> TestResponse:
    """A request that needs no preflight."""
    return world.http.open(path, method=method, headers={"Origin": origin})


def allowed(answer: TestResponse) -> str | None:
    """Who may read the answer; and never with what a browser has of its own."""
    assert "Access-Control-Allow-Credentials" not in answer.headers
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("path", PUBLIC)
def test_keys_and_metadata_are_for_everybody(world: World, path: str) -> None:
    for origin in (APP, "https://anybody.example", "null"):
        answer = simple(world, path, origin)
        assert (answer.status_code, allowed(answer)) == (200, "*")
        asked = preflight(world, path, origin, "GET")
        assert (asked.status_code, allowed(asked)) == (204, "*")
        assert asked.headers["Access-Control-Allow-Methods"] == "GET"


@pytest.mark.parametrize("path", LISTED)
def test_a_registered_origin_may_use_what_a_script_needs(world: World, app: App, path: str) -> None:
    for origin in (APP, PORT):
        asked = preflight(world, path, origin, LISTED[path])
        assert (asked.status_code, allowed(asked)) == (204, origin)
        methods = asked.headers["Access-Control-Allow-Methods"].split(", ")
        assert LISTED[path] in methods
        assert "OPTIONS" not in methods
        names = asked.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert set(names) == {"authorization", "content-type", "dpop"}
        assert asked.data == b""
        assert "Origin" in asked.headers["Vary"]


def test_it_reads_answers_and_errors_alike(world: World, app: App) -> None:
    who = signed_in(world)
    tokens = world.sign_in(who.person, app)
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    good = world.http.post("/oauth2/token", data=form, headers={**app.basic, "Origin": APP})
    bad = world.http.post(
        "/oauth2/token", data={"grant_type": "refresh_token"}, headers={"Origin": APP}
    )
    userinfo = world.http.get("/oauth2/userinfo", headers={**tokens.bearer, "Origin": PORT})
    nobody = world.http.get("/oauth2/userinfo", headers={"Origin": PORT})
    assert [one.status_code for one in (good, bad, userinfo, nobody)] == [200, 401, 200, 401]
    assert [allowed(one) for one in (good, bad, userinfo, nobody)] == [APP, APP, PORT, PORT]
    exposed = nobody.headers["Access-Control-Expose-Headers"]
    assert {"WWW-Authenticate", "DPoP-Nonce", "Retry-After"} == set(exposed.split(", "))


@pytest.mark.parametrize("origin", EVIL)
def test_no_other_origin_reads_anything(world: World, app: App, origin: str) -> None:
    for path, method in LISTED.items():
        for answer in (preflight(world, path, origin), simple(world, path, origin, method)):
            assert allowed(answer) is None
            assert answer.status_code in {400, 401, 405, 415}
            # A cache must not give one origin's answer to another.
            assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("path", NEVER)
@pytest.mark.parametrize("origin", [APP, "https://evil.example", "null"])
def test_nothing_else_is_for_scripts_of_others(
    world: World, app: App, path: str, origin: str
) -> None:
    for answer in (
        preflight(world, path, origin, "GET"),
        simple(world, path, origin),
        simple(world, path, origin, "POST"),
    ):
        assert "Access-Control" not in str(answer.headers)


def test_where_no_client_lists_any_origin_none_is_allowed(world: World) -> None:
    assert allowed(preflight(world, "/oauth2/token", APP)) is None


def test_a_disabled_client_lists_nothing(world: World, app: App, second_worker: World) -> None:
    assert allowed(preflight(second_worker, "/oauth2/token", APP)) == APP
    disable_client(world, app)
    for worker in (world, second_worker):
        assert allowed(preflight(worker, "/oauth2/token", APP)) is None


def test_a_change_of_origins_is_known_to_every_worker_at_once(
    world: World, second_worker: World
) -> None:
    assert allowed(preflight(second_worker, "/oauth2/token", APP)) is None
    world.client(metadata=metadata(allowed_origins=(APP,)))
    tell_workers(world)
    assert allowed(preflight(second_worker, "/oauth2/token", APP)) == APP


def test_another_field_with_the_same_text_is_no_permission(world: World) -> None:
    world.client(metadata=metadata(client_uri=APP, redirect_uris=(APP,), contacts=(APP,)))
    assert allowed(preflight(world, "/oauth2/token", APP)) is None


def test_options_that_is_no_preflight_is_not_offered(world: World, app: App) -> None:
    assert world.http.options("/oauth2/token").status_code == 405
