"""A database that goes away: 503, nothing spent, and the same tokens work when it is back."""

import os
import resource
import socket
import sqlite3
import time as real_time
from contextlib import ExitStack
from functools import partial

import psycopg
import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from tests.storage.building import (
    end_all,
    inspect,
    is_live,
    live_sids,
    refresh,
    sign_in,
    signed_in,
    state_of,
    tokens_of,
)
from tests.storage.holding import holding, url_of
from token_service.clock import SystemClock
from token_service.domain.failures import Unavailable
from token_service.services import refreshing
from token_service.storage import configuration, watch
from token_service.storage.database import Database
from token_service.storage.extension import _options, engine_of

OTHERS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'holder'
"""


def cut_off(world) -> int:
    """End every backend of the world's database, and come back when they are gone; how many."""
    with psycopg.connect(url_of(world), autocommit=True) as connection:
        found = [pid for (pid,) in connection.execute(OTHERS)]
        for pid in found:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        for _ in range(1000):
            left = {pid for (pid,) in connection.execute(OTHERS)} & set(found)
            if not left:
                return len(found)
            real_time.sleep(0.01)
    raise AssertionError("the backends stay")


class TestPostgres:
    @pytest.fixture
    def signed(self, on_postgres):
        signed = signed_in(on_postgres)
        tokens = tokens_of(refresh(on_postgres, signed.app, signed.tokens.refresh_token))
        return type(signed)(on_postgres, signed.tenant, signed.person, signed.app, tokens)

    def test_a_restart_between_two_requests_costs_nobody_an_answer(self, signed):
        assert cut_off(signed.world) >= 2
        tokens = tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
        cut_off(signed.world)
        assert is_live(signed.world, tokens)
        cut_off(signed.world)
        assert len(live_sids(signed.world, signed.person)) == 1
        cut_off(signed.world)
        tokens_of(sign_in(signed.world, signed.person, signed.app))
        cut_off(signed.world)
        assert end_all(signed.world, signed.person)

    def test_a_refresh_that_is_cut_off_spends_nothing(self, signed):
        using = partial(refresh, signed.world, signed.app, signed.tokens.refresh_token)
        with holding(signed.world) as hold:
            hold.run("SET application_name = 'holder'")
            hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", signed.tokens.sid)
            (waiting,) = hold.start(using)
            cut_off(signed.world)
            with pytest.raises(Unavailable):
                waiting.result(timeout=60)
            hold.release()
        assert state_of(signed).generation == 1
        assert is_live(signed.world, tokens_of(using()))

    def test_a_sign_in_that_is_cut_off_opens_nothing(self, signed):
        opening = partial(sign_in, signed.world, signed.person, signed.app)
        before = live_sids(signed.world, signed.person)
        with holding(signed.world) as hold:
            hold.run("SET application_name = 'holder'")
            hold.run(
                "SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE",
                signed.person.account_id,
            )
            (waiting,) = hold.start(opening)
            cut_off(signed.world)
            with pytest.raises(Unavailable):
                waiting.result(timeout=60)
            hold.release()
        assert live_sids(signed.world, signed.person) == before
        tokens_of(opening())
        assert len(live_sids(signed.world, signed.person)) == 2

    def test_a_lock_that_is_waited_for_through_the_end_of_other_connections(self, signed):
        """The connection that asks whether the database answers was ended too; it says nothing."""
        using = partial(refresh, signed.world, signed.app, signed.tokens.refresh_token)
        cut_off(signed.world)
        with holding(signed.world) as hold:
            hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", signed.tokens.sid)
            (waiting,) = hold.start(using)
            real_time.sleep(1.5)
            hold.release()
            tokens_of(waiting.result(timeout=60))

    def test_a_worker_with_a_thousand_clients_reaches_it_too(self, signed):
        """The descriptors of new connections are then beyond what select() can watch."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        with ExitStack() as clients:
            clients.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            for _ in range(1100):
                clients.enter_context(open(os.devnull))  # noqa: PTH123 - only the number counts
            cut_off(signed.world)
            tokens = tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
            assert is_live(signed.world, tokens)
            tokens_of(sign_in(signed.world, signed.person, signed.app))

    def test_a_database_that_only_reads_is_away(self, signed):
        """A pinned connection to what has become a standby: neither a yes nor a no."""
        with signed.world.database.query() as pinned:
            pinned._open().connection.execute("SET default_transaction_read_only = on")
        with pytest.raises(Unavailable):
            refresh(signed.world, signed.app, signed.tokens.refresh_token)
        tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))


class TestSqlite:
    def test_a_file_that_another_process_keeps_locked_is_away_and_comes_back(self, on_sqlite):
        signed = signed_in(on_sqlite)
        other = sqlite3.connect(on_sqlite.database.engine.url.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for use in (
            lambda: refresh(on_sqlite, signed.app, signed.tokens.refresh_token),
            lambda: sign_in(on_sqlite, signed.person, signed.app),
        ):
            with pytest.raises(Unavailable):
                use()
        assert is_live(on_sqlite, signed.tokens)
        other.execute("ROLLBACK")
        other.close()
        assert state_of(signed).generation == 0
        tokens_of(refresh(on_sqlite, signed.app, signed.tokens.refresh_token))

    def test_a_file_without_its_tables_is_away(self, sqlite_files):
        database = Database(create_engine(sqlite_files.empty()), SystemClock(), None)
        for way in WAYS:
            with pytest.raises(Unavailable):
                way(database)
        database.close()


def test_an_answer_that_was_lost_after_the_commit_is_given_again(signed, monkeypatch):
    """The database has moved on, the client knows nothing: its retry gets the same successor."""
    using = partial(refresh, signed.world, signed.app, signed.tokens.refresh_token)
    with monkeypatch.context() as patch:
        given = []

        def lose(*arguments):
            given.append(successor(*arguments))
            raise Unavailable("the connection to the client was lost")

        successor = refreshing.successor
        patch.setattr(refreshing, "successor", lose)
        with pytest.raises(Unavailable):
            using()
    assert state_of(signed).generation == 1
    again = tokens_of(using())
    assert again.refresh_token == given[0].refresh_token
    assert inspect(signed.world, again.access_token).sid == signed.tokens.sid


def by_transaction(database):
    with database.transaction() as tx:
        tx.execute(text("UPDATE environment SET epoch = epoch"))


def by_reading(database):
    with database.reading() as tx:
        tx.execute(text("SELECT epoch FROM environment"))


def by_statement(database):
    with database.statement() as tx:
        configuration.version(database, tx)


def by_query(database):
    with database.query() as tx:
        configuration.version(database, tx)


WAYS = [by_transaction, by_reading, by_statement, by_query]


def database_of(url, seconds):
    """A database as the settings describe it."""
    engine = engine_of(
        Flask(__name__),
        url,
        pool_size=4,
        pool_timeout_seconds=30,
        connect_timeout_seconds=seconds,
    )
    return Database(engine, SystemClock(), None)


class TestAway:
    """Against addresses where no database is; the clock runs, because waiting is measured."""

    @pytest.fixture
    def silent(self):
        """A port that takes connections and never says a word."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield f"127.0.0.1:{server.getsockname()[1]}"

    def database(self, address: str) -> Database:
        url = f"postgresql+psycopg://nobody@{address}/nothing"
        return Database(create_engine(url, **_options(url, 4, 30)), SystemClock(), None)

    @pytest.mark.parametrize("way", WAYS)
    def test_nobody_listens(self, way):
        database = self.database("127.0.0.1:1")
        with pytest.raises(Unavailable):
            way(database)
        database.close()

    @pytest.mark.parametrize("way", [by_reading, by_query])
    def test_a_connection_attempt_may_take_as_long_as_the_settings_say(
        self, silent, way, monkeypatch
    ):
        database = database_of("postgresql+psycopg://nobody@" + silent + "/nothing", seconds=7)
        waited = []

        def silence(_connection, seconds, **_):
            waited.append(seconds)
            raise TimeoutError

        monkeypatch.setattr(watch, "_wait", silence)
        with pytest.raises(Unavailable):
            way(database)
        assert waited == [7]
        database.close()

    @pytest.mark.parametrize("way", [by_reading, by_query])
    def test_the_driver_is_given_as_long(self, way, monkeypatch):
        database = database_of("postgresql+psycopg://nobody@127.0.0.1:1/nothing", seconds=7)
        given = []

        def connect(*_, **options):
            given.append(options["connect_timeout"])
            raise psycopg.OperationalError

        monkeypatch.setattr(watch.Watch, "before_connecting", lambda _: None)
        monkeypatch.setattr(psycopg, "connect", connect)
        with pytest.raises(Unavailable):
            way(database)
        assert given == ["7"]
        database.close()

    @pytest.mark.parametrize("way", [by_reading, by_query])
    def test_somebody_listens_and_never_answers(self, silent, way):
        database = self.database(silent)
        began = real_time.monotonic()
        with pytest.raises(Unavailable):
            way(database)
        assert real_time.monotonic() - began < 5
        database.close()
