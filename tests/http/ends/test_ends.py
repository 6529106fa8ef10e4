"""The end of a session has a name: to its owner in words, to administrators with the actor."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.http import administration
from tests.http.building import SignedIn, assert_refused, sids, signed_in
from tests.http.roles.building import READ, REVOKE, administrator, member_with, of_two_tenants
from tests.http.sessions.test_list import FIELDS
from tests.world.world import Time, World
from token_service.domain.refusals import SENTENCES, Refusal

END = {"ended_at", "end_reason", "ended_by", "ended_by_actor", "ended_device", "end_sentence"}
UNKNOWN = "0" * 32


def admin_of(who: SignedIn) -> dict[str, str]:
    return administrator(who.world).bearer


def own(who: SignedIn, sid: str) -> dict[str, Any]:
    """One's own session as the session of `who` sees it."""
    answer = who.world.http.get(f"/v1/me/sessions/{sid}", headers=who.tokens.bearer)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def of_account(who: SignedIn, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The session of `who` as an administrator sees it, or somebody else."""
    path = f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}"
    answer = who.world.http.get(path, headers=headers or admin_of(who))
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def told(item: dict[str, Any]) -> tuple[object, ...]:
    """The reason, by what kind of actor, and which."""
    return item["end_reason"], item["ended_by"], item["ended_by_actor"]


def listed(who: SignedIn, state: str, **query: object) -> list[str]:
    """One's own sessions in a state."""
    answer = who.world.http.get(
        "/v1/me/sessions", headers=who.tokens.bearer, query_string={"state": state, **query}
    )
    assert answer.status_code == 200, answer.text
    return sids(answer)


# A live session.


def test_a_live_session_has_no_end(world: World) -> None:
    who = signed_in(world)
    for item in (own(who, who.tokens.sid), of_account(who)):
        assert item.keys() == FIELDS | END
        assert {item[name] for name in END} == {None}
    (in_list,) = world.http.get("/v1/me/sessions?state=live", headers=who.tokens.bearer).get_json()[
        "items"
    ]
    assert own(who, who.tokens.sid) == in_list | dict.fromkeys(END)
    assert own(who, who.tokens.sid)["isCurrent"]
    assert not own(who.again(), who.tokens.sid)["isCurrent"]


# What somebody ended on purpose.


def test_a_session_that_its_owner_ended(world: World, time: Time) -> None:
    who = signed_in(world)
    other = who.again()
    time.pass_(minutes=7)
    world.http.delete(f"/v1/me/sessions/{other.tokens.sid}", headers=who.tokens.bearer)
    item = own(who, other.tokens.sid)
    assert told(item) == ("ended_by_user", "user", None)
    assert item["ended_at"] == item["ends_at"] == "2026-03-01T12:07:00.000Z"
    assert item["end_sentence"] == SENTENCES[Refusal.ENDED_BY_USER]
    assert not item["isCurrent"]
    assert told(of_account(other))[2] == f"account:{who.account_id}"


Ending = Callable[[SignedIn], object]


def end_by_backend(who: SignedIn) -> str:
    path = f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}"
    who.world.http.delete(path, headers=who.backend.basic)
    return f"client:{who.backend.client_id}"


def end_by_admin(who: SignedIn) -> str:
    admin = administrator(who.world)
    admin.open("DELETE", f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}")
    return f"client:{admin.app.client_id}"


def end_by_member(who: SignedIn) -> str:
    clerk = member_with(who, REVOKE)
    path = f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}"
    who.world.http.delete(path, headers=clerk.tokens.bearer)
    return f"account:{clerk.account_id}"


def sign_out(who: SignedIn) -> str:
    who.world.invalidate(token=who.tokens.access)
    return f"account:{who.account_id}"


def give_back(who: SignedIn) -> str:
    who.world.revoke(who.app, who.tokens.refresh)
    return f"client:{who.app.client_id}"


def replay(who: SignedIn) -> str:
    who.chain(2)
    who.world.try_refresh(who.app, who.tokens.refresh)
    return f"client:{who.app.client_id}"


def sign_out_everywhere(who: SignedIn) -> str:
    who.world.http.delete("/v1/me/sessions", headers=who.tokens.bearer)
    return f"account:{who.account_id}"


def reset_password(who: SignedIn) -> str:
    administration.reset_password(who.world, who.person)
    return "cli"


def disable_account(who: SignedIn) -> str:
    administration.disable_account(who.world, who.person)
    administration.enable_account(who.world, who.person)
    return "cli"


def disable_tenant(who: SignedIn) -> str:
    administration.disable_tenant(who.world, who.tenant_id)
    administration.enable_tenant(who.world, who.tenant_id)
    return "cli"


def disable_client(who: SignedIn) -> str:
    administration.disable_client(who.world, who.app)
    return "cli"


def restore(who: SignedIn) -> str:
    administration.restored_from_backup(who.world)
    return "cli"


def leave(who: SignedIn) -> str:
    admin = administrator(who.world)
    admin.open("DELETE", f"/v1/tenants/{who.tenant_id}/members/{who.account_id}")
    return f"client:{admin.app.client_id}"


@pytest.mark.parametrize(
    ("end", "reason", "kind"),
    [
        (end_by_backend, "ended_by_backend", "backend"),
        (end_by_admin, "ended_by_admin", "administrator"),
        (end_by_member, "ended_by_admin", "administrator"),
        (sign_out, "signed_out", "user"),
        (give_back, "revoked", "application"),
        (replay, "replayed", "application"),
        (sign_out_everywhere, "ended_by_user", "user"),
        (reset_password, "password_reset", "administrator"),
        (disable_account, "account_disabled", "administrator"),
        (disable_tenant, "tenant_disabled", "administrator"),
        (disable_client, "client_disabled", "administrator"),
        (restore, "restored", "administrator"),
        (leave, "left_tenant", "administrator"),
    ],
)
def test_every_end_is_told_with_its_reason_its_actor_and_its_time(
    world: World, time: Time, end: Ending, reason: str, kind: str
) -> None:
    """Also those of which nothing was written into the session's row, and after a refresh too."""
    who = signed_in(world)
    time.pass_(minutes=5)
    actor = end(who)
    time.pass_(minutes=5)
    item = of_account(who)
    assert told(item) == (reason, kind, actor)
    assert item["ended_at"] == "2026-03-01T12:05:00.000Z"
    assert item["end_sentence"] == SENTENCES[Refusal(reason)]
    assert (item["clients"], item["tenants"]) == ([who.app.client_id], [who.tenant_id])
    path = f"/v1/accounts/{who.account_id}/sessions?state=ended"
    assert world.http.get(path, headers=admin_of(who)).get_json()["items"] == [item]
    assert world.try_refresh(who.app, who.tokens.refresh).status_code in {400, 401}
    assert of_account(who) == item


def test_the_owner_reads_the_reason_and_never_which_administrator(world: World) -> None:
    who = signed_in(world)
    for end in (end_by_backend, end_by_admin, end_by_member):
        other = who.again()
        actor = str(end(other))
        item = own(who, other.tokens.sid)
        assert item["ended_by_actor"] is None
        assert actor.partition(":")[2] not in str(item)
        assert item["ended_by"] in {"backend", "administrator"}


# What time ended.


@pytest.mark.parametrize(
    ("policy", "seconds", "reason"),
    [
        ({"idle_timeout": 600}, 600, "idle_timeout"),
        ({"refresh_token_lifetime": 900}, 900, "refresh_expired"),
        ({"force_relogin": 300}, 300, "absolute_timeout"),
    ],
)
def test_what_time_ended_is_told_from_that_second_on(
    world: World, time: Time, policy: dict[str, object], seconds: int, reason: str
) -> None:
    who = signed_in(world, **policy)
    time.pass_(seconds=seconds - 1)
    assert of_account(who)["ended_at"] is None
    time.pass_(seconds=1)
    item = of_account(who)
    assert told(item) == (reason, "service", "service")
    assert item["ended_at"] == item["ends_at"]
    time.pass_(hours=3)
    assert of_account(who) == item
    assert world.sql("SELECT sid FROM sessions WHERE ended_at IS NOT NULL") == []
    assert world.try_refresh(who.app, who.tokens.refresh).status_code == 400
    assert len(world.sql("SELECT sid FROM sessions WHERE ended_at IS NOT NULL")) == 1
    assert of_account(who) == item


def test_a_policy_that_was_shortened_is_the_reason_and_one_lengthened_again_is_none(
    world: World, time: Time
) -> None:
    who = signed_in(world)
    time.pass_(hours=2)
    administration.change_policy(world, who.tenant_id, idle_timeout=3600)
    assert told(of_account(who))[0] == "idle_timeout"
    assert of_account(who)["ended_at"] == "2026-03-01T13:00:00.000Z"
    administration.change_policy(world, who.tenant_id)
    assert of_account(who)["ended_at"] is None


def test_the_strictest_of_all_tenants_ends_it_for_all(world: World, time: Time) -> None:
    here, there = of_two_tenants(world)
    administration.change_policy(world, there.tenant_id, force_relogin=600)
    time.pass_(seconds=600)
    assert told(of_account(here))[0] == "absolute_timeout"


def test_what_was_idle_before_was_not_signed_out_everywhere_after(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    idle = who.again()
    time.pass_(minutes=9)
    who = who.refreshed()
    time.pass_(minutes=5)
    sign_out_everywhere(who)
    assert told(of_account(idle))[0] == "idle_timeout"
    assert of_account(idle)["ended_at"] == "2026-03-01T12:10:00.000Z"
    assert told(of_account(who))[0] == "ended_by_user"


# Lists of what has ended.


def test_a_session_is_in_one_of_both_lists(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    idle, ended, kept = (who.again() for _ in range(3))
    time.pass_(minutes=9)
    who, kept = who.refreshed(), kept.refreshed()
    end_by_backend(ended)
    time.pass_(minutes=1)
    assert set(listed(who, "live")) == {who.tokens.sid, kept.tokens.sid}
    assert set(listed(who, "ended")) == {idle.tokens.sid, ended.tokens.sid}


def test_the_pages_of_ended_sessions_are_complete(world: World, time: Time) -> None:
    who = signed_in(world)
    expected: list[str] = []
    for number in range(7):
        time.pass_(seconds=1)
        other = who.again()
        if number != 3:
            end_by_backend(other)
            expected.insert(0, other.tokens.sid)
    found: list[str] = []
    query: dict[str, object] = {"state": "ended", "limit": 2}
    while True:
        answer = world.http.get("/v1/me/sessions", headers=who.tokens.bearer, query_string=query)
        found += sids(answer)
        if (cursor := answer.get_json()["next_cursor"]) is None:
            break
        query["cursor"] = cursor
    assert found == expected


def test_a_cursor_of_one_list_is_none_of_the_other(world: World) -> None:
    who = signed_in(world)
    for _ in range(2):
        end_by_backend(who.again())
        who.again()
    for state, other in (("live", "ended"), ("ended", "live")):
        query = {"state": state, "limit": 1}
        answer = world.http.get("/v1/me/sessions", headers=who.tokens.bearer, query_string=query)
        query = {"state": other, "cursor": answer.get_json()["next_cursor"]}
        answer = world.http.get("/v1/me/sessions", headers=who.tokens.bearer, query_string=query)
        assert_refused(answer, 400, "invalid_cursor")


def test_a_state_is_live_or_ended(world: World) -> None:
    who = signed_in(world)
    for state in ("dead", "LIVE", "live,ended", "1"):
        answer = world.http.get(
            "/v1/me/sessions", headers=who.tokens.bearer, query_string={"state": state}
        )
        assert_refused(answer, 400, "invalid_request")


def test_an_end_is_told_until_its_retention_is_over_and_not_a_second_longer(
    world: World, time: Time
) -> None:
    who = signed_in(world)
    admin = administrator(world)
    end_by_backend(who)
    path = f"/v1/accounts/{who.account_id}/sessions"
    kept = world.parts.settings.housekeeping.retention_seconds
    time.pass_(seconds=kept - 1)
    bearer = {"Authorization": f"Bearer {world.client_token(admin.app)}"}
    assert of_account(who, bearer)["end_reason"] == "ended_by_backend"
    assert sids(world.http.get(f"{path}?state=ended", headers=bearer)) == [who.tokens.sid]
    time.pass_(seconds=1)
    answer = world.http.get(f"{path}/{who.tokens.sid}", headers=bearer)
    assert_refused(answer, 404, "not_found")
    assert sids(world.http.get(f"{path}?state=ended", headers=bearer)) == []


# Whose business it is.


def test_a_session_of_somebody_else_looks_like_none(world: World) -> None:
    who, other = signed_in(world), signed_in(world)
    end_by_backend(other)
    for sid in (other.tokens.sid, UNKNOWN, "x", "%00", who.tokens.sid.upper()):
        answer = world.http.get(f"/v1/me/sessions/{sid}", headers=who.tokens.bearer)
        assert_refused(answer, 404, "not_found")
        path = f"/v1/accounts/{who.account_id}/sessions/{sid}"
        assert_refused(world.http.get(path, headers=admin_of(who)), 404, "not_found")


def test_a_caller_of_a_tenant_is_told_of_that_tenants_part_only(world: World, time: Time) -> None:
    here, there = of_two_tenants(world)
    insider = world.client("backend", tenant_id=here.tenant_id)
    path = f"/v1/accounts/{here.account_id}/sessions"
    end_by_backend(here)
    end_by_backend(there)
    item = of_account(here, insider.basic)
    assert told(item) == ("ended_by_backend", "backend", None)
    assert item["tenants"] == [here.tenant_id]
    foreign = world.http.get(f"{path}/{there.tokens.sid}", headers=insider.basic)
    assert_refused(foreign, 404, "not_found")
    ended = world.http.get(f"{path}?state=ended", headers=insider.basic)
    assert sids(ended) == [here.tokens.sid]
    clerk = member_with(here, READ)
    assert told(of_account(here, clerk.tokens.bearer))[2] is None
    member = world.client("backend", tenant_id=world.tenant())
    answer = world.http.get(f"{path}/{here.tokens.sid}", headers=member.basic)
    assert_refused(answer, 404, "not_found")


def test_what_ended_in_one_tenant_goes_on_in_the_other(world: World, time: Time) -> None:
    here, there = of_two_tenants(world)
    world.sql(
        "UPDATE grants SET sid = :sid WHERE sid = :other",
        sid=here.tokens.sid,
        other=there.tokens.sid,
    )
    insider = world.client("backend", tenant_id=here.tenant_id)
    outsider = world.client("backend", tenant_id=there.tenant_id)
    path = f"/v1/accounts/{here.account_id}/sessions/{here.tokens.sid}"
    time.pass_(minutes=5)
    assert world.http.delete(path, headers=insider.basic).status_code == 204
    time.pass_(minutes=5)
    item = of_account(here, insider.basic)
    assert told(item) == ("ended_by_backend", "backend", None)
    assert item["ended_at"] == "2026-03-01T12:05:00.000Z"
    assert of_account(here, outsider.basic)["ended_at"] is None
    whole = of_account(here)
    assert (whole["ended_at"], whole["tenants"]) == (None, [there.tenant_id])
    end_by_backend(here)
    assert of_account(here, insider.basic) == item
    assert of_account(here, outsider.basic)["ended_at"] == "2026-03-01T12:10:00.000Z"


def test_the_device_that_a_session_was_ended_from_is_told(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    end_by_backend(other)
    world.sql(
        "UPDATE sessions SET end_reason = 'evicted', ended_by = :by, ended_device = :device"
        " WHERE sid = :sid",
        by=f"account:{who.account_id}",
        device="Firefox on Linux",
        sid=other.tokens.sid,
    )
    item = own(who, other.tokens.sid)
    assert told(item) == ("evicted", "user", None)
    assert item["ended_device"] == "Firefox on Linux"
