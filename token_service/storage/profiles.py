"""What accounts' applications keep about them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from token_service.storage.database import Transaction
from token_service.storage.tables import accounts


def read(tx: Transaction, account_id: str) -> dict[str, Any]:
    """The profile of an account; {} also where there is no such account."""
    query = select(accounts.c.profile).where(accounts.c.account_id == account_id)
    return tx.execute(query).scalar_one_or_none() or {}


def replace(tx: Transaction, account_id: str, profile: Mapping[str, Any], now: datetime) -> None:
    """Store another profile. The caller holds the account, and read the old one under it."""
    tx.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id)
        .values(profile=dict(profile), profile_changed_at=now)
    )
