"""Only a wrong password is a failure: never that the service is busy, away or behind."""

import pytest

from tests.http.administration import tell_workers
from tests.http.building import assert_refused
from tests.http.faults import failing
from tests.http.lock_out.locking import administrator, lock_out
from tests.world.world import App, Person, World
from token_service.crypto.passwords import HashingBusy


@pytest.fixture
def person(world: World) -> Person:
    """A member of a tenant that locks after a single failure."""
    return world.person(world.tenant(lockout_failures=1))


@pytest.fixture
def app(world: World) -> App:
    """Through which they sign in."""
    return world.client()


def assert_nothing_counted(world: World, person: Person, app: App) -> None:
    """No failure is held against the account."""
    told = lock_out(world, administrator(world), person.account_id)
    assert told == {"failures": 0, "locked_until": None}
    assert world.sign_in(person, app)


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_full_hash_queue(world: World, person: Person, app: App, password: str) -> None:
    given = {} if password == "right" else {"password": "wrong"}
    with failing("crypto.passwords.Passwords.verify", HashingBusy()):
        for _ in range(5):
            assert_refused(world.try_sign_in(person, app, **given), 503, "unavailable")
    assert_nothing_counted(world, person, app)


@pytest.mark.parametrize(
    "place",
    [
        "storage.failure_counts.read_all",
        "storage.failure_counts.lock",
        "storage.grants.insert_grant",
        "storage.audit.record",
    ],
)
def test_a_database_that_goes_away_during_a_sign_in(
    world: World, person: Person, app: App, place: str
) -> None:
    with failing(place):
        assert_refused(world.try_sign_in(person, app), 503, "unavailable")
    assert_nothing_counted(world, person, app)


@pytest.mark.parametrize(
    "place", ["storage.failure_counts.hold", "storage.failure_counts.write", "storage.audit.record"]
)
def test_one_that_goes_away_while_a_failure_is_counted_counts_none(
    world: World, person: Person, app: App, place: str
) -> None:
    """The count and the audit event are one transaction: there is both or neither."""
    with failing(place):
        answer = world.try_sign_in(person, app, password="wrong")
        assert_refused(answer, 503, "unavailable")
    assert world.events(person.account_id) == []
    assert_nothing_counted(world, person, app)


def test_a_worker_that_is_behind(
    world: World, second_worker: World, person: Person, app: App
) -> None:
    """The attempt goes round once more, and is one attempt all the same."""
    assert second_worker.sign_in(person, app)
    for _ in range(3):
        tell_workers(world)
        assert second_worker.sign_in(person, app)
    assert_nothing_counted(second_worker, person, app)


def test_a_request_that_cannot_be_read(world: World, person: Person, app: App) -> None:
    for wrong in ({"password": 5}, {"password": ""}, {"nonsense": 1}):
        assert world.try_sign_in(person, app, **wrong).status_code == 400
    assert_nothing_counted(world, person, app)


def test_the_right_password_for_a_tenant_that_it_does_not_reach(
    world: World, person: Person, app: App
) -> None:
    answer = world.try_sign_in(person, app, tenant_id=world.tenant())
    assert_refused(answer, 403, "tenant_not_allowed")
    assert_nothing_counted(world, person, app)


def test_a_client_that_may_sign_nobody_in(world: World, person: Person, app: App) -> None:
    service = world.client("service")
    for password in (person.password, "wrong"):
        answer = world.try_sign_in(person, service, password=password)
        assert_refused(answer, 403, "client_not_allowed")
    assert_nothing_counted(world, person, app)
