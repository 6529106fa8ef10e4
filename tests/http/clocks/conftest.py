"""A worker whose clock can be wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.clocks.node import Node
from tests.http.routes import stamp
from tests.world.world import World


@pytest.fixture
def node(world: World, tmp_path: Path) -> Iterator[Node]:
    """Another worker of the world, right for now."""
    stamp(world)
    made = Node(world, tmp_path / "database-clock")
    yield made
    made.world.close()
