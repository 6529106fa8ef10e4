"""The whole way: from the application through sign-in to a code, and the next one silently."""

import pytest

from tests.world.browser import REDIRECT, Browser, Shown, redeemed, web_app
from tests.world.world import ISSUER, Time, World
from token_service.domain.events import Event


@pytest.mark.parametrize("kind", ["app", "public"])
def test_sign_in_gives_a_code_and_the_code_tokens(world: World, kind: str) -> None:
    tenant_id = world.tenant()
    person, app, browser = world.person(tenant_id), web_app(world, kind), Browser(world)
    page = browser.page(app)
    assert (page.path, page.title) == ("/sign-in", "Sign in")
    assert f"{kind} " in page.answer.text
    back = browser.sign_in_at(page, person)
    assert not isinstance(back, Shown), back.answer.text
    assert back.uri == REDIRECT
    assert set(back.parameters) == {"code", "state", "iss"}
    assert (back.parameters["state"], back.parameters["iss"]) == ("a state", ISSUER)
    tokens = redeemed(world, app, back.code)
    assert tokens.body["scope"] == "openid profile"
    assert tokens.body["tenantId"] == tenant_id
    assert world.is_live(tokens)
    assert world.refresh(app, tokens.refresh).sid == tokens.sid
    assert world.event_names(person.account_id) == [Event.SIGNED_IN, Event.GRANT_OPENED]


def test_a_second_application_gets_its_code_silently(world: World, time: Time) -> None:
    person, first, second = world.person(world.tenant()), web_app(world), web_app(world, "public")
    browser = Browser(world)
    one = redeemed(world, first, browser.sign_in(first, person).code)
    signed_in_at = world.validate(one.access)["auth_time"]
    time.pass_(hours=1)
    for prompt in (None, "none"):
        two = redeemed(world, second, browser.back(second, prompt=prompt).code)
        assert two.sid == one.sid
        assert world.validate(two.access)["auth_time"] == signed_in_at
    assert world.sql("SELECT count(*) FROM interactions")[0][0] == 0


def test_a_browsers_sign_in_is_in_the_lists(world: World) -> None:
    person, app, browser = world.person(world.tenant()), web_app(world), Browser(world)
    tokens = redeemed(world, app, browser.sign_in(app, person).code)
    [item] = world.http.get("/v1/me/sessions", headers=tokens.bearer).get_json()["items"]
    assert item["sid"] == tokens.sid
    assert set(item["clients"]) == {app.client_id, ":pages"}
