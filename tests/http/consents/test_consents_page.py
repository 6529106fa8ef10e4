"""`/consents`: the page is of whoever is signed in in the browser, and its form of the page."""

import pytest
from werkzeug.test import TestResponse

from tests.http.consents.building import allowing
from tests.http.faults import failing
from tests.world.browser import Browser, web_app
from tests.world.world import ISSUER, Time, World


def heading(answer: TestResponse) -> str:
    return answer.text.partition('<h1 id="title">')[2].partition("</h1>")[0]


def test_it_says_in_words_what_was_allowed(world: World) -> None:
    who = allowing(world)
    page = who.page()
    assert page.title == "What applications may do"
    for told in ("Notes", "see your e-mail address", "know who you are", "2026-03-01 12:00 UTC"):
        assert told in page.answer.text
    assert f"Signed in as <strong>{who.first.person.email}" in page.answer.text
    assert 'href="oauth2/logout"' in page.answer.text
    assert page.values("client_id") == [who.app.client_id]
    who.take_back()
    empty = who.page()
    assert "There is nothing that you have allowed" in empty.answer.text
    assert "<form" not in empty.answer.text


def test_the_page_that_asks_says_where_it_can_be_taken_back(world: World) -> None:
    who = allowing(world)
    asked = who.browser.page(who.app, prompt="consent")
    assert (asked.path, 'href="consents"' in asked.answer.text) == ("/consent", True)


def test_nobody_sees_it_without_a_sign_in(world: World, time: Time) -> None:
    who = allowing(world)
    form = who.page().hidden | {"client_id": who.app.client_id}
    stranger = Browser(world)
    for cookie in ("", "tsb_x", who.tokens.access):
        stranger.cookie = cookie
        for answer in (stranger.get("/consents"), stranger.post("/consents", form)):
            assert (answer.status_code, heading(answer)) == (403, "You are not signed in")
            assert "Notes" not in answer.text
    cookie = who.browser.cookie
    world.http.delete(f"/v1/me/sessions/{who.tokens.sid}", headers=who.first.tokens.bearer)
    stranger.cookie = cookie
    assert stranger.get("/consents").status_code == 403
    assert stranger.post("/consents", form).status_code == 403
    assert len(who.listed()) == 1


def test_a_form_needs_the_token_of_this_sign_in(world: World) -> None:
    who, other = allowing(world), allowing(world)
    app = {"client_id": who.app.client_id}
    asked = who.browser.page(who.app, prompt="consent").hidden
    for token in ("", "x", other.page().hidden["form_token"], asked["form_token"]):
        answer = who.browser.post("/consents", app | {"form_token": token})
        assert (answer.status_code, heading(answer)) == (400, "This page is no longer good")
    assert who.browser.post("/consents", app).status_code == 400
    assert world.is_live(who.tokens)
    assert who.happened() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": ISSUER, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_form_from_another_site_does_nothing(world: World, headers: dict[str, str]) -> None:
    who = allowing(world)
    form = who.page().hidden | {"client_id": who.app.client_id}
    assert who.browser.post("/consents", form, **headers).status_code == 400
    assert world.is_live(who.tokens)
    fine = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    answer = who.browser.post("/consents", form, **fine)
    assert (answer.status_code, answer.headers["Location"]) == (303, "consents")
    assert not world.is_live(who.tokens)


def test_looking_changes_nothing(world: World) -> None:
    who = allowing(world)
    tables = ("sessions", "grants", "consents", "audit_events", "interactions")
    before = [world.sql(f"SELECT * FROM {table}") for table in tables]
    who.page()
    who.browser.http.head("/consents")
    who.browser.get("/consents", client_id=who.app.client_id)
    assert [world.sql(f"SELECT * FROM {table}") for table in tables] == before


def test_names_are_text_and_a_client_that_is_gone_is_named_by_its_id(world: World) -> None:
    nasty = '"><script>alert(1)</script>'
    who = allowing(world)
    world.sql("UPDATE clients SET name = :name", name=nasty)
    world.sql("UPDATE tenants SET name = :name", name=nasty)
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    page = who.page()
    assert "<script" not in page.answer.text
    assert page.answer.text.count("&lt;script&gt;") == 2
    gone = web_app(world, first_party=False, metadata={"consent_required": True})
    world.sql("UPDATE consents SET client_id = :gone", gone=gone.client_id)
    world.sql("DELETE FROM clients WHERE client_id = :gone", gone=gone.client_id)
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    assert gone.client_id in who.page().answer.text


def test_a_claim_that_was_asked_for_by_name_is_told(world: World) -> None:
    who = allowing(world)
    claims = '{"userinfo": {"phone_number": null}}'
    page = who.browser.page(who.app, scope="openid", claims=claims)
    who.browser.send(page, decision="allow")
    assert "know about you: <code>phone_number</code>" in who.page().answer.text
    assert who.listed()[0]["consents"][0]["claims"] == ["phone_number"]


def test_it_speaks_the_language_of_the_browser(world: World) -> None:
    who = allowing(world)
    who.browser.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de-CH"
    page = who.page()
    assert page.title == "Was Anwendungen dürfen"
    assert "Ihre E-Mail-Adresse sehen" in page.answer.text
    assert 'lang="de"' in page.answer.text


def test_what_cannot_be_known_is_no_verdict(world: World) -> None:
    who = allowing(world)
    form = who.page().hidden | {"client_id": who.app.client_id}
    for place in ("storage.grants.read", "storage.consents.read_all"):
        with failing(place):
            answer = who.browser.get("/consents")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    with failing("storage.consents.take_back"):
        assert who.browser.post("/consents", form).status_code == 503
    assert world.is_live(who.tokens)
