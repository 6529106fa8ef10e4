"""Why an epoch was raised: the reason of every session that it ended."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert, select

from token_service.domain.refusals import Refusal
from token_service.storage.database import Transaction
from token_service.storage.tables import account_epochs, configuration_epochs


class Raised(NamedTuple):
    """One raise of an epoch."""

    reason: Refusal
    raised_by: str
    raised_at: datetime


def record_account(tx: Transaction, account_id: str, epoch: int, raised: Raised) -> None:
    """Remember why the account's epoch became `epoch`."""
    tx.execute(
        insert(account_epochs).values(account_id=account_id, epoch=epoch, **raised._asdict())
    )


def record_owner(tx: Transaction, owner: str, epoch: int, raised: Raised) -> None:
    """The same for `environment`, `tenant:<id>` or `client:<id>`."""
    tx.execute(insert(configuration_epochs).values(owner=owner, epoch=epoch, **raised._asdict()))


def account_reason(tx: Transaction, account_id: str, since: int) -> Raised | None:
    """The first raise after the epoch `since`: what ended a session opened under it."""
    row = tx.execute(
        select(account_epochs)
        .where(account_epochs.c.account_id == account_id, account_epochs.c.epoch > since)
        .order_by(account_epochs.c.epoch)
        .limit(1)
    ).one_or_none()
    return None if row is None else Raised(Refusal(row.reason), row.raised_by, row.raised_at)


def owner_reason(tx: Transaction, owner: str, since: int) -> Raised | None:
    """The same for `environment`, `tenant:<id>` or `client:<id>`."""
    row = tx.execute(
        select(configuration_epochs)
        .where(configuration_epochs.c.owner == owner, configuration_epochs.c.epoch > since)
        .order_by(configuration_epochs.c.epoch)
        .limit(1)
    ).one_or_none()
    return None if row is None else Raised(Refusal(row.reason), row.raised_by, row.raised_at)
