"""Clients that push their requests, and browsers that come with the name of one."""

from collections.abc import Mapping
from typing import Any

from werkzeug.test import TestResponse

from tests.world.browser import Browser, Returned, Shown, asking
from tests.world.world import App, World
from token_service.domain.events import NO_ACCOUNT, Event

PATH = "/oauth2/par"


def try_push(
    world: World,
    app: App,
    headers: Mapping[str, str] | None = None,
    **changes: str | None,
) -> TestResponse:
    """Push a request that is right but for the changes."""
    sent = dict(app.basic if app.secret else {}) | dict(headers or {})
    return world.http.post(PATH, data=asking(app, **changes), headers=sent)


def push(world: World, app: App, headers: Mapping[str, str] | None = None, **changes: Any) -> str:
    """The same, and expect that it is taken."""
    answer = try_push(world, app, headers, **changes)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["request_uri"])


def come_with(browser: Browser, app: App, request_uri: str, **beside: str) -> Shown | Returned:
    """A browser comes from the application with the name of a request."""
    named = {"client_id": app.client_id, "request_uri": request_uri} | beside
    return browser.follow("/oauth2/authorize", browser.get("/oauth2/authorize", **named))


def page_with(browser: Browser, app: App, request_uri: str, **beside: str) -> Shown:
    """The same, and is shown a page."""
    shown = come_with(browser, app, request_uri, **beside)
    assert isinstance(shown, Shown), shown
    return shown


def assert_void(browser: Browser, app: App, request_uri: str) -> None:
    """A page says that the name is good for nothing, and leads nowhere."""
    named = {"client_id": app.client_id, "request_uri": request_uri}
    answer = browser.get("/oauth2/authorize", **named)
    assert answer.status_code == 400, answer.text
    assert "Location" not in answer.headers
    assert "This link is no longer good" in answer.text
    told = browser.get("/oauth2/authorize", **named, redirect_uri="https://app.example/cb")
    assert "error=invalid_request_uri" in told.headers["Location"]


def refusals(world: World) -> list[tuple[str, Mapping[str, object]]]:
    """The requests that clients pushed in vain: the actor, and what was wrong."""
    return [
        (one.actor, one.details)
        for one in world.events(NO_ACCOUNT)
        if one.event is Event.REQUEST_REFUSED and one.reason == "wrong_request"
    ]
