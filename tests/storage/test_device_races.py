"""Devices under contention, each made certain by lock-hold on PostgreSQL."""

from functools import partial

import pytest

from tests.http.device.building import device_app, enter, entry, let_in, question, waiting
from tests.storage.holding import holding
from tests.world.browser import HERE, Browser
from token_service.domain.device_authorizations import GRANT_TYPE

WORKERS, THREADS = 4, 4


@pytest.fixture
def given(on_postgres):
    world = on_postgres
    app, person, browser = device_app(world), world.person(world.tenant()), Browser(world)
    return world, app, person, browser, waiting(world, app)


def polled(world, app, device):
    """Ask for the tokens, from a thread with a client of its own."""
    form = {
        "grant_type": GRANT_TYPE,
        "device_code": device.body["device_code"],
        "client_id": app.client_id,
    }
    return world.app.test_client().post("/oauth2/token", data=form)


def test_of_many_polls_after_the_approval_one_gets_tokens(given):
    world, app, person, browser, device = given
    let_in(browser, device, person)
    row = ("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", person.account_id)
    workers = [world, *(world.second_worker() for _ in range(WORKERS - 1))]
    before = world.sql("SELECT count(*) FROM sessions")[0][0]
    with holding(world) as hold:
        uses = [partial(polled, one, app, device) for one in workers for _ in range(THREADS)]
        answers = hold.at_once(row, *uses)
    for one in workers[1:]:
        one.close()
    good = [one.get_json() for one in answers if one.status_code == 200]
    assert len(good) == 1
    assert {one.get_json()["error"] for one in answers if one.status_code != 200} == {
        "invalid_grant"
    }
    assert world.sql("SELECT count(*) FROM sessions")[0][0] == before + 1
    assert world.validate(good[0]["access_token"])["active"]


def test_of_many_polls_at_once_one_came_in_time(given):
    world, app, _, _, device = given
    row = ("SELECT 1 FROM device_authorizations FOR UPDATE",)
    with holding(world) as hold:
        answers = hold.at_once(row, *[partial(polled, world, app, device)] * THREADS)
    errors = sorted(one.get_json()["error"] for one in answers)
    assert errors == ["authorization_pending", *["slow_down"] * (THREADS - 1)]


def test_an_approval_and_the_end_of_its_sign_in(given):
    world, app, person, browser, device = given
    page = question(browser, device, person)
    backend = world.client("backend")

    def end_all():
        path = f"/v1/accounts/{person.account_id}/sessions"
        return world.app.test_client().delete(path, headers=backend.basic)

    row = ("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", person.account_id)
    fields = page.hidden | {"decision": "approve"}
    with holding(world) as hold:
        approve = partial(browser.post, "/device/confirmation", fields)
        ended, _ = hold.at_once(row, end_all, approve)
    assert ended.status_code == 204
    assert polled(world, app, device).get_json()["error"] == "authorization_pending"


def test_two_decisions_at_once_are_one(given):
    world, app, person, browser, device = given
    first, second = question(browser, device, person), enter(browser, device.user_code)
    cookies = [
        browser.http.get_cookie(f"__Host-{one}", "localhost") for one in ("browser", "session")
    ]
    tab = Browser(world)
    for cookie in cookies:
        tab.http.set_cookie(cookie.key, cookie.value, domain="localhost", secure=True)
    row = ("SELECT 1 FROM device_authorizations FOR UPDATE",)
    with holding(world) as hold:
        answers = hold.at_once(
            row,
            partial(browser.post, "/device/confirmation", first.hidden | {"decision": "deny"}),
            partial(tab.post, "/device/confirmation", second.hidden | {"decision": "approve"}),
        )
    assert [one.status_code for one in answers] == [200, 400]
    assert polled(world, app, device).get_json()["error"] == "access_denied"
    assert "device_approved" not in world.event_names(person.account_id)


def test_of_many_guesses_at_once_no_right_one_comes_after_the_limit(given):
    world, _, _, _, device = given
    browsers = [Browser(world) for _ in range(4)]
    forms = [entry(one).hidden for one in browsers]
    free = world.parts.settings.throttle.source_failures
    for _ in range(free - 1):
        enter(browsers[0], "BBBB-BBBB")
    row = ("SELECT 1 FROM failure_counts FOR UPDATE",)
    typed = ["BBBB-BBBC", "BBBB-BBBD", "BBBB-BBBF", device.user_code]
    with holding(world) as hold:
        uses = [
            partial(one.http.post, "/device", data=form | {"user_code": code}, base_url=HERE)
            for one, form, code in zip(browsers, forms, typed, strict=True)
        ]
        answers = hold.at_once(row, *uses)
    assert [one.status_code for one in answers] == [400, 429, 429, 429]


def test_a_decision_is_taken_by_one_of_two_tabs(given):
    world, app, person, browser, device = given
    page = question(browser, device, person)
    row = ("SELECT 1 FROM interactions FOR UPDATE",)
    fields = page.hidden | {"decision": "approve"}
    cookies = [
        browser.http.get_cookie(f"__Host-{one}", "localhost") for one in ("browser", "session")
    ]
    tabs = [Browser(world) for _ in range(2)]
    for tab in tabs:
        for cookie in cookies:
            tab.http.set_cookie(cookie.key, cookie.value, domain="localhost", secure=True)
    with holding(world) as hold:
        uses = [partial(tab.post, "/device/confirmation", fields) for tab in tabs]
        hold.at_once(row, *uses)
    assert world.event_names(person.account_id).count("device_approved") == 1
    assert polled(world, app, device).status_code == 200
