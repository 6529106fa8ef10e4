"""The connection of the thread that must not wait: nobody gets another's rows."""

from collections.abc import Callable, Generator
from typing import Any

import psycopg
import pytest
from sqlalchemy import BigInteger, bindparam, text

from tests.storage.holding import holding
from tests.storage.test_faults import cut_off
from tests.world.world import World
from token_service import waits
from token_service.domain.failures import Unavailable
from token_service.storage.compiled import Compiled, compiled
from token_service.storage.database import Ask, Asks, Database
from token_service.storage.driver_session import Row
from token_service.waits import Ready, Waiting, waited_for

NUMBER = bindparam("value", type_=BigInteger, required=True)


@pytest.fixture
def database(on_postgres: World) -> Database:
    """One whose line is open."""
    database = on_postgres.database
    assert database._line is not None
    database._line.open_here()
    return database


def asking(database: Database, sql: str, *values: int) -> Asks[list[list[Row]]]:
    statement = _statement(database, sql)
    found: list[list[Row]] = yield Ask(statement, [{"value": value} for value in values])
    return found


def _statement(database: Database, sql: str) -> Compiled:
    known = _STATEMENTS.setdefault((database.flavour, sql), [])
    if not known:
        known.append(compiled(text(sql).bindparams(NUMBER), database.flavour))
    return known[0]


_STATEMENTS: dict[Any, list[Compiled]] = {}
ECHO = "SELECT :value"


def by_line(database: Database, sql: str, *values: int) -> list[list[Row]]:
    return waited_for(database.without_waiting(asking(database, sql, *values)))


def at_once(database: Database, sql: str, *values: int) -> list[list[Row]]:
    return database.at_once(asking(database, sql, *values))


WAYS = pytest.mark.parametrize("ask", [by_line, at_once])


@WAYS
@pytest.mark.parametrize("number", [1, 2, 16])
def test_each_gets_its_own_rows(
    database: Database, ask: Callable[..., list[list[Row]]], number: int
) -> None:
    for first in range(3):
        values = range(first, first + number)
        assert ask(database, ECHO, *values) == [[(value,)] for value in values]


@WAYS
def test_a_commit_that_fails_is_no_success(
    on_postgres: World, database: Database, ask: Callable[..., list[list[Row]]]
) -> None:
    """It comes after the rows, where a constraint is looked at last."""
    on_postgres.sql("CREATE TABLE late (x bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    insert = "INSERT INTO late VALUES (:value) RETURNING x"
    for value in (1, 2):
        assert ask(database, insert, value) == [[(value,)]]
    for values in ([1], [3, 1]):
        with pytest.raises(psycopg.errors.UniqueViolation):
            ask(database, insert, *values)
        database._line.open_here()  # type: ignore[union-attr]
        assert ask(database, ECHO, 7) == [[(7,)]]
    assert on_postgres.sql("SELECT x FROM late ORDER BY x") == [(1,), (2,)]


def begun(waiting: Waiting[Any]) -> Waiting[Any]:
    """Something that waits for its answer."""
    assert isinstance(next(waiting), Ready)
    return waiting


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_given_up_half_way_is_found_by_nobody(database: Database, number: int) -> None:
    assert by_line(database, ECHO, 0) == [[(0,)]]
    left = begun(database.without_waiting(asking(database, ECHO, *range(10, 10 + number))))
    with pytest.raises(Unavailable, match="in use"):
        by_line(database, ECHO, 1)
    left.close()
    with pytest.raises(Unavailable, match="being opened"):
        by_line(database, ECHO, 1)
    database._line.open_here()  # type: ignore[union-attr]
    assert by_line(database, ECHO, 1) == [[(1,)]]
    assert by_line(database, ECHO, 2, 3) == [[(2,)], [(3,)]]
    assert database._watch._in_use == {}  # type: ignore[union-attr]


@pytest.mark.parametrize("number", [1, 2])
def test_nor_is_what_an_interruption_has_left(
    database: Database, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Even while somebody keeps the exception, and with it everything that was going on."""
    assert at_once(database, ECHO, 0) == [[(0,)]]

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(waits, "is_ready", interrupted)
        with pytest.raises(KeyboardInterrupt) as kept:
            at_once(database, ECHO, *range(10, 10 + number))
    assert at_once(database, ECHO, 1) == [[(1,)]]
    assert at_once(database, ECHO, 2, 3) == [[(2,)], [(3,)]]
    assert kept.value is not None
    assert database._watch._in_use == {}  # type: ignore[union-attr]


def test_a_line_that_is_lost_is_opened_anew_by_another_thread(
    on_postgres: World, database: Database
) -> None:
    assert by_line(database, ECHO, 0) == [[(0,)]]
    cut_off(on_postgres)
    database._line._open_after = 0  # type: ignore[union-attr]
    with pytest.raises(Unavailable, match="being opened"):
        by_line(database, ECHO, 1)
    opener = database._line._opener  # type: ignore[union-attr]
    assert opener is not None
    opener.join()
    assert by_line(database, ECHO, 2) == [[(2,)]]


def test_one_that_is_closed_for_good_stays_so(database: Database) -> None:
    database.close()
    line = database._line
    assert line is not None
    line.open_here()
    assert line._session is None


def test_a_lock_costs_the_line_s_group_its_turn_and_no_more(
    on_postgres: World, database: Database
) -> None:
    on_postgres.sql("CREATE TABLE held (x bigint PRIMARY KEY)")
    on_postgres.sql("INSERT INTO held VALUES (1), (2)")
    update = "UPDATE held SET x = x WHERE x = :value RETURNING x"
    assert by_line(database, update, 1) == [[(1,)]]
    with holding(on_postgres) as hold:
        hold.run("SELECT 1 FROM held WHERE x = 1 FOR UPDATE")
        for values in ([1], [2, 1]):
            with pytest.raises(Unavailable, match="LockNotAvailable"):
                by_line(database, update, *values)
            database._line.open_here()  # type: ignore[union-attr]
            assert by_line(database, update, 2) == [[(2,)]]
    assert database._watch._in_use == {}  # type: ignore[union-attr]


@pytest.mark.parametrize("way", ["query", "statement", "reading", "transaction"])
def test_nothing_is_waited_for_where_nothing_may_be(world: World, way: str) -> None:
    database = world.database

    def steps() -> Generator[str, None, None]:
        for _ in range(2):
            with pytest.raises(Unavailable, match="must not wait"), getattr(database, way)():
                raise AssertionError("it was let through")
            yield "in between"

    for step in database.unwaiting(steps()):
        with getattr(database, way)():
            assert step == "in between"
