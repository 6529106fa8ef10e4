"""Where an authorization request's answer goes: never to an address that is not the client's."""

import re
from html import unescape
from urllib.parse import urljoin

import pytest

from tests.world.browser import HERE, REDIRECT, Browser, Shown, asking, redeemed, returned, web_app
from tests.world.world import ISSUER, World

MODES = (None, "query", "fragment", "form_post", "x")


def test_a_foreign_address_is_never_sent_to(world: World) -> None:
    app, evil = web_app(world), "https://evil.example/x"
    for mode in MODES:
        for wrong in (
            {"redirect_uri": evil},
            {"redirect_uri": evil, "prompt": "none"},
            {"redirect_uri": evil, "response_type": "token"},
            {"redirect_uri": evil, "client_id": "nobody"},
            {"client_id": "nobody"},
            {"client_id": None},
            {"client_id": ":pages"},
            {"redirect_uri": None},
            {"redirect_uri": REDIRECT + "?x=1"},
        ):
            answer = Browser(world).authorize(app, response_mode=mode, **wrong)
            assert answer.status_code == 400
            assert "Location" not in answer.headers
            assert answer.content_type.startswith("text/html")
            assert "evil" not in answer.text
            assert "<form" not in answer.text
            assert "Set-Cookie" not in answer.headers
    assert world.sql("SELECT count(*) FROM interactions")[0][0] == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "read"}, "invalid_scope"),
        ({"request": "e30"}, "invalid_request_object"),
        ({"request_uri": "http://127.0.0.1:5432/"}, "invalid_request_uri"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "-1"}, "invalid_request"),
    ],
)
def test_an_error_says_who_gives_it(
    world: World, changes: dict[str, str | None], error: str
) -> None:
    back = Browser(world).back(web_app(world), **changes)
    assert back.uri == REDIRECT
    assert set(back.parameters) == {"error", "error_description", "state", "iss"}
    assert (back.parameters["error"], back.parameters["iss"]) == (error, ISSUER)
    assert back.parameters["state"] == "a state"


STATES = [
    "".join(map(chr, range(32, 127))) * 30,
    '"><svg onload=alert(1)>',
    "x\r\nSet-Cookie: a=b",
    "%0d%0aSet-Cookie:a=b",
    "ü€😀+ &=;",
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("prompt", ["none", None])
def test_the_state_comes_back_as_it_was(world: World, state: str, prompt: str | None) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    assert browser.back(app, state=state, prompt=prompt).parameters["state"] == state
    posted = browser.authorize(app, state=state, prompt=prompt, response_mode="form_post")
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', posted.text))
    assert unescape(fields["state"]) == state
    assert "<svg" not in posted.text
    assert len(re.findall("<script>", posted.text)) == 1


def test_an_address_with_a_query_keeps_it(world: World) -> None:
    uri = "https://app.example/cb?tenant=1"
    app = web_app(world, metadata={"redirect_uris": (uri,)})
    answer = Browser(world).authorize(app, redirect_uri=uri, prompt="none")
    location = answer.headers["Location"]
    assert location.startswith(uri + "&error=")
    assert returned(location).parameters["tenant"] == "1"


def test_a_form_that_sends_itself(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    answer = browser.authorize(app, response_mode="form_post")
    assert answer.status_code == 200
    assert f'action="{REDIRECT}"' in answer.text
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', answer.text))
    assert set(fields) == {"code", "state", "iss"}
    assert redeemed(world, app, fields["code"])
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'sha256-" in policy
    assert "form-action https://app.example" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_what_cannot_be_read_is_a_page(world: World) -> None:
    app, browser = web_app(world), Browser(world)
    for raw in (
        b"client_id=a&client_id=b",
        b"client_id=%ff%fe",
        b"client_id=%ed%a0%80",
        b"client_id=a%00b",
        b"state=" + b"x" * 10_000,
        b"&".join(b"p%d=1" % number for number in range(200)),
    ):
        answer = browser.http.get("/oauth2/authorize?" + raw.decode())
        assert (answer.status_code, answer.content_type) == (400, "text/html; charset=utf-8"), raw
        posted = browser.http.post(
            "/oauth2/authorize", data=raw, content_type="application/x-www-form-urlencoded"
        )
        assert posted.status_code == 400
    both = browser.http.post("/oauth2/authorize?client_id=x", data=asking(app))
    assert both.status_code == 400
    assert browser.back(app, scope="openid", prompt="none", foo="bar", login_hint="").parameters


def test_a_request_may_be_posted(world: World) -> None:
    """Cookies come along when the browser is sent round once more (`SameSite=Lax`)."""
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    answer = browser.post("/oauth2/authorize", asking(app, resource=app.client_id))
    back = browser.follow("/oauth2/authorize", answer)
    assert not isinstance(back, Shown)
    assert redeemed(world, app, back.code)


def test_looking_with_head_gives_no_code(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    before = world.sql("SELECT count(*) FROM authorization_codes")
    answer = browser.http.head("/oauth2/authorize", query_string=asking(app))
    assert answer.status_code == 405
    again = Browser(world)
    page = again.page(app)
    form = page.hidden | {"identifier": person.email, "password": person.password}
    onwards = again.post("/sign-in", form).headers["Location"]
    assert again.http.head(urljoin("/sign-in", onwards), base_url=HERE).status_code == 405
    assert world.sql("SELECT count(*) FROM authorization_codes") == before


def test_who_anybody_can_have_registered_sends_nobody_on(world: World) -> None:
    """RFC 9700 section 4.11.2: a link with our name in it must not lead to a stranger's page."""
    app, browser = web_app(world, metadata={"dynamic": True}), Browser(world)
    for changes in ({"scope": "read"}, {"prompt": "none"}):
        answer = browser.authorize(app, **changes)
        assert (answer.status_code, "Location" in answer.headers) == (400, False)
    person = world.person(world.tenant())
    browser.sign_in(web_app(world), person)
    assert browser.back(app, prompt="none").parameters["error"] == "consent_required"
    assert browser.back(app, scope="read").parameters["error"] == "invalid_scope"


def test_who_had_a_permit_is_answered_as_the_specification_says(world: World) -> None:
    """OpenID Connect Core section 3.1.2.6: silence ends with an error, not with a page."""
    app = web_app(world, metadata={"dynamic": True, "permitted": True})
    back = Browser(world).back(app, prompt="none")
    assert (back.uri, back.parameters["error"]) == (REDIRECT, "login_required")


def test_no_origin_may_read_it(world: World) -> None:
    app, browser = web_app(world), Browser(world)
    for path in ("/oauth2/authorize", "/sign-in", "/consent", "/tenant", "/forgot-password"):
        for origin in ("https://evil.example", "null", ISSUER):
            answer = browser.http.get(
                path, query_string=asking(app), headers={"Origin": origin}, base_url=ISSUER
            )
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_more_scope_than_may_be_is_dropped_and_told(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    code = browser.sign_in(app, person, scope="openid admin email").code
    assert redeemed(world, app, code).body["scope"] == "email openid"
