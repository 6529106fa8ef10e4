"""The roles that a tenant defines for its members, and what each of them permits."""

from dataclasses import replace

from token_service.clock import Clock
from token_service.domain import roles
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.roles import RoleChanges, Roles
from token_service.services.changes import Author, Subject, record
from token_service.services.endings import end_impersonations_in
from token_service.storage import configuration
from token_service.storage.database import Database


def read(database: Database, tenant_id: str) -> Roles | None:
    """The tenant's roles; None for an unknown tenant."""
    with database.reading() as tx:
        tenant = configuration.read_tenant(tx, tenant_id)
    return tenant.roles if tenant else None


def change(
    database: Database, clock: Clock, tenant_id: str, changes: RoleChanges, author: Author
) -> Roles | Refused:
    """Define, redefine or take away roles; the tenant's roles afterwards.

    Members that have a role which is taken away keep its name, and it permits nothing. Saying it
    twice changes and records nothing. `malformed` where the tenant would have too many roles.
    """
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        tenant = configuration.read_tenant(tx, tenant_id)
        if tenant is None:
            return Refused(Refusal.UNKNOWN_TENANT)
        before = tenant.roles
        after = roles.merged(before, changes)
        if len(after) > roles.MAX_DEFINED:
            return Refused(Refusal.MALFORMED)
        changed = [name for name in changes if after.get(name) != before.get(name)]
        if changed:
            now = clock.now()
            configuration.set_roles(tx, tenant_id, after)
            tenant = replace(tenant, roles=after)
            end_impersonations_in(tx, tenant, author.actor, author.origin, now)
            details = {
                "before": roles.written({name: before.get(name) for name in changed}),
                "after": roles.written({name: after.get(name) for name in changed}),
            }
            subject = Subject(tenant_id=tenant_id)
            record(tx, author, Event.ROLES_CHANGED, subject, now, details=details)
    return after
