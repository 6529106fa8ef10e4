"""RP-initiated log-out with a hint: what is asked, what ends, and where it leads."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.http.building import assert_dead, live_at
from tests.http.building import assert_refused as refused
from tests.http.faults import failing
from tests.http.logout.building import (
    ASKED,
    BACK,
    DONE,
    PATH,
    UNREADABLE,
    ask,
    by_openid,
    confirm,
    fields,
    heading,
    policy_of,
    with_hint,
)
from tests.http.openid.building import id_token_of
from tests.world.world import Time, World


def test_a_session_of_no_browser_ends_after_a_question(world: World) -> None:
    who = by_openid(world)
    page = with_hint(who, post_logout_redirect_uri=BACK, state="a b&c")
    assert (page.status_code, heading(page)) == (200, ASKED)
    assert who.app.client_id[:3] in page.text
    assert live_at(who)
    answer = confirm(page, world)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{BACK}?state=a+b%26c"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert who.happened[-1] == ("session_ended", "signed_out")
    assert_dead(who, world.second_worker())


def test_what_had_ended_needs_no_question(world: World) -> None:
    who = by_openid(world)
    confirm(with_hint(who), world)
    events = who.happened
    again = with_hint(who, post_logout_redirect_uri=BACK)
    assert (again.status_code, again.headers["Location"]) == (303, BACK)
    assert "Clear-Site-Data" not in again.headers
    assert who.happened == events


def test_who_is_not_signed_in_is_told_so(world: World) -> None:
    page = ask(world)
    assert (page.status_code, heading(page)) == (200, DONE)
    assert "Location" not in page.headers


def test_only_the_named_session_ends(world: World) -> None:
    who = by_openid(world)
    other = who.again()
    confirm(with_hint(who), world)
    assert not world.is_live(who.tokens)
    assert world.is_live(other.tokens)


def test_without_a_redirect_there_is_a_page(world: World) -> None:
    who = by_openid(world)
    done = confirm(with_hint(who, state="unused"), world)
    assert (done.status_code, heading(done)) == (200, DONE)
    assert "unused" not in done.text
    assert "http-equiv" not in done.text
    assert policy_of(done)["frame-src"] == "'none'"


def test_an_expired_hint_is_as_good(world: World, time: Time) -> None:
    who = by_openid(world)
    token = id_token_of(who)
    time.pass_(hours=20)
    page = ask(world, id_token_hint=token)
    assert heading(page) == ASKED
    confirm(page, world)
    refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")


def test_a_post_is_asked_again_as_a_get(world: World) -> None:
    """So that the browser shows its cookie, which it keeps back in a form of another site."""
    who = by_openid(world)
    form = {"id_token_hint": id_token_of(who), "state": "x", "ui_locales": "de", "other": "y"}
    answer = world.http.post(PATH, data=form)
    assert answer.status_code == 303
    target = urlsplit(answer.headers["Location"])
    assert (target.scheme, target.netloc, target.path) == ("", "", "../oauth2/logout")
    assert set(parse_qs(target.query)) == {"id_token_hint", "state", "ui_locales"}
    assert live_at(who)
    assert heading(world.http.get(f"{PATH}?{target.query}")) == "Abmelden"


def test_every_client_and_language_parameter_may_stand_there(world: World) -> None:
    page = ask(world, logout_hint="ada", ui_locales="xx", unheard_of="x")
    assert heading(page) == DONE
    assert heading(ask(world, ui_locales="xx de")) == "Sie sind abgemeldet"


def test_the_language_stays_the_same_after_the_question(world: World) -> None:
    who = by_openid(world)
    page = with_hint(who, ui_locales="de")
    assert heading(page) == "Abmelden"
    done = world.http.post("/oauth2/logout-confirmation", data=fields(page))
    assert heading(done) == "Sie sind abgemeldet"


# A question is answered only where it was asked.


@pytest.mark.parametrize("form_token", ["", "x", "A" * 43])
def test_a_form_that_was_not_sent_from_here_ends_nothing(world: World, form_token: str) -> None:
    who = by_openid(world)
    answer = confirm(with_hint(who), world, form_token=form_token)
    assert (answer.status_code, heading(answer)) == (400, ASKED)
    assert live_at(who)


def test_the_token_of_another_question_ends_nothing(world: World) -> None:
    who, other = by_openid(world), by_openid(world)
    stolen = fields(with_hint(other))["form_token"]
    answer = confirm(with_hint(who), world, form_token=stolen)
    assert (answer.status_code, heading(answer)) == (400, ASKED)
    assert live_at(who)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_form_of_another_site_ends_nothing(world: World, site: str) -> None:
    who = by_openid(world)
    answer = confirm(with_hint(who), world, {"Sec-Fetch-Site": site})
    assert (answer.status_code, heading(answer)) == (400, ASKED)
    assert live_at(who)
    same = confirm(with_hint(who), world, {"Sec-Fetch-Site": "same-origin"})
    assert heading(same) == DONE


# The page.


def test_the_page_is_safe_to_look_at(world: World) -> None:
    who = by_openid(world)
    page = with_hint(who, post_logout_redirect_uri=BACK)
    assert page.headers["Cache-Control"] == "no-store"
    policy = policy_of(page)
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self' https://app.example"
    assert policy_of(with_hint(who))["form-action"] == "'self'"
    assert "<script" not in page.text


def test_nothing_that_was_sent_is_reflected_unescaped(world: World) -> None:
    who = by_openid(world)
    evil = '"><script>alert(1)</script>'
    page = with_hint(who, state=evil)
    assert "<script" not in page.text
    assert fields(page)["state"] == evil


def test_a_name_of_a_client_is_only_text(world: World) -> None:
    who = by_openid(world)
    world.sql("UPDATE clients SET name = '<b>{state}</b>'")
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    page = with_hint(who)
    assert "<b>" not in page.text
    assert "&lt;b&gt;{state}&lt;/b&gt;" in page.text


def test_a_database_that_is_away_is_told_on_a_page(world: World) -> None:
    who = by_openid(world)
    page = with_hint(who)
    with failing("services.signing_out.recognise"):
        answers = [with_hint(who), confirm(page, world)]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "cannot be done at the moment" in answer.text
    assert live_at(who)


@pytest.mark.parametrize("query", ["state=1&state=2", "client_id=%00", "state=%ff"])
def test_what_cannot_be_read_is_refused_on_a_page(world: World, query: str) -> None:
    answer = world.http.get(f"{PATH}?{query}")
    assert (answer.status_code, heading(answer)) == (400, UNREADABLE)


def test_a_body_that_is_no_form_is_refused_on_a_page(world: World) -> None:
    answer = world.http.post(PATH, json={})
    assert (answer.status_code, heading(answer)) == (415, UNREADABLE)
