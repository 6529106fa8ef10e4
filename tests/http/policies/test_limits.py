"""How long a session lives: its last second, and the first one after it."""

from collections.abc import Callable

import pytest

from tests.http.administration import change_policy, join, leave
from tests.http.building import (
    BY_REFRESH_TOKEN,
    EVERYWHERE,
    SignedIn,
    assert_dead,
    live_at,
    signed_in,
)
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import Time, World

IDLE_END = [("grant_ended", "idle_timeout"), ("session_ended", "idle_timeout")]
LONG = {"access_token_lifetime": 3_600}


def expires_in(who: SignedIn) -> int:
    """Seconds that the access token is good for, as it was told."""
    return int(who.tokens.body["expires_in"])


# Idle.


def test_a_session_is_live_everywhere_until_the_last_second_of_the_idle_timeout(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world, idle_timeout=5_400, **LONG)
    time.pass_(seconds=3_599)
    assert live_at(who) == live_at(who, second_worker) == EVERYWHERE
    time.pass_(seconds=1_800)
    assert live_at(who) == live_at(who, second_worker) == {*BY_REFRESH_TOKEN, "list of the account"}
    assert live_at(who.refreshed()) == EVERYWHERE


def test_a_session_is_dead_everywhere_in_the_first_second_after_the_idle_timeout(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world, idle_timeout=5_400, **LONG)
    time.pass_(seconds=5_400)
    assert_dead(who, second_worker)
    assert who.happened == IDLE_END


def test_the_idle_timeout_counts_from_the_last_refresh(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    for _ in range(5):
        time.pass_(seconds=599)
        who = who.refreshed()
    time.pass_(seconds=600)
    assert_dead(who)


def test_nobody_is_idle_who_refreshes_when_the_access_token_expires(
    world: World, time: Time
) -> None:
    """Access tokens live at most two thirds of the time after which a session is idle."""
    who = signed_in(world, idle_timeout=600, access_token_lifetime=86_400)
    for _ in range(10):
        assert expires_in(who) == 400
        time.pass_(seconds=expires_in(who))
        who = who.refreshed()
    assert live_at(who) == EVERYWHERE


def test_without_an_idle_timeout_the_refresh_lifetime_counts(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout="off", refresh_token_lifetime=172_800)
    time.pass_(seconds=172_799)
    who = who.refreshed()
    time.pass_(seconds=172_800)
    assert_dead(who)
    assert who.happened == [
        ("grant_ended", "refresh_expired"),
        ("session_ended", "refresh_expired"),
    ]


def test_an_automatic_refresh_lifetime_is_half_as_long_again_as_the_access_tokens(
    world: World, time: Time
) -> None:
    who = signed_in(world, access_token_lifetime=1_000, refresh_token_lifetime="auto")
    assert expires_in(who) == 1_000
    time.pass_(seconds=1_499)
    who = who.refreshed()
    time.pass_(seconds=1_500)
    assert_dead(who)


# The absolute end.


def test_a_session_is_live_everywhere_until_the_last_second_before_its_absolute_end(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world, force_relogin=3_600)
    time.pass_(seconds=3_599)
    who = who.refreshed()
    assert live_at(who) == live_at(who, second_worker) == EVERYWHERE
    assert expires_in(who) == 1


def test_a_session_is_dead_everywhere_at_its_absolute_end(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world, force_relogin=3_600)
    time.pass_(seconds=3_599)
    who = who.refreshed()
    time.pass_(seconds=1)
    assert_dead(who, second_worker)
    assert who.happened == [("session_ended", "absolute_timeout")]


def test_no_use_moves_the_absolute_end(world: World, time: Time) -> None:
    who = signed_in(world, force_relogin=3_600)
    told = []
    for _ in range(6):
        time.pass_(minutes=9)
        who = who.refreshed()
        told.append(expires_in(who))
        listed = world.http.get("/v1/me/sessions", headers=who.tokens.bearer)
        assert listed.get_json()["items"][0]["ends_at"] == "2026-03-01T13:00:00.000Z"
    assert told == [900, 900, 900, 900, 900, 360]
    assert world.introspect(who.app, who.tokens.refresh)["exp"] == 1_772_370_000


@pytest.mark.parametrize("left", [899, 10, 1])
def test_no_access_token_outlives_the_absolute_end(world: World, time: Time, left: int) -> None:
    who = signed_in(world, force_relogin=3_600)
    time.pass_(seconds=3_600 - left)
    who = who.refreshed()
    assert expires_in(who) == left
    claims = world.validate(who.tokens.access)
    assert claims["exp"] == claims["auth_time"] + 3_600


def test_a_fraction_of_a_second_before_the_end_is_no_second_more(world: World, time: Time) -> None:
    time.pass_(microseconds=700_000)
    who = signed_in(world, force_relogin=3_600)
    time.pass_(seconds=3_599, microseconds=999_999)
    answer = world.try_refresh(who.app, who.tokens.refresh)
    assert answer.status_code == 200
    assert 0 <= answer.get_json()["expires_in"] <= 1
    time.pass_(microseconds=1)
    assert_dead(who)


def test_the_strictest_tenant_of_an_account_decides(world: World, time: Time) -> None:
    who = signed_in(world)
    join(world, who.person, world.tenant(force_relogin=1_200))
    time.pass_(seconds=1_190)
    who = who.refreshed()
    assert expires_in(who) == 10
    time.pass_(seconds=10)
    assert_dead(who)
    assert who.happened[-1] == ("session_ended", "absolute_timeout")


# The environment's defaults, and what tenants say instead.


@pytest.fixture
def strict(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """Ten minutes idle, and an hour in all."""
    return world_on(
        databases,
        TOKEN_SERVICE_POLICY_IDLE_TIMEOUT="600",
        TOKEN_SERVICE_POLICY_FORCE_RELOGIN="3600",
    )


def test_the_environments_limits_hold_where_a_tenant_says_nothing(
    strict: World, time: Time
) -> None:
    idle, busy = signed_in(strict), signed_in(strict)
    for _ in range(6):
        time.pass_(seconds=599)
        busy = busy.refreshed()
    assert_dead(idle)
    assert idle.happened == IDLE_END
    assert expires_in(busy) == 6
    time.pass_(seconds=6)
    assert_dead(busy)
    assert busy.happened == [("session_ended", "absolute_timeout")]


def test_a_tenant_may_say_otherwise(strict: World, time: Time) -> None:
    who = signed_in(strict, idle_timeout=7_200, force_relogin="off")
    for _ in range(3):
        time.pass_(seconds=7_199)
        who = who.refreshed()
    assert live_at(who) == EVERYWHERE


# Policies that change under a living session.


def test_a_shortened_policy_bites_at_once_on_every_worker(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    time.pass_(seconds=600)
    change_policy(world, who.tenant_id, idle_timeout=600)
    assert_dead(who, second_worker)
    assert who.happened == IDLE_END


def test_a_shortened_absolute_limit_bites_at_once_on_every_worker(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    time.pass_(seconds=600)
    change_policy(world, who.tenant_id, force_relogin=601)
    assert expires_in(who.refreshed()) == 1
    time.pass_(seconds=1)
    assert_dead(who, second_worker)


def test_a_lengthened_policy_holds_from_the_next_refresh(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    other = who.again()
    change_policy(world, who.tenant_id, idle_timeout=7_200)
    time.pass_(seconds=599)
    who = who.refreshed()
    time.pass_(seconds=1)
    assert_dead(other)
    time.pass_(seconds=7_198)
    assert live_at(who.refreshed()) == EVERYWHERE


def test_an_end_that_a_refresh_has_met_is_final(world: World, time: Time) -> None:
    who = signed_in(world)
    time.pass_(seconds=600)
    change_policy(world, who.tenant_id, idle_timeout=600)
    assert_dead(who)
    change_policy(world, who.tenant_id)
    assert_dead(who)


def test_an_end_that_nobody_has_met_is_void_when_the_policy_is_lengthened_in_time(
    world: World, time: Time
) -> None:
    """Reading writes nothing."""
    who = signed_in(world)
    time.pass_(seconds=600)
    change_policy(world, who.tenant_id, idle_timeout=600)
    assert live_at(who) == set()
    change_policy(world, who.tenant_id)
    assert live_at(who.refreshed()) == EVERYWHERE


def test_a_shorter_life_of_access_tokens_holds_from_the_next_refresh(world: World) -> None:
    who = signed_in(world)
    change_policy(world, who.tenant_id, access_token_lifetime=60)
    assert expires_in(who.refreshed()) == 60
    assert live_at(who) == EVERYWHERE - BY_REFRESH_TOKEN


def test_a_stricter_tenant_that_was_left_counts_no_more(world: World, time: Time) -> None:
    who, strict = signed_in(world), world.tenant(force_relogin=1_200)
    join(world, who.person, strict)
    leave(world, who.person, strict)
    time.pass_(seconds=1_200)
    assert expires_in(who.refreshed()) == 900


# Housekeeping that does not come extends nothing.


def test_what_nobody_purged_is_as_dead(world: World, second_worker: World, time: Time) -> None:
    who = signed_in(world)
    time.pass_(days=30)
    assert_dead(who, second_worker)
