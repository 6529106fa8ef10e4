"""Somebody who signs out in a browser: the requests of clients, and what the pages say."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import urlencode

from werkzeug.test import TestResponse

from tests.http.building import SignedIn
from tests.http.openid.building import id_token_of, metadata, openid_signed_in
from tests.world.world import World

PATH = "/oauth2/logout"
CONFIRMATION = "/oauth2/logout-confirmation"
BACK = "https://app.example/signed-out"

ASKED = "Sign out"
DONE = "You are signed out"
REFUSED = "This link is not right"
UNREADABLE = "This request cannot be read"


def by_openid(world: World, **members: Any) -> SignedIn:
    """Somebody whose client has an ID token, and has registered where to lead back to."""
    members = {"post_logout_redirect_uris": (BACK,)} | members
    return openid_signed_in(world, metadata=metadata(**members)).refreshed()


def ask(world: World, headers: Mapping[str, str] | None = None, **parameters: str) -> TestResponse:
    """A client sends the browser here."""
    return world.http.get(PATH, query_string=parameters, headers=headers)


def with_hint(
    who: SignedIn, headers: Mapping[str, str] | None = None, **parameters: str
) -> TestResponse:
    """The same with the ID token that it has."""
    return ask(who.world, headers, id_token_hint=id_token_of(who), **parameters)


def fields(page: TestResponse) -> dict[str, str]:
    """What the question's form sends."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    return {unescape(name): unescape(value) for name, value in found}


def confirm(
    page: TestResponse, world: World, headers: Mapping[str, str] | None = None, **changes: str
) -> TestResponse:
    """Press the button of the question."""
    assert heading(page) == ASKED, page.text
    assert 'method="post" action="../oauth2/logout-confirmation"' in page.text
    form = urlencode(fields(page) | changes)
    return world.http.post(
        CONFIRMATION,
        data=form,
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )


def heading(page: TestResponse) -> str:
    """The title that a person reads."""
    match = re.search(r"<h1[^>]*>(.*?)</h1>", page.text)
    return unescape(match[1]) if match else ""


def policy_of(page: TestResponse) -> dict[str, str]:
    """The content security policy, by directive."""
    parts = [
        one.strip().partition(" ") for one in page.headers["Content-Security-Policy"].split(";")
    ]
    return {name: value for name, _, value in parts}


def frames(page: TestResponse) -> list[str]:
    """What the page loads to tell clients."""
    return [unescape(one) for one in re.findall(r'<iframe src="([^"]*)"', page.text)]
