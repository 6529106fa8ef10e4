"""Pinned connections: what a statement is given and gives, whichever the database."""

import pytest
from sqlalchemy import BigInteger, Integer, LargeBinary, String, bindparam, select, text

from token_service.storage.compiled import Flavour, compiled
from token_service.storage.types import Identifier

CASES = [
    (BigInteger, 0),
    (BigInteger, -1),
    (BigInteger, 2**63 - 1),
    (BigInteger, -(2**63)),
    (Integer, 2**31 - 1),
    (Integer, -(2**31)),
    (Identifier, "0123456789abcdef0123456789abcdef"),
    (String, ""),
    (String, "Zoë, 'quoted' \\ %s $1 ☂ 𝄞"),
    (String, "x" * 10_000),
]


def echo(database, kind, value):
    statement = compiled(select(bindparam("value", type_=kind, required=True)), database.flavour)
    with database.query() as tx:
        ((found,),) = tx.run(statement, {"value": value})
    return found


@pytest.mark.parametrize(("kind", "value"), CASES)
def test_a_value_comes_back_as_it_was_given(world, kind, value):
    assert echo(world.database, kind, value) == value


@pytest.mark.parametrize("kind", [BigInteger, Integer, Identifier, String])
def test_null_is_null(world, kind):
    assert echo(world.database, kind, None) is None


def test_a_parameter_of_another_type_is_refused_before_anything_is_sent():
    parameter = bindparam("value", type_=LargeBinary, required=True)
    with pytest.raises(TypeError, match="value"):
        compiled(select(parameter), Flavour("postgresql", "asked"))


def test_a_parameter_that_is_missing_is_an_error_and_not_null(world):
    parameter = bindparam("value", type_=String, required=True)
    statement = compiled(select(parameter), world.database.flavour)
    with world.database.query() as tx, pytest.raises(Exception, match="value"):
        tx.run(statement, {})


def test_a_statement_is_prepared_once_for_small_numbers_and_for_large(on_postgres):
    database = on_postgres.database
    parameter = bindparam("value", type_=BigInteger, required=True)
    statement = compiled(select(parameter.label("of_every_size")), database.flavour)
    known = compiled(
        text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%of_every_size'"),
        database.flavour,
    )
    with database.query() as tx:
        for value in (1, 2**20, 2**40, None):
            tx.run(statement, {"value": value})
        assert tx.run(known, {}) == [(1,)]


def test_an_error_of_ours_leaves_the_connection_as_it_was(on_postgres):
    database = on_postgres.database
    with database.query() as tx:
        before = tx.run(compiled(text("SELECT pg_backend_pid()"), database.flavour), {})
    with pytest.raises(Exception, match="division by zero"), database.query() as tx:
        tx.run(compiled(text("SELECT 1 / 0"), database.flavour), {})
    with database.query() as tx:
        again = tx.run(compiled(text("SELECT pg_backend_pid()"), database.flavour), {})
    assert again == before
