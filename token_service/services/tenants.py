"""Tenants: created, listed, switched off and on."""

from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import opaque
from token_service.domain.events import Event
from token_service.domain.failures import Conflict
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.tenants import Tenant, well_formed_name
from token_service.services.changes import Author, Subject, record
from token_service.storage import configuration, epochs
from token_service.storage.database import Database, Transaction
from token_service.storage.epochs import Raised


def create(database: Database, clock: Clock, name: str, author: Author) -> Tenant | Refused:
    """A new tenant that inherits every policy; `taken` where another one has the name."""
    if not well_formed_name(name):
        return Refused(Refusal.MALFORMED)
    tenant = draft(name, clock.now())
    try:
        with database.transaction() as tx:
            configuration.lock_environment(tx)
            add(tx, tenant, author, clock.now())
    except Conflict:
        return Refused(Refusal.TAKEN)
    return tenant


def draft(name: str, now: datetime) -> Tenant:
    """A tenant that is not stored yet."""
    return Tenant(tenant_id=opaque.new_id(now), name=name, enabled=True, epoch=1, policy={})


def add(tx: Transaction, tenant: Tenant, author: Author, now: datetime) -> None:
    """Store a new tenant; raises `Conflict`. The caller holds the environment's row."""
    configuration.insert_tenant(tx, tenant, now)
    subject = Subject(tenant_id=tenant.tenant_id)
    record(tx, author, Event.TENANT_CREATED, subject, now, details={"name": tenant.name})


def page(database: Database, after: str, limit: int) -> list[Tenant]:
    """Tenants in the order of their ids, from the one after `after` ('' for the first)."""
    with database.reading() as tx:
        return configuration.list_tenants(tx, after, limit)


def disable(database: Database, clock: Clock, tenant_id: str, author: Author) -> Tenant | Refused:
    """Every grant in the tenant ends for good: enabling it again brings none back."""
    return _switch(database, clock, tenant_id, author, enabled=False)


def enable(database: Database, clock: Clock, tenant_id: str, author: Author) -> Tenant | Refused:
    """Members can sign in to the tenant again."""
    return _switch(database, clock, tenant_id, author, enabled=True)


def _switch(
    database: Database, clock: Clock, tenant_id: str, author: Author, *, enabled: bool
) -> Tenant | Refused:
    """The tenant as it is now; saying it twice changes and records nothing."""
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        now = clock.now()
        epoch = configuration.set_tenant_enabled(tx, tenant_id, enabled=enabled)
        tenant = configuration.read_tenant(tx, tenant_id)
        if tenant is None:
            return Refused(Refusal.UNKNOWN_TENANT)
        if epoch is not None:
            raised = Raised(Refusal.TENANT_DISABLED, author.actor, now)
            epochs.record_owner(tx, f"tenant:{tenant_id}", epoch, raised)
            record(
                tx,
                author,
                Event.TENANT_CHANGED,
                Subject(tenant_id=tenant_id),
                now,
                reason="" if enabled else Refusal.TENANT_DISABLED,
                details={"enabled": enabled},
            )
    return tenant
