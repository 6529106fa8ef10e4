"""No answer tells whether a name is somebody's: the same bytes and headers, attempt by attempt."""

import pytest

from tests.http.administration import disable_account
from tests.http.faults import failing
from tests.http.lock_out.locking import FREE, administrator, fail, seen, unlock
from tests.world.world import App, Person, Time, World

ATTEMPTS = FREE + 2
PAUSES = (0, 59, 1, 30, 240, 900, 172_799, 172_800)
"""Seconds between rounds of attempts: about the edges of waits, locks and forgetting."""

NOBODY = {"identifier": "nobody@example.test"}


def without_password(world: World, person: Person) -> None:
    """The account signs in with something else, or not at all."""
    world.sql(
        "UPDATE accounts SET password_hash = NULL WHERE account_id = :id", id=person.account_id
    )


def history(
    world: World, person: Person, app: App, time: Time, **fields: str
) -> list[tuple[int, bytes, list[tuple[str, str]]]]:
    """All that can be seen of rounds of attempts with pauses between them."""
    told = []
    for seconds in PAUSES:
        time.pass_(seconds=seconds)
        for _ in range(ATTEMPTS):
            told.append(seen(world.try_sign_in(person, app, **fields)))
    return told


def expected(world: World, app: App, time: Time, anybody: Person) -> list[object]:
    """The same of a name that nobody has."""
    told = history(world, anybody, app, time, **NOBODY, password="wrong")
    assert {status for status, _, _ in told} == {401, 429}
    return list(told)


@pytest.mark.parametrize("policy", [{}, {"lockout_failures": 1}, {"lockout_seconds": 86_400}])
def test_a_wrong_password_looks_like_a_name_that_nobody_has(
    world: World, time: Time, policy: dict[str, int]
) -> None:
    """With the environment's rule and with a stricter tenant."""
    app, person = world.client(), world.person(world.tenant(**policy))
    ours = history(world, person, app, time, password="wrong")
    assert ours == expected(world, app, time, person)


def test_so_does_the_right_one_during_a_lock(world: World, time: Time) -> None:
    app = world.client()
    person = world.person(world.tenant(lockout_failures=1, lockout_seconds=86_400))
    fail(world, person, app)
    fail(world, person, app, **NOBODY)
    ours = [seen(world.try_sign_in(person, app)) for _ in range(ATTEMPTS)]
    theirs = [
        seen(world.try_sign_in(person, app, **NOBODY, password="wrong")) for _ in range(ATTEMPTS)
    ]
    assert ours == theirs
    assert [status for status, _, _ in ours] == [401] * (FREE - 1) + [429] * 3


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_so_does_an_account_that_is_disabled(world: World, time: Time, password: str) -> None:
    app, person = world.client(), world.person(world.tenant())
    disable_account(world, person)
    given = {"password": person.password if password == "right" else "wrong"}
    assert history(world, person, app, time, **given) == expected(world, app, time, person)


def test_so_does_one_without_a_password(world: World, time: Time) -> None:
    app, person = world.client(), world.person(world.tenant())
    without_password(world, person)
    ours = history(world, person, app, time)
    assert ours == expected(world, app, time, person)


def test_so_does_a_text_that_can_be_no_name(world: World, time: Time) -> None:
    app, person = world.client(), world.person(world.tenant())
    ours = history(world, person, app, time, identifier="\u0007", password="wrong")
    assert ours == expected(world, app, time, person)


def test_and_an_account_that_was_unlocked_begins_anew_like_a_new_name(
    world: World, time: Time
) -> None:
    app, person = world.client(), world.person(world.tenant())
    fail(world, person, app, FREE)
    unlock(world, administrator(world), person.account_id)
    ours = history(world, person, app, time, password="wrong")
    assert ours == expected(world, app, time, person)


def test_the_same_is_written_for_a_name_that_nobody_has(world: World, time: Time) -> None:
    """Or the time that it takes would tell."""
    app, person = world.client(), world.person(world.tenant())
    counts = []
    for fields in ({}, NOBODY):
        before = world.sql("SELECT count(*) FROM audit_events")[0][0]
        fail(world, person, app, ATTEMPTS, **fields)
        counts.append(world.sql("SELECT count(*) FROM audit_events")[0][0] - before)
    assert counts == [FREE + 1, FREE + 1]


@pytest.mark.parametrize("why", ["locked", "disabled"])
def test_no_second_hash_tells_that_the_password_is_right(world: World, why: str) -> None:
    """A hash of older parameters is made anew at a sign-in, which takes as long again."""
    person, app = world.person(world.tenant(lockout_failures=1)), world.client()
    worker = world.second_worker({"TOKEN_SERVICE_ARGON2_ITERATIONS": "2"})
    if why == "locked":
        fail(worker, person, app)
    else:
        disable_account(worker, person)
    with failing("crypto.passwords.Passwords.hash", AssertionError("hashed")):
        assert worker.try_sign_in(person, app).status_code == 401
    worker.close()
