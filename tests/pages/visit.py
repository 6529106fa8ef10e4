"""One person at one browser, on the way between an application and the service."""

from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.pages.application import Application
from tests.world.browser import VERIFIER, asking
from tests.world.world import App, Person, World
from token_service.domain.client_metadata import ClientMetadata


class Visit:
    """Steps in a browser, and what the browser was seen to do."""

    def __init__(
        self, context: BrowserContext, issuer: str, application: Application, world: World
    ) -> None:
        self.context, self.issuer, self.world = context, issuer, world
        self.application = application
        self.requested: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.requested.append(request.url))
        context.on("console", self._heard)
        context.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page: Page = context.new_page()

    def _heard(self, message: ConsoleMessage) -> None:
        # A page with a status of 400 is no fault of a page; hints for developers are none either.
        if message.type in ("error", "warning") and "Failed to load" not in message.text:
            self.complaints.append(message.text)

    @property
    def title(self) -> str:
        """What a person reads first."""
        return self.page.inner_text("h1")

    @property
    def path(self) -> str:
        """The page."""
        return urlsplit(self.page.url).path

    @property
    def origins(self) -> set[str]:
        """All that the browser asked for anything."""
        # `data:` is no request: the browser has it already.
        urls = (urlsplit(one) for one in self.requested if not one.startswith("data:"))
        return {f"{one.scheme}://{one.netloc}" for one in urls}

    @property
    def cookie(self) -> Any:
        """That of the sign-in; None where there is none."""
        held = self.context.cookies(self.issuer)
        return next((one for one in held if one["name"].endswith("session")), None)

    def client(self, kind: str = "app", **changes: Any) -> App:
        """A client of the service that is this application."""
        metadata = {
            "redirect_uris": (self.application.redirect_uri,),
            "post_logout_redirect_uris": (self.application.logged_out_uri,),
        } | changes.pop("metadata", {})
        return self.world.client(kind, metadata=ClientMetadata(**metadata), **changes)

    def come(self, app: App, **changes: str | None) -> None:
        """Click the application's link."""
        parameters = asking(app, **({"redirect_uri": self.application.redirect_uri} | changes))
        self.application.link = f"{self.issuer}/oauth2/authorize?{urlencode(parameters)}"
        self.page.goto(self.application.origin)
        self.page.click("text=go")

    def sign_in(self, person: Person, **fields: str) -> None:
        """Fill in the sign-in form and send it."""
        given = {"identifier": person.email, "password": person.password} | fields
        for name, value in given.items():
            self.page.fill(f"#{name}", value)
        self.send("Sign in")

    def send(self, label: str) -> None:
        """Click a button."""
        self.page.get_by_role("button", name=label, exact=True).click()

    def returned(self) -> dict[str, str]:
        """What the application was sent at last; the browser is there now."""
        assert self.title == "Back", self.page.content()
        return self.application.returns[-1]

    def redeem(self, app: App) -> dict[str, Any]:
        """What the application makes of it."""
        answer = requests.post(
            f"{self.issuer}/oauth2/token", data=self.code_form(), headers=app.basic, timeout=10
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def code_form(self) -> dict[str, str]:
        """What the application sends to have tokens for the code."""
        return {
            "grant_type": "authorization_code",
            "code": self.returned()["code"],
            "redirect_uri": self.application.redirect_uri,
            "code_verifier": VERIFIER,
        }
