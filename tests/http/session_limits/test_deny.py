"""Beyond the limit a sign-in is refused, and nothing else happens."""

import pytest

from tests.http.building import assert_refused
from tests.http.session_limits.crowd import Build
from tests.world.world import Time, World


def test_the_one_too_many_is_refused(world: World, crowd: Build) -> None:
    who = crowd(world, 2, max_sessions=2, max_sessions_action="deny")
    answer = who.try_again()
    assert_refused(answer, 403, "session_limit")
    assert set(answer.get_json()) == {"type", "title", "status", "code", "detail", "request_id"}
    assert who.live == [0, 1]
    assert who.happened == [("sign_in_failed", "session_limit")]
    event = who.last_event()
    assert (event.actor, event.sid) == (f"account:{who.person.account_id}", None)
    assert (event.client_id, event.tenant_id) == (who.app.client_id, who.tenant_id)


def test_as_soon_as_one_ends_there_is_room(world: World, crowd: Build) -> None:
    who = crowd(world, 2, max_sessions=2, max_sessions_action="deny")
    world.invalidate(token=who.opened[0].access)
    who.open()
    assert who.live == [1, 2]


@pytest.mark.parametrize("action", ["deny", "ask"])
def test_it_never_locks_anybody_out(world: World, crowd: Build, action: str) -> None:
    """keycloak #44474: a limit that counted as a failure locked the account."""
    who = crowd(world, 1, max_sessions=1, max_sessions_action=action)
    for _ in range(25):
        assert who.try_again().status_code in (403, 409)
    world.invalidate(token=who.opened[0].access)
    who.open()
    assert world.sql("SELECT * FROM failure_counts") == []


@pytest.mark.parametrize("action", ["deny", "ask", "evict_oldest"])
def test_the_right_password_clears_the_failures_before_it(
    world: World, crowd: Build, action: str
) -> None:
    who = crowd(world, 1, max_sessions=1, max_sessions_action=action)
    assert who.try_again(password="wrong password").status_code == 401
    subject = world.parts.gate.throttle.account_subject(who.person.account_id)
    count = "SELECT failures FROM failure_counts WHERE subject = :subject"
    assert world.sql(count, subject=subject) == [(1,)]
    who.try_again()
    assert world.sql(count, subject=subject) == []


@pytest.mark.parametrize("action", ["deny", "ask"])
def test_a_wrong_password_learns_nothing_of_the_limit(
    world: World, crowd: Build, action: str
) -> None:
    who = crowd(world, 1, max_sessions=1, max_sessions_action=action)
    assert_refused(who.try_again(password="wrong password"), 401, "invalid_credentials")
    assert who.happened == [("sign_in_failed", "wrong_credentials")]


def test_a_locked_out_source_learns_nothing_of_the_limit(
    world: World, crowd: Build, time: Time
) -> None:
    who = crowd(world, 1, max_sessions=1, max_sessions_action="deny")
    for _ in range(12):
        who.try_again(password="wrong password")
    assert_refused(who.try_again(), 429, "throttled")


def test_a_password_that_is_hashed_anew_is_so_even_if_there_is_no_room(
    world: World, crowd: Build
) -> None:
    who = crowd(world, 1, max_sessions=1, max_sessions_action="deny")
    stored = "SELECT password_hash FROM accounts WHERE account_id = :account_id"
    before = world.sql(stored, account_id=who.person.account_id)
    stronger = world.second_worker({"TOKEN_SERVICE_ARGON2_ITERATIONS": "2"})
    assert stronger.try_sign_in(who.person, who.app).status_code == 403
    stronger.close()
    assert world.sql(stored, account_id=who.person.account_id) != before
