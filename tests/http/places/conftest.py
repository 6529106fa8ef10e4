"""Fixtures: a service that knows where addresses are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world.addresses import write_addresses
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World


@pytest.fixture
def world(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles, tmp_path: Path
) -> World:
    """A service with a database of addresses."""
    path = tmp_path / "addresses.mmdb"
    write_addresses(path)
    return world_on(databases, TOKEN_SERVICE_GEOGRAPHY_DATABASE_PATH=str(path))
