"""One running service on each kind of database for the whole folder."""

from collections.abc import Iterator

import pytest

from tests.journeys.service import Service, behind, serving
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World

SETTINGS = {
    "TOKEN_SERVICE_REGISTRATION_MODE": "open",
    "TOKEN_SERVICE_REGISTRATION_PKCE_REQUIRED": "false",
    "TOKEN_SERVICE_OUTBOUND_ALLOW_PRIVATE_ADDRESSES": "true",
}
"""As docs/conformance.md says."""


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    sqlite_files: SqliteFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The service as `serve` starts it."""
    databases = sqlite_files if request.param == "sqlite" else postgres
    url = databases.empty()
    with serving(url, tmp_path_factory.mktemp("service"), SETTINGS) as running:
        yield running
    databases.drop(url)


@pytest.fixture(scope="package")
def world(service: Service) -> Iterator[World]:
    """What is behind the service."""
    with behind(service) as world:
        yield world
