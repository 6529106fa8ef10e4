"""`/v1/clients/{id}/policy`: a client tightens, and never loosens."""

import pytest

from tests.http.building import assert_dead, assert_refused, signed_in
from tests.http.policies.asking import (
    Asker,
    administrator,
    backend,
    changes,
    let_roles_write,
    member,
    of_client,
    of_tenant,
    version,
)
from tests.world.world import Time, World


@pytest.fixture
def admin(world: World) -> Asker:
    """An administrator of the environment."""
    return administrator(world)


def test_it_answers_what_it_states_and_is_on_the_record(world: World, admin: Asker) -> None:
    path = of_client(world.client().client_id)
    assert admin.read(path) == {}
    limits = {"idle_timeout": 600, "max_sessions": 2}
    before = version(world)
    assert admin.change(path, **limits) == admin.read(path) == limits
    assert version(world) == before + 1
    [event] = changes(world)
    assert (event.actor, event.client_id) == (admin.actor, path.split("/")[3])
    assert event.details == {"level": "client", "before": {}, "after": limits}
    assert admin.change(path, **admin.read(path)) == limits
    assert admin.change(path, idle_timeout=None, force_relogin="off") == {
        "max_sessions": 2,
        "force_relogin": "off",
    }
    assert len(changes(world)) == 2


def test_every_fault_is_named_and_the_old_limits_stay(world: World, admin: Asker) -> None:
    path = of_client(world.client().client_id)
    admin.change(path, idle_timeout=600)
    assert admin.refused(
        path,
        {"idle_timeout": 1, "refresh_token_lifetime": "auto", "retry_window": 0, "overrides": {}},
    ) == {
        "retry_window": ["is not a client's to state"],
        "overrides": ["is not a client's to state"],
        "refresh_token_lifetime": ["must be a number of seconds"],
        "idle_timeout": ['must be a whole number from 60 to 31536000 or "off"'],
    }
    assert admin.read(path) == {"idle_timeout": 600}


def test_only_administrators_may(world: World) -> None:
    tenant_id, app = world.tenant(), world.client()
    let_roles_write(world, tenant_id, "owner")
    for asker, status, code in (
        (member(world, tenant_id, "owner"), 403, "insufficient_scope"),
        (backend(world, "session-policy:write"), 401, "invalid_token"),
        (Asker(world, {}, ""), 401, "invalid_token"),
    ):
        assert_refused(asker.get(of_client(app.client_id)), status, code)
        assert_refused(asker.patch(of_client(app.client_id), {"idle_timeout": 60}), status, code)


def test_a_tenants_own_reaches_the_tenants_clients_only(world: World) -> None:
    tenant_id = world.tenant()
    own, of_all = world.client(tenant_id=tenant_id), world.client()
    other = world.client(tenant_id=world.tenant())
    asker = administrator(world, tenant_id)
    assert asker.change(of_client(own.client_id), idle_timeout=600) == {"idle_timeout": 600}
    for client_id in (of_all.client_id, other.client_id, "nobody", "no one", "a\0b", "x" * 300):
        assert_refused(asker.get(of_client(client_id)), 404, "not_found")
        assert_refused(asker.patch(of_client(client_id), {"idle_timeout": 60}), 404, "not_found")
    assert len(changes(world)) == 1


def test_it_holds_for_live_sessions_of_that_client_only(
    world: World, admin: Asker, time: Time
) -> None:
    who = signed_in(world)
    other = world.client()
    elsewhere = world.sign_in(who.person, other)
    admin.change(of_client(who.app.client_id), idle_timeout=600, access_token_lifetime=60)
    who = who.refreshed()
    assert who.tokens.body["expires_in"] == 60
    time.pass_(seconds=600)
    assert_dead(who)
    assert who.happened[-1] == ("session_ended", "idle_timeout")
    assert world.refresh(other, elsewhere.refresh).body["expires_in"] == 900


def test_it_loosens_nothing(world: World, admin: Asker, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    admin.change(of_client(who.app.client_id), idle_timeout=7_200)
    assert admin.read(of_tenant(who.tenant_id))["idle_timeout"] == 600
    time.pass_(seconds=600)
    assert_dead(who)
