"""INSERT with ON CONFLICT: both databases have it alike, and SQLAlchemy has it by dialect."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from token_service.storage.database import Transaction


def inserting(tx: Transaction, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can be told what to do where the row is there already."""
    if tx.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
