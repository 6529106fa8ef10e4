"""What is told of an account to applications: its names, and the profile that its owner keeps."""

from sqlalchemy import select

from token_service.domain.accounts import NameKind
from token_service.domain.openid_claims import Identity, KnownName
from token_service.storage.database import Transaction
from token_service.storage.tables import account_names, accounts


def read(tx: Transaction, account_id: str) -> Identity | None:
    """The account's identity, or None where there is no such account."""
    query = select(accounts.c.profile, accounts.c.profile_changed_at)
    row = tx.execute(query.where(accounts.c.account_id == account_id)).one_or_none()
    if row is None:
        return None
    names = tx.execute(
        select(account_names)
        .where(account_names.c.account_id == account_id)
        .order_by(account_names.c.kind, account_names.c.name)
    )
    return Identity(
        names=tuple(
            KnownName(NameKind(one.kind), one.display, one.verified_at is not None) for one in names
        ),
        profile=row.profile or {},
        updated_at=row.profile_changed_at,
    )
