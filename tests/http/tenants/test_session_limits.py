"""A tenant's session limit counts a session from its first live grant in the tenant on."""

from dataclasses import replace

import pytest

from tests.http import administration as admin
from tests.http.building import EVERYWHERE, assert_dead, assert_refused, live_at
from tests.http.tenants.building import Both, ask, assert_grant_dead, member_of_both
from tests.world.world import Time, World, tokens_of


def limited(world: World, time: Time, action: str = "evict_oldest") -> tuple[Both, Both]:
    """Two sessions of one person, the second one newer; the second tenant has room for one."""
    both = member_of_both(world, second={"max_sessions": 1, "max_sessions_action": action})
    time.pass_(seconds=1)
    return both, replace(both, first=both.first.again())


def test_the_oldest_other_session_there_ends_for_it(world: World, time: Time) -> None:
    older, newer = limited(world, time)
    there = older.enter()
    entered = newer.enter()
    assert_dead(there.second)
    assert ("session_ended", "evicted") in older.first.happened
    assert live_at(entered.first) == live_at(entered.second) == EVERYWHERE


def test_one_that_is_not_there_stays(world: World, time: Time) -> None:
    older, newer = limited(world, time)
    newer.enter()
    assert live_at(older.first) == EVERYWHERE


def test_a_session_that_is_there_already_is_counted_once(world: World, time: Time) -> None:
    older, newer = limited(world, time, "deny")
    there = older.enter()
    assert live_at(there.second) == EVERYWHERE
    assert live_at(replace(older, first=there.first).enter().second) == EVERYWHERE
    assert live_at(newer.first) == EVERYWHERE


def test_one_that_is_there_already_is_not_asked_about_a_lower_limit(
    world: World, time: Time
) -> None:
    older, newer = limited(world, time)
    admin.change_policy(world, older.second_tenant)
    there, too = older.enter(), newer.enter()
    admin.change_policy(
        world, older.second_tenant, max_sessions=1, max_sessions_action="evict_oldest"
    )
    assert live_at(replace(newer, first=too.first).enter().second) == EVERYWHERE
    assert live_at(there.second) == EVERYWHERE


@pytest.mark.parametrize("action", ["deny", "ask"])
def test_where_nobody_gives_way_it_is_refused_and_spends_nothing(
    world: World, time: Time, action: str
) -> None:
    older, newer = limited(world, time, action)
    there = older.enter()
    assert_refused(newer.try_enter(), 400, "invalid_target")
    assert_refused(ask(newer), 400, "session_limit")
    assert newer.first.happened[-2:] == [("grant_refused", "session_limit")] * 2
    assert live_at(newer.first.refreshed()) == live_at(there.second) == EVERYWHERE


def test_as_soon_as_the_other_one_is_gone_there_is_room(world: World, time: Time) -> None:
    older, newer = limited(world, time, "deny")
    there = older.enter()
    world.revoke(there.second.app, there.second.tokens.refresh)
    assert_grant_dead(there.second)
    assert tokens_of(ask(newer))


def test_what_is_refused_for_another_reason_ends_nobody(world: World, time: Time) -> None:
    older, newer = limited(world, time)
    there = older.enter()
    assert_refused(newer.try_enter(scope="openid email"), 400, "invalid_scope")
    newer.first.refreshed()
    assert_refused(newer.try_enter(), 400, "invalid_target")
    assert live_at(there.second) == EVERYWHERE


def test_limits_that_count_the_session_already_are_not_asked_again(
    world: World, time: Time
) -> None:
    """They were lowered meanwhile: that is a matter of the next sign-in."""
    older, newer = limited(world, time)
    world.sql("UPDATE accounts SET session_limit = 1")
    world.sql("""UPDATE environment SET policy = '{"max_sessions": 1}'""")
    admin.change_client(world, newer.first.app, policy='{"max_sessions": 1}')
    admin.change_policy(world, newer.second_tenant)
    assert live_at(newer.enter().second) == live_at(older.first) == EVERYWHERE
