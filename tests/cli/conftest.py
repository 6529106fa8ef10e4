"""A migrated database, and the command line run on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cli.building import CommandLine, migrate
from tests.world.databases import SqliteFiles
from tests.world.world import environ


@pytest.fixture(scope="session")
def migrated_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    """SQLite databases as `db upgrade` leaves them."""
    return SqliteFiles(tmp_path_factory.mktemp("migrated"))


@pytest.fixture
def variables(migrated_files: SqliteFiles, tmp_path: Path) -> dict[str, str]:
    """The environment of a service whose database was migrated."""
    return environ(migrated_files.create(migrate), tmp_path, {})


@pytest.fixture
def empty_variables(tmp_path: Path) -> dict[str, str]:
    """The environment of a service without a database yet."""
    return environ(f"sqlite:///{tmp_path}/new/service.sqlite3", tmp_path, {})


@pytest.fixture
def cli(variables: dict[str, str]) -> Iterator[CommandLine]:
    """The command line on a migrated database."""
    return CommandLine(CliRunner(env=dict(variables)))
