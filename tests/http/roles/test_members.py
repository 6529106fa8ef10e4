"""Members of a tenant: listed, taken in, given roles, and let go."""

import pytest

from tests.http.building import EVERYWHERE, assert_refused, live_at, signed_in
from tests.http.roles.building import READ, Administrator, administrator, last_event
from tests.world.world import World
from token_service.domain.events import Event

UNKNOWN = "0" * 32


def path_of(tenant_id: str, account_id: str = "") -> str:
    return f"/v1/tenants/{tenant_id}/members" + (f"/{account_id}" if account_id else "")


def members_of(admin: Administrator, tenant_id: str) -> dict[str, list[str]]:
    """Each member with their roles."""
    answer = admin.open("GET", path_of(tenant_id))
    assert answer.status_code == 200, answer.text
    return {one["account_id"]: one["roles"] for one in answer.get_json()["items"]}


def test_a_member_is_listed_with_names_and_roles(world: World) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    person = world.person(tenant_id)
    admin.put(tenant_id, person.account_id, "clerk", "auditor", "clerk")
    (item,) = admin.open("GET", path_of(tenant_id)).get_json()["items"]
    assert (item["account_id"], item["roles"]) == (person.account_id, ["auditor", "clerk"])
    assert set(item["names"]) == {person.email, person.username, person.phone}


def test_pages_are_complete_and_in_order(world: World) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    expected = sorted(world.person(tenant_id).account_id for _ in range(5))
    world.person(world.tenant())
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        body = admin.open("GET", path_of(tenant_id), **query).get_json()
        found += [one["account_id"] for one in body["items"]]
        if (cursor := body["next_cursor"]) is None:
            break
    assert found == expected


def test_a_cursor_is_for_its_receiver_and_its_tenant(world: World) -> None:
    admin, other_admin = administrator(world), administrator(world)
    tenant_id, other = world.tenant(), world.tenant()
    for _ in range(2):
        world.person(tenant_id, other)
    cursor = admin.open("GET", path_of(tenant_id), limit=1).get_json()["next_cursor"]
    for asks, where in ((other_admin, tenant_id), (admin, other)):
        answer = asks.open("GET", path_of(where), cursor=cursor)
        assert_refused(answer, 400, "invalid_cursor")
    for wrong in ("x", cursor[:-1] + "!", UNKNOWN, "\0"):
        answer = admin.open("GET", path_of(tenant_id), cursor=wrong)
        assert answer.status_code == 400
    assert admin.open("GET", path_of(tenant_id), cursor=cursor).status_code == 200


def test_roles_are_replaced_and_on_the_record(world: World) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    person = world.person(tenant_id)
    admin.put(tenant_id, person.account_id, "clerk")
    admin.put(tenant_id, person.account_id, "owner")
    admin.put(tenant_id, person.account_id, "owner")
    assert members_of(admin, tenant_id) == {person.account_id: ["owner"]}
    events = world.events(person.account_id)
    assert [one.details["before"] for one in events] == [[], ["clerk"]]
    event = last_event(world, Event.MEMBERSHIP_CHANGED, person.account_id)
    assert event.details == {"member": True, "before": ["clerk"], "roles": ["owner"]}
    assert (event.tenant_id, event.actor) == (tenant_id, f"client:{admin.app.client_id}")
    admin.put(tenant_id, person.account_id)
    assert members_of(admin, tenant_id) == {person.account_id: []}


def test_whoever_was_no_member_becomes_one(world: World) -> None:
    admin, who = administrator(world), signed_in(world)
    tenant_id = world.tenant()
    admin.put(tenant_id, who.account_id, "clerk")
    assert members_of(admin, tenant_id) == {who.account_id: ["clerk"]}
    event = last_event(world, Event.MEMBERSHIP_CHANGED, who.account_id)
    assert event.details == {"member": True, "roles": ["clerk"]}
    assert world.sign_in(who.person, who.app, tenant_id=tenant_id).body["tenantId"] == tenant_id


def test_who_is_let_go_loses_the_tenants_grants_only(world: World, second_worker: World) -> None:
    admin, who = administrator(world), signed_in(world)
    other = world.tenant()
    admin.put(other, who.account_id)
    elsewhere = world.sign_in(who.person, who.app, tenant_id=other)
    answer = admin.open("DELETE", path_of(who.tenant_id, who.account_id))
    assert (answer.status_code, answer.data) == (204, b"")
    assert live_at(who, second_worker) == set()
    assert world.is_live(elsewhere)
    event = last_event(world, Event.MEMBERSHIP_CHANGED, who.account_id)
    assert (event.reason, event.tenant_id) == ("left_tenant", who.tenant_id)
    assert event.details == {"member": False, "before": []}
    again = admin.open("DELETE", path_of(who.tenant_id, who.account_id))
    assert_refused(again, 404, "not_found")


def test_roles_of_who_returns_are_what_the_new_membership_says(world: World) -> None:
    admin, who = administrator(world), signed_in(world)
    admin.put(who.tenant_id, who.account_id, "clerk")
    admin.open("DELETE", path_of(who.tenant_id, who.account_id))
    admin.put(who.tenant_id, who.account_id)
    assert members_of(admin, who.tenant_id) == {who.account_id: []}
    assert live_at(who) == set()


def test_a_tenants_own_administrator_reaches_its_members_only(world: World) -> None:
    who, stranger = signed_in(world), signed_in(world)
    admin = administrator(world, who.tenant_id)
    admin.put(who.tenant_id, who.account_id, "clerk")
    assert members_of(admin, who.tenant_id) == {who.account_id: ["clerk"]}
    body = {"roles": ["clerk"]}
    for tenant_id, account_id in (
        (who.tenant_id, stranger.account_id),
        (who.tenant_id, UNKNOWN),
        (who.tenant_id, "x"),
        (stranger.tenant_id, stranger.account_id),
        (stranger.tenant_id, who.account_id),
        (UNKNOWN, who.account_id),
    ):
        path = path_of(tenant_id, account_id)
        assert_refused(admin.open("PUT", path, body), 404, "not_found")
        assert_refused(admin.open("DELETE", path), 404, "not_found")
    assert_refused(admin.open("GET", path_of(stranger.tenant_id)), 404, "not_found")
    assert live_at(stranger) == EVERYWHERE
    assert stranger.happened == []
    assert admin.open("DELETE", path_of(who.tenant_id, who.account_id)).status_code == 204


def test_what_is_not_there_is_not_found(world: World) -> None:
    admin, who = administrator(world), signed_in(world)
    for tenant_id, account_id in (
        (UNKNOWN, who.account_id),
        (who.tenant_id, UNKNOWN),
        ("x", who.account_id),
        (who.tenant_id, "%00"),
        (who.tenant_id, who.account_id.upper()),
    ):
        path = path_of(tenant_id, account_id)
        assert_refused(admin.open("PUT", path, {"roles": []}), 404, "not_found")
        assert_refused(admin.open("DELETE", path), 404, "not_found")
    assert_refused(admin.open("GET", path_of(UNKNOWN)), 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"roles": None},
        {"roles": "clerk"},
        {"roles": {"clerk": True}},
        {"roles": ["Clerk"]},
        {"roles": ["clerk", 1]},
        {"roles": [None]},
        {"roles": [["clerk"]]},
        {"roles": ["a\0b"]},
        {"roles": ["x" * 65]},
        {"roles": [f"r{number}" for number in range(51)]},
        {"roles": [], "number": 1},
        {"roles": [], "permissions": [READ]},
    ],
    ids=str,
)
def test_wrong_bodies_are_refused_and_change_nothing(world: World, body: dict[str, object]) -> None:
    admin, tenant_id = administrator(world), world.tenant()
    person = world.person(tenant_id)
    answer = admin.open("PUT", path_of(tenant_id, person.account_id), body)
    assert_refused(answer, 400, "invalid_request")
    assert members_of(admin, tenant_id) == {person.account_id: []}
    assert all(
        isinstance(one, str) for told in answer.get_json()["errors"].values() for one in told
    )
