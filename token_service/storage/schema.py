"""Which revision of the schema this release speaks, and which one the database has."""

import os
from pathlib import Path

from sqlalchemy import inspect, text

from token_service.storage.database import Database

SCHEMA_REVISION = "0001"
"""The newest file in `migrations/versions`; a test holds the two together."""

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
"""Beside the package, wherever the command is called."""


def revision(database: Database) -> str | None:
    """The revision of the database's schema; None for one that was never migrated."""
    path = database.file
    if path is not None and not path.exists():
        # Asking would make an empty file.
        return None
    with database.reading() as tx:
        if not inspect(tx).has_table("alembic_version"):
            return None
        return tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def is_enough(found: str | None) -> bool:
    """Whether this release works with a schema of the revision.

    A newer one serves it as well: the next release may have migrated while this one still runs.
    """
    return found is not None and found >= SCHEMA_REVISION


def make_file(database: Database) -> None:
    """Make the file of a SQLite database, for its owner's eyes only, where there is none yet.

    SQLite gives the journals beside it the same mode.
    """
    path = database.file
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
