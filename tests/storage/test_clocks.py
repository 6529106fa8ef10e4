"""Nodes whose clock is off: they answer 503, end nobody's session, and let nobody live longer."""

import sqlite3
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import create_engine

from tests.storage.building import (
    HERE,
    Signed,
    current,
    inspect,
    is_live,
    page_of,
    reason_of,
    refresh,
    revoke,
    row_counts,
    sign_in,
    signed_in,
    state_of,
    tokens_of,
)
from tests.storage.holding import url_of
from tests.world.world import Person
from token_service.domain.failures import Unavailable
from token_service.domain.refusals import Refusal
from token_service.services import housekeeping, inspection, keys, revocation
from token_service.services.housekeeping import Retention
from token_service.storage.database import Database

NOT_KEPT = Retention(timedelta(), timedelta(days=1), timedelta(), timedelta(days=30), batch=100)


class Node:
    """A worker whose database's clock differs from its own by so many seconds."""

    def __init__(self, signed: Signed, path) -> None:
        self.signed = signed
        self._path = path
        self.world = signed.world.second_worker(
            {"TOKEN_SERVICE_TEST_DATABASE_CLOCK": str(self._path)}
        )
        self.is_off_by("+0")

    def is_off_by(self, seconds: str) -> None:
        self._path.write_text(seconds)

    def uses(self):
        """Everything that decides by the time."""
        world, parts = self.world, self.world.parts
        person, app, tokens = self.signed.person, self.signed.app, self.signed.tokens
        wrong = Person(person.account_id, person.email, "", "", "a wrong password")
        return {
            "refresh": lambda: refresh(world, app, tokens.refresh_token),
            "inspect": lambda: inspect(world, tokens.access_token),
            "introspect": lambda: current(
                world,
                lambda snapshot: inspection.introspect(
                    parts.database,
                    parts.clock,
                    snapshot,
                    snapshot.client(app.client_id),
                    tokens.refresh_token,
                ),
            ),
            "sign in": lambda: sign_in(world, person, app),
            "sign in wrongly": lambda: sign_in(world, wrong, app),
            "list": lambda: current(world, lambda one: page_of(world, one, person, None, 10)),
            "purge": lambda: housekeeping.purge_all(
                parts.database, parts.clock, NOT_KEPT, lambda: None
            ),
            "make keys": lambda: keys.ensure(parts.database, parts.clock, parts.keys),
            "drop keys": lambda: keys.drop_gone(parts.database, parts.clock),
        }


@pytest.fixture
def node(signed, tmp_path):
    node = Node(signed, tmp_path / "clock")
    assert is_live(node.world, signed.tokens)
    yield node
    node.world.close()


def test_a_node_that_is_off_decides_nothing_and_changes_nothing(node):
    before, rows = state_of(node.signed), row_counts(node.signed.world)
    for seconds in ("+3600", "-3600", "+5.000001", "-5.000001", "-99999999"):
        node.is_off_by(seconds)
        for use in node.uses().values():
            with pytest.raises(Unavailable):
                use()
    assert state_of(node.signed) == before
    assert row_counts(node.signed.world) == rows


def test_a_difference_of_five_seconds_is_allowed(node):
    for seconds in ("+5", "-5"):
        node.is_off_by(seconds)
        for use in node.uses().values():
            use()


def test_the_same_tokens_work_when_the_clock_is_right_again(node):
    node.is_off_by("+3600")
    with pytest.raises(Unavailable):
        node.uses()["refresh"]()
    node.is_off_by("+0")
    tokens = tokens_of(node.uses()["refresh"]())
    assert is_live(node.signed.world, tokens)


def test_an_expired_token_is_not_called_so_by_a_node_that_may_be_ahead(node, time):
    time.pass_(minutes=15)
    node.is_off_by("-3600")
    with pytest.raises(Unavailable):
        inspect(node.world, node.signed.tokens.access_token)
    node.is_off_by("+0")
    reason = reason_of(inspect(node.world, node.signed.tokens.access_token))
    assert reason is Refusal.EXPIRED


def invalidate(world, _app, token):
    parts = world.parts
    return current(
        world,
        lambda snapshot: revocation.invalidate(parts.database, parts.clock, snapshot, token, HERE),
    )


@pytest.mark.parametrize("way", [revoke, invalidate])
def test_a_revocation_is_not_skipped_by_a_node_that_is_ahead(world, tmp_path, time, way):
    """It takes the token for expired; 200 without having revoked it would be a lie."""
    service = world.client("service")
    token = world.client_token(service)
    node = Node(signed_in(world), tmp_path / "clock")
    time.pass_(hours=1)
    node.is_off_by("-3600")
    with pytest.raises(Unavailable):
        way(node.world, service, token)
    time.pass_(hours=-1)
    assert isinstance(inspect(world, token), inspection.Inspection)
    node.is_off_by("+0")
    assert way(node.world, service, token) is None
    assert reason_of(inspect(world, token)) is Refusal.REVOKED
    node.world.close()


class TestTheDatabasesOwnClock:
    """What runs in production: nobody gives the statements the database's time."""

    @pytest.fixture
    def signed(self, world, time):
        """In a world whose frozen clock stands at the database's own time."""
        clock = world.parts.clock
        time.pass_(seconds=(self.time_of(world) - clock.now()).total_seconds() - 86_400)
        keys.ensure(world.database, clock, world.parts.keys)
        time.pass_(days=1)
        database = Database(create_engine(world.url), clock, None)
        object.__setattr__(world.parts, "database", database)
        yield signed_in(world)
        database.close()

    def time_of(self, world) -> datetime:
        if world.database.is_sqlite:
            with sqlite3.connect(":memory:") as connection:
                (text,) = connection.execute(
                    "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
                ).fetchone()
            return datetime.fromisoformat(text)
        with psycopg.connect(url_of(world)) as connection:
            (moment,) = connection.execute("SELECT statement_timestamp()").fetchone()
        return moment.astimezone(UTC)

    def test_a_clock_that_agrees_is_accepted(self, signed):
        tokens = tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
        assert is_live(signed.world, tokens)

    @pytest.mark.parametrize("seconds", [3600, -3600])
    def test_a_clock_that_is_off_is_not(self, signed, time, seconds):
        time.pass_(seconds=seconds)
        for use in (
            lambda: refresh(signed.world, signed.app, signed.tokens.refresh_token),
            lambda: inspect(signed.world, signed.tokens.access_token),
            lambda: sign_in(signed.world, signed.person, signed.app),
        ):
            with pytest.raises(Unavailable):
                use()
        time.pass_(seconds=-seconds)
        assert state_of(signed).generation == 0
