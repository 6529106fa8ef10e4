"""What the roles of a tenant permit: defined by administrators, and by nobody else."""

import pytest

from tests.http.building import assert_refused, signed_in
from tests.http.roles.building import (
    ALL,
    POLICY,
    READ,
    REVOKE,
    Administrator,
    administrator,
    last_event,
    member_with,
)
from tests.world.world import World
from token_service.domain.events import Event

UNKNOWN = "0" * 32


def path_of(tenant_id: str) -> str:
    return f"/v1/tenants/{tenant_id}/roles"


def roles_of(admin: Administrator, tenant_id: str) -> object:
    answer = admin.open("GET", path_of(tenant_id))
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_a_new_tenant_has_none_and_a_change_answers_with_all(world: World) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    assert roles_of(admin, tenant_id) == {}
    answer = admin.open("PATCH", path_of(tenant_id), {"clerk": [REVOKE, READ], "guest": []})
    assert answer.get_json() == {"clerk": [READ, REVOKE], "guest": []}
    answer = admin.open("PATCH", path_of(tenant_id), {"guest": None, "owner": ALL})
    assert answer.get_json() == {"clerk": [READ, REVOKE], "owner": sorted(ALL)}
    assert roles_of(admin, tenant_id) == answer.get_json()


def test_a_change_is_on_the_record_with_before_and_after(world: World) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    admin.define(tenant_id, clerk=[READ], same=[])
    admin.define(tenant_id, clerk=[READ, REVOKE], same=[], old=None)
    event = last_event(world, Event.ROLES_CHANGED)
    assert (event.tenant_id, event.actor) == (tenant_id, f"client:{admin.app.client_id}")
    assert event.details == {"before": {"clerk": [READ]}, "after": {"clerk": [READ, REVOKE]}}
    assert event.origin.request_id


def test_what_is_read_can_be_written_back_and_changes_nothing(world: World) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    admin.define(tenant_id, clerk=[READ])
    before, events = roles_of(admin, tenant_id), len(world.events(UNKNOWN))
    answer = admin.open("PATCH", path_of(tenant_id), before)
    assert answer.get_json() == before
    assert len(world.events(UNKNOWN)) == events


def test_every_worker_knows_at_once(world: World, second_worker: World) -> None:
    who = signed_in(world)
    clerk = member_with(who, READ)
    path = f"/v1/accounts/{who.account_id}/sessions"

    def status() -> int:
        return second_worker.http.get(path, headers=clerk.tokens.bearer).status_code

    assert status() == 200
    administrator(world).define(who.tenant_id, clerk=[POLICY])
    assert status() == 403
    administrator(world).define(who.tenant_id, clerk=[READ])
    assert status() == 200
    administrator(world).define(who.tenant_id, clerk=None)
    assert status() == 403


@pytest.mark.parametrize(
    "body",
    [
        {"Clerk": []},
        {"": []},
        {"clerk": "sessions:read"},
        {"clerk": ["impersonate"]},
        {"clerk": ["admin"]},
        {"clerk": [READ, 1]},
        {"clerk": {"sessions:read": True}},
        {"clerk": True},
        {"clerk": ""},
        {"x" * 65: [READ]},
        {"a\0b": [READ]},
        {"clerk": ["a\0b"]},
        {"__proto__": [READ]},
    ],
    ids=str,
)
def test_wrong_roles_are_refused_whole_and_named(world: World, body: dict[str, object]) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    answer = admin.open("PATCH", path_of(tenant_id), {"fine": [READ], **body})
    assert_refused(answer, 400, "invalid_request")
    assert "fine" not in answer.get_json()["errors"]
    assert len(answer.get_json()["errors"]) == 1
    assert roles_of(admin, tenant_id) == {}


def test_a_body_that_is_no_object_is_refused(world: World) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    for body in (b"", b"[]", b"null", b'{"a": []', b'{"a": [], "a": []}', b'{"\\ud800": []}'):
        answer = world.http.patch(
            path_of(tenant_id), data=body, content_type="application/json", headers=admin.bearer
        )
        assert_refused(answer, 400, "invalid_request")


def test_a_tenant_has_at_most_a_hundred_roles(world: World) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    admin.define(tenant_id, **{f"r{number}": [] for number in range(100)})
    refused = admin.open("PATCH", path_of(tenant_id), {"one-more": []})
    assert_refused(refused, 400, "invalid_request")
    admin.define(tenant_id, **{"one-more": [], "r0": None})


def test_a_tenants_own_administrator_defines_its_roles_and_no_other_tenants(world: World) -> None:
    own, other = world.tenant(), world.tenant()
    admin = administrator(world, own)
    admin.define(own, clerk=[READ])
    for tenant_id in (other, UNKNOWN, "x", own.upper(), "' OR 1=1"):
        assert_refused(admin.open("GET", path_of(tenant_id)), 404, "not_found")
        changed = admin.open("PATCH", path_of(tenant_id), {"clerk": [READ]})
        assert_refused(changed, 404, "not_found")
    assert roles_of(administrator(world), other) == {}


def test_a_tenant_that_is_not_there_is_not_found(world: World) -> None:
    admin = administrator(world)
    for tenant_id in (UNKNOWN, "x", "%00"):
        assert_refused(admin.open("GET", path_of(tenant_id)), 404, "not_found")
        assert_refused(admin.open("PATCH", path_of(tenant_id), {"a": []}), 404, "not_found")


def test_whoever_has_permissions_can_give_none(world: World) -> None:
    """K11: every permission that a role can carry, and still no way to more."""
    who = signed_in(world)
    clerk = member_with(who, *ALL)
    members = f"/v1/tenants/{who.tenant_id}/members"
    for method, path, body in (
        ("GET", path_of(who.tenant_id), None),
        ("PATCH", path_of(who.tenant_id), {"clerk": ALL}),
        ("GET", members, None),
        ("PUT", f"{members}/{clerk.account_id}", {"roles": ["clerk", "owner"]}),
        ("DELETE", f"{members}/{who.account_id}", None),
    ):
        for headers in (clerk.tokens.bearer, who.tokens.bearer):
            answer = world.http.open(path, method=method, json=body, headers=headers)
            assert_refused(answer, 403, "insufficient_scope")
        for headers in ({}, who.backend.basic):
            answer = world.http.open(path, method=method, json=body, headers=headers)
            assert_refused(answer, 401, "invalid_token")
    assert [one.details for one in world.events(clerk.account_id) if one.details] == [
        {"member": True, "before": [], "roles": ["clerk"]},
        {"methods": ["pwd"]},
    ]
