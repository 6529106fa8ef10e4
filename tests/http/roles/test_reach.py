"""Who reaches whose sessions: a caller of a tenant its members, and of them what is the tenant's.

The callers of a tenant are its own backend, its own administrator, and a member whose role permits
it; all three are asked everything.
"""

from dataclasses import dataclass

import pytest
from werkzeug.test import TestResponse

from tests.http.building import (
    EVERYWHERE,
    SignedIn,
    assert_dead,
    assert_refused,
    live_at,
    sids,
    signed_in,
)
from tests.http.roles.building import READ, REVOKE, administrator, member_with, of_two_tenants
from tests.world.world import Time, World

CALLERS = ("backend", "administrator", "member")
callers = pytest.mark.parametrize("kind", CALLERS)
UNKNOWN = "0" * 32


@dataclass(frozen=True)
class Caller:
    """A caller of one tenant."""

    world: World
    headers: dict[str, str]
    actor: str
    reason: str

    def listed(self, account_id: str, **query: object) -> TestResponse:
        """The sessions that it sees."""
        path = f"/v1/accounts/{account_id}/sessions"
        return self.world.http.get(path, headers=self.headers, query_string=query)

    def end(self, account_id: str, sid: str = "") -> TestResponse:
        """End one session or all."""
        path = f"/v1/accounts/{account_id}/sessions" + (f"/{sid}" if sid else "")
        return self.world.http.delete(path, headers=self.headers)

    def end_by_sid(self, sid: str) -> TestResponse:
        """End a session by its id alone."""
        return self.world.try_invalidate(self.headers, sid=sid)


def caller_of(kind: str, who: SignedIn) -> Caller:
    """A caller of the tenant of somebody who is signed in."""
    world, tenant_id = who.world, who.tenant_id
    if kind == "backend":
        app = world.client("backend", tenant_id=tenant_id)
        return Caller(world, app.basic, f"client:{app.client_id}", "ended_by_backend")
    if kind == "administrator":
        admin = administrator(world, tenant_id)
        return Caller(world, admin.bearer, f"client:{admin.app.client_id}", "ended_by_admin")
    clerk = member_with(who, READ, REVOKE)
    actor = f"account:{clerk.account_id}"
    return Caller(world, clerk.tokens.bearer, actor, "ended_by_admin")


# Who is not a member looks like nobody.


@callers
def test_of_who_is_no_member_nothing_is_seen_and_nothing_ends(world: World, kind: str) -> None:
    who, stranger = signed_in(world), signed_in(world)
    caller = caller_of(kind, who)
    for answer in (
        caller.listed(stranger.account_id),
        caller.end(stranger.account_id),
        caller.end(stranger.account_id, stranger.tokens.sid),
        caller.end_by_sid(stranger.tokens.sid),
        caller.end(who.account_id, stranger.tokens.sid),
        caller.end(who.account_id, UNKNOWN),
        caller.end_by_sid(UNKNOWN),
        caller.end_by_sid("x"),
    ):
        assert_refused(answer, 404, "not_found")
    assert live_at(stranger) == EVERYWHERE
    assert stranger.happened == []


@callers
def test_who_left_is_out_of_reach_at_once(world: World, kind: str) -> None:
    who, _ = of_two_tenants(world)
    caller = caller_of(kind, who)
    assert sids(caller.listed(who.account_id)) == [who.tokens.sid]
    administrator(world).open("DELETE", f"/v1/tenants/{who.tenant_id}/members/{who.account_id}")
    assert_refused(caller.listed(who.account_id), 404, "not_found")
    assert_refused(caller.end(who.account_id), 404, "not_found")
    assert_refused(caller.end_by_sid(who.tokens.sid), 404, "not_found")


def test_a_members_power_ends_with_their_membership_their_role_and_their_session(
    world: World,
) -> None:
    who, admin = signed_in(world), administrator(world)
    clerk = member_with(who, READ)
    path = f"/v1/accounts/{who.account_id}/sessions"

    def status() -> int:
        return world.http.get(path, headers=clerk.tokens.bearer).status_code

    assert status() == 200
    admin.put(who.tenant_id, clerk.account_id, "ghost")
    assert status() == 403
    admin.put(who.tenant_id, clerk.account_id, "ghost", "clerk")
    assert status() == 200
    admin.open("DELETE", f"/v1/tenants/{who.tenant_id}/members/{clerk.account_id}")
    assert status() == 401


def test_a_role_counts_in_the_tenant_of_the_token_only(world: World) -> None:
    who, stranger = signed_in(world), signed_in(world)
    clerk = member_with(who, READ, REVOKE)
    administrator(world).put(stranger.tenant_id, clerk.account_id)
    there = world.sign_in(clerk.person, clerk.app, tenant_id=stranger.tenant_id)
    for account_id in (who.account_id, stranger.account_id):
        path = f"/v1/accounts/{account_id}/sessions"
        answer = world.http.get(path, headers=there.bearer)
        assert_refused(answer, 403, "insufficient_scope")
    for sid in (who.tokens.sid, stranger.tokens.sid):
        assert_refused(world.try_invalidate(there.bearer, sid=sid), 404, "not_found")


def test_reading_is_not_ending_and_ending_is_not_reading(world: World) -> None:
    who = signed_in(world)
    path = f"/v1/accounts/{who.account_id}/sessions"
    for permission, statuses in ((READ, (200, 403, 403, 404)), (REVOKE, (403, 204, 204, 204))):
        who = who.again()
        clerk = member_with(who, permission).tokens.bearer
        found = (
            world.http.get(path, headers=clerk).status_code,
            world.http.delete(f"{path}/{UNKNOWN}", headers=clerk).status_code
            if permission == READ
            else world.http.delete(f"{path}/{who.tokens.sid}", headers=clerk).status_code,
            world.http.delete(path, headers=clerk).status_code,
            world.try_invalidate(clerk, sid=who.tokens.sid).status_code,
        )
        assert found == statuses


# What is seen of a member.


@callers
def test_only_sessions_with_a_live_grant_in_the_tenant_are_listed(world: World, kind: str) -> None:
    here, there = of_two_tenants(world)
    caller = caller_of(kind, here)
    assert sids(caller.listed(here.account_id)) == [here.tokens.sid]
    own = world.http.get("/v1/me/sessions", headers=here.tokens.bearer)
    assert set(sids(own)) == {here.tokens.sid, there.tokens.sid}
    world.revoke(here.app, here.tokens.refresh)
    assert sids(caller.listed(here.account_id)) == []


@callers
def test_of_a_session_only_the_tenants_part_is_told(world: World, time: Time, kind: str) -> None:
    here, there = of_two_tenants(world)
    both = joined_up(here, there)
    caller = caller_of(kind, here)
    (item,) = caller.listed(here.account_id).get_json()["items"]
    assert (item["sid"], item["tenants"]) == (both, [here.tenant_id])
    assert item["clients"] == [here.app.client_id]
    time.pass_(minutes=10)
    world.sql(
        "UPDATE grants SET used_at = used_at + 600000000, ends_at = ends_at + 600000000"
        " WHERE tenant_id = :other",
        other=there.tenant_id,
    )
    (later,) = caller.listed(here.account_id).get_json()["items"]
    assert later == item


@callers
def test_pages_skip_what_is_not_the_tenants(world: World, time: Time, kind: str) -> None:
    here, there = of_two_tenants(world)
    expected = [here.tokens.sid]
    for _ in range(3):
        time.pass_(seconds=1)
        there.again()
        expected.insert(0, here.again().tokens.sid)
    caller, found, cursor = caller_of(kind, here), [], None
    while True:
        answer = caller.listed(here.account_id, limit=1, **({"cursor": cursor} if cursor else {}))
        found += sids(answer)
        if (cursor := answer.get_json()["next_cursor"]) is None:
            break
        # A cursor holds a sid: it must be one that the caller may know.
        assert cursor[:32] in expected
    assert found == expected


def joined_up(here: SignedIn, there: SignedIn) -> str:
    """Put the grant of the second session under the first one: one session, two tenants."""
    here.world.sql(
        "UPDATE grants SET sid = :sid WHERE sid = :other",
        sid=here.tokens.sid,
        other=there.tokens.sid,
    )
    return here.tokens.sid


# What ends.


@callers
def test_all_of_who_belongs_to_no_other_tenant_ends(
    world: World, second_worker: World, kind: str
) -> None:
    who = signed_in(world)
    other, caller = who.again(), caller_of(kind, who)
    assert caller.end(who.account_id, other.tokens.sid).status_code == 204
    assert_dead(other, second_worker)
    assert live_at(who) == EVERYWHERE
    event = world.events(who.account_id)[-1]
    assert (str(event.event), event.reason) == ("session_ended", caller.reason)
    assert (event.actor, event.tenant_id) == (caller.actor, who.tenant_id)
    third = who.again()
    for _ in range(2):
        assert caller.end_by_sid(third.tokens.sid).status_code == 204
    assert_dead(third, second_worker)
    assert caller.end(who.account_id).status_code == 204
    assert_dead(who, second_worker)
    assert ("epoch_raised", caller.reason) in who.happened


@callers
@pytest.mark.parametrize("way", ["one", "all", "by sid"])
def test_of_who_belongs_to_others_too_only_the_tenants_grants_end(
    world: World, second_worker: World, kind: str, way: str
) -> None:
    here, there = of_two_tenants(world)
    joined_up(here, there)
    apart = there.again()
    caller = caller_of(kind, here)
    end = {
        "one": lambda: caller.end(here.account_id, here.tokens.sid),
        "all": lambda: caller.end(here.account_id),
        "by sid": lambda: caller.end_by_sid(here.tokens.sid),
    }[way]
    for _ in range(2):
        assert end().status_code == 204
    assert not second_worker.is_live(here.tokens)
    assert world.try_refresh(here.app, here.tokens.refresh).status_code == 400
    ended = [one for one in world.events(here.account_id) if one.reason == caller.reason]
    assert [(str(one.event), one.tenant_id, one.actor, one.sid) for one in ended] == [
        ("grant_ended", here.tenant_id, caller.actor, here.tokens.sid)
    ]
    assert ended[0].client_id == here.app.client_id
    assert live_at(apart, second_worker) == EVERYWHERE
    rows = world.sql("SELECT end_reason FROM sessions WHERE ended_at IS NOT NULL")
    assert rows == []
    (item,) = [
        one
        for one in world.http.get("/v1/me/sessions", headers=apart.tokens.bearer).get_json()[
            "items"
        ]
        if one["sid"] == here.tokens.sid
    ]
    assert item["tenants"] == [there.tenant_id]


@callers
@pytest.mark.parametrize("way", ["one", "all"])
def test_a_session_that_is_left_without_a_live_grant_ends_with_it(
    world: World, kind: str, way: str
) -> None:
    here, there = of_two_tenants(world)
    caller = caller_of(kind, here)
    sid = here.tokens.sid if way == "one" else ""
    assert caller.end(here.account_id, sid).status_code == 204
    assert_dead(here)
    assert live_at(there) == EVERYWHERE
    ended = [(str(one.event), one.sid) for one in world.events(here.account_id) if one.reason]
    assert ended == [("grant_ended", here.tokens.sid), ("session_ended", here.tokens.sid)]


def test_what_time_ended_keeps_its_own_end(world: World, time: Time) -> None:
    here, _ = of_two_tenants(world)
    caller = caller_of("backend", here)
    time.pass_(days=1)
    assert caller.end(here.account_id).status_code == 204
    assert world.sql("SELECT end_reason FROM grants WHERE ended_at IS NOT NULL") == []
    assert [one for one in world.events(here.account_id) if one.reason] == []


def test_a_grant_of_a_tenant_that_was_left_keeps_no_session_alive(world: World) -> None:
    """It looks live to whoever counts rows: what counts is whether it still works."""
    here, there = of_two_tenants(world)
    third = world.tenant()
    administrator(world).put(third, here.account_id)
    joined_up(here, there)
    administrator(world).open("DELETE", f"/v1/tenants/{there.tenant_id}/members/{here.account_id}")
    assert caller_of("backend", here).end(here.account_id, here.tokens.sid).status_code == 204
    (row,) = world.sql("SELECT end_reason FROM sessions WHERE ended_at IS NOT NULL")
    assert row.end_reason == "ended_by_backend"


# A person and a member at once.


def test_a_member_with_the_permission_ends_own_and_others_sessions_by_sid(world: World) -> None:
    who = signed_in(world)
    clerk = member_with(who, REVOKE)
    own = clerk.again()
    assert world.try_invalidate(clerk.tokens.bearer, sid=own.tokens.sid).status_code == 204
    assert_dead(own)
    event = world.events(clerk.account_id)[-1]
    assert (event.reason, event.actor) == ("ended_by_user", f"account:{clerk.account_id}")
    assert world.try_invalidate(clerk.tokens.bearer, sid=who.tokens.sid).status_code == 204
    assert_dead(who)
    event = world.events(who.account_id)[-1]
    assert (event.reason, event.actor) == ("ended_by_admin", f"account:{clerk.account_id}")


def test_a_person_ends_their_own_in_all_tenants_whatever_the_tokens(world: World) -> None:
    here, there = of_two_tenants(world)
    assert world.try_invalidate(here.tokens.bearer, sid=there.tokens.sid).status_code == 204
    assert_dead(there)
    assert live_at(here) == EVERYWHERE


def test_a_person_without_the_permission_learns_nothing_of_others(world: World) -> None:
    who, other = signed_in(world), signed_in(world)
    for sid in (other.tokens.sid, UNKNOWN, "x"):
        refused = world.try_invalidate(who.tokens.bearer, sid=sid)
        assert_refused(refused, 404, "not_found")
    assert live_at(other) == EVERYWHERE


# Callers of the environment reach everybody, wholly.


def test_callers_of_the_environment_end_sessions_in_all_tenants(world: World) -> None:
    here, there = of_two_tenants(world)
    answer = world.http.delete(
        f"/v1/accounts/{here.account_id}/sessions", headers=here.backend.basic
    )
    assert answer.status_code == 204
    assert_dead(here)
    assert_dead(there)
