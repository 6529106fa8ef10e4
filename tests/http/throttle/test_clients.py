"""Guessing client secrets."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.http.building import assert_refused
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, World
from token_service.domain.events import NO_ACCOUNT, Event


@pytest.fixture
def strict(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """Five failures of one source are free."""
    return world_on(databases, TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES="5")


def guess(world: World, app: App) -> TestResponse:
    """A wrong secret."""
    return world.token(App(app.client_id, "wrong"), grant_type="client_credentials")


def test_a_source_that_guesses_secrets_is_told_to_wait(strict: World) -> None:
    service = strict.client("service")
    statuses = [guess(strict, service).status_code for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    answer = guess(strict, service)
    assert_refused(answer, 429, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_client_itself_and_all_others_go_on(strict: World) -> None:
    """Whoever guesses must not be able to lock a client out."""
    service, other = strict.client("service"), strict.client("service")
    for _ in range(20):
        guess(strict, service)
    assert strict.client_token(service)
    assert strict.client_token(other)
    assert guess(strict, other).status_code == 401
    strict.http.environ_base["REMOTE_ADDR"] = "203.0.113.8"
    assert guess(strict, service).status_code == 401


def test_a_flood_of_guesses_does_not_fill_the_audit_log(strict: World) -> None:
    service = strict.client("service")
    for _ in range(20):
        guess(strict, service)
    told = [
        event
        for event in strict.events(NO_ACCOUNT)
        if event.event is Event.CLIENT_AUTHENTICATION_FAILED
    ]
    assert len(told) == 5
    assert {event.client_id for event in told} == {service.client_id}
