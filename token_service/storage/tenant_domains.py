"""The domains of tenants."""

from sqlalchemy import delete, insert, select

from token_service.storage.database import Transaction
from token_service.storage.tables import tenant_domains


def tenant_of(tx: Transaction, domain: str) -> str | None:
    """The id of the tenant that the domain is of."""
    query = select(tenant_domains.c.tenant_id).where(tenant_domains.c.domain == domain)
    return tx.execute(query).scalar_one_or_none()


def of_tenant(tx: Transaction, tenant_id: str) -> list[str]:
    """The tenant's domains."""
    query = select(tenant_domains.c.domain).where(tenant_domains.c.tenant_id == tenant_id)
    return list(tx.execute(query.order_by(tenant_domains.c.domain)).scalars())


def add(tx: Transaction, domain: str, tenant_id: str) -> None:
    """Give the tenant a domain that nobody has."""
    tx.execute(insert(tenant_domains).values(domain=domain, tenant_id=tenant_id))


def remove(tx: Transaction, domain: str, tenant_id: str) -> bool:
    """Take the domain away from the tenant; False where it had none such."""
    result = tx.execute(
        delete(tenant_domains).where(
            tenant_domains.c.domain == domain, tenant_domains.c.tenant_id == tenant_id
        )
    )
    return result.rowcount == 1
