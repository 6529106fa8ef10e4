"""Taking back what an application was allowed: all of its access ends, and nothing else."""

from collections.abc import Callable

import pytest

from tests.http.building import EVERYWHERE, assert_refused, live_at
from tests.http.consents.building import ASKS, Allowing, allowed, allowing
from tests.http.device.building import device_app, question, waiting
from tests.http.faults import failing
from tests.world.browser import Browser, Shown, redeem, redeemed, web_app
from tests.world.messengers import Messenger, round_of, uri_of
from tests.world.world import Time, World


def by_interface(who: Allowing) -> None:
    path = f"/v1/me/consents/{who.app.client_id}"
    answer = who.world.http.delete(path, headers=who.first.tokens.bearer)
    assert (answer.status_code, answer.data) == (204, b"")


WAYS = pytest.mark.parametrize("take_back", [by_interface, Allowing.take_back])


def test_what_was_allowed_is_listed_by_application(world: World, time: Time) -> None:
    who = allowing(world)
    [item] = who.listed()
    assert item == {
        "client_id": who.app.client_id,
        "name": "Notes",
        "consents": [
            {
                "tenant_id": who.first.tenant_id,
                "tenant_name": item["consents"][0]["tenant_name"],
                "scope": "email openid profile",
                "claims": [],
                "given_at": "2026-03-01T12:00:00.000Z",
            }
        ],
    }
    assert item["consents"][0]["tenant_name"].startswith("Tenant ")
    time.pass_(seconds=1)
    second = allowing(world, who.first)
    assert [one["client_id"] for one in who.listed()] == [second.app.client_id, who.app.client_id]
    assert allowing(world).listed() != who.listed()


@WAYS
def test_all_access_of_the_application_ends_on_every_node(
    world: World, second_worker: World, take_back: Callable[[Allowing], None]
) -> None:
    who = allowing(world)
    again = redeemed(world, who.app, who.browser.back(who.app, scope="openid").code)
    code = who.browser.back(who.app, scope="openid").code
    take_back(who)
    for worker in (second_worker, world):
        for tokens in (who.tokens, again):
            assert worker.validate(tokens.access) == {"active": False}
            assert worker.introspect(who.app, tokens.refresh) == {"active": False}
            assert_refused(worker.try_refresh(who.app, tokens.refresh), 400, "invalid_grant")
            userinfo = worker.http.get("/oauth2/userinfo", headers=tokens.bearer)
            assert userinfo.status_code == 401
        assert_refused(redeem(worker, who.app, code), 400, "invalid_grant")
    assert who.browser.back(who.app, prompt="none").parameters["error"] == "consent_required"
    assert who.browser.page(who.app).path == "/consent"
    assert who.listed() == []
    ended = ("grant_ended", "consent_withdrawn", who.app.client_id)
    assert who.happened()[:4] == [
        ("consent_withdrawn", "", who.app.client_id),
        ended,
        ended,
        ("grant_refused", "consent_withdrawn", who.app.client_id),
    ]
    taken = [one for one in world.events(who.account_id) if one.event == "consent_withdrawn"]
    assert taken[0].details == {"scope": ["email", "openid", "profile"], "claims": []}
    assert taken[0].actor == f"account:{who.account_id}"
    assert taken[0].tenant_id == who.first.tenant_id


@WAYS
def test_nothing_else_ends(world: World, take_back: Callable[[Allowing], None]) -> None:
    who = allowing(world)
    beside, stranger = allowing(world, who.first), allowing(world)
    ours = who.first_app()
    first = redeemed(world, ours, who.browser.back(ours).code)
    take_back(who)
    assert live_at(who.first) == EVERYWHERE
    for one in (first, beside.tokens, stranger.tokens):
        assert world.is_live(one)
    assert stranger.listed()
    assert [one["client_id"] for one in who.listed()] == [beside.app.client_id]
    assert first.sid == who.tokens.sid


def test_it_may_be_said_twice_and_is_told_once(world: World) -> None:
    who = allowing(world)
    by_interface(who)
    told = who.happened()
    assert len(told) == 2
    by_interface(who)
    answer = world.http.delete("/v1/me/consents/nobody", headers=who.first.tokens.bearer)
    assert answer.status_code == 204
    assert who.happened() == told


def test_the_application_learns_why_and_may_ask_again(world: World) -> None:
    who = allowing(world)
    who.take_back()
    answer = world.try_json_refresh(who.app, who.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")
    assert answer.get_json()["reason"] == "consent_withdrawn"
    page = who.browser.page(who.app)
    assert world.is_live(allowed(who.browser, who.app, page))
    assert [one["client_id"] for one in who.listed()] == [who.app.client_id]


def test_what_was_allowed_in_several_tenants_goes_together(world: World) -> None:
    north, south = world.tenant("North"), world.tenant("South")
    person, browser = world.person(north, south), Browser(world)
    app = web_app(world, first_party=False, metadata=ASKS)
    page = browser.sign_in_at(browser.page(app, tenant_id=north), person)
    assert isinstance(page, Shown)
    here = allowed(browser, app, page)
    there = allowed(browser, app, browser.page(app, tenant_id=south))
    shown = browser.get("/consents").text
    assert "North" in shown
    assert "South" in shown
    browser.send(Shown("https://localhost/consents", browser.get("/consents")))
    assert world.is_live(here)
    page = Shown("https://localhost/consents", browser.get("/consents"))
    browser.send(page, client_id=app.client_id)
    assert [world.is_live(one) for one in (here, there)] == [False, False]
    names = world.event_names(person.account_id)
    assert names.count("consent_withdrawn") == 2


def test_a_device_of_the_application_is_out_too(world: World) -> None:
    who = allowing(world)
    app = device_app(world, "app", first_party=False, metadata=ASKS)
    allowed(who.browser, app, who.browser.page(app))
    let_in, waits = waiting(world, app), waiting(world, app)
    for device in (let_in, waits):
        asked = question(who.browser, device, who.first.person)
        who.browser.send(asked, decision="approve")
    tokens = let_in.tokens()
    assert tokens.sid != who.tokens.sid
    who.browser.send(who.page(), client_id=app.client_id)
    assert not world.is_live(tokens)
    assert_refused(waits.poll(), 400, "access_denied")
    ends = [one for one in world.events(who.account_id) if one.sid == tokens.sid]
    assert (ends[-1].event, ends[-1].reason) == ("session_ended", "consent_withdrawn")
    assert world.is_live(who.tokens)


def test_the_application_is_told_of_a_session_that_goes_on_without_it(world: World) -> None:
    who, messenger = allowing(world, backchannel_logout_uri=uri_of("notes")), Messenger()
    who.take_back()
    round_of(world, messenger)
    assert len(messenger.heard[uri_of("notes")]) == 1
    assert who.browser.back(who.first_app(), prompt="none").code


def test_an_end_that_was_not_written_is_never_a_204(world: World) -> None:
    who = allowing(world)
    path = f"/v1/me/consents/{who.app.client_id}"
    with failing("services.consents.end_grants"):
        answer = world.http.delete(path, headers=who.first.tokens.bearer)
        assert_refused(answer, 503, "unavailable")
        assert who.browser.send(who.page(), client_id="x").answer.status_code == 200
    assert world.is_live(who.tokens)
    assert who.listed()
    assert who.happened() == []


def test_an_application_of_others_neither_sees_nor_takes_back(world: World) -> None:
    who = allowing(world)
    for method, path in (("GET", ""), ("DELETE", f"/{who.app.client_id}")):
        answer = world.http.open(f"/v1/me/consents{path}", method=method, headers=who.tokens.bearer)
        assert_refused(answer, 403, "insufficient_scope")
    assert who.listed()


def test_who_runs_the_application_needs_no_consent(world: World) -> None:
    """An application of ours asks by `prompt=consent`; what is taken back ends all the same."""
    who = allowing(world)
    app = who.first_app()
    page = who.browser.page(app, prompt="consent")
    tokens = allowed(who.browser, app, page)
    who.browser.send(who.page(), client_id=app.client_id)
    assert not world.is_live(tokens)
    assert world.is_live(redeemed(world, app, who.browser.back(app, prompt="none").code))
