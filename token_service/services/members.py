"""Members of a tenant: what their roles permit."""

from token_service.domain.clients import Permission
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
