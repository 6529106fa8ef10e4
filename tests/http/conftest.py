"""Fixtures of the black-box tests."""

from collections.abc import Iterator

import pytest

from tests.world.world import World


@pytest.fixture
def second_worker(world: World) -> Iterator[World]:
    """Another worker of the same service, with caches of its own."""
    worker = world.second_worker()
    yield worker
    worker.close()
