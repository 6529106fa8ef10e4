"""One world and one crowd of worker processes for the tests of a file."""

from collections.abc import Iterator

import pytest

from tests.races.bursts import Workers, in_real_time, workers
from tests.world.databases import Postgres
from tests.world.world import World


@pytest.fixture(scope="module")
def raced(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world on PostgreSQL."""
    with in_real_time(postgres, tmp_path_factory.mktemp("races")) as world:
        yield world


@pytest.fixture(scope="module")
def crowd(raced: World) -> Iterator[Workers]:
    """Its worker processes."""
    with workers(raced) as started:
        yield started
