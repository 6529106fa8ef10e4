"""What the tests of the migrations look at: a database as it is, in words that compare."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, text

from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import environ
from token_service import settings
from token_service.app import compose
from token_service.cli.db import upgrade_and_ensure_keys
from token_service.cli.opening import Bare

Databases = Postgres | SqliteFiles

_POSTGRESQL = {
    "columns": """
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,
               column_default, ordinal_position
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace""",
    "options": """
        SELECT relname, reloptions FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'""",
}


def variables(url: str, folder: Path) -> dict[str, str]:
    """What a service on the database is started with; RSA keys take their time."""
    return environ(url, folder, {"TOKEN_SERVICE_KEYS_ALGORITHMS": "ES256"})


def bare(url: str, folder: Path) -> Bare:
    """The parts on a database that may be empty."""
    app = Flask("token_service")
    return Bare(app, compose(app, settings.load(variables(url, folder))))


def upgrade(url: str, folder: Path) -> int:
    """Migrate; answers how many keys were made."""
    opened = bare(url, folder)
    try:
        return upgrade_and_ensure_keys(opened)
    finally:
        opened.parts.database.close()


@contextmanager
def looking(url: str) -> Iterator[Connection]:
    """A connection of the test's own, past everything that the service adds."""
    engine: Engine = create_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def described(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Everything that makes up the schema, without Alembic's own table."""
    if connection.dialect.name == "sqlite":
        queries = {"sql": "SELECT type, name, tbl_name, sql FROM sqlite_master"}
    else:
        queries = _POSTGRESQL
    return {
        name: sorted(
            (tuple(_one_line(value) for value in row) for row in connection.execute(text(query))),
            key=repr,
        )
        for name, query in queries.items()
    }


def without_alembic(
    schema: dict[str, list[tuple[object, ...]]],
) -> dict[str, list[tuple[object, ...]]]:
    """The same without the table in which Alembic keeps the revision."""
    return {
        name: [row for row in rows if not any("alembic_version" in str(value) for value in row)]
        for name, rows in schema.items()
    }


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value
