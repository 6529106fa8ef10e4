"""A refresh token that enters another tenant, presented again: by who lost the answer, or a thief.

Inside the retry window both get the same. Whoever then goes another way is found out.
"""

from dataclasses import replace

import pytest

from tests.http import administration as admin
from tests.http.building import EVERYWHERE, SignedIn, assert_dead, assert_refused, live_at
from tests.http.tenants.building import assert_grant_dead, member_of_both
from tests.world.world import Time, World


def test_a_retry_gives_the_same_two_tokens(world: World, second_worker: World, time: Time) -> None:
    both = member_of_both(world)
    answers = [both.try_enter()]
    for worker in (second_worker, world):
        time.pass_(seconds=29)
        answers.append(both.try_enter(worker))
    bodies = [answer.get_json() for answer in answers]
    for name in ("refresh_token", "previous_refresh_token", "sid", "tenantId"):
        assert len({body[name] for body in bodies}) == 1
    assert len({body["access_token"] for body in bodies}) == 3
    rows = world.sql("SELECT count(*) FROM grants")
    assert rows == [(2,)]
    assert [name for name, _ in both.first.happened] == ["grant_opened"]


def test_a_retry_after_the_new_grant_was_used_ends_the_session(world: World) -> None:
    """Inside the window: somebody has branched off with the token."""
    both = member_of_both(world)
    found = both.enter()
    thief = found.second.refreshed()
    assert_refused(both.try_enter(), 400, "invalid_grant")
    assert_dead(found.first)
    assert_dead(thief)
    assert ("refresh_replayed", "replayed") in both.first.happened


def test_a_plain_retry_after_the_new_grant_was_used_ends_the_session(world: World) -> None:
    both = member_of_both(world)
    thief = both.enter().second.refreshed()
    answer = world.try_refresh(both.first.app, both.first.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")
    assert_dead(thief)


def test_that_is_a_replay_whatever_scope_it_asks_for(world: World) -> None:
    both = member_of_both(world)
    thief = both.enter().second.refreshed()
    answer = world.try_refresh(both.first.app, both.first.tokens.refresh, scope="email admin")
    assert_refused(answer, 400, "invalid_grant")
    assert_dead(thief)


def test_a_retry_after_the_first_chain_went_on_ends_the_session(world: World) -> None:
    both = member_of_both(world)
    found = both.enter()
    found.first.refreshed()
    assert_refused(both.try_enter(), 400, "invalid_grant")
    assert_dead(found.second)


def test_a_retry_after_the_window_ends_the_session(world: World, time: Time) -> None:
    both = member_of_both(world, retry_window=60)
    found = both.enter()
    time.pass_(seconds=60)
    assert_refused(both.try_enter(), 400, "invalid_grant")
    assert_dead(found.second)


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_replay_in_one_chain_ends_both(world: World, which: str) -> None:
    found = member_of_both(world).enter()
    chain = getattr(found, which).chain(3)
    assert_refused(world.try_refresh(chain[0].app, chain[0].tokens.refresh), 400, "invalid_grant")
    assert_dead(chain[-1])
    assert_dead(found.second if which == "first" else found.first)


# The same token for two things: one of the two that ask may be a thief.


def assert_refresh_first(world: World, who: SignedIn, tenant_id: str) -> None:
    """The spent token opens nothing there, and its own chain goes on."""
    answer = world.try_refresh(who.app, who.tokens.refresh, tenant_id=tenant_id)
    assert_refused(answer, 400, "invalid_target")
    answer = world.try_json_refresh(who.app, who.tokens.refresh, tenant_id=tenant_id)
    assert_refused(answer, 400, "refresh_first")
    assert who.happened[-1] == ("grant_refused", "spent_otherwise")


def test_what_a_plain_refresh_has_spent_enters_nothing(world: World) -> None:
    """Else a thief who comes after the owner had a life of his own in the other tenant."""
    both = member_of_both(world)
    owner = both.first.refreshed()
    assert_refresh_first(world, both.first, both.second_tenant)
    assert world.sql("SELECT count(*) FROM grants") == [(1,)]
    assert live_at(owner.refreshed()) == EVERYWHERE


def test_who_lost_a_plain_answer_enters_with_the_successor(world: World) -> None:
    both = member_of_both(world)
    both.first.refreshed()
    assert_refresh_first(world, both.first, both.second_tenant)
    found = replace(both, first=both.first.refreshed()).enter()
    assert live_at(found.second) == live_at(found.first.refreshed()) == EVERYWHERE


def test_one_token_enters_one_tenant(world: World) -> None:
    both = member_of_both(world)
    third = world.tenant()
    admin.join(world, both.first.person, third)
    found = both.enter()
    assert_refresh_first(world, both.first, third)
    used = found.second.refreshed()
    assert live_at(found.first) == live_at(used) == EVERYWHERE
    assert_refused(both.try_enter(tenant_id=third), 400, "invalid_grant")
    assert_dead(used)


def test_a_plain_retry_gives_the_successor_and_ends_what_was_opened_unused(
    world: World, second_worker: World
) -> None:
    """Whoever waits with the other tenant's tokens is not left alone with them."""
    both = member_of_both(world)
    found = both.enter()
    owner = both.first.refreshed()
    assert owner.tokens.refresh == found.first.tokens.refresh
    assert both.first.happened == [("grant_opened", ""), ("grant_ended", "superseded")]
    assert_grant_dead(found.second, second_worker)
    assert live_at(owner.refreshed(), second_worker) == EVERYWHERE


def test_what_was_let_go_is_not_opened_again(world: World) -> None:
    both = member_of_both(world)
    found = both.enter()
    both.first.refreshed()
    assert_refused(both.try_enter(), 400, "invalid_target")
    assert_grant_dead(found.second)
    assert both.first.happened[-1] == ("grant_refused", "superseded")
    assert live_at(both.first.refreshed()) == EVERYWHERE


def test_a_grant_that_was_given_back_is_not_opened_again(world: World) -> None:
    both = member_of_both(world)
    found = both.enter()
    world.revoke(both.first.app, found.second.tokens.access)
    assert_refused(both.try_enter(), 400, "invalid_target")
    assert_grant_dead(found.second)
    assert live_at(found.first) == EVERYWHERE


def test_nor_is_one_that_is_kept_no_more(world: World) -> None:
    both = member_of_both(world)
    found = both.enter()
    world.revoke(both.first.app, found.second.tokens.access)
    world.sql("DELETE FROM grants WHERE ended_at IS NOT NULL")
    assert_refused(both.try_enter(), 400, "invalid_target")
    assert world.sql("SELECT count(*) FROM grants") == [(1,)]
    assert both.first.refreshed().tokens.refresh == found.first.tokens.refresh


def test_a_retry_may_ask_for_less_scope_and_never_for_more(world: World) -> None:
    both = member_of_both(world)
    found = both.enter()
    assert both.enter(scope="openid").second.tokens.body["scope"] == "openid"
    assert_refused(both.try_enter(scope="openid email"), 400, "invalid_scope")
    assert both.enter().second.tokens.refresh == found.second.tokens.refresh


def test_a_retry_from_another_network_is_on_record(world: World) -> None:
    both = member_of_both(world)
    found = both.enter()
    world.sql("UPDATE grants SET used_from = '198.51.100.7'")
    assert both.enter().second.tokens.refresh == found.second.tokens.refresh
    assert both.first.happened[-1] == ("refresh_retried_elsewhere", "")


def test_without_a_window_nothing_is_given_twice(world: World) -> None:
    both = member_of_both(world, retry_window=0)
    found = both.enter()
    assert_refused(both.try_enter(), 400, "invalid_grant")
    assert_dead(found.second)
    assert both.first.happened[-1] == ("refresh_replayed", "replayed")


def test_an_older_token_is_a_replay_whatever_tenant_it_names(world: World) -> None:
    both = member_of_both(world)
    newest = both.first.chain(2)[-1]
    assert_refused(both.try_enter(tenant_id="not a tenant"), 400, "invalid_grant")
    assert_dead(newest)


def test_a_token_that_is_ahead_of_its_row_enters_too_and_is_told(world: World) -> None:
    """The database lost its tail."""
    both = member_of_both(world)
    both = replace(both, first=both.first.chain(2)[-1])
    world.sql("UPDATE grants SET generation = 0")
    found = both.enter()
    assert [name for name, _ in both.first.happened] == ["refresh_ahead", "grant_opened"]
    assert both.enter().second.tokens.refresh == found.second.tokens.refresh
    assert live_at(found.first.refreshed()) == EVERYWHERE
