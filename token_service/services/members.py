"""Members of a tenant: who they are, what their roles permit, and where else they belong."""

from dataclasses import dataclass
from datetime import datetime

from token_service.clock import Clock
from token_service.domain.accounts import Membership
from token_service.domain.clients import Permission
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.tenants import Tenant
from token_service.services.changes import Author, Subject, record
from token_service.services.configuration import Snapshot
from token_service.services.endings import end_impersonations
from token_service.storage import accounts, configuration
from token_service.storage.accounts import Member
from token_service.storage.database import Database, Transaction


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


def page(database: Database, tenant_id: str, after: str, limit: int) -> list[Member] | None:
    """Members in the order of their ids, from the one after `after` ('' for the first).

    None for an unknown tenant.
    """
    with database.reading() as tx:
        if configuration.read_tenant(tx, tenant_id) is None:
            return None
        return accounts.members(tx, tenant_id, after, limit)


def set_roles(
    database: Database,
    clock: Clock,
    account_id: str,
    tenant_id: str,
    roles: tuple[str, ...],
    author: Author,
) -> Refused | None:
    """Replace the roles of a member; saying it twice changes and records nothing.

    A role that the tenant does not define may be given: it permits nothing until it is defined.
    """
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        account = accounts.lock(tx, account_id)
        if account is None:
            return Refused(Refusal.NOT_FOUND)
        membership = account.membership_in(tenant_id)
        if membership is None:
            return Refused(Refusal.NOT_A_MEMBER)
        _set_roles(tx, account_id, membership, roles, author, clock.now())
    return None


def put(
    database: Database,
    clock: Clock,
    account_id: str,
    tenant_id: str,
    roles: tuple[str, ...],
    author: Author,
) -> Refused | None:
    """The same, and whoever is no member yet becomes one with these roles."""
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        account = accounts.lock(tx, account_id)
        if account is None:
            return Refused(Refusal.NOT_FOUND)
        now = clock.now()
        if membership := account.membership_in(tenant_id):
            _set_roles(tx, account_id, membership, roles, author, now)
            return None
        return joined(tx, account_id, tenant_id, roles, author, now)


def joined(
    tx: Transaction,
    account_id: str,
    tenant_id: str,
    roles: tuple[str, ...],
    author: Author,
    now: datetime,
) -> Refused | None:
    """Make the account a member, under a number that no membership of it had.

    The caller holds the account, and knows that it is no member.
    """
    tenant = configuration.read_tenant(tx, tenant_id)
    if tenant is None:
        return Refused(Refusal.UNKNOWN_TENANT)
    accounts.add_membership(tx, account_id, tenant_id, roles, now)
    if tenant.permissions(roles):
        end_impersonations(tx, account_id, author.actor, author.origin, now)
    subject = Subject(account_id=account_id, tenant_id=tenant_id)
    details = {"member": True, "roles": list(roles)}
    record(tx, author, Event.MEMBERSHIP_CHANGED, subject, now, details=details)
    return None


def _set_roles(
    tx: Transaction,
    account_id: str,
    membership: Membership,
    roles: tuple[str, ...],
    author: Author,
    now: datetime,
) -> None:
    if membership.roles == roles:
        return
    accounts.set_roles(tx, account_id, membership.tenant_id, roles)
    tenant = configuration.read_tenant(tx, membership.tenant_id)
    if tenant is not None and tenant.permissions(roles):
        end_impersonations(tx, account_id, author.actor, author.origin, now)
    subject = Subject(account_id=account_id, tenant_id=membership.tenant_id)
    details = {"member": True, "before": list(membership.roles), "roles": list(roles)}
    record(tx, author, Event.MEMBERSHIP_CHANGED, subject, now, details=details)
