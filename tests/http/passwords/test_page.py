"""The page behind the link: without scripts, and looking at it uses nothing."""

import re
from html import unescape

import pytest
from werkzeug.test import TestResponse

from tests.http.faults import failing
from tests.http.passwords.building import NEW, complete, subjects, token_for
from tests.world.world import World
from token_service.services.password_resets import is_good

TITLE = "Choose a new password"
VOID = "This link is no longer good"
DONE = "Your password is set"


def look(world: World, token: str) -> TestResponse:
    """Follow the link."""
    return world.http.get("/password-reset", query_string={"token": token})


def send(world: World, token: str, new: str = NEW, repeated: str | None = None) -> TestResponse:
    """Fill in the form."""
    form = {"token": token, "new_password": new, "repeated": new if repeated is None else repeated}
    return world.http.post("/password-reset", data=form)


def heading(answer: TestResponse) -> str:
    """The title that a person reads."""
    match = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text)
    assert match
    return unescape(match[1])


def wrong(answer: TestResponse, field: str) -> list[str]:
    """What stands by a field."""
    match = re.search(rf'id="{field}-wrong".*?</ul>', answer.text, re.DOTALL)
    return [unescape(one) for one in re.findall(r"<li>(.*?)</li>", match[0])] if match else []


@pytest.fixture
def token(world: World) -> str:
    """That of somebody's link."""
    return token_for(world, world.person(world.tenant()).email)


def test_it_shows_a_form_and_sets_the_password(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    token = token_for(world, person.email)
    shown = look(world, token)
    assert (shown.status_code, heading(shown)) == (200, TITLE)
    assert f'name="token" value="{token}"' in shown.text
    sent = send(world, token)
    assert (sent.status_code, heading(sent)) == (200, DONE)
    assert world.sign_in(person, app, password=NEW)
    assert subjects(world)[-1] == (person.email, "Your password was set anew")
    assert "password_reset" in world.event_names(person.account_id)


def test_looking_uses_nothing(world: World, token: str) -> None:
    """Programs that examine mail follow links, with GET and HEAD, as often as they like."""
    for _ in range(3):
        assert look(world, token).status_code == 200
        head = world.http.head("/password-reset", query_string={"token": token})
        assert (head.status_code, head.data) == (200, b"")
    assert complete(world, token).status_code == 204


def test_no_page_runs_anything_or_tells_anybody(world: World, token: str) -> None:
    answers = [
        look(world, token),
        look(world, "x"),
        send(world, token, "short"),
        send(world, token, NEW, "other"),
        send(world, token),
    ]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Frame-Options"] == "DENY"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "<script" not in answer.text
        assert "://" not in answer.text
        assert "Set-Cookie" not in answer.headers
        assert answer.content_type == "text/html; charset=utf-8"


def test_faults_stand_by_their_field_and_the_link_is_not_used(world: World, token: str) -> None:
    answer = send(world, token, "passwordpassword")
    assert (answer.status_code, heading(answer)) == (400, TITLE)
    assert any("guessed first" in one for one in wrong(answer, "new_password"))
    assert wrong(answer, "repeated") == []
    assert f'value="{token}"' in answer.text
    assert "passwordpassword" not in answer.text
    answer = send(world, token, NEW, NEW + "x")
    assert wrong(answer, "repeated") == ["Is not the same as the one above."]
    assert wrong(send(world, token, "", ""), "new_password") == ["Is missing."]
    assert send(world, token).status_code == 200


@pytest.mark.parametrize("bad", ["", "x", "tsp_" + "A" * 90, '"><script>alert(1)</script>', "\0"])
def test_a_link_that_is_not_good_shows_a_plain_page(world: World, bad: str) -> None:
    answer = look(world, bad)
    assert (answer.status_code, heading(answer)) == (400, VOID)
    assert "alert" not in answer.text


def test_a_used_link_says_so_on_both_ways(world: World, token: str) -> None:
    send(world, token)
    for answer in (look(world, token), send(world, token)):
        assert (answer.status_code, heading(answer)) == (400, VOID)


def test_what_a_token_holds_is_text(world: World) -> None:
    """A form that comes back shows the token that was sent, as text."""
    answer = send(world, '"><b>', NEW, "other")
    assert "<b>" not in answer.text
    assert "&#34;&gt;&lt;b&gt;" in answer.text


def test_what_cannot_be_known_is_no_verdict(world: World, token: str) -> None:
    with failing("storage.password_resets.is_good"):
        for answer in (look(world, token), send(world, token)):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "1"
            assert "Try again" in answer.text
    assert send(world, token).status_code == 200


def test_looking_is_no_oracle_for_a_wrong_secret(world: World, token: str) -> None:
    parts = world.parts
    snapshot = parts.configuration.current()
    changed = token[:-1] + ("A" if token[-1] != "A" else "E")
    assert is_good(parts.database, parts.clock, snapshot, token)
    assert not is_good(parts.database, parts.clock, snapshot, changed)


def test_only_a_form_is_taken(world: World, token: str) -> None:
    answer = world.http.post("/password-reset", json={"token": token, "new_password": NEW})
    assert answer.status_code == 415
    answer = world.http.post(f"/password-reset?token={token}", data={"new_password": NEW})
    assert answer.status_code == 400
    assert complete(world, token).status_code == 204
