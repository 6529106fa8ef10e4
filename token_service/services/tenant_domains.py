"""The domains by which authorization requests may name a tenant: given, shown, taken away."""

from token_service.clock import Clock
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.tenants import domain_in
from token_service.services.changes import Author, Subject, record
from token_service.storage import configuration, tenant_domains
from token_service.storage.database import Database


def named(database: Database, hint: str | None) -> str | None:
    """The id of the tenant that a `domain_hint` names; None where it names none."""
    domain = domain_in(hint or "")
    if domain is None:
        return None
    with database.reading() as tx:
        return tenant_domains.tenant_of(tx, domain)


def read(database: Database, tenant_id: str) -> list[str] | Refused:
    """The tenant's domains."""
    with database.reading() as tx:
        if configuration.read_tenant(tx, tenant_id) is None:
            return Refused(Refusal.UNKNOWN_TENANT)
        return tenant_domains.of_tenant(tx, tenant_id)


def add(
    database: Database, clock: Clock, tenant_id: str, domain: str, author: Author
) -> list[str] | Refused:
    """Give the tenant a domain; its domains afterwards. Saying it twice records nothing.

    `taken` where it is another tenant's.
    """
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        if configuration.read_tenant(tx, tenant_id) is None:
            return Refused(Refusal.UNKNOWN_TENANT)
        holder = tenant_domains.tenant_of(tx, domain)
        if holder not in (None, tenant_id):
            return Refused(Refusal.TAKEN)
        if holder is None:
            tenant_domains.add(tx, domain, tenant_id)
            details = {"domain": domain, "added": True}
            subject = Subject(tenant_id=tenant_id)
            record(tx, author, Event.TENANT_CHANGED, subject, clock.now(), details=details)
        return tenant_domains.of_tenant(tx, tenant_id)


def remove(
    database: Database, clock: Clock, tenant_id: str, domain: str, author: Author
) -> list[str] | Refused:
    """Take a domain away from the tenant; the rest is as for `add`."""
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        if configuration.read_tenant(tx, tenant_id) is None:
            return Refused(Refusal.UNKNOWN_TENANT)
        if tenant_domains.remove(tx, domain, tenant_id):
            details = {"domain": domain, "added": False}
            subject = Subject(tenant_id=tenant_id)
            record(tx, author, Event.TENANT_CHANGED, subject, clock.now(), details=details)
        return tenant_domains.of_tenant(tx, tenant_id)
