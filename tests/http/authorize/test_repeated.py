"""Challenges that a client uses again (RFC 9700 section 2.1.1): on record, and not refused."""

from typing import Any

import pytest

from tests.world.browser import Browser, redeem, web_app
from tests.world.world import App, Time, World
from token_service.crypto.authorization_codes import challenge_of
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event

OTHER = challenge_of("another-verifier-of-at-least-forty-three-characters")


def repeated(world: World) -> list[AuditEvent]:
    """What is on record."""
    return [one for one in world.events(NO_ACCOUNT) if one.event is Event.REQUEST_REPEATED]


def signed_in(world: World, app: App, **changes: Any) -> Browser:
    """A browser that has come from the application once and got a code."""
    browser = Browser(world)
    browser.sign_in(app, world.person(world.tenant()), **changes)
    return browser


def test_the_second_request_with_a_challenge_is_on_record(world: World) -> None:
    app = web_app(world)
    browser = signed_in(world, app)
    assert repeated(world) == []
    back = browser.back(app, state="another state", nonce="another nonce")
    assert redeem(world, app, back.code).status_code == 200
    [event] = repeated(world)
    assert event.client_id == app.client_id
    assert event.actor == f"client:{app.client_id}"
    assert event.details == {"same": "code_challenge"}
    assert event.origin.address


def test_whoever_it_is_that_signs_in(world: World) -> None:
    app = web_app(world, "public")
    signed_in(world, app)
    signed_in(world, app)
    assert [one.client_id for one in repeated(world)] == [app.client_id]


def test_a_constant_is_told_once_a_day(world: World, time: Time) -> None:
    app = web_app(world)
    browser = signed_in(world, app)
    for _ in range(4):
        browser.back(app)
    assert len(repeated(world)) == 1
    time.pass_(hours=20)
    browser.back(app)
    assert len(repeated(world)) == 1


@pytest.mark.parametrize("changes", [{"code_challenge": OTHER}, {"code_challenge": OTHER[::-1]}])
def test_another_challenge_is_nothing(world: World, changes: dict[str, str]) -> None:
    app = web_app(world)
    signed_in(world, app).back(app, **changes)
    assert repeated(world) == []


def test_another_clients_challenge_is_nothing(world: World) -> None:
    one, other = web_app(world), web_app(world)
    signed_in(world, one).back(other)
    assert repeated(world) == []


def test_without_a_challenge_the_nonce_counts(world: World) -> None:
    app = web_app(world, metadata={"pkce_required": False})
    without = {"code_challenge": None, "code_challenge_method": None}
    browser = signed_in(world, app, **without)
    browser.back(app, **without, nonce="another nonce")
    assert repeated(world) == []
    browser.back(app, **without)
    assert [one.details for one in repeated(world)] == [{"same": "nonce"}]


def test_a_request_that_gives_no_code_is_nothing(world: World) -> None:
    app = web_app(world)
    for _ in range(2):
        Browser(world).back(app, prompt="none")
        Browser(world).page(app)
    assert repeated(world) == []
