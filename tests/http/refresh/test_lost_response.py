"""The answer to a refresh got lost, and the client asks again.

The six cases that a lost answer must be told apart from a theft by, and the edges of the window.
"""

from tests.http.administration import reset_password
from tests.http.building import (
    EVERYWHERE,
    SignedIn,
    assert_dead,
    assert_refused,
    live_at,
    signed_in,
)
from tests.world.world import Time, World

REPLAYED = ("refresh_replayed", "replayed")


def test_a_retry_inside_the_window_gets_the_same_successor(world: World, time: Time) -> None:
    who = signed_in(world)
    first = who.refreshed()
    time.pass_(seconds=30)
    second = who.refreshed()
    assert second.tokens.refresh == first.tokens.refresh
    assert second.tokens.access != first.tokens.access
    assert live_at(second) == EVERYWHERE
    assert who.happened == []


def test_however_many_retries_there_is_never_a_second_successor(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    answers = [
        worker.refresh(who.app, who.tokens.refresh).refresh
        for _ in range(5)
        for worker in (world, second_worker)
    ]
    in_json = world.try_json_refresh(who.app, who.tokens.refresh)
    assert {*answers, in_json.get_json()["refresh_token"]} == {answers[0]}


def test_no_retry_after_the_successor_was_used(world: World) -> None:
    who, _, latest = signed_in(world).chain(2)
    assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
    assert_dead(latest)
    assert who.happened == [REPLAYED]


def test_no_retry_two_or_more_generations_back(world: World) -> None:
    who, *_, latest = signed_in(world).chain(4)
    assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
    assert_dead(latest)
    assert who.happened == [REPLAYED]


def _by_revoking(who: SignedIn) -> None:
    who.world.revoke(who.app, who.tokens.refresh)


def _by_invalidating(who: SignedIn) -> None:
    who.world.invalidate(token=who.tokens.access)


def _by_resetting_the_password(who: SignedIn) -> None:
    reset_password(who.world, who.person)


def test_no_retry_after_a_deliberate_end(world: World) -> None:
    for end in (_by_revoking, _by_invalidating, _by_resetting_the_password):
        who, latest = signed_in(world).chain(1)
        end(latest)
        assert_dead(who)
        assert_dead(latest)
        assert REPLAYED not in who.happened


def test_no_retry_for_another_client(world: World) -> None:
    who, latest = signed_in(world).chain(1)
    other = world.client()
    assert_refused(world.try_refresh(other, who.tokens.refresh), 400, "invalid_grant")
    assert live_at(latest) == EVERYWHERE
    assert latest.refreshed()
    assert who.happened == [("refresh_foreign_client", "")]


# The window.


WINDOWS = (1, 60, 300)


def test_the_window_is_open_until_its_last_second(world: World, time: Time) -> None:
    for window in WINDOWS:
        who, latest = signed_in(world, retry_window=window).chain(1)
        time.pass_(seconds=window - 1)
        assert who.refreshed().tokens.refresh == latest.tokens.refresh


def test_the_window_is_closed_when_its_time_is_over(world: World, time: Time) -> None:
    for window in WINDOWS:
        who, latest = signed_in(world, retry_window=window).chain(1)
        time.pass_(seconds=window)
        assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
        assert_dead(latest)
        assert who.happened == [REPLAYED]


def test_a_window_of_zero_is_strict_in_the_very_same_instant(world: World) -> None:
    who, latest = signed_in(world, retry_window=0).chain(1)
    assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
    assert_dead(latest)
    assert who.happened == [REPLAYED]


def test_retries_do_not_keep_the_window_open(world: World, time: Time) -> None:
    who = signed_in(world)
    for _ in range(3):
        who.refreshed()
        time.pass_(seconds=20)
    assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")


def test_a_retry_moves_no_expiry(world: World, time: Time) -> None:
    """Only the use of a token slides the session; its repetition is no use."""
    who, latest = signed_in(world, idle_timeout=600).chain(1)
    time.pass_(seconds=50)
    who.refreshed()
    time.pass_(seconds=550)
    assert_dead(latest)


def test_no_retry_revives_a_session_that_went_idle_inside_the_window(
    world: World, time: Time
) -> None:
    who, latest = signed_in(world, retry_window=300, idle_timeout=120).chain(1)
    time.pass_(seconds=120)
    assert_dead(who)
    assert_dead(latest)
    assert who.happened == [("grant_ended", "idle_timeout"), ("session_ended", "idle_timeout")]


def test_a_retry_from_another_network_is_answered_and_told(world: World) -> None:
    who, latest = signed_in(world).chain(1)
    world.http.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    assert who.refreshed().tokens.refresh == latest.tokens.refresh
    assert who.happened == [("refresh_retried_elsewhere", "")]
    event = world.events(who.account_id)[-1]
    assert (event.origin.address, event.sid) == ("203.0.113.7", who.tokens.sid)


def test_a_retry_may_ask_for_less_scope_than_the_first_time(world: World) -> None:
    who, latest = signed_in(world).chain(1)
    retried = world.refresh(who.app, who.tokens.refresh, scope="openid")
    assert (retried.body["scope"], retried.refresh) == ("openid", latest.tokens.refresh)
