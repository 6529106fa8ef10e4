"""A change of policy holds for live sessions from their next use, and touches no row of theirs.

The second worker is never told; each change is made through the API, at the level that the test is
run for.
"""

from dataclasses import replace

import pytest

from tests.http.administration import join
from tests.http.building import (
    EVERYWHERE,
    SignedIn,
    assert_dead,
    assert_refused,
    live_at,
    signed_in,
)
from tests.http.policies.asking import (
    ENVIRONMENT,
    administrator,
    of_tenant,
    rows_of_sessions,
    version,
)
from tests.world.world import Time, World, tokens_of


@pytest.fixture(params=["environment", "tenant"])
def level(request: pytest.FixtureRequest) -> str:
    """Where the change is made."""
    return str(request.param)


@pytest.fixture
def who(world: World, second_worker: World) -> SignedIn:
    """Somebody whom both workers know."""
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    return who


def change(who: SignedIn, level: str, **fields: object) -> None:
    """Change the policy of the session: workers are told, and no row of it is written."""
    admin = administrator(who.world)
    before, told = rows_of_sessions(who.world), version(who.world)
    admin.change(ENVIRONMENT if level == "environment" else of_tenant(who.tenant_id), **fields)
    assert rows_of_sessions(who.world) == before
    assert version(who.world) == told + 1


def expires_in(who: SignedIn) -> int:
    """Seconds that the access token is good for, as it was told."""
    return int(who.tokens.body["expires_in"])


IDLE_END = [("grant_ended", "idle_timeout"), ("session_ended", "idle_timeout")]


def test_a_shorter_access_lifetime(who: SignedIn, level: str, time: Time) -> None:
    change(who, level, access_token_lifetime=60)
    time.pass_(seconds=61)
    assert who.world.is_live(who.tokens), "what was issued before lives on"
    who = who.refreshed()
    assert expires_in(who) == 60
    time.pass_(seconds=60)
    assert not who.world.is_live(who.tokens)


def test_a_longer_access_lifetime(who: SignedIn, level: str) -> None:
    change(who, level, access_token_lifetime=7_200)
    assert expires_in(who.refreshed()) == 7_200


@pytest.mark.parametrize(("seconds", "lives"), [(599, True), (600, False)])
def test_a_shorter_idle_timeout(
    who: SignedIn, second_worker: World, level: str, time: Time, *, seconds, lives
) -> None:
    change(who, level, idle_timeout=600)
    time.pass_(seconds=seconds)
    if lives:
        assert live_at(who, second_worker) == EVERYWHERE
        assert expires_in(who.refreshed()) == 400
    else:
        assert_dead(who, second_worker)
        assert who.happened == IDLE_END


def test_a_longer_idle_timeout_from_the_next_refresh(who: SignedIn, level: str, time: Time) -> None:
    other = who.again()
    change(who, level, idle_timeout=172_800, refresh_token_lifetime=172_800)
    time.pass_(seconds=86_399)
    who = who.refreshed()
    time.pass_(seconds=1)
    assert_dead(other)
    time.pass_(seconds=172_798)
    assert who.refreshed()


@pytest.mark.parametrize(("seconds", "lives"), [(599, True), (600, False)])
def test_a_shorter_refresh_lifetime(
    who: SignedIn, second_worker: World, level: str, time: Time, *, seconds, lives
) -> None:
    change(who, level, refresh_token_lifetime=600)
    time.pass_(seconds=seconds)
    if lives:
        assert who.refreshed()
        return
    assert_dead(who, second_worker)
    assert who.happened == [
        ("grant_ended", "refresh_expired"),
        ("session_ended", "refresh_expired"),
    ]


def test_an_automatic_refresh_lifetime_follows_each_change_of_the_access_lifetime(
    who: SignedIn, second_worker: World, level: str, time: Time
) -> None:
    change(who, level, refresh_token_lifetime="auto", access_token_lifetime=1_000)
    time.pass_(seconds=1_499)
    who = who.refreshed()
    assert expires_in(who) == 1_000
    change(who, level, access_token_lifetime=2_000)
    who = who.refreshed()
    time.pass_(seconds=2_999)
    who = who.refreshed()
    assert expires_in(who) == 2_000
    change(who, level, access_token_lifetime=600)
    time.pass_(seconds=899)
    who = who.refreshed()
    time.pass_(seconds=900)
    assert_dead(who, second_worker)
    assert who.happened[-1] == ("session_ended", "refresh_expired")


@pytest.mark.parametrize(("seconds", "left"), [(599, 1), (600, 0)])
def test_a_forced_relogin_in_mid_session(
    who: SignedIn, second_worker: World, level: str, time: Time, *, seconds, left
) -> None:
    time.pass_(seconds=300)
    change(who, level, force_relogin=600)
    time.pass_(seconds=seconds - 300)
    if left:
        assert live_at(who, second_worker) == EVERYWHERE
        assert expires_in(who.refreshed()) == left
    else:
        assert_dead(who, second_worker)
        assert who.happened == [("session_ended", "absolute_timeout")]


def test_a_forced_relogin_that_was_shortened_and_lengthened_again(
    who: SignedIn, second_worker: World, level: str, time: Time
) -> None:
    """Reading has met the shorter end, and writes nothing."""
    change(who, level, force_relogin=600)
    time.pass_(seconds=700)
    assert live_at(who, second_worker) == set()
    change(who, level, force_relogin=3_600)
    assert live_at(who, second_worker) == EVERYWHERE
    time.pass_(seconds=3_600 - 700 - 1)
    who = refreshed_at(second_worker, who)
    assert expires_in(who) == 1
    time.pass_(seconds=1)
    assert_dead(who, second_worker)


def refreshed_at(worker: World, who: SignedIn) -> SignedIn:
    """The same after a refresh at this worker."""
    answer = worker.try_refresh(who.app, who.tokens.refresh)
    assert answer.status_code == 200, answer.text
    return replace(who, tokens=tokens_of(answer))


def test_a_forced_relogin_that_a_refresh_has_met_is_final(
    who: SignedIn, second_worker: World, level: str, time: Time
) -> None:
    change(who, level, force_relogin=600)
    time.pass_(seconds=600)
    assert_refused(who.world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
    change(who, level, force_relogin="off")
    assert_dead(who, second_worker)
    assert who.happened == [("session_ended", "absolute_timeout")]


def test_the_strictest_tenant_holds_for_the_whole_session(
    who: SignedIn, second_worker: World, time: Time
) -> None:
    """Another of the account's tenants shortens its re-login, and bounds shorten it again."""
    other = who.world.tenant()
    join(who.world, who.person, other)
    administrator(who.world).change(of_tenant(other), force_relogin=3_600)
    time.pass_(seconds=3_000)
    assert expires_in(who.refreshed()) == 600
    bounds = {"force_relogin": {"max": 3_060}}
    change(who, "environment", force_relogin=3_060, bounds=bounds)
    time.pass_(seconds=59)
    who = refreshed_at(second_worker, who)
    assert expires_in(who) == 1
    time.pass_(seconds=1)
    assert_dead(who, second_worker)


def test_a_bound_is_a_shorter_policy_for_live_sessions(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world, idle_timeout=7_200, force_relogin="off")
    assert live_at(who, second_worker) == EVERYWHERE
    bounds = {"idle_timeout": {"max": 600}, "force_relogin": {"max": 900}}
    stated = {"idle_timeout": 600, "force_relogin": 900}
    change(who, "environment", bounds=bounds, **stated)
    time.pass_(seconds=599)
    assert live_at(who, second_worker) == EVERYWHERE
    who = refreshed_at(second_worker, who)
    assert expires_in(who) == 301
    change(who, "environment", bounds=None, idle_timeout=None, force_relogin=None)
    time.pass_(seconds=300)
    who = who.refreshed()
    assert expires_in(who) == 900
    change(who, "environment", bounds=bounds, **stated)
    time.pass_(seconds=1)
    assert_dead(who, second_worker)
    assert who.happened == [("session_ended", "absolute_timeout")]


def test_a_retry_window_that_is_closed(who: SignedIn, second_worker: World, level: str) -> None:
    old, who = who, who.refreshed()
    assert second_worker.try_refresh(old.app, old.tokens.refresh).status_code == 200
    change(who, level, retry_window=0)
    answer = second_worker.try_refresh(old.app, old.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")
    assert_dead(who, second_worker)
    assert who.happened[-1][0] == "refresh_replayed"


def test_a_retry_window_that_is_opened_further(
    who: SignedIn, second_worker: World, level: str, time: Time
) -> None:
    old, who = who, who.refreshed()
    time.pass_(seconds=120)
    change(who, level, retry_window=121)
    answer = second_worker.try_refresh(old.app, old.tokens.refresh)
    assert answer.status_code == 200
    assert answer.get_json()["refresh_token"] == who.tokens.refresh


@pytest.mark.parametrize(("seconds", "lives"), [(86_399, True), (86_400, False)])
def test_remembering_that_is_switched_off(
    world: World, second_worker: World, level: str, time: Time, *, seconds, lives
) -> None:
    """D21: a session that was remembered falls back to the limits of all others."""
    who = signed_in(world)
    change(who, level, remember_me=True)
    who = replace(who, tokens=world.sign_in(who.person, who.app, remember_me=True))
    time.pass_(seconds=86_401)
    who = who.refreshed()
    change(who, level, remember_me=False)
    time.pass_(seconds=seconds)
    if lives:
        assert refreshed_at(second_worker, who)
    else:
        assert_dead(who, second_worker)


def test_a_shorter_life_of_what_is_remembered(
    world: World, second_worker: World, level: str, time: Time
) -> None:
    who = signed_in(world)
    change(who, level, remember_me=True)
    who = replace(who, tokens=world.sign_in(who.person, who.app, remember_me=True))
    change(who, level, remember_me_lifetime=172_800)
    time.pass_(seconds=172_799)
    who = refreshed_at(second_worker, who)
    time.pass_(seconds=172_800)
    assert_dead(who, second_worker)


def test_a_tenant_that_says_otherwise_is_left_alone(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world, idle_timeout=7_200, force_relogin="off", access_token_lifetime=3_600)
    change(who, "environment", idle_timeout=60, force_relogin=60, access_token_lifetime=60)
    time.pass_(seconds=3_599)
    assert live_at(who, second_worker) == EVERYWHERE
    assert expires_in(refreshed_at(second_worker, who)) == 3_600
