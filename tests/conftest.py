"""Fixtures: every test that takes `world` runs on SQLite and on PostgreSQL."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from freezegun import freeze_time

from tests.world.databases import URL_VARIABLE, OwnServer, Postgres, SqliteFiles
from tests.world.world import START, Time, World, prepare

LONG = {
    Path(__file__).with_name(folder)
    for folder in ("journeys", "model", "operation", "pages", "races")
}
"""Few tests that take long: each has processes of its own, or a thousand steps."""
ROOM_FOR_DATABASES = 2**30
"""Bytes."""

_servers: list[OwnServer] = []


def pytest_configure(config: pytest.Config) -> None:
    """Bring up one PostgreSQL for the run; its workers find it in the environment."""
    if hasattr(config, "workerinput") or URL_VARIABLE in os.environ:
        return
    server = OwnServer()
    _servers.append(server)
    os.environ[URL_VARIABLE] = server.url


def pytest_unconfigure() -> None:
    """End the PostgreSQL that this process started."""
    while _servers:
        _servers.pop().stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: at the end of the run one process alone would be left with one."""
    items.sort(key=lambda item: item.path.parent not in LONG)


def pytest_collection_finish() -> None:
    """Ten thousand collected tests stay as long as the run: no garbage collection looks there."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """Databases on the run's PostgreSQL."""
    return Postgres()


@pytest.fixture(scope="session")
def sqlite_files() -> Iterator[SqliteFiles]:
    """Databases in files, where no commit waits for a disk if there is such a place."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM_FOR_DATABASES
    with TemporaryDirectory(prefix="token-service-", dir=memory if roomy else None) as folder:
        yield SqliteFiles(Path(folder))


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(
    request: pytest.FixtureRequest, postgres: Postgres, sqlite_files: SqliteFiles
) -> Postgres | SqliteFiles:
    """Each kind of database in turn."""
    return sqlite_files if request.param == "sqlite" else postgres


@pytest.fixture
def time() -> Iterator[Time]:
    """The clock stands still until the test moves it."""
    with freeze_time(START) as frozen:
        yield Time(frozen)  # type: ignore[arg-type]


@pytest.fixture
def world_on(time: Time, tmp_path: Path) -> Iterator[Callable[[Postgres | SqliteFiles], World]]:
    """Build worlds on chosen databases; they are dropped at the end of the test."""
    worlds: list[tuple[World, Postgres | SqliteFiles]] = []

    def build(databases: Postgres | SqliteFiles, **overrides: str) -> World:
        world = World(databases.create(prepare), tmp_path, overrides)
        worlds.append((world, databases))
        return world

    yield build
    for world, databases in worlds:
        world.close()
        databases.drop(world.url)


@pytest.fixture
def world(
    world_on: Callable[[Postgres | SqliteFiles], World], databases: Postgres | SqliteFiles
) -> World:
    """A service on a database of its own."""
    return world_on(databases)
