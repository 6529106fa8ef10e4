"""The audit log of an account, as administrators read it."""

from werkzeug.test import TestResponse

from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.roles.building import (
    ALL,
    Administrator,
    administrator,
    member_with,
    of_two_tenants,
)
from tests.world.world import Time, World

FIELDS = {
    "event",
    "at",
    "reason",
    "actor",
    "client_id",
    "tenantId",
    "sid",
    "address",
    "user_agent",
    "request_id",
    "details",
}


def audit_of(admin: Administrator, account_id: str, **query: object) -> TestResponse:
    return admin.open("GET", f"/v1/accounts/{account_id}/audit", **query)


def events_of(admin: Administrator, account_id: str) -> list[tuple[str, str | None]]:
    answer = audit_of(admin, account_id)
    assert answer.status_code == 200, answer.text
    return [(one["event"], one["tenantId"]) for one in answer.get_json()["items"]]


def test_an_event_tells_what_when_why_by_whom_and_from_where(world: World, time: Time) -> None:
    world.http.environ_base |= {"REMOTE_ADDR": "203.0.113.7", "HTTP_USER_AGENT": "curl/8"}
    who, admin = signed_in(world), administrator(world)
    time.pass_(minutes=1)
    admin.open("DELETE", f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}")
    ended, opened = audit_of(admin, who.account_id).get_json()["items"]
    assert ended.keys() == opened.keys() == FIELDS
    assert ended.pop("request_id")
    assert ended == {
        "event": "session_ended",
        "at": "2026-03-01T12:01:00.000Z",
        "reason": "ended_by_admin",
        "actor": f"client:{admin.app.client_id}",
        "client_id": None,
        "tenantId": None,
        "sid": who.tokens.sid,
        "address": "203.0.113.7",
        "user_agent": "curl/8",
        "details": {},
    }
    assert (opened["event"], opened["reason"]) == ("signed_in", None)
    assert (opened["tenantId"], opened["client_id"]) == (who.tenant_id, who.app.client_id)
    assert opened["details"] == {"methods": ["pwd"]}


def test_pages_are_complete_and_newest_first(world: World, time: Time) -> None:
    who, admin = signed_in(world), administrator(world)
    for _ in range(6):
        time.pass_(seconds=1)
        who.again()
    found: list[str] = []
    query: dict[str, object] = {"limit": 3}
    while True:
        body = audit_of(admin, who.account_id, **query).get_json()
        found += [one["at"] for one in body["items"]]
        if (cursor := body["next_cursor"]) is None:
            break
        query["cursor"] = cursor
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 7


def test_a_cursor_is_for_its_receiver_and_its_account(world: World) -> None:
    who, other, admin = signed_in(world), signed_in(world), administrator(world)
    who.again()
    other.again()
    cursor = audit_of(admin, who.account_id, limit=1).get_json()["next_cursor"]
    for asks, account_id in ((admin, other.account_id), (administrator(world), who.account_id)):
        answer = audit_of(asks, account_id, cursor=cursor)
        assert_refused(answer, 400, "invalid_cursor")
    assert audit_of(admin, who.account_id, cursor=cursor).status_code == 200


def test_a_tenants_administrator_reads_what_is_the_tenants(world: World) -> None:
    here, there = of_two_tenants(world)
    world.try_sign_in(here.person, here.app, password="wrong")
    here.world.http.delete("/v1/me/sessions", headers=here.tokens.bearer)
    own = administrator(world, here.tenant_id)
    assert events_of(own, here.account_id) == [("signed_in", here.tenant_id)]
    everything = events_of(administrator(world), here.account_id)
    assert ("epoch_raised", None) in everything
    assert ("signed_in", there.tenant_id) in everything
    administrator(world).open("DELETE", f"/v1/tenants/{there.tenant_id}/members/{here.account_id}")
    alone = events_of(own, here.account_id)
    assert set(alone) == {
        ("signed_in", here.tenant_id),
        ("sign_in_failed", None),
        ("epoch_raised", None),
    }


def refused_to(who: SignedIn, headers: dict[str, str]) -> TestResponse:
    return who.world.http.get(f"/v1/accounts/{who.account_id}/audit", headers=headers)


def test_nobody_else_reads_it(world: World) -> None:
    who = signed_in(world)
    clerk = member_with(who, *ALL)
    outsider = administrator(world, world.tenant())
    assert_refused(refused_to(who, {}), 401, "invalid_token")
    assert_refused(refused_to(who, who.backend.basic), 401, "invalid_token")
    for bearer in (who.tokens.bearer, clerk.tokens.bearer):
        assert_refused(refused_to(who, bearer), 403, "insufficient_scope")
    assert_refused(refused_to(who, outsider.bearer), 404, "not_found")


def test_an_account_that_is_not_there_is_not_found(world: World) -> None:
    admin = administrator(world)
    for account_id in ("0" * 32, "x", "%00", "' OR 1=1", "A" * 32):
        assert_refused(audit_of(admin, account_id), 404, "not_found")


def test_wrong_parameters_are_refused(world: World) -> None:
    who, admin = signed_in(world), administrator(world)
    for query in ({"limit": 0}, {"limit": 101}, {"limit": "x"}, {"event": "signed_in"}):
        assert_refused(audit_of(admin, who.account_id, **query), 400, "invalid_request")
