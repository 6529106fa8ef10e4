"""`POST /v1/me/tenants/{id}/tokens`: another tenant by access token and the client's own secret."""

from dataclasses import replace
from typing import Any

import pytest

from tests.http import administration as admin
from tests.http.building import EVERYWHERE, assert_dead, assert_refused, live_at
from tests.http.impersonation.building import act
from tests.http.tenants.building import ask, member_of_both
from tests.world.world import App, World, tokens_of


def test_it_gives_a_chain_of_its_own_and_spends_nothing(world: World) -> None:
    both = member_of_both(world)
    answer = ask(both)
    tokens = tokens_of(answer)
    assert (tokens.sid, tokens.body["tenantId"]) == (both.first.tokens.sid, both.second_tenant)
    assert "previous_refresh_token" not in tokens.body
    assert world.refresh(both.first.app, tokens.refresh).body["tenantId"] == both.second_tenant
    assert live_at(both.first.refreshed()) == EVERYWHERE
    assert ("grant_opened", "") in both.first.happened


def test_asking_again_gives_another_grant_and_logs_nobody_out(world: World) -> None:
    both = member_of_both(world)
    one, two = tokens_of(ask(both)), tokens_of(ask(both))
    assert one.refresh != two.refresh
    for tokens in (one, two):
        assert world.refresh(both.first.app, tokens.refresh)


def test_the_scope_may_be_narrower(world: World) -> None:
    both = member_of_both(world)
    assert tokens_of(ask(both, scope="openid")).body["scope"] == "openid"
    assert_refused(ask(both, scope="openid email"), 400, "invalid_scope")
    assert both.first.happened[-1] == ("grant_refused", "invalid_scope")


def test_its_chain_keeps_the_scope_whatever_the_first_token_asked_for(world: World) -> None:
    both = member_of_both(world)
    narrow = tokens_of(ask(both, scope="openid"))
    assert world.refresh(both.first.app, narrow.refresh).body["scope"] == "openid profile"


def test_a_token_of_less_scope_gives_no_more(world: World) -> None:
    both = member_of_both(world)
    narrow = world.refresh(both.first.app, both.first.tokens.refresh, scope="openid")
    both = replace(both, first=replace(both.first, tokens=narrow))
    entered = tokens_of(ask(both))
    assert entered.body["scope"] == "openid"
    assert world.refresh(both.first.app, entered.refresh).body["scope"] == "openid"
    assert_refused(ask(both, scope="openid profile"), 400, "invalid_scope")


def test_an_access_token_alone_gives_none(world: World) -> None:
    both = member_of_both(world)
    assert_refused(ask(both, App(both.first.app.client_id, None)), 401, "invalid_client")
    assert_refused(ask(both, App(both.first.app.client_id, "wrong")), 401, "invalid_client")


def test_a_public_client_uses_its_refresh_token_instead(world: World) -> None:
    both = member_of_both(world, "public")
    assert_refused(ask(both), 400, "unauthorized_client")


def test_another_client_gets_nothing_for_it(world: World) -> None:
    both = member_of_both(world)
    assert_refused(ask(both, world.client("app")), 400, "invalid_grant")
    assert both.first.happened == [("grant_refused", "foreign_client")]


def test_a_client_without_the_grant_type_gets_none_that_it_could_not_use(world: World) -> None:
    both = member_of_both(world)
    admin.change_client(world, both.first.app, grant_types="[]")
    assert_refused(ask(both), 400, "unauthorized_client")


def test_who_acts_as_somebody_enters_nothing_and_sees_no_other_tenant(world: World) -> None:
    both = member_of_both(world)
    acting = act(both.first)
    in_their_name = replace(both, first=replace(both.first, tokens=acting.tokens))
    assert_refused(ask(in_their_name, both.first.backend), 400, "tenant_not_allowed")
    assert both.first.happened[-1] == ("grant_refused", "impersonation_not_allowed")
    listed = world.http.get("/v1/me/tenants", headers=acting.bearer).get_json()["items"]
    assert [one["tenant_id"] for one in listed] == [both.first.tenant_id]


def test_without_a_persons_token_there_is_nothing_to_get(world: World) -> None:
    both, app = member_of_both(world), world.client("service")
    path = f"/v1/me/tenants/{both.second_tenant}/tokens"
    body = {"client_id": app.client_id, "client_secret": app.secret}
    assert_refused(world.http.post(path, json=body), 401, "invalid_token")
    bearer = {"Authorization": f"Bearer {world.client_token(app)}"}
    assert_refused(world.http.post(path, json=body, headers=bearer), 403, "insufficient_scope")


@pytest.mark.parametrize("tenant_id", [None, "x", "%00", "0" * 32])
def test_a_tenant_out_of_reach(world: World, tenant_id: str | None) -> None:
    both = member_of_both(world)
    answer = ask(both, tenant_id=tenant_id or world.tenant())
    assert_refused(answer, 400, "tenant_not_allowed")
    assert ("grant_refused", "not_a_member") in both.first.happened


@pytest.mark.parametrize("body", [{"scope": 1}, {"extra": "x"}, {"client_secret": ["x"]}])
def test_a_body_of_another_shape(world: World, body: dict[str, Any]) -> None:
    assert_refused(ask(member_of_both(world), **body), 400, "invalid_request")


def test_a_session_that_ended_gives_nothing(world: World) -> None:
    both = member_of_both(world)
    world.invalidate(token=both.first.tokens.access)
    assert_refused(ask(both), 401, "invalid_token")


def test_what_it_gave_ends_with_the_session(world: World) -> None:
    both = member_of_both(world)
    tokens = tokens_of(ask(both))
    world.invalidate(token=both.first.tokens.access)
    assert not world.is_live(tokens)
    assert_dead(both.first)


def test_ones_own_tenants_are_listed(world: World) -> None:
    both = member_of_both(world)
    disabled = world.tenant()
    admin.join(world, both.first.person, disabled)
    admin.disable_tenant(world, disabled)
    answer = world.http.get("/v1/me/tenants", headers=both.first.tokens.bearer)
    items = answer.get_json()["items"]
    assert [(one["tenant_id"], one["isCurrent"]) for one in items] == [
        (both.first.tenant_id, True),
        (both.second_tenant, False),
    ]
    assert all(set(one) == {"tenant_id", "name", "roles", "isCurrent"} for one in items)
