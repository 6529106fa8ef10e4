"""Beyond the limit the oldest session ends, and the new one opens."""

import pytest

from tests.http.administration import change_policy
from tests.http.building import assert_refused
from tests.http.session_limits.crowd import FIREFOX, Build, use_device
from tests.world.world import Time, World


def test_without_a_limit_sessions_are_as_many_as_one_likes(world: World, crowd: Build) -> None:
    assert crowd(world, 12).live == list(range(12))


def test_up_to_the_limit_nobody_is_in_the_way(world: World, crowd: Build) -> None:
    assert crowd(world, 3, max_sessions=3).live == [0, 1, 2]


def test_the_oldest_gives_way_to_the_one_too_many(world: World, crowd: Build, time: Time) -> None:
    who = crowd(world, 3, max_sessions=3)
    time.pass_(seconds=1)
    who.open()
    assert who.live == [1, 2, 3]
    who.open()
    assert who.live == [2, 3, 4]


def test_oldest_is_who_signed_in_first_not_who_was_idle_longest(
    world: World, crowd: Build, time: Time
) -> None:
    who = crowd(world, 1, max_sessions=2)
    time.pass_(minutes=1)
    who.open()
    time.pass_(minutes=1)
    who.opened[0] = world.refresh(who.app, who.opened[0].refresh)
    who.open()
    assert who.live == [1, 2]


def test_an_eviction_is_on_the_record_and_in_the_session(world: World, crowd: Build) -> None:
    who = crowd(world, 1, max_sessions=1)
    use_device(world, FIREFOX)
    who.open()
    assert who.happened == [("session_ended", "evicted"), ("new_device", "")]
    event = world.events(who.person.account_id)[1]
    assert event.actor == f"account:{who.person.account_id}"
    assert (event.sid, event.details) == (who.opened[0].sid, {"device": "Firefox on Ubuntu"})
    ((reason, device),) = world.sql(
        "SELECT end_reason, ended_device FROM sessions WHERE sid = :sid", sid=who.opened[0].sid
    )
    assert (reason, device) == ("evicted", "Firefox on Ubuntu")


def test_all_that_are_too_many_end_where_a_limit_was_lowered(world: World, crowd: Build) -> None:
    who = crowd(world, 5)
    change_policy(world, who.tenant_id, max_sessions=2)
    assert who.live == [0, 1, 2, 3, 4]
    who.open()
    assert who.live == [4, 5]
    assert who.happened == [("session_ended", "evicted")] * 4


def test_a_raised_limit_holds_from_the_next_sign_in(world: World, crowd: Build) -> None:
    who = crowd(world, 2, max_sessions=2)
    change_policy(world, who.tenant_id, max_sessions=3)
    who.open()
    assert who.live == [0, 1, 2]


def test_what_has_ended_takes_no_place(world: World, crowd: Build) -> None:
    who = crowd(world, 2, max_sessions=2)
    world.invalidate(token=who.opened[1].access)
    who.open()
    assert who.live == [0, 2]
    assert who.happened == [("session_ended", "signed_out")]


def test_a_second_before_it_expires_a_session_counts(
    world: World, crowd: Build, time: Time
) -> None:
    who = crowd(world, 1, max_sessions=1, idle_timeout=600)
    time.pass_(seconds=599)
    who.open()
    assert who.happened == [("session_ended", "evicted")]


def test_in_the_second_in_which_it_expires_it_counts_no_more(
    world: World, crowd: Build, time: Time
) -> None:
    who = crowd(world, 1, max_sessions=1, idle_timeout=600)
    time.pass_(seconds=600)
    who.open()
    assert who.happened == []


def test_sessions_ended_everywhere_take_no_place(world: World, crowd: Build) -> None:
    who = crowd(world, 2, max_sessions=2)
    world.http.delete("/v1/me/sessions", headers=who.opened[0].bearer)
    who.open()
    who.open()
    assert who.live == [2, 3]
    assert ("session_ended", "evicted") not in who.happened


def test_an_impersonated_session_takes_no_place_and_is_never_evicted(
    world: World, crowd: Build
) -> None:
    who = crowd(world, 0, max_sessions=1)
    acting = who.impersonate()
    who.open()
    assert ("session_ended", "evicted") not in who.happened
    who.open()
    assert who.live == [1]
    assert world.is_live(acting)


@pytest.mark.parametrize("action", ["evict_oldest", "deny", "ask"])
def test_an_impersonation_needs_no_place(world: World, crowd: Build, action: str) -> None:
    who = crowd(world, 1, max_sessions=1, max_sessions_action=action)
    assert world.is_live(who.impersonate())
    assert who.live == [0]


def test_a_wrong_password_evicts_nobody(world: World, crowd: Build) -> None:
    who = crowd(world, 1, max_sessions=1)
    assert_refused(who.try_again(password="wrong password"), 401, "invalid_credentials")
    assert who.live == [0]


def test_the_limit_of_one_account_is_not_anothers(world: World, crowd: Build) -> None:
    who = crowd(world, 1, max_sessions=1)
    other = world.person(who.tenant_id)
    world.sign_in(other, who.app)
    assert who.live == [0]


def test_a_limit_is_known_to_every_worker_at_once(
    world: World, crowd: Build, second_worker: World
) -> None:
    who = crowd(world, 2)
    second_worker.is_live(who.opened[0])
    change_policy(world, who.tenant_id, max_sessions=1)
    second_worker.sign_in(who.person, who.app)
    assert who.live == []
