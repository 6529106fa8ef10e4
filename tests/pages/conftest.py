"""A running service, an application, and Chromium, once for the folder; a new browser a test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.node import program
from tests.journeys.service import Service, behind, serving
from tests.pages.application import Application, running
from tests.pages.visit import Visit
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    sqlite_files: SqliteFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The service as `serve` starts it; browsers may stay signed in, letters become files."""
    databases = sqlite_files if request.param == "sqlite" else postgres
    url, folder = databases.empty(), tmp_path_factory.mktemp("service")
    overrides = {
        "TOKEN_SERVICE_POLICY_REMEMBER_ME": "true",
        "TOKEN_SERVICE_MAIL_FOLDER": str(folder / "mail"),
    }
    with serving(url, folder, overrides) as running_service:
        yield running_service
    databases.drop(url)


@pytest.fixture(scope="package")
def world(service: Service) -> Iterator[World]:
    """What is behind the service."""
    with behind(service) as world:
        yield world


@pytest.fixture(scope="package")
def application() -> Iterator[Application]:
    """Where people come from."""
    with running() as application:
        yield application


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser of the machine."""
    path = program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def visit(
    request: pytest.FixtureRequest,
    chromium: Browser,
    service: Service,
    application: Application,
    world: World,
) -> Iterator[Visit]:
    """A browser of its own: without scripts and as wide as a desk's, unless the test says else
    (`@pytest.mark.parametrize("visit", [{...}], indirect=True)`, as Playwright's `new_context`)."""
    options = {
        "java_script_enabled": False,
        "locale": "en-GB",
        "viewport": {"width": 1280, "height": 800},
    } | getattr(request, "param", {})
    context = chromium.new_context(**options)
    context.set_default_timeout(10_000)
    visit = Visit(context, service.issuer, application, world)
    yield visit
    context.close()
    assert visit.complaints == []
    assert visit.origins <= {service.issuer, application.origin}
