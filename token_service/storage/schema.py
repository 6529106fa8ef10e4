"""Which revision of the schema this release speaks, and which one the database has."""

from pathlib import Path

from sqlalchemy import inspect, text

from token_service.storage.database import Database

SCHEMA_REVISION = "0001"
"""The newest file in `migrations/versions`; a test holds the two together."""


def revision(database: Database) -> str | None:
    """The revision of the database's schema; None for one that was never migrated."""
    if database.is_sqlite and not Path(database.engine.url.database or "").exists():
        # Asking would make an empty file.
        return None
    with database.reading() as tx:
        if not inspect(tx).has_table("alembic_version"):
            return None
        return tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
