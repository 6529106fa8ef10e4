"""The environment row, tenants and clients: what every worker keeps a copy of.

Each change raises the environment's `configuration_version` in the same transaction, and whoever
loads a part of the configuration is told the version that it belongs to.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Row, Text, bindparam, delete, func, insert, select, update
from sqlalchemy import cast as sql_cast

from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import (
    AuthenticationMethod,
    Client,
    ClientKind,
    ClientSecret,
    Permission,
)
from token_service.domain.policies import NEVER, OFF, Bounds
from token_service.domain.roles import Roles, written
from token_service.domain.tenants import Tenant
from token_service.storage.compiled import Compiled, Flavour, compiled, database_now
from token_service.storage.database import (
    Ask,
    Asks,
    Database,
    Statements,
    Transaction,
    answered,
)
from token_service.storage.tables import clients, environment, tenants
from token_service.storage.types import micros, moment, optional_moment


class Environment(NamedTuple):
    """The environment's row."""

    version: int
    epoch: int
    policy: Mapping[str, Any]
    bounds: Bounds


class Versioned(NamedTuple):
    """The configuration version in force, and the database's clock, as one statement read them."""

    version: int
    database_now: datetime


def version(database: Database, tx: Statements) -> Versioned:
    """The cheapest question there is: has the configuration changed, and is the clock right?"""
    return answered(tx, asking_version(database))


def asking_version(database: Database) -> Asks[Versioned]:
    """The same, asked by whoever runs it."""
    [[row]] = yield Ask(_version(database.flavour), [database.clock_parameters()])
    return Versioned(row[0], moment(row[1]))


def read_environment(tx: Transaction) -> Environment:
    """The environment's row, as last committed."""
    row = tx.execute(select(environment)).one()
    return _environment(row)


def lock_environment(tx: Transaction) -> Environment | None:
    """The environment's row, locked to the end of the transaction; None before the first start."""
    row = tx.execute(select(environment).with_for_update()).one_or_none()
    return None if row is None else _environment(row)


def create_environment(tx: Transaction) -> None:
    """Write the one row; `Conflict` says that another process was first."""
    first = {"id": 1, "configuration_version": 1, "epoch": 1, "policy": {}, "bounds": {}}
    tx.execute(insert(environment).values(**first))


def changed(tx: Transaction) -> None:
    """Tell every worker that its copy of the configuration is behind, from this commit on."""
    tx.execute(
        update(environment).values(configuration_version=environment.c.configuration_version + 1)
    )


def raise_environment_epoch(tx: Transaction) -> int:
    """End every session there is; answers the new epoch."""
    tx.execute(update(environment).values(epoch=environment.c.epoch + 1))
    changed(tx)
    return int(tx.execute(select(environment.c.epoch)).scalar_one())


def set_environment_policy(tx: Transaction, policy: Mapping[str, Any], bounds: Bounds) -> None:
    """Set what the environment states, and the bounds of its tenants; its row is locked."""
    tx.execute(
        update(environment).values(
            policy=dict(policy), bounds={name: dict(bound) for name, bound in bounds.items()}
        )
    )
    changed(tx)


def insert_tenant(tx: Transaction, tenant: Tenant, now: datetime) -> None:
    """Write a new tenant; `Conflict` says that the name is taken."""
    tx.execute(
        insert(tenants).values(
            tenant_id=tenant.tenant_id,
            name=tenant.name,
            enabled=tenant.enabled,
            epoch=tenant.epoch,
            policy=dict(tenant.policy),
            force_relogin=_force_relogin(tenant.policy),
            roles=written(tenant.roles),
            created_at=now,
        )
    )
    changed(tx)


def read_tenant(tx: Transaction, tenant_id: str) -> Tenant | None:
    """One tenant, or None."""
    row = tx.execute(select(tenants).where(tenants.c.tenant_id == tenant_id)).one_or_none()
    return None if row is None else _tenant(row)


def list_tenants(tx: Transaction, after: str, limit: int) -> list[Tenant]:
    """Tenants in the order of their ids, from the one after `after` ('' for the first)."""
    query = select(tenants).order_by(tenants.c.tenant_id).limit(limit)
    if after:
        query = query.where(tenants.c.tenant_id > after)
    return [_tenant(row) for row in tx.execute(query)]


def set_tenant_policy(
    tx: Transaction, tenant_id: str, policy: Mapping[str, Any], force_relogin: int | None
) -> None:
    """Set what a tenant states, and the number (seconds) that the hot statements compare with.

    The caller holds the environment's row, under which it has read the tenant.
    """
    tx.execute(
        update(tenants)
        .where(tenants.c.tenant_id == tenant_id)
        .values(policy=dict(policy), force_relogin=force_relogin)
    )
    changed(tx)


class StatedRelogin(NamedTuple):
    """A tenant that does not inherit its forced re-login."""

    tenant_id: str
    policy: Mapping[str, Any]
    force_relogin: int


def stated_relogins(tx: Transaction) -> list[StatedRelogin]:
    """Every tenant that states a forced re-login, with the number in force."""
    query = select(tenants.c.tenant_id, tenants.c.policy, tenants.c.force_relogin)
    rows = tx.execute(query.where(tenants.c.force_relogin.is_not(None)))
    return [StatedRelogin(*row) for row in rows]


def set_relogins(tx: Transaction, limits: Mapping[str, int | None]) -> None:
    """Set those numbers (seconds) by tenant. The caller tells the workers."""
    if limits:
        tx.execute(
            update(tenants)
            .where(tenants.c.tenant_id == bindparam("tenant"))
            .values(force_relogin=bindparam("limit")),
            [{"tenant": tenant_id, "limit": limit} for tenant_id, limit in limits.items()],
        )


def set_roles(tx: Transaction, tenant_id: str, roles: Roles) -> None:
    """Replace the roles that a tenant defines; every worker knows from this commit on."""
    tx.execute(update(tenants).where(tenants.c.tenant_id == tenant_id).values(roles=written(roles)))
    changed(tx)


def set_tenant_enabled(tx: Transaction, tenant_id: str, *, enabled: bool) -> int | None:
    """Switch a tenant on or off and raise its epoch, so that old sessions stay ended.

    Answers the new epoch, or None where nothing changed.
    """
    row = tx.execute(
        update(tenants)
        .where(tenants.c.tenant_id == tenant_id, tenants.c.enabled.is_not(enabled))
        .values(enabled=enabled, epoch=tenants.c.epoch + 1)
        .returning(tenants.c.epoch)
    ).one_or_none()
    if row is None:
        return None
    changed(tx)
    return int(row.epoch)


def insert_client(tx: Transaction, client: Client, now: datetime) -> None:
    """Write a new client; `Conflict` says that the id is taken."""
    tx.execute(insert(clients).values(**_client_values(client), created_at=now))
    changed(tx)


def read_client(tx: Transaction, client_id: str) -> Client | None:
    """One client, or None."""
    row = tx.execute(select(clients).where(clients.c.client_id == client_id)).one_or_none()
    return None if row is None else _client(row)


def lists_origin(tx: Transaction, origin: str) -> bool:
    """Whether an enabled client allows scripts of this origin. Reads every client, but gives only
    those that mention it."""
    registration = sql_cast(clients.c.registration, Text)
    mentioned = registration.contains(f'"{origin}"', autoescape=True)
    rows = tx.execute(select(clients).where(clients.c.enabled.is_(True), mentioned))
    return any(origin in _client(row).metadata.allowed_origins for row in rows)


def list_clients(tx: Transaction, after: str, limit: int) -> list[Client]:
    """Clients in the order of their ids, from the one after `after` ('' for the first)."""
    query = select(clients).order_by(clients.c.client_id).limit(limit)
    if after:
        query = query.where(clients.c.client_id > after)
    return [_client(row) for row in tx.execute(query)]


def replace_secrets(tx: Transaction, client_id: str, secrets: tuple[ClientSecret, ...]) -> bool:
    """Set the client's live secrets; False where there is no such client."""
    result = tx.execute(
        update(clients)
        .where(clients.c.client_id == client_id)
        .values(secrets=_secret_values(secrets))
    )
    changed(tx)
    return result.rowcount == 1


def replace_shared_secret(tx: Transaction, client_id: str, sealed: bytes) -> None:
    """Set the secrets that the client signs with. The caller holds the environment's row."""
    tx.execute(
        update(clients)
        .where(clients.c.client_id == client_id)
        .values(shared_secret_encrypted=sealed)
    )
    changed(tx)


def replace_client(tx: Transaction, held: Client, new: Client) -> bool:
    """Write all that a registration says, if its token is still the one of `held`.

    The caller holds the environment's row, under which it has read `held`.
    """
    result = tx.execute(
        update(clients)
        .where(
            clients.c.client_id == held.client_id,
            clients.c.enabled.is_(held.enabled),
            clients.c.registration_token_hash.is_not_distinct_from(held.registration_token_hash),
        )
        .values(**_client_values(new))
    )
    changed(tx)
    return result.rowcount == 1


def delete_client(tx: Transaction, client: Client) -> bool:
    """Forget a client, if its registration token is still this one: whatever it holds is dead."""
    result = tx.execute(
        delete(clients).where(
            clients.c.client_id == client.client_id,
            clients.c.registration_token_hash == client.registration_token_hash,
        )
    )
    changed(tx)
    return result.rowcount == 1


def client_created_at(tx: Transaction, client_id: str) -> datetime | None:
    """When a client was registered."""
    query = select(clients.c.created_at).where(clients.c.client_id == client_id)
    return cast("datetime | None", tx.execute(query).scalar_one_or_none())


def count_self_registered(tx: Transaction) -> int:
    """How many clients have registered themselves."""
    query = select(func.count()).where(clients.c.registration_token_hash.is_not(None))
    return int(tx.execute(query).scalar_one())


def set_client_policy(tx: Transaction, client_id: str, policy: Mapping[str, Any]) -> None:
    """Set the limits that a client states. The caller holds the environment's row."""
    tx.execute(update(clients).where(clients.c.client_id == client_id).values(policy=dict(policy)))
    changed(tx)


def set_client_enabled(tx: Transaction, client_id: str, *, enabled: bool) -> int | None:
    """Switch a client on or off and raise its epoch; the new epoch, or None if unchanged."""
    row = tx.execute(
        update(clients)
        .where(clients.c.client_id == client_id, clients.c.enabled.is_not(enabled))
        .values(enabled=enabled, epoch=clients.c.epoch + 1)
        .returning(clients.c.epoch)
    ).one_or_none()
    if row is None:
        return None
    changed(tx)
    return int(row.epoch)


def _force_relogin(policy: Mapping[str, Any]) -> int | None:
    """What the hot statements compare with; None: the tenant inherits the environment's."""
    limit: int | str | None = policy.get("force_relogin")
    return NEVER if limit == OFF else cast("int | None", limit)


@lru_cache
def _version(flavour: Flavour) -> Compiled:
    return compiled(select(environment.c.configuration_version, database_now(flavour)), flavour)


def _environment(row: Row[Any]) -> Environment:
    return Environment(row.configuration_version, row.epoch, row.policy, row.bounds)


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(
        tenant_id=row.tenant_id,
        name=row.name,
        enabled=row.enabled,
        epoch=row.epoch,
        policy=row.policy,
        roles={
            role: frozenset(Permission(one) for one in held) for role, held in row.roles.items()
        },
    )


def _client(row: Row[Any]) -> Client:
    return Client(
        client_id=row.client_id,
        name=row.name,
        kind=ClientKind(row.kind),
        tenant_id=row.tenant_id,
        authentication=AuthenticationMethod(row.authentication),
        secrets=tuple(
            ClientSecret(one["hash"], optional_moment(one["expires_at"])) for one in row.secrets
        ),
        grant_types=frozenset(row.grant_types),
        scope=row.scope,
        default_scope=row.default_scope,
        audiences=tuple(row.audiences),
        resource_identifier=row.resource_identifier,
        permissions=frozenset(Permission(one) for one in row.permissions),
        first_party=row.first_party,
        signing_algorithm=row.signing_algorithm,
        enabled=row.enabled,
        epoch=row.epoch,
        policy=row.policy,
        metadata=ClientMetadata.of(row.registration),
        shared_secret_encrypted=row.shared_secret_encrypted,
        registration_token_hash=row.registration_token_hash,
    )


def _client_values(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "kind": client.kind,
        "tenant_id": client.tenant_id,
        "authentication": client.authentication,
        "secrets": _secret_values(client.secrets),
        "grant_types": sorted(client.grant_types),
        "scope": client.scope,
        "default_scope": client.default_scope,
        "audiences": list(client.audiences),
        "resource_identifier": client.resource_identifier,
        "permissions": sorted(client.permissions),
        "first_party": client.first_party,
        "signing_algorithm": client.signing_algorithm,
        "enabled": client.enabled,
        "epoch": client.epoch,
        "policy": dict(client.policy),
        "registration": client.metadata.stored(),
        "shared_secret_encrypted": client.shared_secret_encrypted,
        "registration_token_hash": client.registration_token_hash,
    }


def _secret_values(secrets: tuple[ClientSecret, ...]) -> list[dict[str, object]]:
    return [
        {"hash": one.hash, "expires_at": None if one.expires_at is None else micros(one.expires_at)}
        for one in secrets
    ]
