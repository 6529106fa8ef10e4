"""A person who belongs to two tenants and works in both, side by side."""

from dataclasses import dataclass, replace
from typing import Any

from werkzeug.test import TestResponse

from tests.http.building import SignedIn, assert_refused, live_at
from tests.world.world import App, Tokens, World, tokens_of


@dataclass(frozen=True)
class Both:
    """Somebody signed in to the first tenant, who is a member of the second one, too."""

    first: SignedIn
    second_tenant: str

    @property
    def world(self) -> World:
        """The service."""
        return self.first.world

    def try_enter(self, worker: World | None = None, **fields: str) -> TestResponse:
        """Use the first tenant's refresh token to enter the second tenant."""
        form = {"tenant_id": self.second_tenant} | fields
        return (worker or self.world).try_refresh(self.first.app, self.first.tokens.refresh, **form)

    def enter(self, **fields: str) -> "Entered":
        """And expect tokens for both."""
        return entered(self, self.try_enter(**fields))


@dataclass(frozen=True)
class Entered:
    """The same person's two grants, each with its own chain."""

    first: SignedIn
    second: SignedIn


def entered(both: Both, answer: TestResponse) -> Entered:
    """What an answer gave: the second tenant's tokens, and the first one's successor."""
    assert answer.status_code == 200, answer.text
    tokens, body = tokens_of(answer), answer.get_json()
    assert tokens.sid == both.first.tokens.sid
    assert body["tenantId"] == both.second_tenant
    previous = Tokens(
        both.first.tokens.access, body["previous_refresh_token"], both.first.tokens.body
    )
    return Entered(
        replace(both.first, tokens=previous),
        replace(both.first, tokens=tokens, tenant_id=both.second_tenant),
    )


def member_of_both(
    world: World, kind: str = "app", second: dict[str, object] | None = None, **policy: object
) -> Both:
    """Somebody new; `policy` is the first tenant's, `second` the other one's."""
    one, two = world.tenant(**policy), world.tenant(**(second or {}))
    person, app, backend = world.person(one, two), world.client(kind), world.client("backend")
    tokens = world.sign_in(person, app, tenant_id=one)
    return Both(SignedIn(world, one, person, app, backend, tokens), two)


def ask(
    both: Both, app: App | None = None, tenant_id: str | None = None, **body: Any
) -> TestResponse:
    """By access token, for the second tenant, as the token's own client unless told otherwise."""
    app = app or both.first.app
    credentials = {"client_id": app.client_id} | (
        {"client_secret": app.secret} if app.secret else {}
    )
    return both.world.http.post(
        f"/v1/me/tenants/{tenant_id or both.second_tenant}/tokens",
        json=credentials | body,
        headers=both.first.tokens.bearer,
    )


def assert_grant_dead(who: SignedIn, *workers: World) -> None:
    """Nothing of the grant works anywhere; its session goes on and is listed."""
    for worker in (who.world, *workers):
        assert live_at(who, worker) == {"list of the account"}
        assert_refused(worker.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
