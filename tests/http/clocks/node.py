"""A worker whose clock can be wrong, and what is stored."""

from pathlib import Path

from sqlalchemy import select

from tests.world.world import World
from token_service.storage.tables import metadata

HOURS = ("+3600", "-3600")


class Node:
    """A worker whose database's clock can be set apart from its own."""

    def __init__(self, world: World, path: Path) -> None:
        self._path = path
        self.is_off_by("+0")
        self.world = world.second_worker({"TOKEN_SERVICE_TEST_DATABASE_CLOCK": str(path)})

    def is_off_by(self, seconds: str) -> None:
        """Set it."""
        self._path.write_text(seconds)


def rows(world: World) -> dict[str, list[tuple[object, ...]]]:
    """All that is stored."""
    with world.database.reading() as tx:
        return {
            name: sorted((tuple(row) for row in tx.execute(select(table))), key=repr)
            for name, table in metadata.tables.items()
        }
