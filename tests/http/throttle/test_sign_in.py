"""Guessing passwords gets slower and slower; signing in correctly never does."""

from collections.abc import Callable

import pytest

from tests.http.administration import reset_password
from tests.http.building import EVERYWHERE, assert_refused, live_at, signed_in
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Person, Time, World

FREE = 10
"""Failures of an account that cost nothing."""

Build = Callable[..., World]


def fail(world: World, person: Person, app: App, times: int = 1, **fields: str) -> list[int]:
    """Guess wrong some times; the statuses."""
    wrong = {"password": "wrong", **fields}
    return [world.try_sign_in(person, app, **wrong).status_code for _ in range(times)]


def wait_of(world: World, person: Person, app: App, **fields: str) -> int:
    """How long one is told to wait; 0: not at all."""
    answer = world.try_sign_in(person, app, password="wrong", **fields)
    return int(answer.headers.get("Retry-After", 0))


@pytest.fixture
def person(world: World) -> Person:
    """Whose password is guessed."""
    return world.person(world.tenant())


@pytest.fixture
def app(world: World) -> App:
    """Through which."""
    return world.client()


def test_after_some_free_failures_the_account_must_wait(
    world: World, person: Person, app: App
) -> None:
    assert fail(world, person, app, FREE) == [401] * FREE
    answer = world.try_sign_in(person, app, password="wrong")
    assert_refused(answer, 429, "throttled")
    assert answer.headers["Retry-After"] == "60"


def test_the_right_password_is_refused_the_same_while_waiting(
    world: World, person: Person, app: App
) -> None:
    """Or the wait would tell a guesser which guess was right."""
    fail(world, person, app, FREE)
    wrong, right = world.try_sign_in(person, app, password="wrong"), world.try_sign_in(person, app)
    assert_refused(right, 429, "throttled")
    assert right.headers["Retry-After"] == wrong.headers["Retry-After"]
    told = [{**answer.get_json(), "request_id": ""} for answer in (wrong, right)]
    assert told[0] == told[1]
    assert world.event_names(person.account_id) == ["sign_in_failed"] * FREE + ["account_locked"]


def test_after_the_wait_the_right_password_signs_in_and_nothing_is_held_against_it(
    world: World, person: Person, app: App, time: Time
) -> None:
    fail(world, person, app, FREE)
    time.pass_(seconds=59)
    assert world.try_sign_in(person, app).status_code == 429
    time.pass_(seconds=1)
    assert world.sign_in(person, app)
    assert fail(world, person, app, FREE) == [401] * FREE


def test_each_further_failure_doubles_the_wait_up_to_the_longest(
    world: World, person: Person, app: App, time: Time
) -> None:
    fail(world, person, app, FREE)
    waits = []
    for _ in range(7):
        waits.append(wait_of(world, person, app))
        time.pass_(seconds=waits[-1])
        assert fail(world, person, app) == [401]
    assert waits == [60, 120, 240, 480, 900, 900, 900]


def test_asking_while_waiting_prolongs_nothing(
    world: World, person: Person, app: App, time: Time
) -> None:
    fail(world, person, app, FREE + 1)
    assert fail(world, person, app, 50) == [429] * 50
    time.pass_(seconds=60)
    assert world.sign_in(person, app)


@pytest.mark.parametrize(("seconds", "free"), [(172_799, 1), (172_800, FREE)])
def test_failures_are_forgotten_two_days_after_the_last_one(
    world: World, person: Person, app: App, time: Time, seconds: int, free: int
) -> None:
    fail(world, person, app, FREE - 1)
    time.pass_(seconds=seconds)
    assert fail(world, person, app, free + 1) == [401] * free + [429]


def test_waiting_for_the_end_of_a_lock_is_no_fresh_start(
    world: World, person: Person, app: App, time: Time
) -> None:
    fail(world, person, app, FREE)
    time.pass_(days=1)
    assert fail(world, person, app, 2) == [401, 429]
    assert wait_of(world, person, app) == 120


def test_all_names_of_an_account_count_together(world: World, person: Person, app: App) -> None:
    names = (person.email, person.username, person.phone, person.email.upper(), f" {person.phone} ")
    for name in names:
        assert fail(world, person, app, FREE // len(names), identifier=name) == [401, 401]
    for name in names:
        assert fail(world, person, app, identifier=name) == [429]


def test_a_name_that_nobody_has_behaves_the_same(
    world: World, person: Person, app: App, time: Time
) -> None:
    """The wait tells nobody whether an account exists."""

    def history(**fields: str) -> list[int]:
        statuses = fail(world, person, app, FREE + 2, **fields)
        waits = []
        for _ in range(3):
            waits.append(wait_of(world, person, app, **fields))
            time.pass_(seconds=waits[-1])
            statuses += fail(world, person, app, **fields)
        return statuses + waits

    assert history() == history(identifier="nobody@example.test")


def test_every_spelling_of_a_name_that_nobody_has_counts(
    world: World, person: Person, app: App
) -> None:
    fail(world, person, app, FREE, identifier="nobody@example.test")
    assert fail(world, person, app, identifier=" NoBody@Example.Test\u200b") == [429]


def test_the_count_is_the_same_on_every_worker(
    world: World, second_worker: World, person: Person, app: App
) -> None:
    fail(world, person, app, FREE // 2)
    fail(second_worker, person, app, FREE // 2)
    assert fail(world, person, app) == fail(second_worker, person, app) == [429]


def test_other_accounts_do_not_wait(world: World, person: Person, app: App) -> None:
    other = world.person(world.tenant())
    fail(world, person, app, FREE + 1)
    assert world.sign_in(other, app)


def test_who_is_signed_in_notices_nothing(world: World) -> None:
    who = signed_in(world)
    fail(world, who.person, who.app, FREE + 1)
    assert live_at(who.refreshed()) == EVERYWHERE


def test_a_reset_password_ends_the_wait(world: World, person: Person, app: App) -> None:
    fail(world, person, app, FREE + 1)
    reset_password(world, person)
    assert world.sign_in(person, app, password="another password")


def test_correct_sign_ins_and_refreshes_are_never_slowed_down(world: World) -> None:
    who = signed_in(world)
    for _ in range(120):
        who = who.again().refreshed()
    assert world.is_live(who.tokens)


# By source.


@pytest.fixture
def strict(world_on: Build, databases: Postgres | SqliteFiles) -> World:
    """Three failures of one source are free."""
    return world_on(databases, TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES="3")


def exhaust(world: World, address: str, app: App) -> None:
    """Guess wrong from an address, for a name each."""
    world.http.environ_base["REMOTE_ADDR"] = address
    for number in range(3):
        body = {"identifier": f"n{number}-{address}", "password": "x", "client_id": app.client_id}
        world.http.post("/v1/sign-in", json=body, headers=app.basic)


def test_one_password_for_many_accounts_is_slowed_down(strict: World) -> None:
    """Spraying: no account fails twice, the source does."""
    tenant, app = strict.tenant(), strict.client()
    people = [strict.person(tenant) for _ in range(10)]
    answers = [strict.try_sign_in(one, app, password="Spring 2026!") for one in people]
    assert [one.status_code for one in answers] == [401] * 3 + [429] * 7
    assert {one.headers.get("Retry-After") for one in answers[3:]} == {"1"}


def test_a_network_in_which_somebody_always_mistypes_is_never_blocked_for_ever(
    world: World, time: Time
) -> None:
    """Five a minute: fewer than are free in a window, and more than that in an hour."""
    who = signed_in(world)
    for minute in range(60):
        strangers = [{"identifier": f"n{minute}-{one}@example.test"} for one in range(5)]
        assert [fail(world, who.person, who.app, **one) for one in strangers] == [[401]] * 5
        assert world.sign_in(who.person, who.app)
        time.pass_(minutes=1)


def test_the_wait_of_a_source_grows_and_ends_with_its_window(strict: World, time: Time) -> None:
    who = signed_in(strict)
    exhaust(strict, "203.0.113.7", who.app)
    waits = []
    for number in range(4):
        waits.append(wait_of(strict, who.person, who.app))
        time.pass_(seconds=waits[-1])
        assert fail(strict, who.person, who.app, identifier=f"n{number}") == [401]
    assert waits == [1, 2, 4, 8]
    time.pass_(seconds=900)
    assert fail(strict, who.person, who.app, 4, identifier="n") == [401] * 3 + [429]


def test_a_correct_sign_in_pays_for_no_guesses_at_others(strict: World, time: Time) -> None:
    """Or one account of one's own would be enough to guess at all others."""
    who = signed_in(strict)
    assert fail(strict, who.person, who.app, 2, identifier="somebody") == [401] * 2
    assert who.again()
    assert fail(strict, who.person, who.app, 2, identifier="somebody else") == [401, 429]


def test_a_source_that_tries_many_names_must_wait(strict: World) -> None:
    who = signed_in(strict)
    exhaust(strict, "203.0.113.7", who.app)
    assert_refused(strict.try_sign_in(who.person, who.app), 429, "throttled")
    assert who.refreshed()
    strict.http.environ_base["REMOTE_ADDR"] = "203.0.113.8"
    assert strict.sign_in(who.person, who.app)


def test_a_network_of_ipv6_is_one_source(strict: World) -> None:
    """One customer holds 2**64 addresses."""
    who = signed_in(strict)
    exhaust(strict, "2001:db8:1:2::1", who.app)
    for address, status in (
        ("2001:db8:1:2:ffff::9", 429),
        ("2001:db8:1:3::1", 200),
        ("::ffff:203.0.113.9", 200),
    ):
        strict.http.environ_base["REMOTE_ADDR"] = address
        assert strict.try_sign_in(who.person, who.app).status_code == status


def test_nobody_gets_another_address_by_saying_so(strict: World) -> None:
    who = signed_in(strict)
    exhaust(strict, "203.0.113.7", who.app)
    strict.http.environ_base["HTTP_X_FORWARDED_FOR"] = "198.51.100.1"
    assert_refused(strict.try_sign_in(who.person, who.app), 429, "throttled")


def test_behind_a_proxy_of_ours_the_client_is_the_source(
    world_on: Build, databases: Postgres | SqliteFiles
) -> None:
    world = world_on(
        databases,
        TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES="3",
        TOKEN_SERVICE_SERVER_TRUSTED_PROXIES="10.0.0.0/8",
    )
    who, base = signed_in(world), world.http.environ_base
    base["HTTP_X_FORWARDED_FOR"] = "6.6.6.6, 203.0.113.7, 10.0.0.2"
    exhaust(world, "10.0.0.1", who.app)
    assert_refused(world.try_sign_in(who.person, who.app), 429, "throttled")
    base["HTTP_X_FORWARDED_FOR"] = "6.6.6.6, 203.0.113.8"
    assert world.sign_in(who.person, who.app)
    assert world.events(who.account_id)[-1].origin.address == "203.0.113.8"
