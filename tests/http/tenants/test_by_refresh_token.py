"""A refresh that names another of the account's tenants: both chains go on, side by side."""

from dataclasses import replace

import pytest

from tests.http import administration as admin
from tests.http.building import EVERYWHERE, assert_dead, assert_refused, live_at, sids, signed_in
from tests.http.impersonation.building import act
from tests.http.tenants.building import assert_grant_dead, entered, member_of_both
from tests.world.world import Time, World


@pytest.mark.parametrize("kind", ["app", "public"])
def test_a_second_tenant_is_entered_under_the_same_session(world: World, kind: str) -> None:
    both = member_of_both(world, kind)
    answer = both.try_enter()
    assert set(answer.get_json()) == {
        *("access_token", "token_type", "expires_in", "scope"),
        *("refresh_token", "previous_refresh_token", "sid", "tenantId"),
    }
    found = entered(both, answer)
    for who in (found.first, found.second):
        said = world.validate(who.refreshed().tokens.access)
        assert (said["sid"], said["tenantId"]) == (both.first.tokens.sid, who.tenant_id)
    listed = world.http.get("/v1/me/sessions", headers=found.second.tokens.bearer)
    assert sids(listed) == [both.first.tokens.sid]
    assert set(listed.get_json()["items"][0]["tenants"]) == {
        both.first.tenant_id,
        both.second_tenant,
    }
    assert ("grant_opened", "") in both.first.happened


def test_the_json_endpoint_does_the_same(world: World) -> None:
    both = member_of_both(world)
    answer = world.try_json_refresh(
        both.first.app, both.first.tokens.refresh, tenant_id=both.second_tenant
    )
    found = entered(both, answer)
    assert live_at(found.second) == EVERYWHERE


def test_to_name_the_tokens_own_tenant_is_a_plain_refresh(world: World) -> None:
    who = signed_in(world)
    answer = world.try_refresh(who.app, who.tokens.refresh, tenant_id=who.tenant_id)
    assert answer.status_code == 200
    assert "previous_refresh_token" not in answer.get_json()
    assert who.happened == []


def test_two_tabs_refresh_a_hundred_times_each_and_never_disturb_each_other(
    world: World, second_worker: World, time: Time
) -> None:
    found = member_of_both(world).enter()
    tabs = [found.first, found.second]
    for number in range(100):
        time.pass_(seconds=7)
        for tab in (0, 1):
            worker = (world, second_worker)[(number + tab) % 2]
            tokens = worker.refresh(tabs[tab].app, tabs[tab].tokens.refresh)
            tabs[tab] = replace(tabs[tab], tokens=tokens)
            assert tokens.body["tenantId"] == tabs[tab].tenant_id
    assert live_at(tabs[0]) == live_at(tabs[1]) == EVERYWHERE


# What is refused spends nothing.


@pytest.mark.parametrize("form", ["oauth", "json"])
@pytest.mark.parametrize(
    "why", ["stranger", "disabled", "left", "garbage", "long", "of another client"]
)
def test_a_tenant_out_of_reach(world: World, form: str, why: str) -> None:
    both = member_of_both(world)
    target = both.second_tenant
    match why:
        case "stranger":
            target = world.tenant()
        case "disabled":
            admin.disable_tenant(world, target)
        case "left":
            admin.leave(world, both.first.person, target)
        case "garbage":
            target = "not a tenant"
        case "long":
            target = "a" * 8000
        case _:
            app = world.client("app", tenant_id=both.first.tenant_id)
            both = replace(both, first=replace(both.first, app=app))
            tokens = world.sign_in(both.first.person, app, tenant_id=both.first.tenant_id)
            both = replace(both, first=replace(both.first, tokens=tokens))
    if form == "oauth":
        assert_refused(both.try_enter(tenant_id=target), 400, "invalid_target")
    else:
        answer = world.try_json_refresh(both.first.app, both.first.tokens.refresh, tenant_id=target)
        assert_refused(answer, 400, "tenant_not_allowed")
    assert ("grant_refused", "not_a_member") in both.first.happened
    assert live_at(both.first.refreshed()) == EVERYWHERE


def test_a_wider_scope_is_refused_and_a_narrower_one_is_given(world: World) -> None:
    both = member_of_both(world)
    assert_refused(both.try_enter(scope="openid email"), 400, "invalid_scope")
    found = both.enter(scope="openid")
    assert found.second.tokens.body["scope"] == "openid"
    # As with any refresh, the chain keeps its scope (RFC 6749 section 6).
    assert found.second.refreshed().tokens.body["scope"] == "openid profile"
    assert found.first.refreshed().tokens.body["scope"] == "openid profile"


def test_another_clients_token_enters_nothing(world: World) -> None:
    both, other = member_of_both(world), world.client("app")
    answer = world.try_refresh(other, both.first.tokens.refresh, tenant_id=both.second_tenant)
    assert_refused(answer, 400, "invalid_grant")
    assert both.first.happened == [("refresh_foreign_client", "")]
    assert live_at(both.first.refreshed()) == EVERYWHERE


def test_who_acts_as_somebody_enters_nothing(world: World) -> None:
    both = member_of_both(world)
    acting = act(both.first)
    answer = world.try_refresh(
        both.first.backend, acting.tokens.refresh, tenant_id=both.second_tenant
    )
    assert_refused(answer, 400, "invalid_target")
    assert both.first.happened[-1] == ("grant_refused", "impersonation_not_allowed")
    assert acting.refreshed()


def test_a_client_without_the_grant_type_enters_nothing(world: World) -> None:
    both = member_of_both(world)
    admin.change_client(world, both.first.app, grant_types="[]")
    assert_refused(both.try_enter(), 400, "unauthorized_client")


# Each tenant by its own rules, and both under one session.


def test_each_grant_has_the_idle_timeout_of_its_own_tenant(world: World, time: Time) -> None:
    found = member_of_both(world, idle_timeout=3600, second={"idle_timeout": 600}).enter()
    time.pass_(seconds=599)
    found = replace(found, second=found.second.refreshed())
    time.pass_(seconds=600)
    answer = world.try_refresh(found.second.app, found.second.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")
    assert ("grant_ended", "idle_timeout") in found.first.happened
    assert found.first.refreshed()


def test_a_session_lives_while_one_of_its_grants_does(world: World, time: Time) -> None:
    found = member_of_both(world, idle_timeout=600, second={"idle_timeout": 3600}).enter()
    time.pass_(seconds=601)
    assert world.try_refresh(found.first.app, found.first.tokens.refresh).status_code == 400
    assert found.second.refreshed()
    time.pass_(seconds=3600)
    answer = world.try_refresh(found.second.app, found.second.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")


def test_a_stricter_tenant_that_is_joined_bites_at_the_next_use(world: World, time: Time) -> None:
    found = member_of_both(world).enter()
    time.pass_(minutes=30)
    admin.join(world, found.first.person, world.tenant(force_relogin=1800))
    for who in (found.first, found.second):
        assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
    assert ("session_ended", "absolute_timeout") in found.first.happened


def test_the_new_grant_ends_when_the_session_has_to(world: World, time: Time) -> None:
    both = member_of_both(world, force_relogin=1200)
    time.pass_(seconds=1100)
    found = both.enter()
    assert found.second.tokens.body["expires_in"] == 100
    time.pass_(seconds=99)
    assert live_at(found.second) == EVERYWHERE
    time.pass_(seconds=1)
    assert_dead(found.second)


def test_to_leave_a_tenant_ends_its_grants_only(world: World, second_worker: World) -> None:
    found = member_of_both(world).enter()
    admin.leave(world, found.first.person, found.second.tenant_id)
    assert_grant_dead(found.second, second_worker)
    assert live_at(found.first.refreshed()) == EVERYWHERE


def test_to_give_one_token_back_leaves_the_other(world: World) -> None:
    found = member_of_both(world).enter()
    world.revoke(found.second.app, found.second.tokens.refresh)
    assert_grant_dead(found.second)
    assert live_at(found.first.refreshed()) == EVERYWHERE


def test_invalidate_ends_both(world: World, second_worker: World) -> None:
    found = member_of_both(world).enter()
    world.invalidate(token=found.second.tokens.access)
    assert_dead(found.second, second_worker)
    assert_dead(found.first, second_worker)
