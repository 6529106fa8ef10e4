"""Grants of the pages: used by a browser's cookie, and given a new one."""

from datetime import datetime

from sqlalchemy import update

from token_service.domain.sessions import GrantKey
from token_service.storage import grant_statements
from token_service.storage.database import Database, InTransaction, Transaction
from token_service.storage.grants import addressed
from token_service.storage.rotations import Rotation, rotation_parameters
from token_service.storage.tables import grants
from token_service.storage.types import moment


def use(database: Database, tx: Transaction, rotation: Rotation) -> datetime | None:
    """Use the cookie: the one guarded statement; when the grant ends now, None: it is not live."""
    parameters = rotation_parameters(rotation) | database.clock_parameters()
    rows = InTransaction(tx).run(grant_statements.use(database.flavour), parameters)
    return moment(rows[0][0]) if rows else None


def replace_secret(
    tx: Transaction,
    key: GrantKey,
    old_hash: str,
    new_hash: str,
    used_from: str,
    ends_at: datetime,
    now: datetime,
) -> bool:
    """Put a new cookie in the place of this very one; False where that is not the cookie."""
    result = tx.execute(
        update(grants)
        .where(
            addressed(key),
            grants.c.secret_hash == old_hash,
            grants.c.ended_at.is_(None),
        )
        .values(
            secret_hash=new_hash,
            used_at=now,
            used_from=used_from[:45],
            ends_at=ends_at,
            auth_time=now,
        )
    )
    return result.rowcount == 1
