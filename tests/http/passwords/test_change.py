"""A person changes their password: their own session goes on, by policy the others end."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.http.administration import disable_account
from tests.http.building import (
    EVERYWHERE,
    SignedIn,
    assert_dead,
    assert_refused,
    live_at,
    signed_in,
)
from tests.http.faults import failing
from tests.http.impersonation.building import acting
from tests.http.lock_out.locking import FREE, fail, locks
from tests.http.passwords.building import NEW, change, subjects, with_refresh_token
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import Time, Tokens, World, tokens_of
from token_service.domain.events import Event

KEPT = {"access_token", "token_type", "expires_in", "scope", "sid", "tenantId"}
FAILED = ("password_change_failed", "wrong_credentials")
CHANGED = ("password_changed", "password_changed")


def fresh(who: SignedIn, body: dict[str, str]) -> SignedIn:
    """The same with the access token of an answer."""
    tokens = Tokens(body["access_token"], who.tokens.refresh, body)
    return SignedIn(who.world, who.tenant_id, who.person, who.app, who.backend, tokens)


def test_the_new_password_signs_in_and_the_old_one_does_not(world: World) -> None:
    who = signed_in(world)
    answer = change(who)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert_refused(world.try_sign_in(who.person, who.app), 401, "invalid_credentials")
    assert world.sign_in(who.person, who.app, password=NEW)


def test_the_session_goes_on_with_a_fresh_access_token(world: World, second_worker: World) -> None:
    who = signed_in(world)
    body = change(who).get_json()
    assert body.keys() == KEPT
    assert body["sid"] == who.tokens.sid
    assert body["access_token"] != who.tokens.access
    assert (body["tenantId"], body["expires_in"]) == (who.tenant_id, 900)
    for one in (who, fresh(who, body)):
        assert live_at(one, second_worker) == EVERYWHERE
    assert who.refreshed()


def test_all_other_sessions_end_for_this_reason(world: World, second_worker: World) -> None:
    who = signed_in(world)
    others = [who.again(), who.again()]
    assert change(who).status_code == 200
    for other in others:
        assert_dead(other, second_worker)
        reasons = [
            one.reason for one in world.events(who.account_id) if one.sid == other.tokens.sid
        ]
        assert reasons[-1] == "password_changed"
    [raised] = world.sql(
        "SELECT reason, raised_by FROM account_epochs WHERE account_id = :id", id=who.account_id
    )
    assert tuple(raised) == ("password_changed", f"account:{who.account_id}")


def test_where_no_tenant_wants_it_the_others_go_on(world: World) -> None:
    who = signed_in(world, logout_on_password_change=False)
    other = who.again()
    assert change(who).status_code == 200
    assert live_at(other) == live_at(who) == EVERYWHERE
    event = world.events(who.account_id)[-1]
    assert (str(event.event), dict(event.details)) == ("password_changed", {"others_ended": False})
    assert_refused(world.try_sign_in(who.person, who.app), 401, "invalid_credentials")


def test_one_tenant_of_several_that_wants_it_is_enough(world: World) -> None:
    loose, strict = world.tenant(logout_on_password_change=False), world.tenant()
    person, app = world.person(loose, strict), world.client()
    first, other = (world.sign_in(person, app, tenant_id=loose) for _ in range(2))
    who = SignedIn(world, loose, person, app, world.client("backend"), first)
    assert change(who).status_code == 200
    assert not world.is_live(other)
    assert world.is_live(first)


def test_it_is_on_the_record_and_the_owner_is_told(world: World) -> None:
    who = signed_in(world)
    change(who)
    assert who.happened == [CHANGED]
    event = world.events(who.account_id)[-1]
    assert (event.actor, event.sid) == (f"account:{who.account_id}", who.tokens.sid)
    assert dict(event.details) == {"others_ended": True}
    assert subjects(world) == [(who.person.email, "Your password was changed")]


def test_what_was_pending_is_void(world: World) -> None:
    who = signed_in(world)
    world.sql(
        "INSERT INTO sign_in_tickets VALUES (:id, :id, 'h', 'c', :id, '', 'pwd', false, 'p', :end)",
        id=who.account_id,
        end=2**60,
    )
    world.sql("INSERT INTO password_resets VALUES (:id, 'h', :end)", id=who.account_id, end=2**60)
    world.http.post("/v1/password-resets", json={"identifier": who.person.email})
    assert change(who).status_code == 200
    for table in ("sign_in_tickets", "password_resets"):
        assert world.sql(f"SELECT 1 FROM {table}") == []
    assert subjects(world) == [(who.person.email, "Your password was changed")]


# With the refresh token.


@pytest.mark.parametrize("kind", ["app", "public"])
def test_a_refresh_token_is_used_in_the_same_call(world: World, kind: str) -> None:
    who = signed_in(world, kind)
    answer = change(who, **with_refresh_token(who))
    assert answer.status_code == 200, answer.text
    assert answer.get_json().keys() == KEPT | {"refresh_token"}
    after = tokens_of(answer)
    assert after.sid == who.tokens.sid
    assert world.refresh(who.app, after.refresh)


def test_a_lost_answer_logs_nobody_out(world: World) -> None:
    """The token that was presented gives the same successor at the refresh endpoint."""
    who = signed_in(world)
    lost = tokens_of(change(who, **with_refresh_token(who)))
    again = world.refresh(who.app, who.tokens.refresh)
    assert again.refresh == lost.refresh
    assert_refused(change(who), 401, "invalid_credentials")
    assert world.refresh(who.app, again.refresh)


def test_a_token_whose_answer_was_lost_before_gives_its_successor_here(world: World) -> None:
    who = signed_in(world)
    lost = world.refresh(who.app, who.tokens.refresh)
    assert tokens_of(change(who, **with_refresh_token(who))).refresh == lost.refresh
    assert who.happened == [CHANGED]


def test_a_replayed_token_ends_the_session_and_changes_nothing(world: World, time: Time) -> None:
    who = signed_in(world)
    newest = who.chain(2)[-1]
    answer = change(newest, **with_refresh_token(who))
    assert_refused(answer, 400, "invalid_grant")
    assert_dead(newest)
    assert who.happened[0] == ("refresh_replayed", "replayed")
    assert world.sign_in(who.person, who.app)


@pytest.mark.parametrize("whose", ["another session", "another account", "nobody"])
def test_only_a_token_of_this_very_session_is_used(world: World, whose: str) -> None:
    who = signed_in(world)
    other = who.again() if whose == "another session" else signed_in(world)
    fields = with_refresh_token(who) | {
        "refresh_token": "tsr_nobody" if whose == "nobody" else other.tokens.refresh
    }
    assert_refused(change(who, **fields), 400, "invalid_grant")
    assert live_at(who) == live_at(other) == EVERYWHERE
    assert other.refreshed()
    assert CHANGED not in who.happened
    assert world.sign_in(who.person, who.app)


def test_the_client_of_a_refresh_token_authenticates(world: World) -> None:
    who, other = signed_in(world), world.client()
    fields = with_refresh_token(who)
    wrong = {**fields, "client_secret": "wrong"}
    assert_refused(change(who, **wrong), 401, "invalid_client")
    del fields["client_secret"]
    assert_refused(change(who, **fields), 401, "invalid_client")
    foreign = {**fields, "client_id": other.client_id, "client_secret": other.secret}
    assert_refused(change(who, **foreign), 400, "invalid_grant")
    assert who.refreshed()
    assert world.sign_in(who.person, who.app)


@pytest.mark.parametrize(
    "fields",
    [
        {"refresh_token": "tsr_x"},
        {"client_id": "app-1"},
        {"client_secret": "tss_x"},
        {"nonsense": "x"},
        {"new_password": None},
        {"current_password": None},
        {"new_password": 5},
        {"new_password": "a\0b"},
    ],
)
def test_what_does_not_belong_together_is_refused(world: World, fields: dict[str, object]) -> None:
    who = signed_in(world)
    assert_refused(change(who, **fields), 400, "invalid_request")
    assert who.happened == []


def test_a_failure_on_the_way_spends_and_changes_nothing(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    with failing("storage.sessions.keep"):
        assert_refused(change(who, **with_refresh_token(who)), 503, "unavailable")
    assert live_at(other) == live_at(who) == EVERYWHERE
    assert world.introspect(who.app, who.tokens.refresh)["active"]
    assert world.sign_in(who.person, who.app)
    assert change(who, **with_refresh_token(who)).status_code == 200


# The current password.


def test_a_wrong_current_password_changes_nothing(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    answer = change(who, current_password="wrong")
    assert_refused(answer, 401, "invalid_credentials")
    assert "current password" in answer.get_json()["detail"]
    assert live_at(other) == live_at(who) == EVERYWHERE
    assert who.happened == [("signed_in", ""), FAILED]
    assert world.sign_in(who.person, who.app)


def test_a_session_has_as_many_guesses_as_a_stranger(world: World, time: Time) -> None:
    """A stolen access token is no place to guess the password at without end."""
    who = signed_in(world)
    for _ in range(FREE):
        assert change(who, current_password="wrong").status_code == 401
    for answer in (change(who), change(who, current_password="wrong")):
        assert_refused(answer, 429, "throttled")
        assert answer.headers["Retry-After"] == "60"
    [lock] = [one for one in world.events(who.account_id) if one.event is Event.DEVICE_LOCKED]
    assert (lock.reason, lock.sid) == ("locked_out", who.tokens.sid)
    time.pass_(seconds=60)
    assert change(who, current_password="wrong").status_code == 401
    assert change(who).headers["Retry-After"] == "120"
    time.pass_(seconds=120)
    assert change(who).status_code == 200


def test_a_thief_in_one_session_stops_nobody_elsewhere(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    for _ in range(FREE + 1):
        change(who, current_password="wrong")
    assert_refused(change(who), 429, "throttled")
    assert locks(world, who.account_id) == []
    third = who.again()
    assert change(other).status_code == 200
    assert live_at(third) == set()


def test_whoever_guesses_at_the_sign_in_does_not_keep_the_owner_from_a_new_password(
    world: World,
) -> None:
    who = signed_in(world)
    fail(world, who.person, who.app, FREE)
    assert_refused(world.try_sign_in(who.person, who.app), 429, "throttled")
    assert change(who).status_code == 200
    assert who.happened[-1] == CHANGED


def test_the_right_password_clears_the_sessions_count_alone(world: World) -> None:
    who = signed_in(world)
    fail(world, who.person, who.app, FREE - 1)
    for _ in range(FREE - 1):
        change(who, current_password="wrong")
    assert change(who).status_code == 200
    again = replace(who.person, password=NEW)
    assert change(replace(who, person=again), current_password="wrong").status_code == 401
    assert change(replace(who, person=again), new=f"{NEW} again").status_code == 200
    assert fail(world, who.person, who.app, 2) == [401, 429]


def test_the_source_counts_here_as_everywhere(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles
) -> None:
    world = world_on(databases, TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES="2")
    who = signed_in(world)
    other = who.again()
    assert [change(who, current_password="wrong").status_code for _ in range(2)] == [401, 401]
    assert_refused(change(other), 429, "throttled")


# The new password.


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("fourteen chars", "at least 15 characters"),
        ("x7" * 129, "at most 256 characters"),
        ("passwordpassword", "guessed first"),
        ("Person1@Example.test", "your names"),
        ("my token service!", "this service"),
    ],
)
def test_an_unsuitable_password_is_refused_with_every_fault(
    world: World, new: str, told: str
) -> None:
    who = signed_in(world)
    answer = change(who, new, **with_refresh_token(who))
    assert_refused(answer, 400, "unsuitable_password")
    assert told in " ".join(answer.get_json()["errors"]["new_password"])
    assert new not in answer.text
    assert who.happened == []
    assert who.refreshed()
    assert world.sign_in(who.person, who.app)


def test_hints_say_what_would_be_better(world: World) -> None:
    answer = change(signed_in(world), "password")
    told = answer.get_json()["errors"]["new_password"]
    assert len(told) > 2
    assert any("Add another word" in one for one in told)


def test_the_old_password_is_not_a_new_one(world: World) -> None:
    who = signed_in(world)
    answer = change(who, who.person.password)
    assert_refused(answer, 400, "unsuitable_password")
    assert answer.get_json()["errors"]["new_password"] == ["Is the one that you have."]


@pytest.mark.parametrize("new", ["x7q m" * 51 + "z", "\u00e9t\u00e9 comme hiver, toujours"])
def test_long_and_accented_passwords_count_whole(world: World, new: str) -> None:
    who = signed_in(world)
    assert change(who, new).status_code == 200
    assert world.try_sign_in(who.person, who.app, password=new[:-1]).status_code == 401
    assert world.sign_in(who.person, who.app, password=new)


def test_the_shortest_password_is_a_setting(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles
) -> None:
    world = world_on(databases, TOKEN_SERVICE_PASSWORDS_SHORTEST="8")
    who = signed_in(world)
    assert_refused(change(who, "vjx q94"), 400, "unsuitable_password")
    assert change(who, "vjx q94k").status_code == 200


# Who may.


def test_whoever_acts_as_the_person_may_not(world: World) -> None:
    """Not even with the right password."""
    acts = acting(world)
    in_their_place = replace(acts.who, tokens=acts.tokens)
    assert_refused(change(in_their_place), 403, "impersonation_not_allowed")
    assert world.sign_in(acts.who.person, acts.who.app)


def test_it_ends_whoever_acts_as_the_person(world: World) -> None:
    acts = acting(world)
    assert change(acts.who).status_code == 200
    assert not world.is_live(acts.tokens)


def test_nobody_else_may(world: World) -> None:
    who = signed_in(world)
    admin = {"Authorization": f"Bearer {world.client_token(world.client('admin'))}"}
    body = {"current_password": who.person.password, "new_password": NEW}
    for headers, status, code in (
        ({}, 401, "invalid_token"),
        (who.backend.basic, 401, "invalid_token"),
        (admin, 403, "insufficient_scope"),
        ({"Authorization": "Bearer x"}, 401, "invalid_token"),
    ):
        answer = world.http.post("/v1/me/password", json=body, headers=headers)
        assert_refused(answer, status, code)
    assert who.happened == []


def test_a_session_that_is_over_changes_nothing(world: World) -> None:
    who = signed_in(world)
    world.invalidate(token=who.tokens.access)
    assert_refused(change(who), 401, "invalid_token")
    other = who.again()
    disable_account(world, who.person)
    assert_refused(change(other), 401, "invalid_token")
    assert CHANGED not in who.happened


def test_a_narrower_access_token_stays_narrower(world: World) -> None:
    who = signed_in(world)
    narrow = world.refresh(who.app, who.tokens.refresh, scope="openid")
    one = SignedIn(world, who.tenant_id, who.person, who.app, who.backend, narrow)
    assert change(one).get_json()["scope"] == "openid"


def test_a_full_hash_queue_is_no_refusal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from token_service.crypto import passwords

    def busy(*_: object) -> None:
        raise passwords.HashingBusy("busy")

    who = signed_in(world)
    monkeypatch.setattr(passwords.Passwords, "verify", busy)
    assert_refused(change(who), 503, "unavailable")
    monkeypatch.undo()
    monkeypatch.setattr(passwords.Passwords, "hash", busy)
    assert_refused(change(who), 503, "unavailable")
    monkeypatch.undo()
    assert who.happened == []
    assert change(who).status_code == 200
