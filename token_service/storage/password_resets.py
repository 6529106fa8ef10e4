"""Links that set a new password, one an account, and what a new password makes void."""

from datetime import datetime

from sqlalchemy import delete, select

from token_service.storage.conflicts import inserting
from token_service.storage.database import Transaction
from token_service.storage.tables import password_resets, sign_in_tickets


def put(tx: Transaction, account_id: str, secret_hash: str, expires_at: datetime) -> None:
    """The link of the account from now on; an older one is void."""
    values = {"secret_hash": secret_hash, "expires_at": expires_at}
    tx.execute(
        inserting(tx, password_resets)
        .values(account_id=account_id, **values)
        .on_conflict_do_update(index_elements=[password_resets.c.account_id], set_=values)
    )


def is_good(tx: Transaction, account_id: str, secret_hash: str, now: datetime) -> bool:
    """Whether the link could be used; looking spends nothing."""
    found = tx.execute(
        select(password_resets.c.account_id).where(
            password_resets.c.account_id == account_id,
            password_resets.c.secret_hash == secret_hash,
            password_resets.c.expires_at > now,
        )
    ).one_or_none()
    return found is not None


def spend(tx: Transaction, account_id: str, secret_hash: str, now: datetime) -> bool:
    """Use the link once: of all who try, one gets True."""
    spent = tx.execute(
        delete(password_resets)
        .where(
            password_resets.c.account_id == account_id,
            password_resets.c.secret_hash == secret_hash,
            password_resets.c.expires_at > now,
        )
        .returning(password_resets.c.account_id)
    ).one_or_none()
    return spent is not None


def drop_pending(tx: Transaction, account_id: str) -> None:
    """What rests on the old password, or would replace the new one: links and sign-in tickets."""
    tx.execute(delete(password_resets).where(password_resets.c.account_id == account_id))
    tx.execute(delete(sign_in_tickets).where(sign_in_tickets.c.account_id == account_id))
