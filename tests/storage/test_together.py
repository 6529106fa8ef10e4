"""Several uses in one transaction: how much is said to the database, and what an error costs."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import psycopg
import pytest
from sqlalchemy import BigInteger, String, bindparam, select, text

from tests.http.express.building import (
    all_short,
    by_short_way,
    client_credentials,
    introspect,
    known_to,
    refresh,
    validate,
)
from tests.storage.building import (
    Signed,
    change,
    rotation_of,
    sign_in,
    signed_in,
    state_of,
    tokens_of,
)
from tests.storage.counting import statements
from tests.storage.holding import holding
from tests.storage.test_faults import cut_off
from tests.world.world import World
from token_service.domain.failures import Unavailable
from token_service.domain.sessions import GrantState
from token_service.storage import database as databases
from token_service.storage.compiled import Compiled, Flavour, compiled
from token_service.storage.database import Ask, Asks, Database
from token_service.storage.driver_session import Row
from token_service.storage.rotations import Rotation, rotating_all
from token_service.storage.tables import grants as grants_table

NUMBER = bindparam("value", type_=BigInteger, required=True)


def many(world: World, number: int) -> list[Signed]:
    """So many sessions of different people, in a worker that has its configuration and its
    connections already."""
    *signed, warm = [signed_in(world) for _ in range(number + 1)]
    known_to(world, warm.app, *(one.app for one in signed))
    asked = [validate(one.tokens.access_token) for one in signed]
    assert len(all_short(world, *asked, *uses([warm]))) == number + 1
    return signed


def uses(signed: list[Signed]) -> list[Any]:
    return [refresh(one.app, str(one.tokens.refresh_token)) for one in signed]


def transactions(world: World, signed: list[Signed]) -> int:
    """How many transactions have written these grants as they are (PostgreSQL keeps who did)."""
    sids = {one.tokens.sid for one in signed}
    written = world.sql("SELECT sid, xmin::text FROM grants")
    return len({writer for sid, writer in written if sid.hex in sids})


# How much is said.


@pytest.mark.parametrize("number", [1, 2, 16])
def test_whatever_is_asked_together_is_one_statement(world: World, number: int) -> None:
    service, signed = world.client("service"), many(world, number)
    known_to(world, service)
    asked = [
        request
        for one in signed
        for request in (
            validate(one.tokens.access_token),
            introspect(one.app, str(one.tokens.refresh_token)),
            client_credentials(service),
        )
    ]
    with statements(world) as heard:
        assert len(all_short(world, *asked)) == 3 * number
    assert heard == ["SELECT"]


@pytest.mark.parametrize("number", [1, 2, 16])
def test_refreshes_that_wait_together_are_one_transaction(world: World, number: int) -> None:
    signed = many(world, number)
    with statements(world) as heard:
        assert len(all_short(world, *uses(signed))) == number
    if world.database.is_sqlite:
        assert heard == ["BEGIN", *["UPDATE grants", "SELECT"] * number, "COMMIT"]
        return
    assert heard == ["UPDATE grants"] * number
    assert transactions(world, signed) == 1


def test_both_together_are_no_more_than_each_alone(world: World) -> None:
    signed = many(world, 3)
    asked = [*uses(signed), *(validate(one.tokens.access_token) for one in signed)]
    with statements(world) as heard:
        assert len(all_short(world, *asked)) == 6
    assert heard.count("UPDATE grants") == 3
    assert heard[0] == "SELECT"
    assert heard.count("BEGIN") <= 1


def test_garbage_alone_does_not_reach_the_database(world: World) -> None:
    app = many(world, 1)[0].app
    asked = [introspect(app, "garbage"), validate("garbage"), refresh(app, "tsr_garbage")]
    with statements(world) as heard:
        assert by_short_way(world, *asked) == [None] * 3
    assert heard == []


# What each gets.


def rotated(world: World, asked: Sequence[Rotation]) -> list[GrantState | None]:
    """Use several refresh tokens at once."""
    return world.database.at_once(rotating_all(world.database, asked))


def together(
    database: Database, statement: Compiled, parameters: Sequence[Mapping[str, object]]
) -> list[list[Row]]:
    """One statement, run for each in one transaction; the rows of each."""

    def asks() -> Asks[list[list[Row]]]:
        found: list[list[Row]] = yield Ask(statement, parameters)
        return found

    return database.at_once(asks())


def rotations(world: World, signed: list[Signed]) -> list[Rotation]:
    return [rotation_of(world, one.app, one.tokens.refresh_token) for one in signed]


def test_one_that_does_not_apply_stops_no_other(world: World) -> None:
    signed = many(world, 5)
    spent, ended = rotations(world, signed), {1: "secret_hash", 3: "generation"}
    change(world, grants_table, grants_table.c.sid == signed[1].tokens.sid, secret_hash="x")
    change(world, grants_table, grants_table.c.sid == signed[3].tokens.sid, generation=7)
    states = rotated(world, spent)
    assert [place for place, state in enumerate(states) if state is None] == list(ended)
    for place, state in enumerate(states):
        if state is not None:
            assert (state.key, state.generation) == (spent[place].key, 1)
            assert state == state_of(signed[place])


@pytest.mark.parametrize("order", [(3, 1, 0, 2), (0, 1, 2, 3), (3, 2, 1, 0)])
def test_whatever_their_order_each_gets_its_own_state(world: World, order: tuple[int, ...]) -> None:
    signed = many(world, 4)
    asked = rotations(world, [signed[place] for place in order])
    states = rotated(world, asked)
    assert [state.key for state in states if state] == [one.key for one in asked]


def test_the_same_token_twice_is_used_once(world: World) -> None:
    [signed] = many(world, 1)
    [rotation] = rotations(world, [signed])
    first, second = rotated(world, [rotation, rotation])
    assert (first is not None, second) == (True, None)
    assert state_of(signed).generation == 1


def test_two_sessions_of_one_account_are_two_rows(world: World) -> None:
    [signed] = many(world, 1)
    again = Signed(
        world,
        signed.tenant,
        signed.person,
        signed.app,
        tokens_of(sign_in(world, signed.person, signed.app)),
    )
    states = rotated(world, rotations(world, [signed, again]))
    assert [state.key for state in states if state] == [signed.key, again.key]


# What an error costs.


@pytest.fixture
def some(on_postgres: World) -> list[Signed]:
    """Three sessions on PostgreSQL."""
    return many(on_postgres, 3)


@cache
def dividing() -> Compiled:
    """12 by a number, and which backend says so."""
    query = text("SELECT 12 / :value, pg_backend_pid()").bindparams(NUMBER)
    return compiled(query, Flavour("postgresql", "asked"))


def divided(world: World, *numbers: int) -> list[int]:
    rows = together(world.database, dividing(), [{"value": number} for number in numbers])
    return [found for ((found, _),) in rows]


def backend(world: World) -> int:
    [[(_, pid)]] = together(world.database, dividing(), [{"value": 1}])
    return int(pid)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_an_error_of_ours_in_one_of_several_leaves_no_other_s_answer_behind(
    some: list[Signed], place: int
) -> None:
    world = some[0].world
    numbers = [1, 2, 3, 4]
    assert divided(world, *numbers) == [12, 6, 4, 3]
    numbers[place] = 0
    with pytest.raises(psycopg.DataError):
        divided(world, *numbers)
    for _ in range(3):
        assert divided(world, 6, 4) == [2, 3]


def test_what_was_done_before_the_error_is_undone(some: list[Signed]) -> None:
    world, asked = some[0].world, rotations(some[0].world, some)
    last = max(asked, key=lambda one: (one.key.account_id, one.key.sid))
    broken = last._replace(used_from="more than fits into the column" * 3)
    with pytest.raises(psycopg.DataError):
        rotated(world, [broken if one is last else one for one in asked])
    assert [state_of(one).generation for one in some] == [0, 0, 0]
    assert None not in rotated(world, asked)


def test_a_connection_that_is_lost_is_replaced_and_nothing_was_done(some: list[Signed]) -> None:
    world = some[0].world
    before = backend(world)
    cut_off(world)
    # Found before anything is sent: nobody loses an answer.
    assert None not in rotated(world, rotations(world, some[:1]))
    assert backend(world) != before


def test_one_that_is_cut_off_while_it_waits_spends_nothing(
    some: list[Signed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_SHARED_LOCK_MILLISECONDS", 20_000)
    world, asked = some[0].world, rotations(some[0].world, some)
    with holding(world) as hold:
        hold.run("SET application_name = 'holder'")
        hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", some[2].tokens.sid)
        (waiting,) = hold.start(lambda: rotated(world, asked))
        cut_off(world)
        with pytest.raises(Unavailable):
            waiting.result(timeout=60)
        hold.release()
    assert [state_of(one).generation for one in some] == [0, 0, 0]
    assert None not in rotated(world, asked)


def test_a_lock_that_somebody_has_is_not_waited_for_long(some: list[Signed]) -> None:
    world, asked = some[0].world, rotations(some[0].world, some)
    with holding(world) as hold:
        hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", some[1].tokens.sid)
        for _ in range(2):
            with pytest.raises(Unavailable, match="LockNotAvailable"):
                rotated(world, asked)
    assert [state_of(one).generation for one in some] == [0, 0, 0]
    assert None not in rotated(world, asked)


def test_whoever_is_alone_waits_for_as_long_as_it_takes(some: list[Signed]) -> None:
    """On the same connection: the one after the other, in either order."""
    database = some[0].world.database
    asked = compiled(text("SELECT current_setting('lock_timeout')"), database.flavour)
    for _ in range(2):
        assert together(database, asked, [{}, {}]) == [[("50ms",)], [("50ms",)]]
        with database.statement() as tx:
            assert tx.run(asked, {}) == [("0",)]


def test_a_database_that_only_reads_is_away(some: list[Signed]) -> None:
    world, asked = some[0].world, rotations(some[0].world, some)
    backend(world)
    world.database._pinned.connection._open().connection.execute(
        "SET default_transaction_read_only = on"
    )
    with pytest.raises(Unavailable):
        rotated(world, asked)
    assert None not in rotated(world, asked)


def test_statements_are_prepared_once_for_all_groups(some: list[Signed]) -> None:
    world = some[0].world
    for numbers in ((1,), (1, 2, 3), (3, 2)):
        divided(world, *numbers)
    known = compiled(
        text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 12 %'"),
        world.database.flavour,
    )
    [[(prepared,)]] = together(world.database, known, [{}])
    assert prepared == 1


def test_long_values_of_many_do_not_block_each_other(some: list[Signed]) -> None:
    """16 times what the longest request could bring."""
    world = some[0].world
    echo = compiled(select(bindparam("value", type_=String, required=True)), world.database.flavour)
    values = [f"{number}" * 8_192 for number in range(1, 10)] + ["x"] * 7
    found = together(world.database, echo, [{"value": value} for value in values])
    assert [one for ((one,),) in found] == values


def test_each_thread_has_a_connection_of_its_own_for_it(some: list[Signed]) -> None:
    world = some[0].world
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(backend, world).result(timeout=60) != backend(world)
