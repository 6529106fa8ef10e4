"""Purging: each row that is over is dropped once, whoever else purges, and never a live one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import insert, select

from tests.http import administration
from tests.storage.building import (
    HERE,
    Signed,
    change,
    end,
    end_all,
    end_reason,
    inspect,
    multiply,
    reason_of,
    refresh,
    row_counts,
    sids_before,
    sign_in,
    signed_in,
    state_of,
    tokens_of,
)
from tests.storage.holding import holding
from token_service.crypto import opaque
from token_service.domain.events import AuditEvent, Event
from token_service.domain.refusals import Refusal
from token_service.services import housekeeping, recording
from token_service.services.housekeeping import Purged, Retention
from token_service.storage import failure_counts, revoked_tokens
from token_service.storage.sessions import day
from token_service.storage.tables import failure_counts as failure_counts_table
from token_service.storage.tables import grants, password_resets, sessions, sign_in_tickets
from token_service.storage.types import micros

DAY = timedelta(days=1)
KEPT = Retention(sessions=30 * DAY, audit=400 * DAY, failures=DAY, unused_clients=30 * DAY, batch=7)
NOT_KEPT = replace(KEPT, sessions=timedelta())


def purge(world, retention=KEPT) -> Purged:
    return housekeeping.purge_all(world.database, world.parts.clock, retention, lambda: None)


def stored(world) -> dict[str, int]:
    counts = row_counts(world)
    return {name: counts[name] for name in ("sessions", "grants")}


def crowd(signed: Signed, over: int, live: int) -> list[str]:
    """Give the account sessions that are over and others that are not; the sids of those."""
    now = signed.world.parts.clock.now()
    sids = sids_before(now, over + live)
    multiply(signed, sids[:over], ends_at=now - DAY, purge_day=day(now))
    multiply(signed, sids[over:], purge_day=day(now))
    return sids[over:]


def sids_of(world) -> set[str]:
    with world.database.reading() as tx:
        return {row.sid for row in tx.execute(select(sessions.c.sid))}


def purge_days(world) -> set[int]:
    with world.database.reading() as tx:
        return {row.purge_day for row in tx.execute(select(sessions.c.purge_day))}


class TestSeveralPurgers:
    def test_each_row_is_dropped_once_and_no_live_one(self, signed):
        live = crowd(signed, over=60, live=20)
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(purge, signed.world, NOT_KEPT) for _ in range(4)]
            dropped = [future.result(timeout=60).sessions for future in futures]
        dropped.append(purge(signed.world, NOT_KEPT).sessions)
        assert sum(dropped) == 60
        assert sids_of(signed.world) == {signed.tokens.sid, *live}
        assert stored(signed.world) == {"sessions": 21, "grants": 21}
        tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))

    def test_one_waits_for_no_other(self, on_postgres):
        """What another purger holds is passed over, not waited for."""
        signed = signed_in(on_postgres)
        crowd(signed, over=5, live=0)
        with holding(on_postgres) as hold:
            hold.run("SELECT 1 FROM sessions FOR UPDATE")
            assert purge(on_postgres, NOT_KEPT) == Purged()
            hold.release()
        assert purge(on_postgres, NOT_KEPT).sessions == 5

    def test_a_purge_that_finds_nothing_changes_nothing(self, signed):
        before = row_counts(signed.world)
        assert purge(signed.world) == Purged()
        assert row_counts(signed.world) == before


class TestRetention:
    def test_the_reason_of_an_end_is_kept_as_long_as_promised(self, signed, time):
        end(signed)
        for days in (0, 1, 28):
            time.pass_(days=days)
            assert purge(signed.world).sessions == 0
            assert end_reason(signed.world, signed.tokens.sid) == Refusal.ENDED_BY_USER
        answer = refresh(signed.world, signed.app, signed.tokens.refresh_token)
        assert reason_of(answer) is Refusal.ENDED_BY_USER
        time.pass_(days=3)
        assert purge(signed.world).sessions == 1
        answer = refresh(signed.world, signed.app, signed.tokens.refresh_token)
        assert reason_of(answer) is Refusal.UNKNOWN_TOKEN
        assert stored(signed.world) == {"sessions": 0, "grants": 0}

    @pytest.mark.parametrize("ended", [True, False])
    def test_what_is_kept_is_not_written_to_meanwhile(self, signed, time, ended):
        """A million sessions that expire at once cost nothing before they are dropped."""
        if ended:
            end(signed)
        before = purge_days(signed.world)
        for _ in range(28):
            time.pass_(days=1)
            purge(signed.world)
            assert purge_days(signed.world) == before

    def test_a_replay_is_still_recognised_while_the_row_is_kept(self, signed, time):
        spent = signed.tokens.refresh_token
        for _ in range(2):
            token = tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
            signed = type(signed)(signed.world, signed.tenant, signed.person, signed.app, token)
        time.pass_(days=20)
        purge(signed.world)
        assert reason_of(refresh(signed.world, signed.app, spent)) is Refusal.REPLAYED

    def test_expired_sessions_go_without_anybody_ending_them(self, signed, time):
        time.pass_(days=2)
        assert purge(signed.world).sessions == 0
        time.pass_(days=32)
        assert purge(signed.world).sessions == 1
        assert stored(signed.world) == {"sessions": 0, "grants": 0}

    def test_a_session_in_use_is_never_dropped(self, signed, time):
        token = signed.tokens.refresh_token
        for _ in range(45):
            time.pass_(hours=23)
            token = tokens_of(refresh(signed.world, signed.app, token)).refresh_token
            assert purge(signed.world, NOT_KEPT).sessions == 0
        time.pass_(days=3)
        assert purge(signed.world, NOT_KEPT).sessions == 1

    def test_sessions_of_an_older_epoch_go_when_their_time_would_have_come(self, signed, time):
        end_all(signed.world, signed.person)
        assert purge(signed.world, NOT_KEPT).sessions == 0
        time.pass_(days=3)
        assert purge(signed.world, NOT_KEPT).sessions == 1

    def test_without_purging_everything_is_refused_all_the_same(self, signed, time):
        other = tokens_of(sign_in(signed.world, signed.person, signed.app))
        time.pass_(days=40)
        for tokens in (signed.tokens, other):
            assert reason_of(inspect(signed.world, tokens.access_token)) is Refusal.EXPIRED
            answer = refresh(signed.world, signed.app, tokens.refresh_token)
            assert reason_of(answer) is Refusal.IDLE_TIMEOUT


class TestRefreshAgainstPurge:
    """A refresh began in the last moment of the grant, and the purge in the first one after it."""

    @pytest.fixture
    def signed(self, on_postgres, time):
        signed = signed_in(on_postgres)
        now = on_postgres.parts.clock.now()
        change(on_postgres, grants, grants.c.sid == signed.tokens.sid, ends_at=now + DAY / 4)
        change(on_postgres, sessions, sessions.c.sid == signed.tokens.sid, purge_day=day(now))
        time.pass_(hours=6, microseconds=-1)
        return signed

    def hold_grant(self, hold, signed):
        hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", signed.tokens.sid)

    def test_what_was_refreshed_first_stays(self, signed, time):
        with holding(signed.world) as hold:
            self.hold_grant(hold, signed)
            (waiting,) = hold.start(
                partial(refresh, signed.world, signed.app, signed.tokens.refresh_token)
            )
            time.pass_(microseconds=1)
            (purging,) = hold.start(partial(purge, signed.world, NOT_KEPT))
            hold.release()
            tokens = tokens_of(waiting.result(timeout=60))
            assert purging.result(timeout=60).sessions == 0
        assert state_of(signed).generation == 1
        tokens_of(refresh(signed.world, signed.app, tokens.refresh_token))

    def test_what_was_dropped_first_is_refused(self, signed, time):
        refreshing = partial(refresh, signed.world, signed.app, signed.tokens.refresh_token)
        with holding(signed.world) as hold:
            self.hold_grant(hold, signed)
            time.pass_(microseconds=1)
            (purging,) = hold.start(partial(purge, signed.world, NOT_KEPT))
            time.pass_(microseconds=-1)
            (waiting,) = hold.start(refreshing)
            hold.release()
            assert purging.result(timeout=60).sessions == 1
            assert reason_of(waiting.result(timeout=60)) is Refusal.UNKNOWN_TOKEN
        assert stored(signed.world) == {"sessions": 0, "grants": 0}


class TestOtherRows:
    def fill(self, world, count, at):
        with world.database.transaction() as tx:
            for number in range(count):
                revoked_tokens.add(tx, f"token {number} {at}", at)
                failure_counts.add(tx, f"subject {number} {at}", at, at)
                event = AuditEvent(Event.SIGN_IN_FAILED, HERE, "test")
                recording.record(tx, event, at)

    def test_each_kind_is_dropped_after_its_own_time(self, world):
        now = world.parts.clock.now()
        self.fill(world, 10, now)
        self.fill(world, 15, now - 2 * DAY)
        self.fill(world, 20, now - 500 * DAY)
        assert purge(world) == Purged(revoked_tokens=35, failure_counts=35, audit_events=20)
        counts = row_counts(world)
        assert (counts["revoked_tokens"], counts["failure_counts"]) == (10, 10)

    def test_several_purgers_drop_each_of_them_once(self, world):
        self.fill(world, 60, world.parts.clock.now() - 500 * DAY)
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(purge, world) for _ in range(4)]
            told = [future.result(timeout=60) for future in futures]
        told.append(purge(world))
        for kind in ("revoked_tokens", "failure_counts", "audit_events"):
            assert sum(getattr(one, kind) for one in told) == 60

    def test_a_pause_lies_between_two_batches(self, world):
        self.fill(world, 21, world.parts.clock.now() - 2 * DAY)
        pauses = []
        database, clock = world.database, world.parts.clock
        housekeeping.purge_all(database, clock, KEPT, lambda: pauses.append(1))
        assert len(pauses) == 6


class TestUnusedTicketsAndLinks:
    def fill(self, world, count, expires_at):
        accounts = [opaque.new_id(expires_at) for _ in range(count)]
        ticket = {
            "secret_hash": "h",
            "client_id": "app",
            "tenant_id": "0" * 32,
            "scope": "openid",
            "methods": "pwd",
            "remembered": False,
            "password_proof": "p",
        }
        with world.database.transaction() as tx:
            for account_id in accounts:
                key = {"account_id": account_id, "expires_at": expires_at}
                tx.execute(insert(password_resets), key | {"secret_hash": "h"})
                for _ in range(2):
                    own = {"ticket_id": opaque.new_id(expires_at)}
                    tx.execute(insert(sign_in_tickets), ticket | key | own)
        return accounts

    def test_they_go_when_they_have_expired(self, world, time):
        now = world.parts.clock.now()
        self.fill(world, 9, now)
        self.fill(world, 3, now + DAY)
        assert purge(world) == Purged()
        time.pass_(microseconds=1)
        assert purge(world) == Purged(sign_in_tickets=18, password_resets=9)
        counts = row_counts(world)
        assert (counts["sign_in_tickets"], counts["password_resets"]) == (6, 3)

    @pytest.mark.parametrize(
        ("table", "expiry"),
        [(password_resets, "expires_at"), (failure_counts_table, "last_failure_at")],
        ids=str,
    )
    def test_what_is_renewed_while_a_purge_waits_for_it_stays(
        self, on_postgres, time, table, expiry
    ):
        now = on_postgres.parts.clock.now()
        self.fill(on_postgres, 1, now)
        with on_postgres.database.transaction() as tx:
            failure_counts.add(tx, "subject", now, now)
        time.pass_(days=2)
        later = micros(on_postgres.parts.clock.now() + DAY)
        with holding(on_postgres) as hold:
            hold.run(f"UPDATE {table.name} SET {expiry} = %s", later)
            (purging,) = hold.start(partial(purge, on_postgres))
            hold.release()
            purged = purging.result(timeout=60)
        assert getattr(purged, table.name) == 0
        assert row_counts(on_postgres)[table.name] == 1


def test_a_session_without_grants_is_dropped_after_its_opening(signed, time):
    """None is ever made; a row that someone else wrote must not stop the purge."""
    now = signed.world.parts.clock.now()
    with signed.world.database.transaction() as tx:
        row = dict(tx.execute(select(sessions)).mappings().one())
        tx.execute(insert(sessions), row | {"sid": sids_before(now, 1)[0], "purge_day": day(now)})
    assert purge(signed.world, NOT_KEPT).sessions == 1
    assert sids_of(signed.world) == {signed.tokens.sid}


class TestEndedMemberships:
    """Who ended a membership is known as long as a session can be asked why it ended."""

    @pytest.fixture
    def left(self, world):
        """Two people who have left the tenant that they were signed in to, and one who has not."""
        tenant_id, app = world.tenant(), world.client()
        people = [world.person(tenant_id) for _ in range(3)]
        for person in people:
            world.sign_in(person, app)
        for person in people[:2]:
            administration.leave(world, person, tenant_id)
        return people

    def rows(self, world) -> int:
        return row_counts(world)["ended_memberships"]

    def test_they_are_kept_as_long_as_sessions_that_ended(self, world, time, left):
        time.pass_(days=30)
        assert purge(world).ended_memberships == 0
        time.pass_(days=4)
        assert purge(world, replace(KEPT, batch=1)).ended_memberships == 2
        assert self.rows(world) == 0

    def test_a_grant_that_is_still_kept_keeps_its_row(self, world, time, left):
        time.pass_(days=34)
        world.sql("UPDATE sessions SET purge_day = purge_day + 60")
        assert purge(world) == Purged()
        assert self.rows(world) == 2
        world.sql("UPDATE sessions SET purge_day = purge_day - 60")
        assert purge(world) == Purged(sessions=3, ended_memberships=2)
