"""Members of a tenant: what their roles permit, and where else they belong."""

from dataclasses import dataclass

from token_service.domain.clients import Permission
from token_service.domain.tenants import Tenant
from token_service.services.configuration import Snapshot
from token_service.storage import accounts
from token_service.storage.database import Database


def permissions(
    database: Database, snapshot: Snapshot, account_id: str, tenant_id: str
) -> frozenset[Permission]:
    """What the account may do in the tenant beyond its own sessions: read anew each time."""
    with database.reading() as tx:
        tenant = snapshot.tenant(tenant_id, tx)
        roles = accounts.roles_in(tx, account_id, tenant_id)
    return tenant.permissions(roles) if tenant else frozenset()


@dataclass(frozen=True, slots=True)
class Belonging:
    """A tenant that an account belongs to, and its roles there."""

    tenant: Tenant
    roles: tuple[str, ...]


def tenants_of(database: Database, snapshot: Snapshot, account_id: str) -> tuple[Belonging, ...]:
    """The enabled tenants of an account, in the order in which it joined them."""
    with database.reading() as tx:
        account = accounts.read(tx, account_id)
        found = [
            (snapshot.tenant(one.tenant_id, tx), one.roles)
            for one in (account.memberships if account else ())
        ]
    return tuple(Belonging(tenant, roles) for tenant, roles in found if tenant and tenant.enabled)
