"""How many grants live under one session, and what becomes of those that do not."""

from dataclasses import replace

from tests.http import administration as admin
from tests.http.building import EVERYWHERE, SignedIn, live_at
from tests.http.tenants.building import Both, ask, assert_grant_dead, member_of_both
from tests.world.world import Time, World, tokens_of
from token_service.services.session_grants import MOST


def test_the_longest_unused_of_too_many_grants_is_superseded(world: World, time: Time) -> None:
    both = member_of_both(world, second={"access_token_lifetime": 86_400})
    first = both.enter()
    opened = [first.second]
    chain = first.first
    for _ in range(MOST - 1):
        time.pass_(seconds=61)
        found = replace(both, first=chain).enter()
        chain = found.first
        opened.append(found.second)
    assert_grant_dead(opened[0])
    assert ("grant_ended", "superseded") in both.first.happened
    assert live_at(opened[1]) == live_at(opened[-1]) == EVERYWHERE
    assert chain.refreshed()
    assert world.sql("SELECT count(*) FROM grants WHERE ended_at IS NULL") == [(MOST,)]


def test_what_ended_is_kept_in_bounds(world: World, time: Time) -> None:
    both = member_of_both(world)
    for _ in range(MOST + 5):
        time.pass_(seconds=61)
        found = both.enter()
        world.revoke(both.first.app, found.second.tokens.refresh)
        both = replace(both, first=found.first)
    (count,) = world.sql("SELECT count(*) FROM grants")[0]
    assert count <= MOST + 2
    assert tokens_of(both.try_enter())


def another(both: Both) -> SignedIn:
    """One more grant in the second tenant, by access token."""
    tokens = tokens_of(ask(both))
    return replace(both.first, tokens=tokens, tenant_id=both.second_tenant)


def test_who_asks_by_access_token_loses_no_grant_of_their_own(world: World, time: Time) -> None:
    """Each answer was lost, and asked for again: the chain that the client holds goes on."""
    both = member_of_both(world)
    time.pass_(seconds=1)
    lost = [another(both) for _ in range(MOST - 1)]
    last = another(both)
    assert live_at(both.first) == live_at(last) == EVERYWHERE
    assert world.sql("SELECT count(*) FROM grants WHERE ended_at IS NULL") == [(MOST,)]
    assert len([one for one in lost if world.is_live(one.tokens)]) == MOST - 2
    assert both.first.refreshed()


def test_grants_that_time_has_ended_are_not_kept_for_good(world: World, time: Time) -> None:
    """A remembered session of a year, with a tab a day that nobody comes back to."""
    both = member_of_both(world, idle_timeout="off", second={"idle_timeout": 600})
    for _ in range(MOST + 5):
        another(both)
        time.pass_(seconds=600)
        both = replace(both, first=both.first.refreshed())
    last = another(both)
    assert world.sql("SELECT count(*) FROM grants WHERE ended_at IS NULL") == [(2,)]
    assert world.sql("SELECT count(*) FROM grants") == [(MOST + 2,)]
    assert both.first.happened.count(("grant_ended", "idle_timeout")) == MOST + 5
    assert live_at(last) == live_at(both.first.refreshed()) == EVERYWHERE


def test_one_that_a_shorter_policy_has_ended_comes_back_with_the_longer_one(
    world: World, time: Time
) -> None:
    """Nobody met its end, and to open another one is not to meet it."""
    both = member_of_both(world)
    waiting = another(both)
    time.pass_(seconds=601)
    admin.change_policy(world, both.second_tenant, idle_timeout=600)
    assert not world.is_live(waiting.tokens)
    another(both)
    admin.change_policy(world, both.second_tenant, idle_timeout=86_400)
    assert live_at(waiting) == EVERYWHERE
