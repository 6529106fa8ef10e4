"""Tenants with roles, their administrators, and members who hold a role."""

from dataclasses import dataclass

from werkzeug.test import TestResponse

from tests.http.building import SignedIn, signed_in
from tests.world.world import App, World
from token_service.domain.events import AuditEvent, Event

READ, REVOKE, POLICY = "sessions:read", "sessions:revoke", "session-policy:write"
ALL = [POLICY, READ, REVOKE]


@dataclass(frozen=True)
class Administrator:
    """An administrator of the environment, or of a tenant if its client belongs to one."""

    world: World
    app: App
    bearer: dict[str, str]

    def open(self, method: str, path: str, json: object = None, **query: object) -> TestResponse:
        """Ask for something."""
        body = {} if json is None else {"json": json}
        return self.world.http.open(
            path, method=method, headers=self.bearer, query_string=query, **body
        )

    def define(self, tenant_id: str, **roles: object) -> None:
        """Define roles and expect that it is done: `define(tenant, clerk=[READ])`."""
        answer = self.open("PATCH", f"/v1/tenants/{tenant_id}/roles", roles)
        assert answer.status_code == 200, answer.text

    def put(self, tenant_id: str, account_id: str, *roles: str) -> None:
        """Give somebody exactly these roles and expect that it is done."""
        path = f"/v1/tenants/{tenant_id}/members/{account_id}"
        answer = self.open("PUT", path, {"roles": roles})
        assert answer.status_code == 200, answer.text


def administrator(world: World, tenant_id: str | None = None) -> Administrator:
    """A new administrator with an access token."""
    app = world.client("admin", tenant_id=tenant_id)
    return Administrator(world, app, {"Authorization": f"Bearer {world.client_token(app)}"})


def member_with(who: SignedIn, *permissions: str) -> SignedIn:
    """Somebody else in the same tenant whose role carries the permissions, signed in there."""
    admin = administrator(who.world)
    admin.define(who.tenant_id, clerk=list(permissions))
    other = who.world.person(who.tenant_id)
    admin.put(who.tenant_id, other.account_id, "clerk")
    tokens = who.world.sign_in(other, who.app)
    return SignedIn(who.world, who.tenant_id, other, who.app, who.backend, tokens)


def of_two_tenants(world: World) -> tuple[SignedIn, SignedIn]:
    """One person with a session in each of two tenants, which are told apart by `tenant_id`."""
    first = signed_in(world)
    tenant_id = world.tenant()
    administrator(world).put(tenant_id, first.account_id)
    tokens = world.sign_in(first.person, first.app, tenant_id=tenant_id)
    return first, SignedIn(world, tenant_id, first.person, first.app, first.backend, tokens)


def last_event(world: World, kind: Event, account_id: str = "0" * 32) -> AuditEvent:
    """The newest event of a kind; of the configuration, unless an account is named."""
    return [one for one in world.events(account_id) if one.event is kind][-1]
