"""A backend that acts as somebody, and what the log says of it."""

import json
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.test import TestResponse

from tests.http import administration
from tests.http.building import SignedIn, signed_in
from tests.world.world import Tokens, World, tokens_of
from token_service.domain.events import AuditEvent

REASON = "Ticket 4711: cannot see the invoices"
HELPER = {"helper": ["sessions:read"], "guest": []}


@dataclass(frozen=True)
class Acting:
    """A person who is signed in, and a backend that acts as them beside."""

    who: SignedIn
    tokens: Tokens

    @property
    def world(self) -> World:
        """The service."""
        return self.who.world

    @property
    def bearer(self) -> dict[str, str]:
        """The backend's token in the person's name."""
        return self.tokens.bearer

    def refreshed(self) -> "Acting":
        """The same after the backend's refresh."""
        return replace(self, tokens=self.world.refresh(self.who.backend, self.tokens.refresh))


def asked(who: SignedIn, **changes: object) -> dict[str, Any]:
    """What a backend sends; None leaves a field out."""
    body = {"account_id": who.account_id, "tenant_id": who.tenant_id, "reason": REASON} | changes
    return {name: value for name, value in body.items() if value is not None}


def try_to_act(
    who: SignedIn, headers: dict[str, str] | None = None, **changes: object
) -> TestResponse:
    """Ask for an impersonation and answer what came back."""
    sent = who.backend.basic if headers is None else headers
    return who.world.http.post("/v1/impersonations", json=asked(who, **changes), headers=sent)


def act(who: SignedIn, **changes: object) -> Acting:
    """Act as the person, and expect tokens."""
    answer = try_to_act(who, **changes)
    assert answer.status_code == 201, answer.text
    return Acting(who, tokens_of(answer))


def acting(world: World, **policy: object) -> Acting:
    """A person in a tenant with this policy, and a backend that has just begun to act as them."""
    return act(signed_in(world, **policy))


def own_list(who: SignedIn) -> list[dict[str, Any]]:
    """What the person sees of their own sessions."""
    answer = who.world.http.get("/v1/me/sessions", headers=who.tokens.bearer)
    assert answer.status_code == 200, answer.text
    return list(answer.get_json()["items"])


def last_event(who: SignedIn) -> AuditEvent:
    """The newest event of the account."""
    return who.world.events(who.account_id)[-1]


def define_roles(world: World, tenant_id: str, roles: dict[str, list[str]]) -> None:
    """Say what the roles of a tenant permit."""
    world.sql(
        "UPDATE tenants SET roles = :roles WHERE tenant_id = :tenant_id",
        roles=json.dumps(roles),
        tenant_id=tenant_id,
    )
    administration.tell_workers(world)


def give_roles(who: SignedIn, tenant_id: str, *roles: str) -> None:
    """Write the roles of a member, past whatever else would happen."""
    who.world.sql(
        "UPDATE memberships SET roles = :roles WHERE account_id = :account AND tenant_id = :tenant",
        roles=json.dumps(roles),
        account=who.account_id,
        tenant=tenant_id,
    )
