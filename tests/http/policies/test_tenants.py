"""`/v1/tenants/{id}/policy`: what a tenant says instead of the environment."""

import pytest

from tests.http.building import assert_refused
from tests.http.policies.asking import (
    ENVIRONMENT,
    UNKNOWN,
    Asker,
    administrator,
    backend,
    changes,
    let_roles_write,
    member,
    of_tenant,
    version,
)
from tests.world.world import World
from token_service.domain.policies import FIELDS


@pytest.fixture
def admin(world: World) -> Asker:
    """An administrator of the environment."""
    return administrator(world)


# Who may.


@pytest.mark.parametrize("whose", ["environment", "tenant", "member", "backend", "own backend"])
def test_who_may_and_as_whom_it_is_recorded(world: World, whose: str) -> None:
    tenant_id = world.tenant()
    let_roles_write(world, tenant_id, "owner")
    asker = {
        "environment": lambda: administrator(world),
        "tenant": lambda: administrator(world, tenant_id),
        "member": lambda: member(world, tenant_id, "owner"),
        "backend": lambda: backend(world, "session-policy:write"),
        "own backend": lambda: backend(world, "session-policy:write", tenant_id=tenant_id),
    }[whose]()
    assert asker.read(of_tenant(tenant_id))["overrides"] == {}
    told = asker.change(of_tenant(tenant_id), idle_timeout=600)
    assert set(told) == FIELDS | {"overrides"}
    assert (told["idle_timeout"], told["overrides"]) == (600, {"idle_timeout": 600})
    [event] = changes(world)
    assert (event.actor, event.tenant_id, event.reason) == (asker.actor, tenant_id, "")
    assert event.details == {"level": "tenant", "before": {}, "after": {"idle_timeout": 600}}


def test_who_may_not(world: World) -> None:
    tenant_id = world.tenant()
    let_roles_write(world, tenant_id, "owner")
    for asker, status, code in (
        (backend(world, "sessions:revoke", "sessions:read"), 403, "forbidden"),
        (member(world, tenant_id, "guest"), 403, "insufficient_scope"),
        (member(world, tenant_id), 403, "insufficient_scope"),
        (Asker(world, {}, ""), 401, "invalid_client"),
        (Asker(world, {"Authorization": "Bearer x"}, ""), 401, "invalid_token"),
    ):
        assert_refused(asker.get(of_tenant(tenant_id)), status, code)
        assert_refused(asker.patch(of_tenant(tenant_id), {"retry_window": 0}), status, code)
    assert changes(world) == []


def test_another_tenant_is_as_unknown_as_none(world: World) -> None:
    tenant_id, other = world.tenant(), world.tenant()
    let_roles_write(world, tenant_id, "owner")
    for asker in (
        administrator(world, tenant_id),
        member(world, tenant_id, "owner"),
        backend(world, "session-policy:write", tenant_id=tenant_id),
    ):
        answers = [
            answer
            for path in map(of_tenant, (other, UNKNOWN, "x", "0" * 31 + "\0", "F" * 32))
            for answer in (asker.get(path), asker.patch(path, {"retry_window": 0}))
        ]
        for answer in answers:
            assert_refused(answer, 404, "not_found")
        assert len({str(answer.get_json() | {"request_id": ""}) for answer in answers}) == 1
    assert changes(world) == []


def test_what_is_unknown_to_everybody(admin: Asker) -> None:
    for tenant_id in (UNKNOWN, "x", UNKNOWN + "\0", UNKNOWN.replace("0", "F")):
        assert_refused(admin.get(of_tenant(tenant_id)), 404, "not_found")
        assert_refused(admin.patch(of_tenant(tenant_id), {"retry_window": 0}), 404, "not_found")


def test_a_role_that_was_taken_away_changes_nothing_more(world: World) -> None:
    tenant_id = world.tenant()
    let_roles_write(world, tenant_id, "owner")
    owner = member(world, tenant_id, "owner")
    owner.change(of_tenant(tenant_id), retry_window=0)
    world.sql("UPDATE memberships SET roles = '[]'")
    assert_refused(owner.patch(of_tenant(tenant_id), {}), 403, "insufficient_scope")


# What it says.


def test_it_inherits_what_it_does_not_state(world: World, admin: Asker) -> None:
    path = of_tenant(world.tenant())
    admin.change(path, retry_window=0)
    admin.change(ENVIRONMENT, idle_timeout=600, retry_window=30)
    told = admin.read(path)
    assert (told["idle_timeout"], told["retry_window"]) == (600, 0)
    assert admin.change(path, retry_window=None)["retry_window"] == 30
    assert admin.read(path)["overrides"] == {}


def test_off_is_a_value_and_null_is_none(world: World, admin: Asker) -> None:
    path = of_tenant(world.tenant())
    admin.change(ENVIRONMENT, idle_timeout=600)
    assert admin.change(path, idle_timeout="off")["idle_timeout"] == "off"
    assert admin.change(path, idle_timeout=None)["idle_timeout"] == 600


def test_saying_it_twice_changes_and_records_nothing(world: World, admin: Asker) -> None:
    path = of_tenant(world.tenant())
    once, before = admin.change(path, force_relogin=600), version(world)
    assert admin.change(path, force_relogin=600) == once
    assert version(world) == before
    assert len(changes(world)) == 1


def test_what_was_read_may_be_sent_back_and_nothing_becomes_stated(
    world: World, admin: Asker
) -> None:
    path = of_tenant(world.tenant())
    admin.change(path, force_relogin=3_600, logout_on_password_change=False)
    told = admin.read(path)
    assert admin.change(path, **told) == told
    edited = admin.change(path, **(told | {"retry_window": 0}))
    assert edited["overrides"] == told["overrides"] | {"retry_window": 0}
    assert admin.change(path, **(told | {"retry_window": 0})) == edited
    admin.change(ENVIRONMENT, idle_timeout=600)
    assert admin.read(path)["idle_timeout"] == 600


def test_flat_fields_alone_may_be_sent_back_too(world: World, admin: Asker) -> None:
    """An inherited idle timeout beyond the tenant's own re-login is no fault of the sender."""
    path = of_tenant(world.tenant())
    told = admin.change(path, force_relogin=3_600)
    flat = {name: told[name] for name in FIELDS}
    assert admin.change(path, **flat) == flat | {"overrides": flat}


def test_every_fault_is_named_and_the_old_policy_stays(world: World, admin: Asker) -> None:
    path = of_tenant(world.tenant())
    before = admin.change(path, idle_timeout=600)
    told = admin.refused(
        path,
        {
            "idle_timeout": 59,
            "retry_window": True,
            "force_relogin": 60.0,
            "remember_me": 1,
            "access_token_lifetime": 2**64,
            "sessions": 3,
            "bounds": {},
            "tenant_id": UNKNOWN,
            "overrides": {"lockout_failures": 0},
        },
    )
    assert told == {
        "idle_timeout": ['must be a whole number from 60 to 31536000 or "off"'],
        "retry_window": ["must be a whole number from 0 to 300"],
        "force_relogin": ['must be a whole number from 60 to 315360000 or "off"'],
        "remember_me": ["must be one of true, false"],
        "access_token_lifetime": ["must be a whole number from 60 to 7776000"],
        "sessions": ["is no field of a policy"],
        "bounds": ["is no field of a policy"],
        "tenant_id": ["is no field of a policy"],
        "overrides.lockout_failures": ["must be a whole number from 1 to 100"],
    }
    assert admin.read(path) == before
    assert len(changes(world)) == 1


def test_a_contradiction_is_named(world: World, admin: Asker) -> None:
    path = of_tenant(world.tenant())
    change = {"idle_timeout": 7_200, "force_relogin": 3_600}
    assert admin.refused(path, change) == {
        "idle_timeout": ["must not be longer than force_relogin, which is 3600"]
    }
    admin.change(ENVIRONMENT, force_relogin=3_600)
    assert set(admin.refused(path, {"idle_timeout": 7_200})) == {"idle_timeout"}
    assert admin.change(path, idle_timeout=3_600)


def test_a_name_that_may_be_a_secret_is_not_repeated(world: World, admin: Asker) -> None:
    secret = "tsr_" + "x" * 60
    path = of_tenant(world.tenant())
    change = {secret: 1, "overrides": {secret: 1}, f"bounds.{secret}": 1, "a\0b": 2}
    answer = admin.patch(path, change)
    assert answer.status_code == 400
    assert secret not in answer.text
    assert set(answer.get_json()["errors"]) == {"(unnamed)"}
