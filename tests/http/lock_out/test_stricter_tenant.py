"""The strictest rule of an account's tenants locks it, and nobody can see that it does."""

from datetime import timedelta

import pytest

from tests.http.administration import change_policy, join
from tests.http.building import assert_refused
from tests.http.lock_out.locking import FREE, fail, locks, reasons, seen
from tests.world.world import App, Person, Time, World

STRICT = {"lockout_failures": 3, "lockout_seconds": 3600}


@pytest.fixture
def person(world: World) -> Person:
    """A member of a tenant that locks after three failures, for up to an hour."""
    return world.person(world.tenant(**STRICT))


@pytest.fixture
def app(world: World) -> App:
    """Through which the password is guessed."""
    return world.client()


def test_the_right_password_is_refused_like_a_wrong_one(
    world: World, person: Person, app: App
) -> None:
    fail(world, person, app, 3)
    right = world.try_sign_in(person, app)
    assert_refused(right, 401, "invalid_credentials")
    assert seen(right) == seen(world.try_sign_in(person, app, password="wrong"))
    assert reasons(world, person.account_id) == ["wrong_credentials"] * 3 + ["locked_out"] * 2


def test_one_failure_fewer_locks_nobody(world: World, person: Person, app: App) -> None:
    fail(world, person, app, 2)
    assert world.sign_in(person, app)
    fail(world, person, app, 2)
    assert world.sign_in(person, app)


def test_the_lock_ends_by_the_second(world: World, person: Person, app: App, time: Time) -> None:
    fail(world, person, app, 3)
    time.pass_(seconds=59)
    assert world.try_sign_in(person, app).status_code == 401
    time.pass_(seconds=1)
    assert world.sign_in(person, app)


def test_each_further_failure_doubles_it_up_to_the_longest(
    world: World, person: Person, app: App, time: Time
) -> None:
    fail(world, person, app, 3)
    now, told = world.parts.clock.now(), []
    for _ in range(8):
        until = str(locks(world, person.account_id)[-1].details["until"])
        told.append(until)
        time.pass_(hours=1)
        assert fail(world, person, app) == [401]
    lengths = [60, 120, 240, 480, 960, 1920, 3600, 3600]
    begun = [now + timedelta(hours=number) for number in range(8)]
    expected = [
        (at + timedelta(seconds=length)).isoformat()
        for at, length in zip(begun, lengths, strict=True)
    ]
    assert told == expected


def test_who_keeps_trying_the_right_password_gets_in_when_the_lock_ends(
    world: World, person: Person, app: App, time: Time
) -> None:
    fail(world, person, app, 3)
    for _ in range(5):
        time.pass_(seconds=10)
        assert world.try_sign_in(person, app).status_code == 401
    time.pass_(seconds=10)
    assert world.sign_in(person, app)


def test_a_lock_is_on_the_record_once(world: World, person: Person, app: App, time: Time) -> None:
    """Not once per attempt that it refuses."""
    until = world.parts.clock.now() + timedelta(seconds=60)
    fail(world, person, app, 3 + 5)
    [lock] = locks(world, person.account_id)
    assert lock.details == {"failures": 3, "until": until.isoformat()}
    assert (lock.actor, lock.reason, lock.client_id) == ("service", "locked_out", app.client_id)
    time.pass_(seconds=60)
    world.sign_in(person, app)
    fail(world, person, app, 3)
    assert len(locks(world, person.account_id)) == 2


def test_the_wait_that_attempts_in_a_lock_add_up_to_prolongs_it(
    world: World, person: Person, app: App, time: Time
) -> None:
    """Everybody sees that wait, and the lock never ends before it."""
    fail(world, person, app, 3)
    time.pass_(seconds=30)
    assert fail(world, person, app, FREE - 3 + 1) == [401] * (FREE - 3) + [429]
    until = world.parts.clock.now() + timedelta(seconds=60)
    assert [one.details["failures"] for one in locks(world, person.account_id)] == [3, FREE]
    assert locks(world, person.account_id)[-1].details["until"] == until.isoformat()
    time.pass_(seconds=60)
    assert world.sign_in(person, app)


@pytest.mark.parametrize(
    ("laxer", "limit"), [({"lockout_failures": 50}, FREE), ({"lockout_seconds": 1}, FREE)]
)
def test_no_tenant_is_laxer_than_the_environment(
    world: World, app: App, time: Time, laxer: dict[str, int], limit: int
) -> None:
    person = world.person(world.tenant(**laxer))
    assert fail(world, person, app, limit + 1) == [401] * limit + [429]
    time.pass_(seconds=59)
    assert world.try_sign_in(person, app).status_code == 429
    time.pass_(seconds=1)
    assert world.sign_in(person, app)


def test_the_strictest_of_all_tenants_holds_in_each_of_them(world: World, app: App) -> None:
    """The password is one for all."""
    lax, strict = world.tenant(), world.tenant(**STRICT)
    person = world.person(lax, strict)
    fail(world, person, app, 3, tenant_id=lax)
    for tenant_id in (lax, strict):
        assert_refused(
            world.try_sign_in(person, app, tenant_id=tenant_id), 401, "invalid_credentials"
        )


def test_who_joins_a_stricter_tenant_is_locked_by_its_rule_from_the_next_failure_on(
    world: World, app: App
) -> None:
    person = world.person(tenant := world.tenant())
    fail(world, person, app, 4)
    join(world, person, world.tenant(**STRICT))
    assert world.sign_in(person, app, tenant_id=tenant)
    fail(world, person, app, 3)
    assert world.try_sign_in(person, app, tenant_id=tenant).status_code == 401


def test_a_changed_rule_counts_from_the_next_failure_on_and_what_is_locked_stays_so(
    world: World, second_worker: World, app: App, time: Time
) -> None:
    tenant = world.tenant()
    person = world.person(tenant)
    fail(second_worker, person, app, 4)
    change_policy(world, tenant, **STRICT)
    assert second_worker.sign_in(person, app)
    fail(second_worker, person, app, 3)
    change_policy(world, tenant)
    assert second_worker.try_sign_in(person, app).status_code == 401
    time.pass_(seconds=60)
    assert second_worker.sign_in(person, app)


def test_all_spellings_and_names_of_an_account_count_together(
    world: World, person: Person, app: App
) -> None:
    phone = f"{person.phone[:4]} {person.phone[4:]}"
    spellings = (f" {person.email.upper()}\u200b", person.username.title(), phone)
    for identifier in spellings:
        assert fail(world, person, app, identifier=identifier) == [401]
    assert_refused(world.try_sign_in(person, app), 401, "invalid_credentials")
    assert reasons(world, person.account_id)[-1] == "locked_out"


def test_the_lock_holds_on_every_worker(
    world: World, second_worker: World, person: Person, app: App
) -> None:
    fail(world, person, app, 2)
    fail(second_worker, person, app)
    for worker in (world, second_worker):
        assert_refused(worker.try_sign_in(person, app), 401, "invalid_credentials")


def test_from_every_source(world: World, person: Person, app: App) -> None:
    for number in range(3):
        world.http.environ_base["REMOTE_ADDR"] = f"203.0.113.{number}"
        fail(world, person, app)
    world.http.environ_base["REMOTE_ADDR"] = "198.51.100.1"
    assert_refused(world.try_sign_in(person, app), 401, "invalid_credentials")


def test_only_the_right_password_learns_that_a_tenant_must_be_named_and_not_during_a_lock(
    world: World, app: App, time: Time
) -> None:
    person = world.person(world.tenant(**STRICT), world.tenant())
    assert_refused(world.try_sign_in(person, app), 400, "tenant_required")
    fail(world, person, app, 3)
    assert_refused(world.try_sign_in(person, app), 401, "invalid_credentials")
    time.pass_(seconds=60)
    assert_refused(world.try_sign_in(person, app), 400, "tenant_required")
