"""`/v1/policies/environment`: the defaults that hold for everybody, and their bounds."""

from collections.abc import Callable
from dataclasses import asdict

import pytest

from tests.http.building import assert_refused, signed_in
from tests.http.policies.asking import (
    ENVIRONMENT,
    Asker,
    administrator,
    backend,
    changes,
    member,
    of_tenant,
    version,
)
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World
from token_service.domain.policies import Policy

DEFAULTS = {name: "off" if value is None else value for name, value in asdict(Policy()).items()}


@pytest.fixture
def admin(world: World) -> Asker:
    """An administrator of the environment."""
    return administrator(world)


# Reading.


def test_every_field_is_there_as_it_is_written(admin: Asker) -> None:
    assert admin.read(ENVIRONMENT) == DEFAULTS | {"overrides": {}, "bounds": {}}


def test_the_settings_are_the_defaults(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles
) -> None:
    world = world_on(
        databases,
        TOKEN_SERVICE_POLICY_IDLE_TIMEOUT="off",
        TOKEN_SERVICE_POLICY_REFRESH_TOKEN_LIFETIME="auto",
        TOKEN_SERVICE_POLICY_IMPERSONATION="false",
    )
    told = administrator(world).read(ENVIRONMENT)
    assert (told["idle_timeout"], told["refresh_token_lifetime"]) == ("off", "auto")
    assert told["impersonation"] is False


def test_only_the_environments_administrators_may(world: World) -> None:
    tenant_id = world.tenant()
    permitted = "session-policy:write"
    for asker, status, code in (
        (administrator(world, tenant_id), 403, "forbidden"),
        (backend(world, permitted), 401, "invalid_token"),
        (member(world, tenant_id), 403, "insufficient_scope"),
        (Asker(world, {}, ""), 401, "invalid_token"),
    ):
        assert_refused(asker.get(ENVIRONMENT), status, code)
        assert_refused(asker.patch(ENVIRONMENT, {"retry_window": 0}), status, code)
    assert administrator(world).read(ENVIRONMENT)["retry_window"] == 60


# Changing.


def test_a_change_answers_what_results_and_is_on_the_record(world: World, admin: Asker) -> None:
    before = version(world)
    told = admin.change(ENVIRONMENT, idle_timeout="off", retry_window=0)
    stated = {"idle_timeout": "off", "retry_window": 0}
    assert told == DEFAULTS | stated | {"overrides": stated, "bounds": {}}
    assert admin.read(ENVIRONMENT) == told
    [event] = changes(world)
    assert (event.actor, event.reason, event.tenant_id) == (admin.actor, "", None)
    assert event.details == {
        "level": "environment",
        "before": {"policy": {}, "bounds": {}},
        "after": {"policy": stated, "bounds": {}},
    }
    assert version(world) == before + 1


def test_null_goes_back_to_the_settings(admin: Asker) -> None:
    admin.change(ENVIRONMENT, idle_timeout=600, retry_window=0)
    told = admin.change(ENVIRONMENT, idle_timeout=None)
    assert (told["idle_timeout"], told["retry_window"]) == (86_400, 0)
    assert told["overrides"] == {"retry_window": 0}


def test_saying_it_twice_changes_and_records_nothing(world: World, admin: Asker) -> None:
    change = {"idle_timeout": 600, "bounds": {"idle_timeout": {"max": 600}}}
    once, before = admin.change(ENVIRONMENT, **change), version(world)
    assert admin.change(ENVIRONMENT, **change) == once
    assert admin.change(ENVIRONMENT) == once
    assert version(world) == before
    assert len(changes(world)) == 1


def test_what_was_read_may_be_sent_back(world: World, admin: Asker) -> None:
    admin.change(ENVIRONMENT, logout_on_password_change=False, force_relogin=3_600)
    admin.change(ENVIRONMENT, bounds={"force_relogin": {"max": 7_200}})
    told, before = admin.read(ENVIRONMENT), version(world)
    assert admin.change(ENVIRONMENT, **told) == told
    assert version(world) == before


def test_flat_fields_alone_may_be_sent_back_too(admin: Asker) -> None:
    """Then each of them is stated, and nothing in effect changes."""
    told = admin.change(ENVIRONMENT, force_relogin=3_600)
    flat = {name: told[name] for name in DEFAULTS}
    again = admin.change(ENVIRONMENT, **flat)
    assert {name: again[name] for name in DEFAULTS} == flat
    assert again["overrides"] == flat


# Bounds.


def test_a_bound_is_replaced_as_a_whole_and_removed_by_null(world: World, admin: Asker) -> None:
    bounds = {"idle_timeout": {"min": 300, "max": 86_400}, "retry_window": {"max": 60}}
    assert admin.change(ENVIRONMENT, bounds=bounds)["bounds"] == bounds
    told = admin.change(ENVIRONMENT, bounds={"idle_timeout": {"max": 90_000}})
    assert told["bounds"] == {"idle_timeout": {"max": 90_000}, "retry_window": {"max": 60}}
    told = admin.change(ENVIRONMENT, bounds={"idle_timeout": None})
    assert told["bounds"] == {"retry_window": {"max": 60}}
    assert admin.change(ENVIRONMENT, bounds=None)["bounds"] == {}
    last = changes(world)[-1].details
    assert last["before"] == {"policy": {}, "bounds": {"retry_window": {"max": 60}}}
    assert last["after"] == {"policy": {}, "bounds": {}}


def test_no_tenant_may_leave_them(world: World, admin: Asker) -> None:
    admin.change(ENVIRONMENT, bounds={"idle_timeout": {"max": 86_400}, "retry_window": {"min": 5}})
    path = of_tenant(world.tenant())
    assert admin.refused(path, {"idle_timeout": "off", "retry_window": 4}) == {
        "idle_timeout": ["must be at most 86400, so it cannot be off"],
        "retry_window": ["must be at least 5"],
    }
    assert admin.read(path)["overrides"] == {}
    assert admin.change(path, idle_timeout=86_400, retry_window=5)


def test_the_environments_own_values_lie_within_them(admin: Asker) -> None:
    bounds = {"idle_timeout": {"max": 600}}
    assert set(admin.refused(ENVIRONMENT, {"bounds": bounds})) == {"bounds.idle_timeout"}
    assert admin.read(ENVIRONMENT)["bounds"] == {}
    admin.change(ENVIRONMENT, bounds=bounds, idle_timeout=600)
    assert set(admin.refused(ENVIRONMENT, {"idle_timeout": None})) == {"idle_timeout"}


def test_what_a_tenant_stated_before_them_is_moved_inside_without_its_row(
    world: World, admin: Asker
) -> None:
    tenant_id = world.tenant(idle_timeout="off", retry_window=0)
    admin.change(ENVIRONMENT, bounds={"idle_timeout": {"max": 86_400}, "retry_window": {"min": 5}})
    told = admin.read(of_tenant(tenant_id))
    assert (told["idle_timeout"], told["retry_window"]) == (86_400, 5)
    assert told["overrides"] == {"idle_timeout": "off", "retry_window": 0}
    assert admin.change(of_tenant(tenant_id), **told) == told
    told = admin.change(ENVIRONMENT, bounds=None)
    assert admin.read(of_tenant(tenant_id))["idle_timeout"] == "off"


def test_settings_outside_of_bounds_that_were_set_before_are_moved_inside(
    world: World, admin: Asker
) -> None:
    """The operator changed the settings after an administrator had set the bounds."""
    admin.change(ENVIRONMENT, bounds={"access_token_lifetime": {"max": 900}})
    other = world.second_worker({"TOKEN_SERVICE_POLICY_ACCESS_TOKEN_LIFETIME": "3600"})
    on_other = Asker(other, admin.headers, admin.actor)
    assert on_other.read(ENVIRONMENT)["access_token_lifetime"] == 900
    who = signed_in(other)
    assert who.tokens.body["expires_in"] == 900
    told = on_other.read("/v1/policies/effective", tenant=who.tenant_id)
    assert told["policy"]["access_token_lifetime"] == {"value": 900, "source": "bounds"}
    assert on_other.change(ENVIRONMENT, retry_window=0)["access_token_lifetime"] == 900
    other.close()


def stored_relogin(world: World, tenant_id: str) -> int | None:
    """What the hot statements compare with."""
    query = "SELECT force_relogin FROM tenants WHERE tenant_id = :tenant_id"
    limit = world.sql(query, tenant_id=tenant_id)[0][0]
    return None if limit is None else int(limit)


def test_the_number_that_statements_compare_with_follows_the_bounds(
    world: World, admin: Asker
) -> None:
    heir, short, long, off = (
        world.tenant(),
        world.tenant(force_relogin=60),
        world.tenant(force_relogin=7_200),
        world.tenant(force_relogin="off"),
    )
    admin.change(ENVIRONMENT, force_relogin=600)
    stored = [stored_relogin(world, one) for one in (heir, short, long, off)]
    assert stored == [None, 60, 7_200, 10**10]
    admin.change(ENVIRONMENT, bounds={"force_relogin": {"min": 120, "max": 3_600}})
    stored = [stored_relogin(world, one) for one in (heir, short, long, off)]
    assert stored == [None, 120, 3_600, 3_600]
    admin.change(ENVIRONMENT, bounds=None)
    stored = [stored_relogin(world, one) for one in (heir, short, long, off)]
    assert stored == [None, 60, 7_200, 10**10]


def test_a_tenants_change_keeps_that_number(world: World, admin: Asker) -> None:
    tenant_id = world.tenant()
    for value, stored in ((600, 600), ("off", 10**10), (None, None)):
        admin.change(of_tenant(tenant_id), force_relogin=value)
        assert stored_relogin(world, tenant_id) == stored
    admin.change(of_tenant(tenant_id), force_relogin="off")
    admin.change(ENVIRONMENT, force_relogin=600, bounds={"force_relogin": {"max": 600}})
    admin.change(of_tenant(tenant_id), retry_window=0)
    assert stored_relogin(world, tenant_id) == 600
