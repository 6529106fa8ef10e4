"""What the black-box tests share: people who are signed in, and what answers look like.

Every refusal is checked twice: what the client is told, and the reason in the audit log.
"""

from dataclasses import dataclass, replace
from typing import Any

from werkzeug.test import TestResponse

from tests.world.world import App, Person, Tokens, World
from token_service.domain.events import Event

EVERYWHERE = frozenset(
    {
        "validate",
        "gateway",
        "introspect the access token",
        "introspect the refresh token",
        "introspect in JSON",
        "validate in a batch",
        "introspect the access token in a batch",
        "introspect the refresh token in a batch",
        "own list",
        "list of the account",
    }
)
"""Where a live session is seen as live."""
BY_REFRESH_TOKEN = frozenset({one for one in EVERYWHERE if "the refresh token" in one})
"""Where that is seen by its refresh token, whatever became of its access token."""


@dataclass(frozen=True)
class SignedIn:
    """One person signed in to one application, in a tenant of its own."""

    world: World
    tenant_id: str
    person: Person
    app: App
    backend: App
    tokens: Tokens

    @property
    def account_id(self) -> str:
        """The account."""
        return self.person.account_id

    @property
    def happened(self) -> list[tuple[str, str]]:
        """The audit log of the account since the first sign-in, as events with their reasons."""
        events = self.world.events(self.account_id)
        told = [(str(one.event), one.reason) for one in events]
        assert told[0] == (Event.SIGNED_IN, "")
        return told[1:]

    def refreshed(self) -> "SignedIn":
        """The same after a refresh."""
        return replace(self, tokens=self.world.refresh(self.app, self.tokens.refresh))

    def chain(self, length: int) -> "list[SignedIn]":
        """The same after each of some refreshes, itself first."""
        chain = [self]
        for _ in range(length):
            chain.append(chain[-1].refreshed())
        return chain

    def again(self) -> "SignedIn":
        """The same person in a second session."""
        tokens = self.world.sign_in(self.person, self.app, tenant_id=self.tenant_id)
        return replace(self, tokens=tokens)


def signed_in(world: World, kind: str = "app", **policy: object) -> SignedIn:
    """Somebody who has just signed in; `policy` is what the tenant overrides."""
    tenant_id = world.tenant(**policy)
    person, app = world.person(tenant_id), world.client(kind)
    backend = world.client("backend")
    return SignedIn(world, tenant_id, person, app, backend, world.sign_in(person, app))


def code_of(answer: TestResponse) -> str:
    """The stable code of a refusal, in the format of its endpoint."""
    body = answer.get_json()
    return str(body["error"] if "error" in body else body["code"])


def assert_refused(answer: TestResponse, status: int, code: str) -> None:
    """The whole of a refusal: the status, exactly the code, and that nobody may keep it."""
    assert (answer.status_code, code_of(answer)) == (status, code), answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def live_at(who: SignedIn, worker: World | None = None) -> set[str]:
    """Where the session is seen as live. Asking changes nothing."""
    worker, tokens = worker or who.world, who.tokens
    http, token = worker.http, {"token": tokens.access}
    in_json = http.post("/v1/token/introspect", json=token, headers=who.app.basic)
    validated = batch(worker, who.app, "validate", [tokens.access, "garbage"])
    introspected = batch(worker, who.app, "introspect", [tokens.access, tokens.refresh])
    own = http.get("/v1/me/sessions", headers=tokens.bearer)
    listed = http.get(f"/v1/accounts/{who.account_id}/sessions", headers=who.backend.basic)
    seen = {
        "validate": worker.validate(tokens.access)["active"],
        "gateway": http.get("/v1/token/validate", headers=tokens.bearer).status_code == 200,
        "introspect the access token": worker.introspect(who.app, tokens.access)["active"],
        "introspect the refresh token": worker.introspect(who.app, tokens.refresh)["active"],
        "introspect in JSON": in_json.get_json()["active"],
        "validate in a batch": validated[0]["active"],
        "introspect the access token in a batch": introspected[0]["active"],
        "introspect the refresh token in a batch": introspected[1]["active"],
        "own list": own.status_code == 200 and tokens.sid in sids(own),
        "list of the account": tokens.sid in sids(listed),
    }
    return {name for name, live in seen.items() if live}


def batch(
    world: World, caller: App, what: str, tokens: list[str], **fields: object
) -> list[dict[str, Any]]:
    """What is said of several tokens that are asked about at once."""
    sent = {"json": {"tokens": tokens, **fields}, "headers": caller.basic}
    answer = world.http.post(f"/v1/token/{what}/batch", **sent)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert set(body) == {"items"}
    return list(body["items"])


def sids(answer: TestResponse) -> list[str]:
    """The sessions in a list, in its order."""
    return [item["sid"] for item in answer.get_json()["items"]]


def assert_dead(who: SignedIn, *workers: World) -> None:
    """Nothing of the session works anywhere."""
    for worker in (who.world, *workers):
        assert live_at(who, worker) == set()
        assert_refused(worker.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
