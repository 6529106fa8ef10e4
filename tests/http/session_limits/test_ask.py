"""Beyond the limit the person is asked which session to end, and goes on with a ticket."""

from dataclasses import replace

import pytest

from tests.http import administration as admin
from tests.http.building import assert_refused
from tests.http.faults import failing
from tests.http.session_limits.crowd import (
    FIREFOX,
    PHONE,
    Build,
    Crowd,
    limit_client,
    use_device,
)
from tests.http.sessions.test_list import FIELDS
from tests.world.world import Time, World
from token_service.domain.keys import Algorithm

ASK = {"max_sessions": 2, "max_sessions_action": "ask"}
GARBAGE = ("x", "tst_", "tst_" + "A" * 111, "tsr_" + "A" * 111, "é")


def assert_spent_nothing(who: Crowd, ticket: str, end_sid: str) -> None:
    """The ticket is as good as before."""
    assert who.live == [0, 1]
    who.continue_(ticket, end_sid)


# What is asked.


def test_the_question_lists_the_sessions_and_gives_a_ticket(
    world: World, crowd: Build, time: Time
) -> None:
    use_device(world, FIREFOX)
    who = crowd(world, 1, **ASK)
    time.pass_(seconds=1)
    who.open()
    asked = who.ask()
    problem = {"type", "title", "status", "code", "detail", "request_id"}
    assert set(asked) == problem | {"sessions", "ticket", "ticket_expires_in"}
    assert asked["ticket_expires_in"] == 300
    assert asked["ticket"].startswith("tst_")
    assert [one["sid"] for one in asked["sessions"]] == [who.opened[1].sid, who.opened[0].sid]
    assert set(asked["sessions"][0]) == FIELDS
    assert {one["isCurrent"] for one in asked["sessions"]} == {False}
    assert {one["browser"] for one in asked["sessions"]} == {"Firefox"}


def test_a_question_ends_nothing_and_is_on_the_record(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    who.ask()
    assert who.live == [0, 1]
    assert who.happened == [("sign_in_waiting", "session_limit")]
    assert who.last_event().client_id == who.app.client_id


def test_only_sessions_that_the_full_limit_counts_are_listed(world: World, crowd: Build) -> None:
    who = crowd(world, 2, max_sessions=9, max_sessions_action="ask")
    other = world.client()
    limit_client(world, other, 1)
    of_other = who.of(other)
    listed = of_other.open()
    assert [one["sid"] for one in of_other.ask()["sessions"]] == [listed.sid]


def test_an_impersonated_session_is_not_offered(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    acting = who.impersonate()
    asked = who.ask()
    assert acting.sid not in [one["sid"] for one in asked["sessions"]]
    assert_refused(who.try_continue(asked["ticket"], acting.sid), 400, "session_not_live")
    assert world.is_live(acting)


# Going on.


def test_ending_one_completes_the_sign_in(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    use_device(world, PHONE)
    ticket = who.ask()["ticket"]
    tokens = who.continue_(ticket, who.opened[0].sid)
    assert set(tokens.body) == set(who.opened[0].body)
    assert tokens.body["tenantId"] == who.tenant_id
    assert who.live == [1, 2]
    assert who.happened == [
        ("sign_in_waiting", "session_limit"),
        ("session_ended", "evicted"),
        ("new_device", ""),
    ]
    events = world.events(who.person.account_id)
    signed_in = next(one for one in events if one.sid == tokens.sid)
    assert (str(signed_in.event), signed_in.details) == ("signed_in", {"methods": ["pwd"]})
    assert world.refresh(who.app, tokens.refresh)
    ((reason, device),) = world.sql(
        "SELECT end_reason, ended_device FROM sessions WHERE sid = :sid", sid=who.opened[0].sid
    )
    assert (reason, device) == ("evicted", "Chrome Mobile on Android")


def test_a_public_client_goes_on_too(world: World, crowd: Build) -> None:
    who = crowd(world, 2, "public", **ASK)
    who.continue_(who.ask()["ticket"], who.opened[1].sid)
    assert who.live == [0, 2]


def test_the_session_is_the_one_that_was_asked_for(world: World, crowd: Build) -> None:
    who = crowd(world, 2, remember_me=True, **ASK)
    answer = who.try_again(scope="openid", remember_me=True)
    tokens = who.continue_(answer.get_json()["ticket"], who.opened[0].sid)
    assert tokens.body["scope"] == "openid"
    listed = world.http.get("/v1/me/sessions", headers=tokens.bearer).get_json()["items"]
    assert [one["remembered"] for one in listed] == [True, False]


def test_where_one_ended_meanwhile_the_chosen_one_ends_all_the_same(
    world: World, crowd: Build
) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    world.invalidate(token=who.opened[0].access)
    who.continue_(ticket, who.opened[1].sid)
    assert who.live == [2]


def test_where_somebody_else_signed_in_meanwhile_it_is_asked_again(
    world: World, crowd: Build
) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    admin.change_policy(world, who.tenant_id, max_sessions=3)
    who.open()
    admin.change_policy(world, who.tenant_id, **ASK)
    again = who.try_continue(ticket, who.opened[0].sid)
    assert_refused(again, 409, "session_limit")
    assert who.live == [1, 2]
    asked = again.get_json()
    assert [one["sid"] for one in asked["sessions"]] == [who.opened[2].sid, who.opened[1].sid]
    assert asked["ticket"] != ticket
    assert_refused(who.try_continue(ticket, who.opened[1].sid), 400, "invalid_ticket")
    who.continue_(asked["ticket"], who.opened[1].sid)
    assert who.live == [2, 3]


# What a ticket is good for: once, for one client, with one password, for five minutes.


def test_a_ticket_is_good_once(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    who.continue_(ticket, who.opened[0].sid)
    assert_refused(who.try_continue(ticket, who.opened[1].sid), 400, "invalid_ticket")
    assert who.live == [1, 2]
    assert who.happened[-1] == ("sign_in_failed", "unknown_ticket")


def test_a_ticket_is_good_for_five_minutes(world: World, crowd: Build, time: Time) -> None:
    who = crowd(world, 2, access_token_lifetime=3_600, **ASK)
    first, second = who.ask()["ticket"], who.ask()["ticket"]
    time.pass_(seconds=299)
    who.continue_(first, who.opened[0].sid)
    time.pass_(seconds=1)
    assert_refused(who.try_continue(second, who.opened[1].sid), 400, "invalid_ticket")
    assert who.live == [1, 2]
    assert who.happened[-1] == ("sign_in_failed", "expired")


@pytest.mark.parametrize("ticket", GARBAGE)
def test_garbage_is_no_ticket(world: World, crowd: Build, ticket: str) -> None:
    who = crowd(world, 2, **ASK)
    assert_refused(who.try_continue(ticket, who.opened[0].sid), 400, "invalid_ticket")
    assert (who.live, who.happened) == ([0, 1], [])


def test_a_ticket_with_another_secret_is_not_good(world: World, crowd: Build) -> None:
    """Who can seal an address, but has not been given the secret."""
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    forged = ticket[:-4] + ("AAAA" if ticket[-4:] != "AAAA" else "BBBB")
    assert_refused(who.try_continue(forged, who.opened[0].sid), 400, "invalid_ticket")
    assert who.happened[-1] == ("sign_in_failed", "unknown_ticket")
    assert_spent_nothing(who, ticket, who.opened[0].sid)


def test_a_ticket_is_good_for_its_own_client_only(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket, other = who.ask()["ticket"], world.client()
    answer = who.try_continue(ticket, who.opened[0].sid, other)
    assert_refused(answer, 400, "invalid_ticket")
    assert who.happened[-1] == ("sign_in_failed", "foreign_client")
    assert_spent_nothing(who, ticket, who.opened[0].sid)


def test_the_client_authenticates_again(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    wrong = type(who.app)(who.app.client_id, "a wrong secret")
    answer = who.try_continue(ticket, who.opened[0].sid, wrong)
    assert_refused(answer, 401, "invalid_client")
    assert_spent_nothing(who, ticket, who.opened[0].sid)


def test_a_client_that_may_no_longer_sign_people_in_cannot_go_on(
    world: World, crowd: Build
) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    admin.change_client(world, who.app, first_party=False)
    answer = who.try_continue(ticket, who.opened[0].sid)
    assert_refused(answer, 403, "client_not_allowed")
    assert who.live == [0, 1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda who: admin.reset_password(who.world, who.person), "unknown_ticket"),
        (
            lambda who: who.world.http.delete(
                "/v1/me/sessions?keep_current=true", headers=who.opened[1].bearer
            ),
            "revoked",
        ),
        (lambda who: admin.disable_account(who.world, who.person), "revoked"),
        (lambda who: admin.restored_from_backup(who.world), "revoked"),
        (
            lambda who: who.world.sql("UPDATE accounts SET enabled = :no", no=False),
            "account_disabled",
        ),
        (lambda who: admin.leave(who.world, who.person, who.tenant_id), "not_a_member"),
        (lambda who: admin.disable_tenant(who.world, who.tenant_id), "not_a_member"),
        (
            lambda who: admin.change_client(who.world, who.app, scope="email"),
            "invalid_scope",
        ),
    ],
    ids=[
        "password reset",
        "signed out everywhere",
        "account disabled",
        "restored",
        "account disabled behind the service's back",
        "left the tenant",
        "tenant disabled",
        "scope taken away",
    ],
)
def test_what_changed_meanwhile_makes_a_ticket_void(
    world: World, crowd: Build, change, reason
) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    change(who)
    answer = who.try_continue(ticket, who.opened[1].sid)
    assert_refused(answer, 400, "invalid_ticket")
    assert who.happened[-1] == ("sign_in_failed", reason)
    assert len(world.events(who.person.account_id)) == len(who.happened) + 2


def test_enabling_the_account_again_brings_no_ticket_back(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    admin.disable_account(world, who.person)
    admin.enable_account(world, who.person)
    answer = who.try_continue(ticket, who.opened[0].sid)
    assert_refused(answer, 400, "invalid_ticket")


def test_a_ticket_stays_good_where_its_own_sign_in_hashed_the_password_anew(
    world: World, crowd: Build
) -> None:
    who = crowd(world, 2, **ASK)
    stronger = world.second_worker({"TOKEN_SERVICE_ARGON2_ITERATIONS": "2"})
    answer = stronger.try_sign_in(who.person, who.app)
    stronger.close()
    who.continue_(answer.get_json()["ticket"], who.opened[0].sid)


def test_tickets_wait_beside_each_other_but_not_without_end(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    tickets = [who.ask()["ticket"] for _ in range(11)]
    assert world.sql("SELECT count(*) FROM sign_in_tickets") == [(10,)]
    good = [
        who.try_continue(one, "0" * 32).get_json()["code"] == "session_not_live" for one in tickets
    ]
    assert sorted(good) == [False] + [True] * 10


def test_what_is_stored_of_a_ticket_makes_none(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    ((stored,),) = world.sql("SELECT secret_hash FROM sign_in_tickets")
    assert ticket[-30:] not in stored
    ((proof,),) = world.sql("SELECT password_proof FROM sign_in_tickets")
    ((hashed,),) = world.sql(
        "SELECT password_hash FROM accounts WHERE account_id = :id", id=who.person.account_id
    )
    assert proof not in hashed


# Which session may be ended.


def test_what_is_no_live_session_of_the_account_spends_nothing(
    world: World, crowd: Build, time: Time
) -> None:
    who = crowd(world, 2, **ASK)
    stranger = crowd(world, 1)
    ticket = who.ask()["ticket"]
    ended = crowd(world, 1).opened[0]
    world.invalidate(token=ended.access)
    for end_sid in ("0" * 32, "x", stranger.opened[0].sid, ended.sid, who.opened[0].sid.upper()):
        answer = who.try_continue(ticket, end_sid)
        assert_refused(answer, 400, "session_not_live")
    assert stranger.live == [0]
    assert who.happened == [("sign_in_waiting", "session_limit")]
    assert_spent_nothing(who, ticket, who.opened[0].sid)


def test_a_session_that_is_over_by_now_is_none_to_end(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    world.invalidate(token=who.opened[0].access)
    answer = who.try_continue(ticket, who.opened[0].sid)
    assert_refused(answer, 400, "session_not_live")
    assert who.live == [1]
    who.continue_(ticket, who.opened[1].sid)


def test_a_session_that_is_not_in_the_way_is_none_to_end(world: World, crowd: Build) -> None:
    who, other = crowd(world, 1, max_sessions_action="ask"), world.client()
    limit_client(world, other, 1)
    of_other = who.of(other)
    of_other.open()
    answer = of_other.try_continue(of_other.ask()["ticket"], who.opened[0].sid)
    assert_refused(answer, 400, "session_not_live")
    assert who.live == [0]


# Policies that change while a sign-in waits.


def test_where_the_policy_refuses_by_now_and_there_is_no_room_it_is_refused(
    world: World, crowd: Build
) -> None:
    who = crowd(world, 3, max_sessions=3, max_sessions_action="ask")
    ticket = who.ask()["ticket"]
    admin.change_policy(world, who.tenant_id, max_sessions=2, max_sessions_action="deny")
    assert_refused(who.try_continue(ticket, who.opened[0].sid), 403, "session_limit")
    assert who.live == [1, 2]


def test_where_there_is_no_limit_any_more_the_chosen_one_ends(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    admin.change_policy(world, who.tenant_id)
    who.continue_(ticket, who.opened[0].sid)
    assert who.live == [1, 2]


# Bad input, and a database that is away.


@pytest.mark.parametrize(
    "body",
    [
        {"ticket": None},
        {"end_sid": None},
        {"ticket": 1},
        {"end_sid": ["x"]},
        {"ticket": "a\0b"},
        {"end_sid": "\ud800"},
        {"surprise": 1},
        {"password": "x"},
    ],
)
def test_bad_input_is_refused_by_field(world: World, crowd: Build, body: dict[str, object]) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    answer = who.try_continue(**({"ticket": ticket, "end_sid": who.opened[0].sid} | body))
    assert answer.status_code == 400, answer.text
    assert_spent_nothing(who, ticket, who.opened[0].sid)


def test_a_ticket_of_an_account_that_is_gone_is_not_good(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    world.sql("DELETE FROM accounts WHERE account_id = :id", id=who.person.account_id)
    assert_refused(who.try_continue(ticket, who.opened[0].sid), 400, "invalid_ticket")


def test_a_ticket_under_a_new_key_is_not_garbage_to_another_worker(
    world: World, second_worker: World, time: Time, crowd: Build
) -> None:
    lasting = {"idle_timeout": 864_000, "refresh_token_lifetime": 864_000}
    who = crowd(world, 2, **ASK, **lasting)
    assert second_worker.is_live(who.opened[0])
    admin.rotate_key(world, Algorithm.HKDF_SHA256)
    time.pass_(days=1)
    ticket = who.ask()["ticket"]
    there = replace(who, world=second_worker)
    there.continue_(ticket, who.opened[0].sid)


def test_a_database_that_is_away_spends_nothing(world: World, crowd: Build) -> None:
    who = crowd(world, 2, **ASK)
    ticket = who.ask()["ticket"]
    for place in ("accounts.lock", "sign_in_tickets.take", "sessions.insert_session"):
        with failing(f"storage.{place}"):
            answer = who.try_continue(ticket, who.opened[0].sid)
        assert_refused(answer, 503, "unavailable")
    assert_spent_nothing(who, ticket, who.opened[0].sid)
