"""Groups of requests that meet each other, and somebody else's locks, on PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Barrier

import psycopg
import pytest

from tests.http.building import SignedIn, assert_dead, signed_in
from tests.http.clocks.node import rows
from tests.http.express.building import (
    Answer,
    answered,
    both_ways,
    by_short_way,
    known_to,
    passed_on,
    refresh,
    validate,
)
from tests.storage.holding import Hold, holding, url_of
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World
from token_service.storage import database

SOON = 2
"""Seconds: much longer than a lock is waited for while others wait, much shorter than for ever."""


@pytest.fixture(autouse=True)
def way() -> None:
    """Groups at the same time are those of several workers: each has a thread of its own here."""


@pytest.fixture
def world(world_on: Callable[[Postgres | SqliteFiles], World], postgres: Postgres) -> World:
    """SQLite has one writer at a time."""
    return world_on(postgres)


@pytest.fixture
def people(world: World) -> list[SignedIn]:
    """Two sessions of one account and two of others."""
    first, *others = [signed_in(world) for _ in range(3)]
    people = [first, first.again(), *others]
    known_to(world, *(one.app for one in people))
    assert None not in by_short_way(world, *(validate(one.tokens.access) for one in people))
    return people


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group waits for a lock as long as the test needs."""
    monkeypatch.setattr(database, "_SHARED_LOCK_MILLISECONDS", 20_000)


def hold_grant(hold: Hold, who: SignedIn) -> None:
    hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", who.tokens.sid)


def by_key(people: list[SignedIn]) -> list[SignedIn]:
    """In the order in which everybody locks them."""
    return sorted(people, key=lambda one: (one.account_id, one.tokens.sid))


def group(world: World, people: list[SignedIn]) -> list[str | None]:
    """What all of them get by the short way: a refresh token each, or nothing."""
    uses = [refresh(one.app, one.tokens.refresh) for one in people]
    return [refresh_token(answer) for answer in by_short_way(world, *uses)]


def refresh_token(answer: Answer | None) -> str | None:
    return None if answer is None else str(answer.members["refresh_token"])


def generations(people: list[SignedIn]) -> list[int]:
    return [
        one.world.sql("SELECT generation FROM grants WHERE sid = :sid", sid=one.tokens.sid)[0][0]
        for one in people
    ]


def seconds(world: World) -> float:
    """By the database's clock: that of the test stands still."""
    return float(world.sql("SELECT extract(epoch FROM clock_timestamp())")[0][0])


# A row that somebody else has.


@pytest.mark.parametrize("locked", range(4))
def test_a_group_waits_not_long_for_a_lock_and_nothing_of_it_is_done(
    world: World, people: list[SignedIn], locked: int
) -> None:
    environs = [refresh(one.app, one.tokens.refresh).at(world) for one in people]
    with holding(world) as hold:
        before = rows(world)
        hold_grant(hold, by_key(people)[locked])
        began = seconds(world)
        assert answered(world, environs) == [None] * 4
        assert seconds(world) - began < SOON
        assert rows(world) == before
        # The long way waits for the one row, and for no other.
        (waiting,) = hold.start(lambda: [passed_on(world, environ) for environ in environs])
        hold.release()
        answers = waiting.result(timeout=60)
    assert [answer.status for answer in answers] == [200] * 4
    assert generations(people) == [1] * 4
    assert [one.happened.count(("refresh_replayed", "replayed")) for one in people] == [0] * 4


def test_who_only_asks_waits_for_no_lock(world: World, people: list[SignedIn]) -> None:
    with holding(world) as hold:
        for one in people:
            hold_grant(hold, one)
        asked = [validate(one.tokens.access) for one in people]
        answers = by_short_way(world, *asked)
    assert [answer.members["active"] for answer in answers if answer] == [True] * 4


def test_a_refresh_waits_for_no_account_and_no_session(
    world: World, people: list[SignedIn]
) -> None:
    with holding(world) as hold:
        hold.run("SELECT 1 FROM accounts FOR UPDATE")
        hold.run("SELECT 1 FROM sessions FOR UPDATE")
        hold.run("SELECT 1 FROM environment FOR UPDATE")
        assert None not in group(world, people)


@pytest.mark.usefixtures("patient")
def test_rows_are_locked_in_the_order_of_their_keys(world: World, people: list[SignedIn]) -> None:
    """Whoever waits for the first one has none that another group needs for it."""
    first, *others = by_key(people)
    with holding(world) as hold:
        hold_grant(hold, first)
        (waiting,) = hold.start(partial(group, world, [*reversed(others), first]))
        with psycopg.connect(url_of(world)) as connection:
            for one in others:
                asked = "SELECT 1 FROM grants WHERE sid = %s FOR UPDATE NOWAIT"
                assert connection.execute(asked, [one.tokens.sid]).fetchone()
        hold.release()
        assert None not in waiting.result(timeout=60)


# Groups that meet.


@pytest.mark.usefixtures("patient")
def test_of_groups_that_wait_for_one_row_each_chain_has_one_successor(
    world: World, people: list[SignedIn]
) -> None:
    with holding(world) as hold:
        hold_grant(hold, by_key(people)[0])
        orders = [people, people[::-1], people[1:] + people[:1]]
        waiting = hold.start(*(partial(group, world, one) for one in orders))
        hold.release()
        told = [future.result(timeout=60) for future in waiting]
    # The first one has used them all; the others may ask by the long way.
    assert None not in told[0]
    assert told[1:] == [[None] * 4] * 2
    assert generations(people) == [1] * 4


@pytest.fixture
def workers(world: World) -> Iterator[list[World]]:
    """Two of the same service."""
    both = [world, world.second_worker()]
    yield both
    both[1].close()


def meeting(
    start: Barrier, people: list[SignedIn], tokens: list[str], worker: World, turn: int
) -> dict[int, Answer | None]:
    """What each of the people gets in a group that begins with another one at each turn."""
    order = [(turn + place) % len(people) for place in range(len(people))]
    asked = [refresh(people[who].app, tokens[who]) for who in order]
    start.wait(60)
    return dict(zip(order, both_ways(worker, asked), strict=True))


def test_whoever_meets_whom_there_is_never_a_second_successor(
    workers: list[World], people: list[SignedIn]
) -> None:
    """Several threads of several workers with groups of the same tokens, in different orders."""
    threads, world = 3, workers[0]
    known_to(workers[1], *(one.app for one in people))
    tokens = [one.tokens.refresh for one in people]
    with ThreadPoolExecutor(threads * len(workers)) as pool:
        for round_ in range(4):
            start = Barrier(threads * len(workers))

            turns = [(worker, turn) for worker in workers for turn in range(threads)]
            futures = [pool.submit(meeting, start, people, tokens, *one) for one in turns]
            told = [future.result(timeout=60) for future in futures]
            got = [{refresh_token(answers[who]) for answers in told} for who in range(4)]
            assert [len(one) for one in got] == [1] * 4
            tokens = [str(one.pop()) for one in got]
            assert generations(people) == [round_ + 1] * 4
    (deadlocks,) = world.sql(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )[0]
    assert deadlocks == 0
    assert [one.happened.count(("refresh_replayed", "replayed")) for one in people] == [0] * 4


# The end of all sessions of an account, at the same moment.


def end_all(who: SignedIn) -> int:
    answer = who.world.app.test_client().delete(
        f"/v1/accounts/{who.account_id}/sessions", headers=who.backend.basic
    )
    return answer.status_code


def ended(who: SignedIn, futures: list[Future[int]]) -> None:
    assert [future.result(timeout=60) for future in futures] == [204]
    assert_dead(who)


@pytest.mark.usefixtures("patient")
def test_after_the_end_of_all_sessions_nothing_that_a_group_was_given_is_live(
    world: World, people: list[SignedIn]
) -> None:
    one, two, *others = people
    with holding(world) as hold:
        hold.run("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", one.account_id)
        futures = hold.start(partial(end_all, one))
        told = group(world, people)
        assert None not in told
        hold.release()
        ended(one, futures)
    assert_dead(two)
    uses = [refresh(one.app, str(token)) for one, token in zip(people, told, strict=True)]
    answers = [answer.status for answer in both_ways(world, uses) if answer]
    assert answers == [400, 400, 200, 200]
    assert [who.happened for who in others] == [[], []]


@pytest.mark.usefixtures("patient")
def test_a_group_that_waits_through_the_end_of_all_sessions_gets_nothing_of_them(
    world: World, people: list[SignedIn]
) -> None:
    """The statement looks again at what has changed while it waited."""
    one, two, *_ = people
    with holding(world) as hold:
        hold_grant(hold, by_key([one, two])[0])
        (waiting,) = hold.start(partial(group, world, people))
        assert end_all(one) == 204
        hold.release()
        told = waiting.result(timeout=60)
    live = {who.tokens.sid: token for who, token in zip(people, told, strict=True) if token}
    assert live.keys() <= {who.tokens.sid for who in people[2:]} | {
        who.tokens.sid for who in (one, two)
    }
    for who in (one, two):
        assert_dead(who)
        if token := live.get(who.tokens.sid):
            assert world.try_refresh(who.app, token).status_code == 400


def test_a_crowd_of_groups_and_ends_leaves_every_session_wholly_alive_or_wholly_dead(
    workers: list[World], people: list[SignedIn]
) -> None:
    one, two, *others = people
    known_to(workers[1], *(who.app for who in people))
    start = Barrier(5)

    def use(worker: World) -> list[Answer | None]:
        asked = [refresh(who.app, who.tokens.refresh) for who in people]
        start.wait(60)
        return both_ways(worker, asked)

    def stop() -> int:
        start.wait(60)
        return end_all(one)

    with ThreadPoolExecutor(5) as pool:
        uses = [pool.submit(use, worker) for worker in workers * 2]
        ends = pool.submit(stop)
        told = [future.result(timeout=60) for future in uses]
        ended(one, [ends])
    assert_dead(two)
    for answers in told:
        assert [answer.status for answer in answers[2:] if answer] == [200, 200]
        for who, answer in zip((one, two), answers[:2], strict=True):
            if answer is not None and answer.status == 200:
                assert not world_says(who, answer)
    assert generations(others) == [1, 1]


def world_says(who: SignedIn, answer: Answer) -> bool:
    """Whether an access token that was given is live."""
    return bool(who.world.validate(answer.members["access_token"])["active"])
