"""Races on PostgreSQL: hundreds of requests at once, from several processes, many times over.

One burst is no evidence; fifty find a read-then-write with a probability that leaves no doubt.
"""

from collections.abc import Iterator

import pytest

from tests.races.bursts import PROCESSES, THREADS, Workers, invalidate, refresh, revoke, workers
from tests.world.databases import Postgres
from tests.world.world import App, Person, World, prepare_now

BURSTS = 50


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in real time, because its worker processes have clocks of their own."""
    postgres = Postgres()
    world = World(postgres.create(prepare_now), tmp_path_factory.mktemp("races"))
    yield world
    world.close()
    postgres.drop(world.url)


@pytest.fixture(scope="module")
def crowd(raced: World) -> Iterator[Workers]:
    """The worker processes."""
    with workers(raced) as started:
        yield started


@pytest.fixture(scope="module")
def person(raced: World) -> Person:
    """An account in a tenant with the longest retry window."""
    return raced.person(raced.tenant(retry_window=300))


@pytest.fixture(scope="module")
def app(raced: World) -> App:
    """An application."""
    return raced.client("app")


def test_one_token_has_one_successor_however_many_ask(
    raced: World, crowd: Workers, person: Person, app: App
) -> None:
    token = raced.sign_in(person, app).refresh
    for _ in range(BURSTS):
        answers = crowd.burst([refresh(app, token)] * (PROCESSES * THREADS))
        assert {status for status, _ in answers} == {200}
        successors = {body["refresh_token"] for _, body in answers}
        assert len(successors) == 1
        token = successors.pop()


@pytest.mark.parametrize("ending", ["invalidate", "revoke"])
def test_after_both_answered_everything_is_dead(
    raced: World, crowd: Workers, person: Person, app: App, ending: str
) -> None:
    for _ in range(BURSTS):
        tokens = raced.sign_in(person, app)
        end = invalidate(tokens.access) if ending == "invalidate" else revoke(app, tokens.refresh)
        answers = crowd.burst([refresh(app, tokens.refresh)] * 15 + [end])
        assert {status for status, _ in answers} <= {200, 204, 400}
        given = [body for _, body in answers if body and "access_token" in body]
        for body in given:
            assert not raced.validate(body["access_token"])["active"]
            assert raced.try_refresh(app, body["refresh_token"]).status_code == 400
        assert not raced.is_live(tokens)


def test_a_replay_in_the_crowd_ends_the_session_once(
    raced: World, crowd: Workers, person: Person, app: App
) -> None:
    for _ in range(10):
        tokens = raced.sign_in(person, app)
        second = raced.refresh(app, tokens.refresh)
        third = raced.refresh(app, second.refresh)
        answers = crowd.burst([refresh(app, tokens.refresh)] * 32 + [refresh(app, third.refresh)])
        assert {status for status, _ in answers} <= {200, 400}
        assert not raced.is_live(third)
        events = [one for one in raced.events(person.account_id) if one.sid == tokens.sid]
        assert [str(one.event) for one in events].count("refresh_replayed") == 1
