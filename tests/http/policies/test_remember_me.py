"""Remembered sessions: unused for a time of their own, where the tenant allows it."""

import pytest

from tests.http import administration as admin
from tests.http.building import EVERYWHERE, SignedIn, assert_dead, assert_refused, live_at
from tests.world.world import Time, World

MONTH = 2_592_000
ALLOWED = {"remember_me": True, "idle_timeout": 3_600}


def remembered(world: World, *, asked: bool = True, **policy: object) -> SignedIn:
    """Somebody who has asked to be remembered, or has not."""
    tenant_id = world.tenant(**policy)
    person, app, backend = world.person(tenant_id), world.client("app"), world.client("backend")
    tokens = world.sign_in(person, app, remember_me=asked)
    return SignedIn(world, tenant_id, person, app, backend, tokens)


def is_listed_as(who: SignedIn) -> bool:
    """What the person's own list says."""
    answer = who.world.http.get("/v1/me/sessions", headers=who.tokens.bearer)
    return bool(answer.get_json()["items"][0]["remembered"])


def test_it_goes_unused_for_its_own_lifetime(
    world: World, second_worker: World, time: Time
) -> None:
    who = remembered(world, **ALLOWED)
    assert is_listed_as(who)
    time.pass_(seconds=MONTH - 1)
    who = who.refreshed()
    assert live_at(who, second_worker) == EVERYWHERE
    time.pass_(seconds=MONTH)
    assert_dead(who, second_worker)


@pytest.mark.parametrize(
    ("asked", "policy"), [(False, ALLOWED), (True, {"remember_me": False, "idle_timeout": 3_600})]
)
def test_not_asked_for_or_not_allowed_the_shorter_limit_holds(
    world: World, time: Time, asked: bool, policy: dict[str, object]
) -> None:
    who = remembered(world, asked=asked, **policy)
    assert not is_listed_as(who)
    time.pass_(seconds=3_599)
    who = who.refreshed()
    time.pass_(seconds=3_600)
    assert_dead(who)


def test_switched_off_it_holds_no_longer_from_the_next_use_on(world: World, time: Time) -> None:
    who = remembered(world, **ALLOWED)
    time.pass_(seconds=7_200)
    admin.change_policy(world, who.tenant_id, idle_timeout=3_600)
    assert_dead(who)


def test_a_client_tightens_it(world: World, time: Time) -> None:
    who = remembered(world, **ALLOWED)
    admin.change_client(world, who.app, policy='{"idle_timeout": 600}')
    time.pass_(seconds=599)
    who = who.refreshed()
    time.pass_(seconds=600)
    assert_dead(who)


def test_a_forced_re_login_holds_all_the_same(world: World, time: Time) -> None:
    who = remembered(world, force_relogin=7_200, **ALLOWED)
    time.pass_(seconds=7_199)
    who = who.refreshed()
    assert who.tokens.body["expires_in"] == 1
    time.pass_(seconds=1)
    assert_dead(who)


@pytest.mark.parametrize("value", [1, 0, "true", "on", [True], {}])
def test_only_a_boolean_asks_for_it(world: World, value: object) -> None:
    tenant_id = world.tenant(**ALLOWED)
    person, app = world.person(tenant_id), world.client("app")
    assert_refused(world.try_sign_in(person, app, remember_me=value), 400, "invalid_request")
    assert world.event_names(person.account_id) == []
