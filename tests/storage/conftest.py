"""Fixtures: a session to begin with, on each database or on PostgreSQL alone."""

from collections.abc import Callable

import pytest

from tests.storage.building import Signed, signed_in
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World


@pytest.fixture
def signed(world: World) -> Signed:
    """A session on each database in turn."""
    return signed_in(world)


@pytest.fixture
def on_postgres(world_on: Callable[[Postgres | SqliteFiles], World], postgres: Postgres) -> World:
    """A service on PostgreSQL, for what only a server of its own does."""
    return world_on(postgres)


@pytest.fixture
def on_sqlite(
    world_on: Callable[[Postgres | SqliteFiles], World], sqlite_files: SqliteFiles
) -> World:
    """A service on SQLite, for what only a file does."""
    return world_on(sqlite_files)
