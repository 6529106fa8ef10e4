"""What every answer is like, whatever it says."""

import re

import pytest
from werkzeug.test import TestResponse

from tests.http.building import assert_refused, signed_in
from tests.http.faults import failing
from tests.http.routes import every_route
from tests.world.world import World

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
FORBIDDEN = {"camera=()", "geolocation=()", "microphone=()", "payment=()", "usb=()"}
PROBLEM = {"type", "title", "status", "code", "detail", "request_id"}


def many_answers(world: World) -> dict[str, TestResponse]:
    """One of each kind."""
    who = signed_in(world)
    http, bearer = world.http, who.tokens.bearer
    return {
        "tokens": world.try_refresh(who.app, who.tokens.refresh),
        "tokens in JSON": world.try_sign_in(who.person, who.app),
        "a list": http.get("/v1/me/sessions", headers=bearer),
        "a live token": http.get("/v1/token/validate", headers=bearer),
        "an inactive token": http.post("/v1/token/validate", json={"token": "x"}),
        "nothing to say": http.delete(f"/v1/me/sessions/{who.tokens.sid}", headers=bearer),
        "a problem": http.post("/v1/sign-in", json={}),
        "an OAuth error": world.try_refresh(who.app, "garbage"),
        "not found": http.get("/nothing/here"),
        "not found at OAuth": http.post("/oauth2/nothing"),
        "wrong method": http.get("/v1/sign-in"),
        "too large": http.post("/oauth2/token", data={"a": "x" * 70_000}),
        "keys": http.get("/.well-known/jwks.json"),
        "metadata": http.get("/.well-known/oauth-authorization-server"),
        "the description": http.get("/v1/openapi.json"),
    }


def test_every_answer_has_the_headers_that_keep_browsers_from_mischief(world: World) -> None:
    for what, answer in many_answers(world).items():
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS, what
        assert set(answer.headers["Permissions-Policy"].split(", ")) >= FORBIDDEN, what
        assert not {"Server", "X-Powered-By"} & set(answer.headers.keys()), what


def test_so_has_every_route_and_every_fault_of_ours(world: World) -> None:
    """Asked by nobody, with nothing: most say no, and say it safely."""
    answers = {
        route: world.http.open(re.sub("<[^>]+>", "0" * 32, route[1]), method=route[0])
        for route in every_route(world.app)
    }
    with failing("services.inspection.validate", RuntimeError()):
        answers["fault", ""] = world.http.post("/v1/token/validate", json={"token": "x"})
    with failing("services.inspection.validate"):
        answers["away", ""] = world.http.post("/v1/token/validate", json={"token": "x"})
    statuses = {answer.status_code for answer in answers.values()}
    assert statuses >= {200, 400, 401, 404, 415, 500, 503}
    for what, answer in answers.items():
        told = {name: answer.headers.get_all(name) for name in (*ALWAYS, "Permissions-Policy")}
        assert {name: len(values) for name, values in told.items()} == dict.fromkeys(told, 1), what
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], what
        for name in ALWAYS.keys() - {"Content-Security-Policy"}:
            assert answer.headers[name] == ALWAYS[name], what


def test_only_what_is_public_may_be_kept(world: World) -> None:
    kept = {
        what
        for what, answer in many_answers(world).items()
        if answer.headers["Cache-Control"] != "no-store"
    }
    assert kept <= {"keys", "metadata", "the description"}


def test_no_other_site_is_let_in(world: World) -> None:
    """No CORS: a page elsewhere reads no answer, and gets none to a preflight."""
    who = signed_in(world)
    for origin in ("https://evil.example", "null", "https://id.example.test.evil.example"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"} | who.tokens.bearer
        for method, path in (
            ("OPTIONS", "/oauth2/token"),
            ("OPTIONS", "/v1/sign-in"),
            ("GET", "/v1/me/sessions"),
            ("GET", "/v1/token/validate"),
        ):
            answer = world.http.open(path, method=method, headers=headers)
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
            assert method == "GET" or answer.status_code == 405


def test_a_problem_has_one_form(world: World) -> None:
    answers = many_answers(world)
    for what in ("a problem", "not found", "wrong method"):
        answer, body = answers[what], answers[what].get_json()
        assert answer.content_type == "application/problem+json"
        assert body.keys() - {"errors"} == PROBLEM
        assert body["status"] == answer.status_code


def test_an_oauth_error_has_the_form_of_rfc_6749(world: World) -> None:
    answers = many_answers(world)
    for what in ("an OAuth error", "not found at OAuth", "too large"):
        answer = answers[what]
        assert answer.content_type == "application/json"
        assert set(answer.get_json()) == {"error", "error_description"}


def test_every_answer_has_an_id_of_its_own_and_problems_repeat_it(world: World) -> None:
    answers = many_answers(world)
    ids = [answer.headers["X-Request-Id"] for answer in answers.values()]
    assert len(set(ids)) == len(ids)
    problem = answers["a problem"]
    assert problem.get_json()["request_id"] == problem.headers["X-Request-Id"]


def test_nobody_chooses_the_id_of_a_request(world: World) -> None:
    answer = world.http.get("/livez", headers={"X-Request-Id": "chosen"})
    assert answer.headers["X-Request-Id"] != "chosen"


@pytest.mark.parametrize("path", ["/oauth2/introspect", "/v1/token/introspect"])
def test_not_to_know_is_neither_yes_nor_no(world: World, path: str) -> None:
    who = signed_in(world)
    sent = {"json" if "v1" in path else "data": {"token": who.tokens.access}}
    with failing("storage.grants.asking"):
        answer = world.http.post(path, headers=who.app.basic, **sent)
        gateway = world.http.get("/v1/token/validate", headers=who.tokens.bearer)
        validated = world.http.post("/v1/token/validate", json={"token": who.tokens.access})
    for one in (answer, gateway, validated):
        assert one.status_code == 503
        assert int(one.headers["Retry-After"]) >= 1
    assert world.is_live(who.tokens)


def test_a_fault_of_ours_tells_nothing_about_us(world: World) -> None:
    with failing("services.inspection.validate", RuntimeError("/srv/private: SELECT *")):
        answer = world.http.post("/v1/token/validate", json={"token": "x"})
    assert_refused(answer, 500, "internal_error")
    assert "private" not in answer.text
    assert "SELECT" not in answer.text


# Addresses.


def test_an_address_has_one_spelling(world: World) -> None:
    """A proxy that guards one spelling must not meet another one behind it."""
    who = signed_in(world)
    mutants = (
        "//v1/me/sessions",
        "/v1//me/sessions",
        "/v1/me/sessions/",
        "/v1/./me/sessions",
        "/v1/x/../me/sessions",
        "/v1/%2e/me/sessions",
        "/V1/me/sessions",
        "/v1/me/sessions;a=b",
        "/v1/me/sessions.",
        "/v1/me/sessions%20",
        "/v1/me%2fsessions%00",
        "/v1/me/sessions.json",
        "/v1\\me\\sessions",
    )
    for path in mutants:
        answer = world.http.get(path, headers=who.tokens.bearer)
        assert_refused(answer, 404, "not_found")


def test_every_protected_address_asks_who_it_is_first(world: World) -> None:
    account = "0" * 32
    protected = {
        ("GET", f"/v1/accounts/{account}/sessions"),
        ("DELETE", f"/v1/accounts/{account}/sessions"),
        ("DELETE", f"/v1/accounts/{account}/sessions/{account}"),
        ("GET", "/v1/me/sessions"),
        ("DELETE", "/v1/me/sessions"),
        ("DELETE", f"/v1/me/sessions/{account}"),
        ("POST", "/v1/me/sessions/ping"),
        ("GET", "/v1/token/validate"),
    }
    for method, path in protected:
        answer = world.http.open(path, method=method)
        assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True), path


def test_nothing_for_developers_is_there(world: World) -> None:
    for path in ("/console", "/?__debugger__=yes&cmd=resource&f=debugger.js", "/static/x", "/.env"):
        answer = world.http.get(path)
        assert answer.status_code == 404 or path.startswith("/?")
        assert "debugger" not in answer.text.lower()


def test_other_methods_are_refused_with_those_that_are_allowed(world: World) -> None:
    for method, path, allowed in (
        ("GET", "/v1/sign-in", "POST"),
        ("PUT", "/v1/me/sessions", "DELETE, GET, HEAD"),
        ("TRACE", "/v1/me/sessions", "DELETE, GET, HEAD"),
        ("PATCH", "/v1/token/validate", "GET, HEAD, POST"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
    ):
        answer = world.http.open(path, method=method)
        assert_refused(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == allowed
