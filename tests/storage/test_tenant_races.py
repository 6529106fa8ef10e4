"""Races on PostgreSQL about an account of two tenants, whose sessions one of these ends."""

from dataclasses import dataclass
from functools import partial

import pytest

from tests.storage.building import (
    AUTHOR,
    BY_ADMIN,
    Signed,
    current,
    inspect,
    is_live,
    live_sids,
    reason_of,
    refresh,
    sign_in,
    signed_in,
    tokens_of,
)
from tests.storage.holding import Hold, holding
from token_service.crypto import opaque
from token_service.domain.refusals import Refusal, Refused
from token_service.services import accounts as account_services
from token_service.services import tenant_reach
from token_service.services.issuing import IssuedTokens


@dataclass(frozen=True)
class OfTwo:
    """A session in each of two tenants of one person; the first one's are to end."""

    here: Signed
    elsewhere: IssuedTokens
    other_tenant: str

    @property
    def account_id(self) -> str:
        return self.here.person.account_id

    def signing_in(self) -> partial[IssuedTokens | Refused]:
        """One more session in the first tenant."""
        here = self.here
        return partial(sign_in, here.world, here.person, here.app, here.tenant)

    def end_all(self) -> bool:
        """What a caller of the first tenant does."""
        parts = self.here.world.parts
        return current(
            self.here.world,
            lambda snapshot: tenant_reach.end_all(
                parts.database, parts.clock, snapshot, self.here.tenant, self.account_id, BY_ADMIN
            ),
        )

    def end_one(self) -> bool:
        """The same with one session."""
        parts = self.here.world.parts
        return current(
            self.here.world,
            lambda snapshot: tenant_reach.end_one(
                parts.database,
                parts.clock,
                snapshot,
                self.here.tenant,
                self.account_id,
                self.here.key.sid,
                BY_ADMIN,
            ),
        )

    def hold(self, hold: Hold, table: str, *, sid: bool) -> None:
        """Hold the account's row, or those of the first session."""
        column, value = ("sid", self.here.key.sid) if sid else ("account_id", self.account_id)
        hold.run(f"SELECT 1 FROM {table} WHERE {column} = %s FOR UPDATE", value)


@pytest.fixture
def two(on_postgres):
    here = signed_in(on_postgres)
    other = on_postgres.tenant()
    parts = on_postgres.parts
    account_services.join(parts.database, parts.clock, here.person.account_id, other, (), AUTHOR)
    elsewhere = tokens_of(sign_in(on_postgres, here.person, here.app, other))
    return OfTwo(here, elsewhere, other)


def assert_only_elsewhere(two: OfTwo) -> None:
    """Nothing in the first tenant works, and everything in the other one does."""
    world = two.here.world
    assert live_sids(world, two.here.person) == [two.elsewhere.sid]
    assert is_live(world, two.elsewhere)
    with world.database.reading() as tx:
        rows = tx.exec_driver_sql("SELECT end_reason FROM sessions WHERE ended_at IS NULL").all()
    assert len(rows) == 1


def test_a_sign_in_before_the_end_of_all_ends_too(two):
    with holding(two.here.world) as hold:
        two.hold(hold, "accounts", sid=False)
        opened, ended = hold.start(two.signing_in(), two.end_all)
        hold.release()
        tokens = tokens_of(opened.result(timeout=60))
        assert ended.result(timeout=60)
    assert reason_of(inspect(two.here.world, tokens.access_token)) is Refusal.ENDED_BY_ADMIN
    assert_only_elsewhere(two)


def test_a_sign_in_after_the_end_of_all_stays(two):
    with holding(two.here.world) as hold:
        two.hold(hold, "accounts", sid=False)
        ended, opened = hold.start(two.end_all, two.signing_in())
        hold.release()
        assert ended.result(timeout=60)
        tokens = tokens_of(opened.result(timeout=60))
    assert set(live_sids(two.here.world, two.here.person)) == {tokens.sid, two.elsewhere.sid}
    assert not is_live(two.here.world, two.here.tokens)


@pytest.mark.parametrize("end", ["end_all", "end_one"])
@pytest.mark.parametrize("first", ["refresh", "end"])
def test_a_refresh_at_the_same_time_saves_nothing(two, end, first):
    using = partial(refresh, two.here.world, two.here.app, two.here.tokens.refresh_token)
    both = [using, getattr(two, end)]
    with holding(two.here.world) as hold:
        two.hold(hold, "grants", sid=True)
        waiting = hold.start(*(both if first == "refresh" else reversed(both)))
        hold.release()
        answers = [one.result(timeout=60) for one in waiting]
    answer = answers[0 if first == "refresh" else 1]
    if first == "end":
        assert reason_of(answer) is Refusal.ENDED_BY_ADMIN
    else:
        assert reason_of(inspect(two.here.world, tokens_of(answer).access_token))
    assert_only_elsewhere(two)


@pytest.mark.parametrize("end", ["end_all", "end_one"])
def test_a_grant_that_is_being_opened_under_a_session_ends_too(two, end):
    """Whoever opens one holds the session: the end waits, and then finds the grant."""
    key = two.here.key
    with holding(two.here.world) as hold:
        two.hold(hold, "sessions", sid=True)
        hold.run(
            """INSERT INTO grants (account_id, sid, grant_id, client_id, tenant_id, membership,
                   tenant_epoch, client_epoch, scope, generation, key_number, secret_hash,
                   created_at, used_at, used_from, ends_at, auth_time, openid)
               SELECT account_id, sid, %s, client_id, tenant_id, membership, tenant_epoch,
                   client_epoch, scope, generation, key_number, secret_hash, created_at, used_at,
                   used_from, ends_at, auth_time, openid
               FROM grants WHERE sid = %s""",
            opaque.new_grant_id(),
            key.sid,
        )
        (ended,) = hold.start(getattr(two, end))
        hold.release()
        assert ended.result(timeout=60)
    with two.here.world.database.reading() as tx:
        live = tx.exec_driver_sql("SELECT sid FROM grants WHERE ended_at IS NULL").all()
    assert len(live) == 1
    assert_only_elsewhere(two)


def test_whom_the_tenant_loses_meanwhile_it_reaches_no_more(two):
    with holding(two.here.world) as hold:
        two.hold(hold, "accounts", sid=False)
        hold.run(
            "DELETE FROM memberships WHERE account_id = %s AND tenant_id = %s",
            two.account_id,
            two.here.tenant,
        )
        all_of_them, one = hold.start(two.end_all, two.end_one)
        hold.release()
        assert not all_of_them.result(timeout=60)
        assert not one.result(timeout=60)
    assert "session_ended" not in two.here.world.event_names(two.account_id)


def test_who_joins_another_tenant_meanwhile_keeps_what_is_there(two):
    """The account belonged to one tenant when the end was asked for, and to two when it came."""
    world = two.here.world
    signed = signed_in(world)
    alone = OfTwo(signed, two.elsewhere, two.other_tenant)
    with holding(world) as hold:
        alone.hold(hold, "accounts", sid=False)
        hold.run(
            "INSERT INTO memberships VALUES (%s, %s, 2, '[]', 0)",
            alone.account_id,
            two.other_tenant,
        )
        (ended,) = hold.start(alone.end_all)
        hold.release()
        assert ended.result(timeout=60)
    assert "epoch_raised" not in world.event_names(alone.account_id)
    assert not is_live(world, signed.tokens)


def test_a_crowd_of_sign_ins_is_wholly_ended_or_wholly_alive(two):
    with holding(two.here.world) as hold:
        two.hold(hold, "accounts", sid=False)
        first, ended, second = hold.start(two.signing_in(), two.end_all, two.signing_in())
        hold.release()
        assert ended.result(timeout=60)
        dead, alive = (tokens_of(one.result(timeout=60)) for one in (first, second))
    assert set(live_sids(two.here.world, two.here.person)) == {alive.sid, two.elsewhere.sid}
    assert not is_live(two.here.world, dead)
