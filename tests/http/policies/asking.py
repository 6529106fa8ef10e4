"""Policies as their administrators meet them, and what is on the record of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from tests.http.administration import tell_workers
from tests.services.building import AUTHOR
from tests.world.world import Person, World
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event
from token_service.services import accounts

ENVIRONMENT = "/v1/policies/environment"
UNKNOWN = "0" * 32


@dataclass(frozen=True)
class Asker:
    """Somebody who reads and changes policies, by these headers."""

    world: World
    headers: Mapping[str, str]
    actor: str

    def get(self, path: str, **query: str) -> TestResponse:
        """Read."""
        return self.world.http.get(path, query_string=query, headers=self.headers)

    def patch(self, path: str, body: object) -> TestResponse:
        """Change."""
        return self.world.http.patch(path, json=body, headers=self.headers)

    def read(self, path: str, **query: str) -> dict[str, Any]:
        """Read and expect an answer."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def change(self, path: str, **changes: object) -> dict[str, Any]:
        """Change and expect that it is done."""
        answer = self.patch(path, changes)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def refused(self, path: str, body: object) -> dict[str, list[str]]:
        """Change and expect that it is refused for these fields."""
        answer = self.patch(path, body)
        told = answer.get_json()
        assert (answer.status_code, told["code"]) == (400, "invalid_policy"), answer.text
        return dict(told["errors"])


def administrator(world: World, tenant_id: str | None = None) -> Asker:
    """An administrator of the environment, or a tenant's own."""
    app = world.client("admin", tenant_id=tenant_id)
    token = world.client_token(app)
    return Asker(world, {"Authorization": f"Bearer {token}"}, f"client:{app.client_id}")


def backend(world: World, *permissions: str, tenant_id: str | None = None) -> Asker:
    """A trusted backend with these permissions."""
    app = world.client("backend", permissions=frozenset(permissions), tenant_id=tenant_id)
    return Asker(world, app.basic, f"client:{app.client_id}")


def member(world: World, tenant_id: str, *roles: str) -> Asker:
    """A member of the tenant with these roles, signed in to it."""
    person, app = world.person(), world.client()
    parts = world.parts
    accounts.join(parts.database, parts.clock, person.account_id, tenant_id, roles, AUTHOR)
    tokens = world.sign_in(person, app, tenant_id=tenant_id)
    return Asker(world, tokens.bearer, f"account:{person.account_id}")


def let_roles_write(world: World, tenant_id: str, role: str) -> None:
    """Members with the role may change the tenant's policy."""
    world.sql(
        "UPDATE tenants SET roles = :roles WHERE tenant_id = :tenant_id",
        roles=f'{{"{role}": ["session-policy:write"]}}',
        tenant_id=tenant_id,
    )
    tell_workers(world)


def of_tenant(tenant_id: str) -> str:
    """Where a tenant's policy is."""
    return f"/v1/tenants/{tenant_id}/policy"


def of_client(client_id: str) -> str:
    """Where a client's limits are."""
    return f"/v1/clients/{client_id}/policy"


def of_account(person: Person) -> str:
    """Where an account's own session limit is."""
    return f"/v1/accounts/{person.account_id}/session-limit"


def changes(world: World, account_id: str = NO_ACCOUNT) -> list[AuditEvent]:
    """The changes of policies that are on the record, oldest first."""
    return [one for one in world.events(account_id) if one.event is Event.POLICY_CHANGED]


def version(world: World) -> int:
    """The configuration version."""
    return int(world.sql("SELECT configuration_version FROM environment")[0][0])


def rows_of_sessions(world: World) -> list[Any]:
    """Every session and grant as it is stored, with what moves when PostgreSQL writes a row."""
    where = ", xmin" if world.url.startswith("postgresql") else ""
    return [
        [tuple(row) for row in world.sql(f"SELECT *{where} FROM {table} ORDER BY sid")]
        for table in ("sessions", "grants")
    ]
