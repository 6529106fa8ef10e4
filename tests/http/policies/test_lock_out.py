"""A tenant protects passwords better than the environment does, never worse."""

import pytest

from tests.http.lock_out.locking import fail
from tests.http.policies.asking import ENVIRONMENT, Asker, administrator
from tests.world.world import World


@pytest.fixture
def admin(world: World) -> Asker:
    """An administrator of the environment, who wants nine failures and ten minutes."""
    asker = administrator(world)
    asker.change(ENVIRONMENT, lockout_failures=9, lockout_seconds=600)
    return asker


def test_a_stricter_rule_is_stated_and_holds(world: World, admin: Asker) -> None:
    tenant = world.tenant()
    person, app = world.person(tenant), world.client()
    told = admin.change(f"/v1/tenants/{tenant}/policy", lockout_failures=3, lockout_seconds=3600)
    assert (told["lockout_failures"], told["lockout_seconds"]) == (3, 3600)
    fail(world, person, app, 3)
    assert world.try_sign_in(person, app).status_code == 401


def test_a_laxer_one_is_refused(world: World, admin: Asker) -> None:
    path = f"/v1/tenants/{world.tenant()}/policy"
    assert admin.refused(path, {"lockout_failures": 10, "lockout_seconds": 599}) == {
        "lockout_failures": ["must be at most 9"],
        "lockout_seconds": ["must be at least 600"],
    }
    admin.change(path, lockout_failures=9, lockout_seconds=600)


def test_one_that_the_environment_has_overtaken_is_without_effect(
    world: World, admin: Asker
) -> None:
    tenant = world.tenant()
    path = f"/v1/tenants/{tenant}/policy"
    admin.change(path, lockout_failures=8, lockout_seconds=700)
    admin.change(ENVIRONMENT, lockout_failures=5, lockout_seconds=800)
    told = admin.read(path)
    assert (told["lockout_failures"], told["lockout_seconds"]) == (5, 800)
    assert told["overrides"] == {"lockout_failures": 8, "lockout_seconds": 700}
    values = admin.read("/v1/policies/effective", tenant=tenant)["policy"]
    assert values["lockout_failures"] == {"value": 5, "source": "bounds"}
    assert admin.change(path, **told)["overrides"] == told["overrides"]
    person, app = world.person(tenant), world.client()
    assert fail(world, person, app, 6) == [401] * 5 + [429]


def test_bounds_of_its_own_hold_beside_it(world: World, admin: Asker) -> None:
    path = f"/v1/tenants/{world.tenant()}/policy"
    bounds = {"lockout_failures": {"min": 5}, "lockout_seconds": {"max": 700}}
    admin.change(ENVIRONMENT, bounds=bounds)
    assert admin.read(ENVIRONMENT)["bounds"] == bounds
    assert admin.refused(path, {"lockout_failures": 4, "lockout_seconds": 701}) == {
        "lockout_failures": ["must be at least 5"],
        "lockout_seconds": ["must be at most 700"],
    }


def test_the_environment_may_become_laxer_again(world: World, admin: Asker) -> None:
    told = admin.change(ENVIRONMENT, lockout_failures=20, lockout_seconds=60)
    assert (told["lockout_failures"], told["lockout_seconds"]) == (20, 60)
