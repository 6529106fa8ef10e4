"""Log-out in a browser that has signed in on our pages: only it says whose sign-in ends."""

from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.http.building import assert_refused
from tests.http.logout.building import ASKED, BACK, DONE, PATH, fields, frames, heading
from tests.world.browser import Browser, Returned, Shown, redeemed, web_app
from tests.world.messengers import Messenger, round_of, sids_told, uri_of
from tests.world.world import App, Person, Time, Tokens, World

CONFIRMATION = "/oauth2/logout-confirmation"
METADATA: dict[str, Any] = {"post_logout_redirect_uris": (BACK,)}


@dataclass(frozen=True)
class Visit:
    """Somebody who has come from an application and signed in in a browser."""

    world: World
    browser: Browser
    person: Person
    app: App
    tokens: Tokens
    id_token: str

    @property
    def signed_in(self) -> bool:
        """Whether the browser is still let through without a page, with the cookie it had."""
        return isinstance(self.browser.come(self.app, prompt="none"), Returned) and (
            "code" in self.browser.back(self.app, prompt="none").parameters
        )

    @property
    def ends(self) -> list[str]:
        """The reasons of the sessions that have ended."""
        events = self.world.events(self.person.account_id)
        return [str(one.reason) for one in events if one.event == "session_ended"]

    def log_out(self, headers: dict[str, str] | None = None, **parameters: str) -> TestResponse:
        """Be sent to sign out."""
        return self.browser.http.get(
            PATH, query_string=parameters, base_url="https://localhost", headers=headers
        )

    def confirm(self, page: TestResponse, **headers: str) -> TestResponse:
        """Press the button."""
        assert heading(page) == ASKED, page.text
        return self.browser.post(CONFIRMATION, fields(page), **headers)


def id_token(world: World, app: App, tokens: Tokens) -> tuple[Tokens, str]:
    refreshed = world.refresh(app, tokens.refresh)
    return refreshed, str(refreshed.body["id_token"])


def visit(world: World, person: Person | None = None, **metadata: Any) -> Visit:
    """Come, sign in, and go back with tokens."""
    person = person or world.person(world.tenant())
    app, browser = web_app(world, metadata=METADATA | metadata), Browser(world)
    tokens = redeemed(world, app, browser.sign_in(app, person).code)
    return Visit(world, browser, person, app, *id_token(world, app, tokens))


@pytest.fixture
def who(world: World) -> Visit:
    return visit(world)


def test_a_hint_of_this_very_sign_in_needs_no_question(who: Visit) -> None:
    cookie = who.browser.cookie
    answer = who.log_out(id_token_hint=who.id_token, post_logout_redirect_uri=BACK, state="a state")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{BACK}?state=a+state")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert who.ends == ["signed_out"]
    assert who.browser.cookie == ""
    assert not who.world.is_live(who.tokens)
    again = who.world.try_refresh(who.app, who.tokens.refresh)
    assert_refused(again, 400, "invalid_grant")
    for worker in (who.world, who.world.second_worker()):
        thief = Browser(worker)
        thief.cookie = cookie
        back = thief.come(who.app, prompt="none")
        assert isinstance(back, Returned)
        assert back.parameters["error"] == "login_required"


def test_the_cookie_is_dropped_with_the_attributes_it_was_kept_with(who: Visit) -> None:
    answer = who.log_out(id_token_hint=who.id_token)
    [dropped] = [one for one in answer.headers.getlist("Set-Cookie") if "session" in one]
    name, *attributes = dropped.split("; ")
    assert name == "__Host-session="
    assert {"Max-Age=0", "Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(attributes)
    assert not any(one.startswith("Domain") for one in attributes)


def test_every_application_of_the_sign_in_is_signed_out(world: World, who: Visit) -> None:
    messenger = Messenger()
    other = web_app(
        world,
        "public",
        metadata={
            "backchannel_logout_uri": uri_of("other"),
            "frontchannel_logout_uri": "https://other.example/front",
        },
    )
    tokens = redeemed(world, other, who.browser.back(other).code)
    assert tokens.sid == who.tokens.sid
    done = who.log_out(id_token_hint=who.id_token, post_logout_redirect_uri=BACK)
    assert frames(done) == ["https://other.example/front"]
    assert not world.is_live(tokens)
    round_of(world, messenger)
    assert sids_told(world, messenger, "other") == {tokens.sid}


def test_without_a_hint_the_person_is_asked(who: Visit) -> None:
    page = who.log_out(client_id=who.app.client_id, post_logout_redirect_uri=BACK)
    assert (page.status_code, heading(page)) == (200, ASKED)
    assert (who.signed_in, who.ends) == (True, [])
    answer = who.confirm(page)
    assert (answer.status_code, answer.headers["Location"]) == (303, BACK)
    assert who.ends == ["signed_out"]
    assert not who.signed_in


def test_without_anything_the_person_is_asked(who: Visit) -> None:
    page = who.log_out()
    assert heading(page) == ASKED
    done = who.confirm(page)
    assert (done.status_code, heading(done)) == (200, DONE)
    assert who.ends == ["signed_out"]


@pytest.mark.parametrize("destination", ["image", "iframe", "script", "style", "empty", "object"])
def test_what_a_page_loads_signs_nobody_out(who: Visit, destination: str) -> None:
    headers = {"Sec-Fetch-Dest": destination, "Sec-Fetch-Site": "cross-site"}
    for parameters in ({}, {"id_token_hint": who.id_token}):
        assert heading(who.log_out(headers, **parameters)) == ASKED
    assert (who.signed_in, who.ends) == (True, [])
    visited = who.log_out({"Sec-Fetch-Dest": "document"}, id_token_hint=who.id_token)
    assert heading(visited) == DONE


def test_a_preview_signs_nobody_out(who: Visit) -> None:
    page = who.log_out({"Sec-Purpose": "prefetch"}, id_token_hint=who.id_token)
    assert heading(page) == ASKED
    assert (who.signed_in, who.ends) == (True, [])


def test_a_form_of_another_site_signs_nobody_out(who: Visit) -> None:
    page = who.log_out()
    answer = who.confirm(page, **{"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, heading(answer)) == (400, ASKED)
    guessed = who.browser.post(CONFIRMATION, {"form_token": "x"})
    assert (guessed.status_code, heading(guessed)) == (400, ASKED)
    assert (who.signed_in, who.ends) == (True, [])


def test_a_question_to_somebody_else_is_answered_for_nobody(world: World, who: Visit) -> None:
    other = visit(world)
    answer = who.browser.post(CONFIRMATION, fields(other.log_out()))
    assert (answer.status_code, heading(answer)) == (400, ASKED)
    assert who.signed_in
    assert other.signed_in


@pytest.mark.parametrize("same_account", [True, False])
def test_a_hint_of_another_sign_in_is_asked_about(
    world: World, who: Visit, same_account: bool
) -> None:
    other = visit(world, who.person if same_account else None)
    page = who.log_out(id_token_hint=other.id_token, post_logout_redirect_uri=BACK)
    assert heading(page) == ASKED
    assert who.signed_in
    assert world.is_live(other.tokens)
    answer = who.confirm(page)
    assert answer.headers["Location"] == BACK
    assert not who.signed_in
    assert not world.is_live(other.tokens)


def test_a_hint_of_a_sign_in_that_is_over_is_asked_about(world: World, who: Visit) -> None:
    """Who has signed in anew did not mean the old session; and there is still somebody to ask."""
    other = visit(world, who.person)
    world.invalidate(token=other.tokens.access)
    page = who.log_out(id_token_hint=other.id_token)
    assert heading(page) == ASKED
    assert who.signed_in


def test_a_sign_in_that_is_over_needs_no_question(world: World, who: Visit) -> None:
    world.invalidate(token=who.tokens.access)
    answer = who.log_out(id_token_hint=who.id_token, post_logout_redirect_uri=BACK)
    assert answer.headers["Location"] == BACK
    assert who.browser.cookie == ""
    assert who.ends == ["signed_out"]


def test_time_ends_a_sign_in_for_the_log_out_as_well(world: World, time: Time) -> None:
    person = world.person(world.tenant(idle_timeout=600))
    who = visit(world, person)
    time.pass_(seconds=600)
    assert heading(who.log_out()) == DONE
    assert who.ends == []


def test_a_cookie_of_nobody_is_dropped(world: World) -> None:
    browser = Browser(world)
    browser.cookie = "tsb_x"
    assert heading(browser.get(PATH)) == DONE
    assert browser.cookie == ""


def test_a_button_pressed_twice(who: Visit) -> None:
    page = who.log_out(client_id=who.app.client_id, post_logout_redirect_uri=BACK)
    first, second = who.confirm(page), who.browser.post(CONFIRMATION, fields(page))
    assert first.headers["Location"] == second.headers["Location"] == BACK
    assert who.ends == ["signed_out"]


def test_a_new_sign_in_after_it_needs_the_password(who: Visit) -> None:
    who.log_out(id_token_hint=who.id_token)
    shown = who.browser.come(who.app)
    assert isinstance(shown, Shown)
    assert shown.path == "/sign-in"


def test_each_page_of_somebody_who_is_signed_in_leads_out(world: World) -> None:
    chooses = web_app(world)
    person = world.person(world.tenant(), world.tenant())
    choice = Browser(world)
    tenant = choice.sign_in_at(choice.page(chooses), person)
    consents = web_app(world, metadata={"consent_required": True})
    single, allowing = world.person(world.tenant()), Browser(world)
    consent = allowing.sign_in_at(allowing.page(consents), single)
    for browser, page, path in ((choice, tenant, "/tenant"), (allowing, consent, "/consent")):
        assert isinstance(page, Shown)
        assert page.path == path
        assert 'href="oauth2/logout"' in page.answer.text
        question = browser.get(PATH)
        assert heading(question) == ASKED
        done = browser.post(CONFIRMATION, fields(question))
        assert heading(done) == DONE
        assert browser.cookie == ""
