"""What people have allowed applications, by tenant."""

from datetime import datetime

from sqlalchemy import select

from token_service.domain import scopes
from token_service.domain.authorizing import Consent
from token_service.storage.conflicts import inserting
from token_service.storage.database import Transaction
from token_service.storage.tables import consents


def read(tx: Transaction, account_id: str, client_id: str) -> dict[str, Consent]:
    """What the account has allowed the client, by tenant."""
    rows = tx.execute(
        select(consents).where(
            consents.c.account_id == account_id, consents.c.client_id == client_id
        )
    )
    return {row.tenant_id: Consent(scopes.names(row.scope), frozenset(row.claims)) for row in rows}


def write(
    tx: Transaction,
    account_id: str,
    tenant_id: str,
    client_id: str,
    consent: Consent,
    now: datetime,
) -> None:
    """Put this in place of what was allowed before. The caller holds the account."""
    values = {
        "scope": scopes.canonical(consent.scope),
        "claims": sorted(consent.claims),
        "given_at": now,
    }
    statement = inserting(tx, consents).values(
        account_id=account_id, tenant_id=tenant_id, client_id=client_id, **values
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "tenant_id", "client_id"], set_=values
        )
    )
