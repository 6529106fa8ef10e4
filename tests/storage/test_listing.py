"""The sessions of an account: only live ones, at this second, page by page."""

from datetime import timedelta

import pytest

from tests.storage.building import (
    BY_USER,
    Signed,
    current,
    end,
    end_all,
    live_sids,
    multiply,
    page_of,
    refresh,
    sids_before,
    sign_in,
    signed_in,
    tokens_of,
)
from token_service.services import account_sessions

MANY = 5000


def pages(signed: Signed, limit: int) -> list[list[str]]:
    """The sids on each page, from the first to the last."""
    found, before = [], None
    while True:
        page = current(
            signed.world,
            lambda snapshot, before=before: page_of(
                signed.world, snapshot, signed.person, before, limit
            ),
        )
        found.append([item.session.sid for item in page.items])
        if page.next_sid is None:
            return found
        before = page.next_sid


def flat(found: list[list[str]]) -> list[str]:
    return [sid for page in found for sid in page]


def test_newest_first_and_nobody_elses(world):
    signed, stranger = signed_in(world), signed_in(world)
    sids = [signed.tokens.sid]
    for _ in range(3):
        sids.append(tokens_of(sign_in(world, signed.person, signed.app)).sid)
    assert sorted(live_sids(world, signed.person), reverse=True) == live_sids(world, signed.person)
    assert set(live_sids(world, signed.person)) == set(sids)
    assert live_sids(world, stranger.person) == [stranger.tokens.sid]


def test_an_account_that_does_not_exist(signed):
    parts = signed.world.parts
    nobody = current(
        signed.world,
        lambda snapshot: account_sessions.list_live(
            parts.database, parts.clock, snapshot, "f" * 32, None, 10
        ),
    )
    assert nobody is None


def test_what_is_told_of_a_session(signed, time):
    time.pass_(minutes=5)
    tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
    now = signed.world.parts.clock.now()
    page = current(
        signed.world, lambda snapshot: page_of(signed.world, snapshot, signed.person, None, 10)
    )
    (item,) = page.items
    assert item.session.created_at == now - timedelta(minutes=5)
    assert (item.last_active_at, item.ends_at) == (now, now + timedelta(days=1))
    assert item.clients == (signed.app.client_id,)
    assert item.tenants == (signed.tenant,)


class TestVanishing:
    """A session leaves the list at the very microsecond that it ends."""

    @pytest.mark.parametrize(
        ("policy", "seconds"),
        [
            pytest.param({"idle_timeout": 600}, 600, id="idle"),
            pytest.param({"refresh_token_lifetime": 900}, 900, id="not refreshed"),
            pytest.param({"force_relogin": 300}, 300, id="absolute"),
        ],
    )
    def test_by_time(self, world, time, policy, seconds):
        signed = signed_in(world, **policy)
        time.pass_(seconds=seconds, microseconds=-1)
        assert live_sids(world, signed.person) == [signed.tokens.sid]
        time.pass_(microseconds=1)
        assert live_sids(world, signed.person) == []

    def test_a_refresh_keeps_it_there(self, world, time):
        signed = signed_in(world, idle_timeout=600)
        time.pass_(seconds=599)
        tokens_of(refresh(world, signed.app, signed.tokens.refresh_token))
        time.pass_(seconds=599)
        assert live_sids(world, signed.person) == [signed.tokens.sid]

    def test_by_a_forced_re_login_that_no_refresh_moves(self, world, time):
        signed = signed_in(world, force_relogin=900)
        token = signed.tokens.refresh_token
        for _ in range(2):
            time.pass_(seconds=449)
            token = tokens_of(refresh(world, signed.app, token)).refresh_token
        time.pass_(seconds=2, microseconds=-1)
        assert live_sids(world, signed.person) == [signed.tokens.sid]
        time.pass_(microseconds=1)
        assert live_sids(world, signed.person) == []

    def test_by_the_strictest_of_all_tenants(self, world, time):
        """Signed in to one tenant; the other one forces everybody to sign in again."""
        tenant, strict = world.tenant(), world.tenant(force_relogin=600)
        person, app = world.person(tenant, strict), world.client()
        tokens = tokens_of(sign_in(world, person, app, tenant))
        time.pass_(seconds=599)
        tokens_of(refresh(world, app, tokens.refresh_token))
        time.pass_(seconds=1)
        assert live_sids(world, person) == []

    def test_when_it_is_ended(self, signed):
        end(signed)
        assert live_sids(signed.world, signed.person) == []

    def test_when_all_are_ended_but_one(self, signed):
        tokens_of(sign_in(signed.world, signed.person, signed.app))
        end_all(signed.world, signed.person, keep_sid=signed.tokens.sid)
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]
        end_all(signed.world, signed.person)
        assert live_sids(signed.world, signed.person) == []


def test_a_session_is_ended_only_for_its_own_account(signed):
    parts = signed.world.parts
    stranger = signed_in(signed.world).person.account_id
    assert not account_sessions.end_one(
        parts.database, parts.clock, stranger, signed.tokens.sid, BY_USER
    )
    assert live_sids(signed.world, signed.person) == [signed.tokens.sid]


class TestPages:
    def test_many_sessions_are_each_on_one_page(self, signed):
        sids = sids_before(signed.world.parts.clock.now(), MANY)
        multiply(signed, sids)
        found = pages(signed, 500)
        assert flat(found) == [signed.tokens.sid, *reversed(sids)]
        assert {len(page) for page in found[:-1]} == {500}

    @pytest.mark.parametrize(("count", "limit"), [(2, 1), (4, 2), (5, 2), (6, 7)])
    def test_the_last_page_says_that_it_is_the_last(self, signed, count, limit):
        multiply(signed, sids_before(signed.world.parts.clock.now(), count - 1))
        found = pages(signed, limit)
        assert len(flat(found)) == count
        assert all(found)

    def test_those_that_expired_unpurged_are_passed_over(self, signed):
        """Most of a long list is over by time; the rest is found all the same."""
        now = signed.world.parts.clock.now()
        sids = sids_before(now, 1000)
        live = sids[:20]
        multiply(signed, live)
        multiply(signed, sids[20:], ends_at=now)
        assert flat(pages(signed, 10)) == [signed.tokens.sid, *reversed(live)]

    def test_no_page_looks_through_the_whole_list(self, signed):
        """A short page with a cursor, rather than an endless search for a full one."""
        now = signed.world.parts.clock.now()
        multiply(signed, sids_before(now, 200), ends_at=now)
        found = pages(signed, 1)
        assert flat(found) == [signed.tokens.sid]
        assert len(found) > 2

    def test_a_cursor_stays_where_it_was(self, signed, time):
        """Sessions come and go between two pages: none is told twice, and none is left out."""
        world, now = signed.world, signed.world.parts.clock.now()
        sids = sids_before(now, 9)
        multiply(signed, sids)
        first = current(world, lambda snapshot: page_of(world, snapshot, signed.person, None, 4))
        told = [item.session.sid for item in first.items]
        time.pass_(milliseconds=5)
        newer = tokens_of(sign_in(world, signed.person, signed.app)).sid
        end_session(signed, told[-1])
        end_session(signed, sids[4])
        second = current(
            world, lambda snapshot: page_of(world, snapshot, signed.person, first.next_sid, 20)
        )
        rest = [item.session.sid for item in second.items]
        assert newer not in rest
        assert told + rest == [signed.tokens.sid, *reversed(sids[5:]), *reversed(sids[:4])]
        assert second.next_sid is None


def end_session(signed: Signed, sid: str) -> None:
    parts = signed.world.parts
    assert account_sessions.end_one(
        parts.database, parts.clock, signed.person.account_id, sid, BY_USER
    )
