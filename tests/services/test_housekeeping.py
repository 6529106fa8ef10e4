"""Housekeeping: what it drops, what it leaves, and the thread that does it by itself."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.services.building import AUTHOR, signed_in, why_dead
from tests.world.world import Time, World
from token_service.app import housekeeper, retention
from token_service.domain.failures import Unavailable
from token_service.domain.keys import KeyState
from token_service.domain.refusals import Refusal
from token_service.services import account_sessions, housekeeping, keys
from token_service.services import housekeeper as housekeeper_module
from token_service.services.endings import Cause
from token_service.services.housekeeper import Housekeeper, spread
from token_service.services.housekeeping import Purged
from token_service.storage import failure_counts, revoked_tokens

PATIENCE = 20.0


def purge(world: World, pause: Callable[[], None] = lambda: None, **changes: Any) -> Purged:
    rules = replace(retention(world.parts.settings), **changes)
    return housekeeping.purge_all(world.database, world.parts.clock, rules, pause)


def end_all(world: World, account_id: str) -> None:
    cause = Cause(Refusal.ENDED_BY_ADMIN, AUTHOR.actor, AUTHOR.origin)
    account_sessions.end_all(world.database, world.parts.clock, account_id, cause)


class TestPurging:
    def test_nothing_is_due_in_a_fresh_world(self, world: World) -> None:
        assert purge(world) == Purged()

    def test_live_sessions_stay_and_keep_working(self, world: World, time: Time) -> None:
        person, app = world.person(world.tenant()), world.client()
        token = signed_in(world, person.email, person.password, app.client_id)
        time.pass_(minutes=10)
        assert purge(world, sessions=timedelta()) == Purged()
        assert why_dead(world, token) is None

    def test_ended_sessions_stay_for_their_retention_and_then_go(
        self, world: World, time: Time
    ) -> None:
        person, app = world.person(world.tenant()), world.client()
        for _ in range(3):
            signed_in(world, person.email, person.password, app.client_id)
        time.pass_(days=30)
        assert purge(world).sessions == 0
        time.pass_(days=4)
        assert purge(world).sessions == 3

    def test_small_batches_with_a_pause_between_them(self, world: World, time: Time) -> None:
        person, app = world.person(world.tenant()), world.client()
        for _ in range(5):
            signed_in(world, person.email, person.password, app.client_id)
        time.pass_(days=40)
        pauses: list[None] = []
        assert purge(world, lambda: pauses.append(None), batch=2).sessions == 5
        assert len(pauses) == 2

    def test_tickets_of_sign_ins_go_when_they_have_expired(self, world: World, time: Time) -> None:
        person = world.person(world.tenant(max_sessions=1, max_sessions_action="ask"))
        app = world.client()
        world.sign_in(person, app)
        for _ in range(3):
            assert world.try_sign_in(person, app).status_code == 409
        time.pass_(seconds=300)
        assert purge(world, batch=2) == Purged()
        time.pass_(seconds=1)
        assert purge(world, batch=2) == Purged(sign_in_tickets=3)

    def test_revoked_tokens_and_failures_go_when_they_say_nothing_more(
        self, world: World, time: Time
    ) -> None:
        now = world.parts.clock.now()
        with world.database.transaction() as tx:
            revoked_tokens.add(tx, "jti", now + timedelta(days=2))
            failure_counts.add(tx, "subject", now, now - timedelta(minutes=15))
        time.pass_(days=2)
        assert purge(world) == Purged()
        time.pass_(minutes=2)
        assert purge(world) == Purged(revoked_tokens=1, failure_counts=1)

    def test_every_kind_of_row_goes_in_batches(self, world: World, time: Time) -> None:
        now = world.parts.clock.now()
        with world.database.transaction() as tx:
            for number in range(5):
                revoked_tokens.add(tx, f"jti {number}", now)
        time.pass_(minutes=1)
        pauses: list[None] = []
        assert purge(world, lambda: pauses.append(None), batch=2) == Purged(revoked_tokens=5)
        assert len(pauses) == 2

    def test_audit_events_go_after_their_retention(self, world: World, time: Time) -> None:
        person, app = world.person(world.tenant()), world.client()
        signed_in(world, person.email, person.password, app.client_id)
        time.pass_(days=399)
        purge(world)
        assert world.event_names(person.account_id) == ["signed_in"]
        time.pass_(days=2)
        purge(world)
        assert world.events(person.account_id) == []


@pytest.fixture
def keeper(world: World) -> Iterator[Housekeeper]:
    """The world's housekeeper, stopped at the end."""
    made = housekeeper(world.parts)
    yield made
    made.stop()
    if made.ident is not None:
        made.join(PATIENCE)
        assert not made.is_alive()


class TestTheThread:
    def test_a_round_makes_due_keys_drops_gone_ones_and_purges(
        self, world: World, time: Time, keeper: Housekeeper
    ) -> None:
        person, app = world.person(world.tenant()), world.client()
        signed_in(world, person.email, person.password, app.client_id)
        old = {one.kid for one in keys.list_keys(world.database) if one.purpose == "signing"}
        time.pass_(days=200)
        keeper.do_round()
        now = world.parts.clock.now()
        present = keys.list_keys(world.database)
        active = [one.algorithm for one in present if one.state(now) is KeyState.ACTIVE]
        assert sorted(active) == ["ES256", "EdDSA", "HKDF-SHA256", "PS256", "RS256"]
        assert not old & {one.kid for one in present}
        assert purge(world) == Purged()
        keeper.do_round()
        assert keys.list_keys(world.database) == present

    def test_the_first_round_comes_at_once(
        self, world: World, time: Time, keeper: Housekeeper
    ) -> None:
        time.pass_(days=200)
        before = len(keys.list_keys(world.database))
        keeper.start()
        wait_until(lambda: len(keys.list_keys(world.database)) != before)

    def test_it_goes_on_after_an_outage(
        self,
        world: World,
        keeper: Housekeeper,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        answers: Iterator[Exception | int] = iter([Unavailable("database: away"), 1])
        done = threading.Event()

        def ensure(*_: object) -> int:
            answer = next(answers, 0)
            if isinstance(answer, Exception):
                raise answer
            done.set()
            return answer

        monkeypatch.setattr(housekeeper_module.keys, "ensure", ensure)
        monkeypatch.setattr(keeper, "_interval_seconds", 0.01)
        with caplog.at_level(logging.WARNING):
            keeper.start()
            assert done.wait(PATIENCE)
        assert "keys put off: database: away" in caplog.text

    def test_a_task_that_fails_keeps_none_of_the_others_from_running(
        self,
        keeper: Housekeeper,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError

        dropped: list[None] = []
        monkeypatch.setattr(housekeeper_module.keys, "ensure", broken)
        monkeypatch.setattr(housekeeper_module.housekeeping, "purge_all", broken)
        monkeypatch.setattr(
            housekeeper_module.keys, "drop_gone", lambda *_: dropped.append(None) or 0
        )
        keeper.do_round()
        assert dropped == [None]
        assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]

    def test_told_to_stop_it_does_not_begin_another_batch(
        self, world: World, time: Time, keeper: Housekeeper, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batches: list[None] = []

        def endless(_database: Any, _clock: Any, _rules: Any, pause: Callable[[], None]) -> Purged:
            while True:
                pause()
                batches.append(None)
                keeper.stop()
                pause()

        monkeypatch.setattr(housekeeper_module.housekeeping, "purge_all", endless)
        keeper.do_round()
        assert batches == [None]
        keeper.do_round()
        assert batches == [None]

    def test_processes_come_at_different_times_but_never_much_later(self) -> None:
        intervals = {spread(60, number) for number in range(1000, 1008)}
        assert len(intervals) == 8
        assert all(54 <= one <= 66 for one in intervals)


def wait_until(holds: Callable[[], bool]) -> None:
    """Not longer than patience allows; the clock of the test stands still meanwhile."""
    tick = threading.Event()
    for _ in range(int(PATIENCE / 0.05)):
        if holds():
            return
        tick.wait(0.05)
    raise AssertionError("it never came to be")
