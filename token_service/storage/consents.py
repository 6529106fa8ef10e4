"""What people have allowed applications, by tenant."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, select

from token_service.domain import scopes
from token_service.domain.authorizing import Consent
from token_service.storage.conflicts import inserting
from token_service.storage.database import Transaction
from token_service.storage.tables import consents


class GivenConsent(NamedTuple):
    """One consent, and when it was last given or added to."""

    client_id: str
    tenant_id: str
    consent: Consent
    given_at: datetime


def read(tx: Transaction, account_id: str, client_id: str) -> dict[str, Consent]:
    """What the account has allowed the client, by tenant."""
    rows = tx.execute(
        select(consents).where(
            consents.c.account_id == account_id, consents.c.client_id == client_id
        )
    )
    return {row.tenant_id: _given(row).consent for row in rows}


def read_all(tx: Transaction, account_id: str) -> list[GivenConsent]:
    """All that the account has allowed, the newest first."""
    rows = tx.execute(
        select(consents)
        .where(consents.c.account_id == account_id)
        .order_by(consents.c.given_at.desc(), consents.c.client_id, consents.c.tenant_id)
    )
    return [_given(row) for row in rows]


def take_back(tx: Transaction, account_id: str, client_id: str) -> list[GivenConsent]:
    """Forget what the account has allowed the client, in every tenant; what that was.

    The caller holds the account.
    """
    rows = tx.execute(
        delete(consents)
        .where(consents.c.account_id == account_id, consents.c.client_id == client_id)
        .returning(*consents.c)
    )
    return [_given(row) for row in rows]


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


def _given(row: Row[Any]) -> GivenConsent:
    consent = Consent(scopes.names(row.scope), frozenset(row.claims))
    return GivenConsent(row.client_id, row.tenant_id, consent, row.given_at)
