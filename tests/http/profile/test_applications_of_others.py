"""Applications of others act for nobody at `/v1`: they were allowed to know something."""

import pytest

from tests.http.building import assert_refused
from tests.world.browser import Browser, Returned, Shown, redeemed, web_app
from tests.world.world import Tokens, World


def allowed(world: World) -> Tokens:
    """What an application of others holds, once its user has allowed it."""
    person = world.person(world.tenant())
    app, browser = web_app(world, first_party=False), Browser(world)
    consent = browser.sign_in_at(browser.page(app), person)
    assert isinstance(consent, Shown)
    back = browser.send(consent, decision="allow")
    assert isinstance(back, Returned)
    return redeemed(world, app, back.code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/me"),
        ("GET", "/v1/me/sessions"),
        ("DELETE", "/v1/me/sessions"),
        ("DELETE", "/v1/me/sessions/{sid}"),
        ("POST", "/v1/me/sessions/ping"),
        ("GET", "/v1/me/tenants"),
    ],
)
def test_they_neither_see_nor_end_anything(world: World, method: str, path: str) -> None:
    tokens = allowed(world)
    where = path.format(sid=tokens.sid)
    answer = world.http.open(where, method=method, headers=tokens.bearer)
    assert_refused(answer, 403, "insufficient_scope")
    assert world.is_live(tokens)


def test_they_change_nothing(world: World) -> None:
    tokens = allowed(world)
    profile, password = {"profile": {"name": "X"}}, {"current_password": "x", "new_password": "y"}
    ends = world.http.post("/v1/token/invalidate", json={"sid": tokens.sid}, headers=tokens.bearer)
    for answer in (
        world.http.patch("/v1/me", json=profile, headers=tokens.bearer),
        world.http.post("/v1/me/password", json=password, headers=tokens.bearer),
        ends,
    ):
        assert_refused(answer, 403, "insufficient_scope")
    assert world.is_live(tokens)


def test_they_learn_what_was_allowed(world: World) -> None:
    tokens = allowed(world)
    told = world.http.get("/oauth2/userinfo", headers=tokens.bearer)
    assert told.status_code == 200
    assert "sub" in told.get_json()
