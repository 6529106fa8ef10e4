"""Races for the last places: two hundred sign-ins at once, from several processes."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.http.building import sids
from tests.races.bursts import Workers, continue_sign_in, in_real_time, sign_in
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Person, World

SIGN_INS = 200
MOST = 3


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def raced(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    sqlite_files: SqliteFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A world on either kind of database."""
    databases = sqlite_files if request.param == "sqlite" else postgres
    with in_real_time(databases, tmp_path_factory.mktemp("races")) as world:
        yield world


def answered(crowd: Workers, requests: list[dict[str, Any]]) -> list[tuple[int, Any]]:
    """Send equal requests at once, and whatever was answered 503 again: that counts as nothing."""
    answers: list[tuple[int, Any]] = []
    while requests:
        told = crowd.burst(requests)
        answers += [one for one in told if one[0] != 503]
        requests = requests[: len(told) - sum(status != 503 for status, _ in told)]
    return answers


def live(world: World, person: Person, backend: App) -> set[str]:
    """The live sessions of an account."""
    path = f"/v1/accounts/{person.account_id}/sessions"
    return set(sids(world.http.get(path, headers=backend.basic)))


@pytest.mark.parametrize("action", ["evict_oldest", "deny", "ask"])
def test_two_hundred_sign_ins_at_once_leave_exactly_as_many_as_there_may_be(
    raced: World, crowd: Workers, action: str
) -> None:
    person = raced.person(raced.tenant(max_sessions=MOST, max_sessions_action=action))
    app, backend = raced.client(), raced.client("backend")
    answers = answered(crowd, [sign_in(person, app)] * SIGN_INS)
    found = Counter(status for status, _ in answers)
    opened = {body["sid"] for status, body in answers if status == 200}
    assert (
        found
        == {
            "evict_oldest": {200: SIGN_INS},
            "deny": {200: MOST, 403: SIGN_INS - MOST},
            "ask": {200: MOST, 409: SIGN_INS - MOST},
        }[action]
    )
    left = live(raced, person, backend)
    assert len(left) == MOST
    assert left <= opened
    assert raced.sql("SELECT * FROM failure_counts") == []


def test_one_ticket_opens_one_session_however_many_spend_it(raced: World, crowd: Workers) -> None:
    person = raced.person(raced.tenant(max_sessions=2, max_sessions_action="ask"))
    app, backend = raced.client(), raced.client("backend")
    first, second = raced.sign_in(person, app), raced.sign_in(person, app)
    ticket = raced.try_sign_in(person, app).get_json()["ticket"]
    answers = answered(crowd, [continue_sign_in(app, ticket, first.sid)] * 64)
    won = [body for status, body in answers if status == 200]
    lost = {body["code"] for status, body in answers if status == 400}
    assert len(won) == 1
    assert lost == {"invalid_ticket"}
    assert live(raced, person, backend) == {second.sid, won[0]["sid"]}
