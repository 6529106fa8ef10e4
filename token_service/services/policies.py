"""Policies of the environment, of tenants and of clients: read, and changed in one transaction.

A change touches no session and no grant. It raises the configuration version, and by that every
worker measures live sessions against the new policy from their next use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from token_service.clock import Clock
from token_service.domain import policy_changes
from token_service.domain.events import Event
from token_service.domain.policies import Bounds, Policy
from token_service.domain.policy_changes import Ground
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import relogin_limit
from token_service.services.changes import Author, Subject, record
from token_service.storage import configuration
from token_service.storage.configuration import Environment
from token_service.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class LevelPolicy:
    """What holds at a level, what it states itself, and the bounds that the environment sets."""

    policy: Policy
    overrides: Mapping[str, Any]
    bounds: Bounds = field(default_factory=dict)


def of_environment(database: Database, defaults: Policy) -> LevelPolicy:
    """The environment's policy; `defaults` are those of the settings."""
    with database.reading() as tx:
        stored = configuration.read_environment(tx)
    return _of_environment(defaults, stored.policy, stored.bounds)


def change_environment(
    database: Database,
    clock: Clock,
    defaults: Policy,
    change: Mapping[str, object],
    author: Author,
) -> LevelPolicy | Refused:
    """Change what the environment states and the bounds of its tenants, wholly or not at all."""
    with database.transaction() as tx:
        before = _locked_environment(tx)
        ground = Ground(before.policy, defaults, before.bounds)
        after = policy_changes.changed_environment(ground, change)
        if isinstance(after, Refused):
            return after
        overrides, bounds = after
        if (overrides, bounds) != (before.policy, before.bounds):
            configuration.set_environment_policy(tx, overrides, bounds)
            _move_relogins(tx, bounds)
            details = {
                "level": "environment",
                "before": {"policy": before.policy, "bounds": before.bounds},
                "after": {"policy": overrides, "bounds": bounds},
            }
            record(tx, author, Event.POLICY_CHANGED, Subject(), clock.now(), details=details)
    return _of_environment(defaults, overrides, bounds)


def of_tenant(database: Database, defaults: Policy, tenant_id: str) -> LevelPolicy | Refused:
    """The tenant's policy."""
    with database.reading() as tx:
        stored = configuration.read_environment(tx)
        tenant = configuration.read_tenant(tx, tenant_id)
    if tenant is None:
        return Refused(Refusal.UNKNOWN_TENANT)
    return _of_tenant(_ground(defaults, stored, tenant.policy), tenant.policy)


def change_tenant(
    database: Database,
    clock: Clock,
    defaults: Policy,
    tenant_id: str,
    change: Mapping[str, object],
    author: Author,
) -> LevelPolicy | Refused:
    """Change what the tenant states, within the environment's bounds, wholly or not at all."""
    with database.transaction() as tx:
        stored = _locked_environment(tx)
        tenant = configuration.read_tenant(tx, tenant_id)
        if tenant is None:
            return Refused(Refusal.UNKNOWN_TENANT)
        ground = _ground(defaults, stored, tenant.policy)
        after = policy_changes.changed(ground, change)
        if isinstance(after, Refused):
            return after
        if after != tenant.policy:
            limit = _relogin_in_force(after, stored.bounds)
            configuration.set_tenant_policy(tx, tenant_id, after, limit)
            subject = Subject(tenant_id=tenant_id)
            details = {"level": "tenant", "before": tenant.policy, "after": after}
            record(tx, author, Event.POLICY_CHANGED, subject, clock.now(), details=details)
    return _of_tenant(ground, after)


def of_client(
    database: Database, client_id: str, tenant_id: str | None
) -> Mapping[str, Any] | Refused:
    """The limits that a client states; `tenant_id`: only of a client of this tenant."""
    with database.reading() as tx:
        client = configuration.read_client(tx, client_id)
    if client is None or tenant_id not in (None, client.tenant_id):
        return Refused(Refusal.UNKNOWN_CLIENT)
    return client.policy


def change_client(
    database: Database,
    clock: Clock,
    client_id: str,
    tenant_id: str | None,
    change: Mapping[str, object],
    author: Author,
) -> Mapping[str, Any] | Refused:
    """Change the limits that a client states, wholly or not at all."""
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        client = configuration.read_client(tx, client_id)
        if client is None or tenant_id not in (None, client.tenant_id):
            return Refused(Refusal.UNKNOWN_CLIENT)
        after = policy_changes.changed_limits(client.policy, change)
        if isinstance(after, Refused):
            return after
        if after != client.policy:
            configuration.set_client_policy(tx, client_id, after)
            subject = Subject(client_id=client_id, tenant_id=client.tenant_id)
            details = {"level": "client", "before": client.policy, "after": after}
            record(tx, author, Event.POLICY_CHANGED, subject, clock.now(), details=details)
    return after


def _locked_environment(tx: Transaction) -> Environment:
    """Held to the end: of two changes, the second one finds what the first one left."""
    configuration.lock_environment(tx)
    return configuration.read_environment(tx)


def _of_environment(defaults: Policy, overrides: Mapping[str, Any], bounds: Bounds) -> LevelPolicy:
    return LevelPolicy(defaults.overridden(overrides).within(bounds), overrides, bounds)


def _ground(defaults: Policy, stored: Environment, overrides: Mapping[str, Any]) -> Ground:
    inherited = _of_environment(defaults, stored.policy, stored.bounds).policy
    return Ground(overrides, inherited, inherited.bounds_of_tenants(stored.bounds))


def _of_tenant(ground: Ground, overrides: Mapping[str, Any]) -> LevelPolicy:
    return LevelPolicy(ground.policy(overrides), overrides, ground.bounds)


def _move_relogins(tx: Transaction, bounds: Bounds) -> None:
    """Keep what the hot statements compare with equal to what holds within the bounds."""
    moved = {
        one.tenant_id: limit
        for one in configuration.stated_relogins(tx)
        if (limit := _relogin_in_force(one.policy, bounds)) != one.force_relogin
    }
    configuration.set_relogins(tx, moved)


def _relogin_in_force(overrides: Mapping[str, Any], bounds: Bounds) -> int | None:
    """A tenant's forced re-login in seconds, as a number to compare with; None: inherited."""
    if "force_relogin" not in overrides:
        return None
    return relogin_limit(Policy().overridden(overrides).within(bounds))
