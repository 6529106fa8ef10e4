"""Devices that wait, and people who let them in."""

from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from tests.world.browser import HERE, Browser, Shown, web_app
from tests.world.world import App, Person, Tokens, World, tokens_of
from token_service.domain.device_authorizations import GRANT_TYPE
from token_service.domain.events import AuditEvent

TELEVISION = "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 Chrome/94.0 Safari/537.36"
FORM = "application/x-www-form-urlencoded"
EVERY_GRANT = frozenset({GRANT_TYPE, "refresh_token", "authorization_code"})


def device_app(world: World, kind: str = "public", **changes: Any) -> App:
    """A client that runs on devices."""
    return web_app(world, kind, grant_types=EVERY_GRANT, **changes)


def try_begin(world: World, app: App, **form: str) -> TestResponse:
    """Have a device ask for its codes, and answer what came back."""
    sent = dict(app.basic) if app.secret else {}
    given = form if app.secret else {"client_id": app.client_id} | form
    headers = sent | {"User-Agent": TELEVISION, "Content-Type": FORM}
    return world.http.post("/oauth2/device_authorization", data=given, headers=headers)


@dataclass(frozen=True)
class Waiting:
    """A device that waits."""

    world: World
    app: App
    body: dict[str, Any]

    @property
    def user_code(self) -> str:
        """What it shows."""
        return str(self.body["user_code"])

    def poll(self, app: App | None = None, **headers: str) -> TestResponse:
        """Ask for the tokens."""
        sent = {"User-Agent": TELEVISION, **headers}
        code = str(self.body["device_code"])
        return self.world.token(app or self.app, sent, grant_type=GRANT_TYPE, device_code=code)

    def tokens(self) -> Tokens:
        """The same, and expect tokens."""
        answer = self.poll()
        assert answer.status_code == 200, answer.text
        return tokens_of(answer)


def waiting(world: World, app: App, **form: str) -> Waiting:
    """A device that has just begun to wait."""
    answer = try_begin(world, app, **form)
    assert answer.status_code == 200, answer.text
    return Waiting(world, app, answer.get_json())


def entry(browser: Browser, **query: str) -> Shown:
    """The page where a code is typed in."""
    return Shown(f"{HERE}/device", browser.get("/device", **query))


def enter(browser: Browser, typed: str) -> Shown:
    """Type a code in, and go on as far as it goes."""
    shown = browser.send(entry(browser), "/device", user_code=typed)
    assert isinstance(shown, Shown), shown
    return shown


def question(browser: Browser, device: Waiting, person: Person) -> Shown:
    """Type the code in, sign in, and be asked about the device."""
    page = enter(browser, device.user_code)
    if page.path == "/sign-in":
        shown = browser.sign_in_at(page, person)
        assert isinstance(shown, Shown)
        page = shown
    return page


def decide(browser: Browser, page: Shown, decision: str = "approve") -> Shown:
    """Answer the question."""
    shown = browser.send(page, "/device/confirmation", decision=decision)
    assert isinstance(shown, Shown), shown
    return shown


def let_in(browser: Browser, device: Waiting, person: Person) -> Shown:
    """Everything that a person does so that the device gets its tokens."""
    done = decide(browser, question(browser, device, person))
    assert done.title == "Your device is connected", done.answer.text
    return done


def is_over(answer: TestResponse) -> bool:
    """Whether the page is not, or no longer, good."""
    return answer.status_code == 400 and "no longer good" in answer.text


def last(world: World, person: Person) -> AuditEvent:
    """The newest in the audit log of the account."""
    return world.events(person.account_id)[-1]
