"""Codes and interactions under contention, each made certain by lock-hold on PostgreSQL."""

from functools import partial

import pytest

from tests.storage.holding import holding
from tests.world.browser import REDIRECT, VERIFIER, Browser, redeemed, web_app

WORKERS, THREADS = 4, 4


@pytest.fixture
def given(on_postgres):
    world = on_postgres
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    return world, app, person, browser, browser.sign_in(app, person).code


def redeemed_by(world, app, code):
    """Use the code, from a thread with a client of its own."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    return world.app.test_client().post("/oauth2/token", data=form, headers=app.basic)


def test_of_many_uses_of_a_code_at_most_one_gets_tokens_and_none_keeps_them(given):
    world, app, person, _, code = given
    row = ("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", person.account_id)
    workers = [world, *(world.second_worker() for _ in range(WORKERS - 1))]
    with holding(world) as hold:
        uses = [partial(redeemed_by, one, app, code) for one in workers for _ in range(THREADS)]
        answers = hold.at_once(row, *uses)
    for one in workers[1:]:
        one.close()
    good = [one for one in answers if one.status_code == 200]
    assert len(good) == 1
    assert {one.status_code for one in answers} == {200, 400}
    body = good[0].get_json()
    assert world.validate(body["access_token"]) == {"active": False}
    assert world.try_refresh(app, body["refresh_token"]).status_code == 400
    ends = [one for one in world.events(person.account_id) if one.reason == "code_replayed"]
    assert len(ends) == 1


def test_a_code_and_the_end_of_its_session(given):
    world, app, person, _, code = given
    backend = world.client("backend")

    def end_all():
        path = f"/v1/accounts/{person.account_id}/sessions"
        return world.app.test_client().delete(path, headers=backend.basic)

    row = ("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", person.account_id)
    with holding(world) as hold:
        ended, used = hold.at_once(row, end_all, partial(redeemed_by, world, app, code))
    assert (ended.status_code, used.status_code) == (204, 400)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_code_and_the_end_of_the_consent(given, is_first):
    """Whichever comes first, nothing of the application lives afterwards."""
    world, ours, person, browser, code = given
    bearer = redeemed(world, ours, code).bearer
    app = web_app(world, first_party=False)
    code = browser.send(browser.page(app), decision="allow").code

    def take_back():
        path = f"/v1/me/consents/{app.client_id}"
        return world.app.test_client().delete(path, headers=bearer)

    row = ("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", person.account_id)
    uses = [partial(redeemed_by, world, app, code), take_back]
    with holding(world) as hold:
        answers = hold.at_once(row, *(reversed(uses) if is_first else uses))
    used, taken = reversed(answers) if is_first else answers
    assert (used.status_code, taken.status_code) == (400 if is_first else 200, 204)
    if not is_first:
        assert world.validate(used.get_json()["access_token"]) == {"active": False}
    reasons = [one.reason for one in world.events(person.account_id)]
    assert "consent_withdrawn" in reasons


def test_of_two_sign_ins_on_one_page_one_is_taken(given):
    world, app, person, _, _ = given
    browser = Browser(world)
    page = browser.page(app)
    fields = page.hidden | {"identifier": person.email, "password": person.password}
    tabs = [Browser(world) for _ in range(4)]
    mark = browser.http.get_cookie("__Host-browser", "localhost").value
    for tab in tabs:
        tab.http.set_cookie("__Host-browser", mark, domain="localhost", secure=True)
    row = ("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", person.account_id)
    before = world.event_names(person.account_id).count("signed_in")
    with holding(world) as hold:
        uses = [partial(tab.post, "/sign-in", fields) for tab in tabs]
        answers = hold.at_once(row, *uses)
    assert {one.status_code for one in answers} == {303}
    cookies = [one for one in answers if "__Host-session" in str(one.headers)]
    assert len(cookies) == 1
    assert world.event_names(person.account_id).count("signed_in") == before + 1
    assert world.sql("SELECT count(*) FROM sessions")[0][0] == 2


def test_of_two_who_go_on_one_gets_the_code(given):
    world, app, person, browser, _ = given
    page = browser.page(app, prompt="login")
    fields = page.hidden | {"identifier": person.email, "password": person.password}
    browser.post("/sign-in", fields)
    cookies = {
        name: browser.http.get_cookie(name, "localhost").value
        for name in ("__Host-browser", "__Host-session")
    }
    tabs = [Browser(world) for _ in range(4)]
    for tab in tabs:
        for name, value in cookies.items():
            tab.http.set_cookie(name, value, domain="localhost", secure=True)
    row = ("SELECT 1 FROM grants WHERE account_id = %s FOR UPDATE", person.account_id)
    go_on = f"/oauth2/authorize/continue?interaction={page.interaction}"
    with holding(world) as hold:
        answers = hold.at_once(row, *[partial(tab.get, go_on) for tab in tabs])
    assert sorted(one.status_code for one in answers) == [303, 400, 400, 400]
