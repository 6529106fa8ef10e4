"""Somebody who has allowed an application of others something."""

from dataclasses import dataclass
from typing import Any

from tests.http.building import SignedIn, signed_in
from tests.world.browser import Browser, Shown, redeemed, web_app
from tests.world.world import App, Tokens, World

ASKS = {"consent_required": True}


@dataclass(frozen=True)
class Allowing:
    """A person in a browser, `first` at an application of their own, `app` the one they allowed."""

    first: SignedIn
    browser: Browser
    app: App
    tokens: Tokens

    @property
    def account_id(self) -> str:
        """The account."""
        return self.first.account_id

    @property
    def world(self) -> World:
        """Where it all happens."""
        return self.first.world

    def first_app(self) -> App:
        """An application of whoever runs the service, which asks nobody."""
        return web_app(self.world)

    def page(self) -> Shown:
        """What they have allowed, as their browser shows it."""
        answer = self.browser.get("/consents")
        assert answer.status_code == 200, answer.text
        return Shown("https://localhost/consents", answer)

    def take_back(self) -> None:
        """Take it back on the page."""
        self.browser.send(self.page(), client_id=self.app.client_id)

    def listed(self) -> list[dict[str, Any]]:
        """The same by the interface, with the tokens of the first application."""
        answer = self.world.http.get("/v1/me/consents", headers=self.first.tokens.bearer)
        assert answer.status_code == 200, answer.text
        return list(answer.get_json()["items"])

    def happened(self) -> list[tuple[str, str, str | None]]:
        """What the audit log says of taking back: events, reasons and clients."""
        events = self.world.events(self.account_id)
        told = [(str(one.event), one.reason, one.client_id) for one in events]
        names = [name for name, _, _ in told]
        return told[names.index("consent_withdrawn") :] if "consent_withdrawn" in names else []


def allowed(browser: Browser, app: App, page: Shown, tenant_id: str | None = None) -> Tokens:
    """Allow the application what it asks for, in a tenant, and give it its tokens."""
    if page.path == "/tenant":
        page = browser.send(page, tenant_id=tenant_id or "")  # type: ignore[assignment]
    assert page.path == "/consent"
    return redeemed(browser.world, app, browser.send(page, decision="allow").code)  # type: ignore[union-attr]


def allowing(world: World, first: SignedIn | None = None, **metadata: Any) -> Allowing:
    """Somebody who signs in for an application of others, and allows it to know them."""
    first = first or signed_in(world)
    app = web_app(world, first_party=False, metadata=ASKS | metadata, name="Notes")
    browser = Browser(world)
    page = browser.sign_in_at(browser.page(app, scope="openid profile email"), first.person)
    assert isinstance(page, Shown), page
    return Allowing(first, browser, app, allowed(browser, app, page))
