"""A person with several sessions, and what a sign-in beyond the limit is answered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.test import TestResponse

from tests.http.administration import tell_workers
from tests.http.building import assert_refused
from tests.world.world import App, Person, Time, Tokens, World, tokens_of
from token_service.domain.events import AuditEvent

FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/127.0.0.0 Mobile Safari/537.36"
)


@dataclass(frozen=True)
class Crowd:
    """One person, in a tenant of their own, and the sessions that they opened one after another."""

    world: World
    time: Time
    tenant_id: str
    person: Person
    app: App
    opened: list[Tokens]

    @property
    def live(self) -> list[int]:
        """Which of the sessions are live, by the order in which they were opened."""
        return [number for number, one in enumerate(self.opened) if self.world.is_live(one)]

    @property
    def happened(self) -> list[tuple[str, str]]:
        """The audit log of the account, without the sign-ins that opened a session."""
        events = self.world.events(self.person.account_id)
        return [(str(one.event), one.reason) for one in events if one.event != "signed_in"]

    def last_event(self) -> AuditEvent:
        """The newest in the audit log of the account."""
        return self.world.events(self.person.account_id)[-1]

    def try_again(self, **fields: object) -> TestResponse:
        """One more sign-in."""
        return self.world.try_sign_in(self.person, self.app, tenant_id=self.tenant_id, **fields)

    def open(self, **fields: object) -> Tokens:
        """One more session."""
        return self._opened(self.try_again(**fields))

    def ask(self) -> dict[str, Any]:
        """A sign-in that is asked which session to end; the problem document."""
        answer = self.try_again()
        assert_refused(answer, 409, "session_limit")
        return dict(answer.get_json())

    def try_continue(
        self, ticket: object, end_sid: object, app: App | None = None, **fields: object
    ) -> TestResponse:
        """Go on with a sign-in and answer what came back."""
        app = app or self.app
        body = {"ticket": ticket, "end_sid": end_sid, "client_id": app.client_id} | fields
        headers = app.basic if app.secret else {}
        return self.world.http.post("/v1/sign-in/continue", json=body, headers=headers)

    def continue_(self, ticket: object, end_sid: object) -> Tokens:
        """Go on with a sign-in and expect a session."""
        return self._opened(self.try_continue(ticket, end_sid))

    def impersonate(self) -> Tokens:
        """Have a backend act as the person."""
        backend = self.world.client("backend")
        body = {
            "account_id": self.person.account_id,
            "tenant_id": self.tenant_id,
            "reason": "Ticket 4711",
        }
        answer = self.world.http.post("/v1/impersonations", json=body, headers=backend.basic)
        assert answer.status_code == 201, answer.text
        return tokens_of(answer)

    def of(self, app: App, tenant_id: str | None = None) -> "Crowd":
        """The same person with another application, or in another tenant, without a session."""
        return replace(self, app=app, tenant_id=tenant_id or self.tenant_id, opened=[])

    def _opened(self, answer: TestResponse) -> Tokens:
        assert answer.status_code == 200, answer.text
        self.opened.append(tokens_of(answer))
        # The next session is newer, by its id too.
        self.time.pass_(milliseconds=1)
        return self.opened[-1]


def limit_account(world: World, person: Person, most: int | None) -> None:
    """Give the account a limit of its own."""
    world.sql(
        "UPDATE accounts SET session_limit = :most WHERE account_id = :account_id",
        most=most,
        account_id=person.account_id,
    )


def limit_client(world: World, app: App, most: int) -> None:
    """Give the client a limit."""
    world.sql(
        "UPDATE clients SET policy = :policy WHERE client_id = :client_id",
        policy=f'{{"max_sessions": {most}}}',
        client_id=app.client_id,
    )
    tell_workers(world)


def use_device(world: World, user_agent: str) -> None:
    """Whatever comes next comes from this device."""
    world.http.environ_base["HTTP_USER_AGENT"] = user_agent


Build = Callable[..., Crowd]
"""What the fixture `crowd` is: `crowd(world, sessions, kind="app", **policy)`."""
