"""Races on PostgreSQL: hundreds of requests at once, from several processes, many times over.

One burst is no evidence; fifty find a read-then-write with a probability that leaves no doubt.
"""

import pytest

from tests.races.bursts import PROCESSES, THREADS, Workers, invalidate, refresh, revoke
from tests.world.world import App, Person, Tokens, World

BURSTS = 50


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


@pytest.fixture(scope="module")
def of_two(raced: World) -> tuple[Person, str]:
    """An account in two tenants that signs in to the first one; and the second one."""
    one, two = raced.tenant(retry_window=300), raced.tenant()
    return raced.person(one, two, default=one), two


def live_grants(raced: World, tokens: Tokens) -> int:
    """How many grants of the session nobody has ended."""
    rows = raced.sql("SELECT 1 FROM grants WHERE sid = :sid AND ended_at IS NULL", sid=tokens.sid)
    return len(rows)


def test_one_token_enters_a_tenant_once_however_many_ask(
    raced: World, crowd: Workers, of_two: tuple[Person, str], app: App
) -> None:
    person, tenant_id = of_two
    tokens = raced.sign_in(person, app)
    token = tokens.refresh
    for number in range(1, 11):
        answers = crowd.burst([refresh(app, token, tenant_id=tenant_id)] * (PROCESSES * 16))
        assert {status for status, _ in answers} == {200}
        pairs = {(body["refresh_token"], body["previous_refresh_token"]) for _, body in answers}
        assert len(pairs) == 1
        assert live_grants(raced, tokens) == number + 1
        ((_, token),) = pairs


def test_one_token_for_two_things_gives_one_of_them(
    raced: World, crowd: Workers, of_two: tuple[Person, str], app: App
) -> None:
    """Those who refresh all get one successor, and those who enter are left no other life."""
    person, tenant_id = of_two
    for _ in range(20):
        tokens = raced.sign_in(person, app)
        both = [refresh(app, tokens.refresh), refresh(app, tokens.refresh, tenant_id=tenant_id)]
        answers = crowd.burst(both * 16)
        assert {status for status, _ in answers} <= {200, 400}
        given = [body for status, body in answers if status == 200]
        successors = {body.get("previous_refresh_token", body["refresh_token"]) for body in given}
        assert len(successors) == 1
        assert {body["error"] for status, body in answers if status == 400} <= {"invalid_target"}
        assert live_grants(raced, tokens) == 1
        assert raced.refresh(app, successors.pop())


def test_whoever_enters_a_session_that_is_ended_has_nothing(
    raced: World, crowd: Workers, of_two: tuple[Person, str], app: App
) -> None:
    person, tenant_id = of_two
    for _ in range(20):
        tokens = raced.sign_in(person, app)
        enter = refresh(app, tokens.refresh, tenant_id=tenant_id)
        answers = crowd.burst([enter] * 15 + [invalidate(tokens.access)])
        assert {status for status, _ in answers} <= {200, 204, 400}
        for body in (body for status, body in answers if status == 200):
            assert not raced.validate(body["access_token"])["active"]
            for name in ("refresh_token", "previous_refresh_token"):
                assert raced.try_refresh(app, body[name]).status_code == 400
