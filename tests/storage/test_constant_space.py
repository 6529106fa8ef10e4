"""Storage per session is constant: a refresh adds no row, no index entry and no page."""

import time as real_time

import psycopg
import pytest
from sqlalchemy import text

from tests.storage.building import refresh, row_counts, signed_in, state_of, tokens_of
from tests.storage.holding import url_of
from token_service.storage.compiled import compiled

SIZES = """
    SELECT relname, pg_relation_size(oid) FROM pg_class
    WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
"""
UPDATES = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'grants'"
PAGE = 8192


def refreshed(signed, times, token=None):
    """Refresh that often, from this token on; what came of the last one."""
    token = token or signed.tokens.refresh_token
    for _ in range(times):
        token = tokens_of(refresh(signed.world, signed.app, token)).refresh_token
    return token


def test_after_a_thousand_refreshes_there_are_as_many_rows_as_before(signed):
    before = row_counts(signed.world)
    refreshed(signed, 1000)
    assert row_counts(signed.world) == before
    assert state_of(signed).generation == 1000


@pytest.fixture
def connection(on_postgres):
    with psycopg.connect(url_of(on_postgres), autocommit=True) as connection:
        yield connection


def updates(world, connection, at_least):
    """How many updates of grants there were, and how many of them wrote no index (HOT)."""
    database = world.database
    with database.query() as tx:
        tx.run(compiled(text("SELECT pg_stat_force_next_flush()::text"), database.flavour), {})
    for _ in range(500):
        updated, hot = connection.execute(UPDATES).fetchone()
        if updated >= at_least:
            return updated, hot
        real_time.sleep(0.01)
    raise AssertionError(f"the server counted {updated} of {at_least} updates")


def sizes_of(connection):
    return dict(connection.execute(SIZES).fetchall())


def test_refreshes_write_no_index(on_postgres, connection):
    signed = signed_in(on_postgres)
    refreshed(signed, 200)
    updated, hot = updates(on_postgres, connection, 200)
    assert updated == 200
    # The others met a page that was full just when something else still looked at it.
    assert hot >= 180


def test_refreshes_grow_no_file(on_postgres, connection):
    """Row versions that nobody sees any more make room for the next ones.

    While any transaction of the server lasts, in whatever database, PostgreSQL keeps what came
    after it, and tests beside this one hold theirs as long as they like. So of many rounds one must
    need no new page; if each refresh left anything behind, each round would need some.
    """
    signed, token = signed_in(on_postgres), None
    for _ in range(20):
        before = sizes_of(connection)
        token = refreshed(signed, 200, token)
        if sizes_of(connection) == before:
            return
    raise AssertionError("each 200 refreshes take room")


def test_a_session_of_many_refreshes_is_as_large_as_a_new_one(on_postgres, connection):
    old, new = signed_in(on_postgres), signed_in(on_postgres)
    refreshed(old, 100)
    sizes = [
        connection.execute(
            "SELECT sum(pg_column_size(g.*)) FROM grants g WHERE sid = %s", [one.tokens.sid]
        ).fetchone()
        for one in (old, new)
    ]
    assert sizes[0] == sizes[1]
