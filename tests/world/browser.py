"""A browser at the pages of a world: it keeps cookies, follows our redirects and fills in forms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from werkzeug.test import TestResponse

from tests.world.world import App, Person, Tokens, World, tokens_of
from token_service.crypto.authorization_codes import challenge_of
from token_service.domain.client_metadata import ClientMetadata

HERE = "https://localhost"
REDIRECT = "https://app.example/cb"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
CHALLENGE = challenge_of(VERIFIER)


def web_app(
    world: World, kind: str = "app", metadata: Mapping[str, Any] | None = None, **changes: Any
) -> App:
    """A client that sends browsers here."""
    held = ClientMetadata(**({"redirect_uris": (REDIRECT,)} | dict(metadata or {})))
    return world.client(kind, metadata=held, **changes)


def asking(app: App, **changes: str | None) -> dict[str, str]:
    """An authorization request that is right but for the changes; None leaves one out."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": REDIRECT,
        "scope": "openid profile",
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: one for name, one in (parameters | changes).items() if one is not None}


@dataclass(frozen=True)
class Shown:
    """A page as it is shown, with where it is."""

    url: str
    answer: TestResponse

    @property
    def path(self) -> str:
        """The page."""
        return urlsplit(self.url).path

    @property
    def title(self) -> str:
        """What a person reads first."""
        match = re.search(r"<h1[^>]*>(.*?)</h1>", self.answer.text)
        assert match, self.answer.text
        return unescape(match[1])

    @property
    def interaction(self) -> str:
        """The interaction that it belongs to."""
        return self.hidden["interaction"]

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of its form."""
        found = re.findall(
            r'<input type="hidden" name="([^"]+)" value="([^"]*)">', self.answer.text
        )
        return {name: unescape(value) for name, value in found}

    def values(self, name: str) -> list[str]:
        """What there is to choose from."""
        return re.findall(rf'name="{name}" value="([^"]*)"', self.answer.text)


@dataclass(frozen=True)
class Returned:
    """What came back to the application."""

    uri: str
    parameters: Mapping[str, str]

    @property
    def code(self) -> str:
        """The code."""
        return self.parameters["code"]


class Browser:
    """One cookie jar."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.http = world.app.test_client()

    def get(self, path: str, **query: str) -> TestResponse:
        """One request, not followed."""
        return self.http.get(path, query_string=query or None, base_url=HERE)

    def authorize(self, app: App, **changes: str | None) -> TestResponse:
        """Be sent here by an application; the first answer."""
        return self.get("/oauth2/authorize", **asking(app, **changes))

    def come(self, app: App, **changes: str | None) -> Shown | Returned:
        """The same, followed as far as it goes."""
        return self.follow("/oauth2/authorize", self.authorize(app, **changes))

    def follow(self, url: str, answer: TestResponse) -> Shown | Returned:
        """Go on where the answer says, until a page is shown or it leads away."""
        while answer.status_code == 303:
            url = urljoin(urljoin(HERE, url), answer.headers["Location"])
            if not url.startswith(HERE + "/"):
                return returned(url)
            answer = self.http.get(url, base_url=HERE)
        return Shown(url, answer)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> TestResponse:
        """Send a form, not followed."""
        return self.http.post(path, data=fields, base_url=HERE, headers=headers)

    def send(self, page: Shown, path: str | None = None, **fields: str) -> Shown | Returned:
        """Fill in the form of a page and follow what comes of it."""
        path = path or page.path
        return self.follow(path, self.post(path, page.hidden | fields))

    def sign_in_at(self, page: Shown, person: Person, **fields: str) -> Shown | Returned:
        """Fill in the sign-in form."""
        given = {"identifier": person.email, "password": person.password}
        return self.send(page, "/sign-in", **(given | fields))

    def sign_in(self, app: App, person: Person, **changes: str | None) -> Returned:
        """Come from an application, sign in, and be sent back."""
        back = self.sign_in_at(self.page(app, **changes), person)
        assert isinstance(back, Returned), back.answer.text
        return back

    def page(self, app: App, **changes: str | None) -> Shown:
        """Come from an application and be shown a page."""
        shown = self.come(app, **changes)
        assert isinstance(shown, Shown), shown
        return shown

    def back(self, app: App, **changes: str | None) -> Returned:
        """Come from an application and be sent back at once."""
        back = self.come(app, **changes)
        assert isinstance(back, Returned), back.answer.text
        return back

    @property
    def cookie(self) -> str:
        """That of the browser's sign-in; "" where it has none."""
        held = self.http.get_cookie("__Host-session", "localhost")
        return held.value if held else ""

    @cookie.setter
    def cookie(self, value: str) -> None:
        self.http.set_cookie("__Host-session", value, domain="localhost", secure=True)

    @property
    def device_cookie(self) -> str:
        """That by which the last account that signed in here knows it; "" where none has."""
        held = self.http.get_cookie("__Host-device", "localhost")
        return held.value if held else ""

    @device_cookie.setter
    def device_cookie(self, value: str) -> None:
        self.http.set_cookie("__Host-device", value, domain="localhost", secure=True)


def returned(url: str) -> Returned:
    """An authorization response in a URL."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return Returned(url.partition("?")[0], dict(pairs))


def redeem(world: World, app: App, code: str, **changes: str | None) -> TestResponse:
    """Use a code, rightly but for the changes; None leaves a parameter out."""
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    given = {name: one for name, one in (form | changes).items() if one is not None}
    return world.token(app, **given)


def redeemed(world: World, app: App, code: str, **changes: str | None) -> Tokens:
    """The same, and expect tokens."""
    answer = redeem(world, app, code, **changes)
    assert answer.status_code == 200, answer.text
    return tokens_of(answer)
