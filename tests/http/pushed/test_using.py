"""A pushed request in the browser: whose it is, how often and how long it is good, what counts."""

import pytest

from tests.http.pushed.building import assert_void, come_with, page_with, push
from tests.world.browser import REDIRECT, Browser, Returned, Shown, asking, redeemed, web_app
from tests.world.world import App, Person, Time, World
from token_service.app import retention
from token_service.services import housekeeping


def signed_in(browser: Browser, shown: Shown, person: Person) -> Returned:
    """Sign in at the page, and be sent back."""
    back = browser.sign_in_at(shown, person)
    assert isinstance(back, Returned), back.answer.text
    return back


@pytest.fixture
def person(world: World) -> Person:
    return world.person(world.tenant())


@pytest.fixture
def app(world: World) -> App:
    return web_app(world)


# Once.


def test_what_was_answered_is_good_for_nothing_more(world: World, app: App, person: Person) -> None:
    browser, request_uri = Browser(world), push(world, app)
    assert signed_in(browser, page_with(browser, app, request_uri), person).code
    for one in (browser, Browser(world)):
        assert_void(one, app, request_uri)
    assert world.sql("SELECT count(*) FROM pushed_requests")[0][0] == 0


def test_a_silent_answer_uses_it_up(world: World, app: App, person: Person) -> None:
    browser = Browser(world)
    browser.sign_in(app, person)
    request_uri = push(world, app, prompt="none")
    back = come_with(browser, app, request_uri)
    assert isinstance(back, Returned)
    assert redeemed(world, app, back.code)
    assert_void(browser, app, request_uri)


def test_an_error_is_an_answer_too(world: World, app: App) -> None:
    browser, request_uri = Browser(world), push(world, app, prompt="none")
    back = come_with(browser, app, request_uri)
    assert isinstance(back, Returned)
    assert (back.parameters["error"], back.parameters["state"]) == ("login_required", "a state")
    assert_void(browser, app, request_uri)


def test_who_does_not_want_it_uses_it_up(world: World, person: Person) -> None:
    app = web_app(world, metadata={"consent_required": True})
    browser, request_uri = Browser(world), push(world, app)
    shown = browser.sign_in_at(page_with(browser, app, request_uri), person)
    assert isinstance(shown, Shown)
    assert shown.path == "/consent"
    back = browser.send(shown, decision="cancel")
    assert isinstance(back, Returned), back.answer.text
    assert back.parameters["error"] == "access_denied"
    assert_void(browser, app, request_uri)


def test_looking_does_not_use_it_up(world: World, app: App, person: Person) -> None:
    """FAPI 2.0 section 5.3.2.2: whoever reloads, or has a link previewed, is not locked out."""
    browser, request_uri = Browser(world), push(world, app)
    page_with(Browser(world), app, request_uri)
    page_with(browser, app, request_uri)
    assert signed_in(browser, page_with(browser, app, request_uri), person).code
    assert_void(browser, app, request_uri)


def test_of_two_pages_one_comes_to_an_answer(world: World, app: App, person: Person) -> None:
    one, two, request_uri = Browser(world), Browser(world), push(world, app)
    first, second = page_with(one, app, request_uri), page_with(two, app, request_uri)
    assert signed_in(two, second, person).code
    late = one.sign_in_at(first, person)
    assert isinstance(late, Shown)
    assert late.answer.status_code == 400
    assert "This page is no longer good" in late.answer.text
    assert world.sql("SELECT count(*) FROM authorization_codes")[0][0] == 1


# How long.


def test_it_is_good_for_a_minute(world: World, app: App, time: Time) -> None:
    browser, request_uri = Browser(world), push(world, app)
    time.pass_(seconds=59)
    assert page_with(browser, app, request_uri).path == "/sign-in"
    time.pass_(seconds=1)
    assert_void(browser, app, request_uri)


def test_a_page_that_began_in_time_outlives_it(
    world: World, app: App, person: Person, time: Time
) -> None:
    browser, request_uri = Browser(world), push(world, app)
    time.pass_(seconds=59)
    shown = page_with(browser, app, request_uri)
    time.pass_(minutes=29)
    purge(world)
    assert signed_in(browser, shown, person).code


def test_it_is_dropped_when_nobody_can_be_at_a_page_any_more(
    world: World, app: App, time: Time
) -> None:
    push(world, app)
    time.pass_(minutes=31, seconds=1)
    purge(world)
    assert world.sql("SELECT count(*) FROM pushed_requests")[0][0] == 0


def purge(world: World) -> None:
    """Clean up as of now."""
    parts = world.parts
    kept = retention(parts.settings)
    housekeeping.purge_all(parts.database, parts.clock, kept, lambda: None)


# Whose.


def test_another_client_gets_nothing_by_it(world: World, app: App, person: Person) -> None:
    other, browser, request_uri = web_app(world), Browser(world), push(world, app)
    assert_void(browser, other, request_uri)
    assert signed_in(browser, page_with(browser, app, request_uri), person).code


@pytest.mark.parametrize("client_id", ["", "nobody"])
def test_without_its_client(world: World, app: App, client_id: str) -> None:
    named = {"client_id": client_id, "request_uri": push(world, app)}
    answer = Browser(world).get("/oauth2/authorize", **named)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert "Unknown application" in answer.text


def test_every_other_name_is_nothing(world: World, app: App) -> None:
    request_uri = push(world, app)
    prefix, _, body = request_uri.rpartition(":")
    others = [
        f"{prefix}:",
        f"{prefix}:{body[:-1]}",
        f"{prefix}:{body}A",
        f"{prefix}:{body[:-43]}{'A' * 43}",
        f"{prefix}:{'A' * len(body)}",
        f"{prefix}:{body.swapcase()}",
        f"{request_uri}#x",
        f"{request_uri} ",
        f"{prefix}:{'é' * len(body)}",
    ]
    for other in others:
        assert_void(Browser(world), app, other)
    assert page_with(Browser(world), app, request_uri).path == "/sign-in"


def test_a_client_that_was_disabled_since(world: World, app: App) -> None:
    request_uri = push(world, app)
    world.sql("UPDATE clients SET enabled = false")
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    shown = page_with(Browser(world), app, request_uri)
    assert shown.answer.status_code == 400
    assert "Unknown application" in shown.answer.text


def test_it_is_looked_at_again_by_the_rules_of_now(world: World, app: App) -> None:
    request_uri = push(world, app)
    registration = '{"redirect_uris": ["https://app.example/other"]}'
    world.sql("UPDATE clients SET registration = :held", held=registration)
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    shown = page_with(Browser(world), app, request_uri)
    assert shown.answer.status_code == 400
    assert "This link is not right" in shown.answer.text


# What counts.


def test_nothing_beside_it_counts(world: World, app: App, person: Person) -> None:
    """RFC 9126 section 4, RFC 9101 section 5."""
    browser, request_uri = Browser(world), push(world, app)
    beside = asking(
        app,
        client_id=None,
        response_type="token",
        redirect_uri="https://evil.example/cb",
        scope="openid profile email phone offline_access",
        state="another state",
        nonce="another nonce",
        code_challenge="A" * 43,
        code_challenge_method="plain",
        prompt="none",
        response_mode="form_post",
        max_age="0",
        dpop_jkt="B" * 43,
        tenant_id="f" * 32,
        resource="https://evil.example",
        id_token_hint="x",
        registration="{}",
    )
    back = signed_in(browser, page_with(browser, app, request_uri, **beside), person)
    assert back.uri == REDIRECT
    assert back.parameters["state"] == "a state"
    tokens = redeemed(world, app, back.code)
    assert tokens.body["scope"] == "openid profile"


def test_what_was_not_pushed_is_not_filled_in(world: World, app: App, person: Person) -> None:
    browser = Browser(world)
    request_uri = push(world, app, state=None, nonce=None)
    shown = page_with(browser, app, request_uri, state="planted", nonce="planted")
    assert "state" not in signed_in(browser, shown, person).parameters


def test_it_may_come_in_a_form(world: World, app: App, person: Person) -> None:
    browser, request_uri = Browser(world), push(world, app)
    named = {"client_id": app.client_id, "request_uri": request_uri}
    shown = browser.follow("/oauth2/authorize", browser.post("/oauth2/authorize", named))
    assert isinstance(shown, Shown)
    assert signed_in(browser, shown, person).code


def test_a_request_object_beside_it(world: World, app: App) -> None:
    request_uri = push(world, app)
    shown = page_with(Browser(world), app, request_uri, request="e30")
    assert shown.answer.status_code == 400


def test_what_was_pushed_is_in_no_address_and_no_cookie(
    world: World, app: App, person: Person
) -> None:
    """CVE-2024-4540: parameters that were pushed in confidence went into a cookie."""
    secrets = {
        "state": "confidential-state",
        "nonce": "confidential-nonce",
        "login_hint": "confidential-hint",
        "claims": '{"id_token":{"confidential-claim":null}}',
    }
    browser, request_uri = Browser(world), push(world, app, **secrets)
    named = {"client_id": app.client_id, "request_uri": request_uri}
    url, answer = "", browser.get("/oauth2/authorize", **named)
    seen = [str(answer.headers)]
    while answer.status_code == 303:
        url = answer.headers["Location"]
        answer = browser.get(url)
        seen.append(str(answer.headers))
    sent = browser.post(
        "/sign-in",
        Shown(url, answer).hidden | {"identifier": person.email, "password": person.password},
    )
    seen += [str(sent.headers)]
    assert "/sign-in" in url
    assert not [one for one in seen if "confidential" in one or request_uri[-43:] in one]


def test_a_name_that_another_worker_has_made_with_a_newer_key(world: World, app: App) -> None:
    """A worker that is behind looks the keys up before it says no."""
    worker = world.second_worker()
    assert page_with(Browser(worker), app, push(world, app)).path == "/sign-in"
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    assert page_with(Browser(worker), app, push(world, app)).path == "/sign-in"
    worker.close()
