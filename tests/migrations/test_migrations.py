"""Migrations: from nothing to this release's schema, by any number of processes at once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.migrations.building import (
    Databases,
    bare,
    described,
    looking,
    upgrade,
    variables,
    without_alembic,
)
from tests.world.databases import Postgres
from token_service.cli.answers import Unready
from token_service.storage import schema
from token_service.storage.tables import metadata

PROCESSES = 4
UPGRADE = [sys.executable, "-c", "from token_service.cli.main import main; main()", "db", "upgrade"]


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    """An empty database."""
    made = databases.empty()
    yield made
    databases.drop(made)


def test_the_newest_migration_is_the_revision_that_the_release_asks_for() -> None:
    scripts = ScriptDirectory.from_config(Config(str(schema.MIGRATIONS / "alembic.ini")))
    assert scripts.get_heads() == [schema.SCHEMA_REVISION]


def test_migrating_an_empty_database_gives_the_tables(url: str, tmp_path: Path) -> None:
    upgrade(url, tmp_path)
    with looking(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_gives_to_the_letter_what_the_tables_say(
    url: str, databases: Databases, tmp_path: Path
) -> None:
    """Beyond what Alembic compares: options, partial indexes, names of constraints, order."""
    upgrade(url, tmp_path)
    created = databases.empty()
    with looking(created) as connection:
        metadata.create_all(connection)
        connection.commit()
        expected = described(connection)
    with looking(url) as connection:
        assert without_alembic(described(connection)) == expected
    databases.drop(created)


def test_grants_have_room_for_updates_in_place(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.empty()
    upgrade(url, tmp_path)
    with looking(url) as connection:
        options = connection.execute(
            text("SELECT reloptions FROM pg_class WHERE relname = 'grants'")
        ).scalar_one()
    postgres.drop(url)
    assert options == ["fillfactor=50"]


def test_after_migrating_the_service_can_start(url: str, tmp_path: Path) -> None:
    assert upgrade(url, tmp_path) == 3
    with looking(url) as connection:
        environment = connection.execute(text("SELECT id, epoch FROM environment")).all()
        keys = connection.execute(text("SELECT purpose FROM keys")).scalars().all()
    assert environment == [(1, 1)]
    assert sorted(keys) == ["opaque", "signing", "signing"]


def test_migrating_again_changes_nothing(url: str, tmp_path: Path) -> None:
    upgrade(url, tmp_path)
    with looking(url) as connection:
        before = described(connection)
    assert upgrade(url, tmp_path) == 0
    with looking(url) as connection:
        assert described(connection) == before


def test_the_revision_is_read_back(url: str, tmp_path: Path) -> None:
    opened = bare(url, tmp_path)
    assert schema.revision(opened.parts.database) is None
    upgrade(url, tmp_path)
    assert schema.revision(opened.parts.database) == schema.SCHEMA_REVISION
    opened.parts.database.close()


def test_processes_that_migrate_at_the_same_time_all_succeed(url: str, tmp_path: Path) -> None:
    environ = variables(url, tmp_path)
    started = [
        subprocess.Popen(UPGRADE, env=environ, stdout=PIPE, stderr=PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in started]
    assert [code for _, _, code in ended] == [0] * PROCESSES, ended
    made = [line for out, _, _ in ended for line in out.splitlines() if "3 keys made" in line]
    assert len(made) == 1


def test_a_migration_that_fails_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    """A table of that name is in the way of the last steps; the first ones are undone with them."""
    with looking(url) as connection:
        connection.execute(text("CREATE TABLE audit_events (id INTEGER)"))
        connection.commit()
        before = described(connection)
    with pytest.raises(Exception, match=r"(?i)audit_events|database"):
        upgrade(url, tmp_path)
    with looking(url) as connection:
        assert described(connection) == before


def test_a_schema_of_a_later_release_serves_but_is_not_migrated(url: str, tmp_path: Path) -> None:
    """In a rolling upgrade the next release migrates while this one still runs."""
    upgrade(url, tmp_path)
    with looking(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    assert schema.is_enough("9999")
    with pytest.raises(Unready, match="cannot be migrated"):
        upgrade(url, tmp_path)


@pytest.mark.parametrize("found", [None, "0000"])
def test_an_older_schema_does_not_serve(found: str | None) -> None:
    assert not schema.is_enough(found)


def test_a_sqlite_file_is_its_owners_alone(sqlite_files: Databases, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    upgrade(f"sqlite:///{folder}/service.sqlite3", tmp_path)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
