"""Worlds where anybody, or whoever has a permit, registers clients."""

from collections.abc import Callable

import pytest

from tests.http.registration.building import BY_PERMIT, OPEN
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World


@pytest.fixture
def open_world(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """Anybody registers clients."""
    return world_on(databases, **OPEN)


@pytest.fixture
def permit_world(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """Whoever has a permit does."""
    return world_on(databases, **BY_PERMIT)
