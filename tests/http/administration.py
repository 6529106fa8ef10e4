"""What an administrator does; the command line calls the same use cases."""

import json
from datetime import timedelta

from tests.world.world import App, Person, World
from token_service.domain.tenants import Tenant
from token_service.services import accounts, client_registration, environment, keys, tenants
from token_service.services.changes import Author
from token_service.services.client_registration import Registered

_AUTHOR = Author("cli")


def disable_account(world: World, person: Person) -> None:
    """The account signs in no more."""
    accounts.disable(world.database, world.parts.clock, person.account_id, _AUTHOR)


def enable_account(world: World, person: Person) -> None:
    """It may again."""
    accounts.enable(world.database, world.parts.clock, person.account_id, _AUTHOR)


def reset_password(world: World, person: Person) -> None:
    """Give the account another password."""
    parts = world.parts
    accounts.reset_password(
        parts.database, parts.clock, parts.gate, person.account_id, "another password", _AUTHOR
    )


def join(world: World, person: Person, tenant_id: str) -> None:
    """Make the account a member."""
    accounts.join(world.database, world.parts.clock, person.account_id, tenant_id, (), _AUTHOR)


def leave(world: World, person: Person, tenant_id: str) -> None:
    """End its membership."""
    accounts.leave(world.database, world.parts.clock, person.account_id, tenant_id, _AUTHOR)


def disable_tenant(world: World, tenant_id: str) -> None:
    """Nobody signs in to the tenant any more."""
    assert isinstance(
        tenants.disable(world.database, world.parts.clock, tenant_id, _AUTHOR), Tenant
    )


def enable_tenant(world: World, tenant_id: str) -> None:
    """Its members may again."""
    tenants.enable(world.database, world.parts.clock, tenant_id, _AUTHOR)


def disable_client(world: World, app: App) -> None:
    """The client is served no more."""
    client_registration.disable(world.database, world.parts.clock, app.client_id, _AUTHOR)


def enable_client(world: World, app: App) -> None:
    """It is again."""
    client_registration.enable(world.database, world.parts.clock, app.client_id, _AUTHOR)


def rotate_secret(world: World, app: App, **overlap: float) -> App:
    """A new secret; the one before lives on for the overlap (`hours=1`)."""
    parts = world.parts
    registered = client_registration.rotate_secret(
        parts.database,
        parts.clock,
        parts.settings.secrets.pepper,
        app.client_id,
        timedelta(**overlap),
        _AUTHOR,
        parts.keys.encryption,
    )
    assert isinstance(registered, Registered)
    return App(app.client_id, registered.secret)


def change_client(world: World, app: App, **columns: object) -> None:
    """Change what is stored of a client, and tell the workers."""
    for name, value in columns.items():
        world.sql(
            f"UPDATE clients SET {name} = :value WHERE client_id = :client_id",
            value=value,
            client_id=app.client_id,
        )
    tell_workers(world)


def change_policy(world: World, tenant_id: str, **policy: object) -> None:
    """Replace what the tenant overrides, and tell the workers."""
    world.sql(
        "UPDATE tenants SET policy = :policy, force_relogin = :limit WHERE tenant_id = :tenant_id",
        policy=json.dumps(policy),
        limit=policy.get("force_relogin"),
        tenant_id=tenant_id,
    )
    tell_workers(world)


def tell_workers(world: World) -> None:
    """The configuration has changed."""
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")


def keep_keys(world: World) -> None:
    """What housekeeping does about keys."""
    keys.ensure(world.database, world.parts.clock, world.parts.keys)
    keys.drop_gone(world.database, world.parts.clock)


def rotate_key(world: World, algorithm: str) -> str:
    """Publish the next key of the algorithm; its kid."""
    made = keys.rotate(world.database, world.parts.clock, world.parts.keys, algorithm, "cli")
    assert made is not None
    return made.kid


def revoke_key(world: World, kid: str) -> None:
    """The emergency: nothing that the key ever signed is good any more."""
    assert keys.revoke(world.database, world.parts.clock, world.parts.keys, kid, "leaked", "cli")


def restored_from_backup(world: World) -> None:
    """Say that the database is an old one."""
    environment.restored(world.database, world.parts.clock, _AUTHOR)
