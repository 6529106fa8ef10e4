"""Administrators look at a lock and lift it."""

from datetime import timedelta

import pytest

from tests.http.administration import reset_password
from tests.http.building import assert_refused, signed_in
from tests.http.lock_out.locking import FREE, administrator, fail, lock_out, unlock
from tests.world.world import App, Person, Time, World
from token_service.domain.events import Event

UNKNOWN = "0" * 32


@pytest.fixture
def tenant(world: World) -> str:
    """A tenant that locks after three failures."""
    return world.tenant(lockout_failures=3)


@pytest.fixture
def person(world: World, tenant: str) -> Person:
    """A member."""
    return world.person(tenant)


@pytest.fixture
def app(world: World) -> App:
    """Through which the password is guessed."""
    return world.client()


def written(world: World, **later: float) -> str:
    """A time as the interface writes it."""
    moment = world.parts.clock.now() + timedelta(**later)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_what_is_told_of_an_account(world: World, person: Person, app: App, time: Time) -> None:
    admin = administrator(world)
    assert lock_out(world, admin, person.account_id) == {"failures": 0, "locked_until": None}
    fail(world, person, app, 2)
    assert lock_out(world, admin, person.account_id) == {"failures": 2, "locked_until": None}
    fail(world, person, app)
    locked = {"failures": 3, "locked_until": written(world, seconds=60)}
    assert lock_out(world, admin, person.account_id) == locked
    fail(world, person, app)
    assert lock_out(world, admin, person.account_id) == locked | {"failures": 4}
    time.pass_(seconds=59)
    admin = administrator(world)
    assert lock_out(world, admin, person.account_id)["locked_until"] == locked["locked_until"]
    time.pass_(seconds=1)
    assert lock_out(world, admin, person.account_id) == {"failures": 4, "locked_until": None}
    time.pass_(days=2)
    admin = administrator(world)
    assert lock_out(world, admin, person.account_id) == {"failures": 0, "locked_until": None}


def test_a_lock_that_everybody_sees_is_told_too(world: World, app: App) -> None:
    person = world.person(world.tenant())
    fail(world, person, app, FREE + 5)
    told = lock_out(world, administrator(world), person.account_id)
    assert told == {"failures": FREE, "locked_until": written(world, seconds=60)}


def test_an_unlocked_account_signs_in_and_begins_anew(
    world: World, person: Person, app: App
) -> None:
    admin = administrator(world)
    fail(world, person, app, FREE + 1)
    unlock(world, admin, person.account_id)
    assert lock_out(world, admin, person.account_id) == {"failures": 0, "locked_until": None}
    assert world.sign_in(person, app)
    assert fail(world, person, app, FREE + 1) == [401] * FREE + [429]


def test_it_is_on_the_record_once_with_who_did_it(world: World, person: Person, app: App) -> None:
    client = world.client("admin")
    admin = {"Authorization": f"Bearer {world.client_token(client)}"}
    unlock(world, admin, person.account_id)
    fail(world, person, app, 3)
    for _ in range(2):
        unlock(world, admin, person.account_id)
    events = world.events(person.account_id)
    [event] = [one for one in events if one.event is Event.ACCOUNT_UNLOCKED]
    assert event.actor == f"client:{client.client_id}"
    assert event.details == {"failures": 3, "was_locked": True}
    assert event.origin.address == "127.0.0.1"


def test_it_is_unlocked_on_every_worker(
    world: World, second_worker: World, person: Person, app: App
) -> None:
    fail(world, person, app, 3)
    unlock(second_worker, administrator(world), person.account_id)
    assert world.sign_in(person, app)


def test_a_reset_password_unlocks_too(world: World, person: Person, app: App) -> None:
    fail(world, person, app, 4)
    reset_password(world, person)
    assert world.sign_in(person, app, password="another password")


def test_sessions_go_on_during_a_lock(world: World) -> None:
    who = signed_in(world, lockout_failures=1)
    fail(world, who.person, who.app, FREE + 1)
    assert who.refreshed()


# Who may.


def test_nobody_else_may(world: World, person: Person, app: App) -> None:
    who, backend = signed_in(world), world.client("backend")
    service = {"Authorization": f"Bearer {world.client_token(world.client('service'))}"}
    path = f"/v1/accounts/{person.account_id}/lock-out"
    fail(world, person, app, 3)
    for headers, status, code in (
        ({}, 401, "invalid_token"),
        (backend.basic, 401, "invalid_token"),
        (world.client("admin").basic, 401, "invalid_token"),
        (who.tokens.bearer, 403, "insufficient_scope"),
        (service, 403, "insufficient_scope"),
    ):
        for method in (world.http.get, world.http.delete):
            assert_refused(method(path, headers=headers), status, code)
    assert world.try_sign_in(person, app).status_code == 401


def test_not_even_the_account_itself(world: World) -> None:
    who = signed_in(world)
    path = f"/v1/accounts/{who.account_id}/lock-out"
    assert_refused(world.http.get(path, headers=who.tokens.bearer), 403, "insufficient_scope")
    assert_refused(world.http.delete(path, headers=who.tokens.bearer), 403, "insufficient_scope")


@pytest.mark.parametrize(
    "account_id", [UNKNOWN, "x", "%00", "%ED%A0%80", "0" * 31, "0" * 400, UNKNOWN.replace("0", "A")]
)
def test_who_is_not_there_is_not_found(world: World, account_id: str) -> None:
    path, admin = f"/v1/accounts/{account_id}/lock-out", administrator(world)
    for method in (world.http.get, world.http.delete):
        assert_refused(method(path, headers=admin), 404, "not_found")


def test_an_administrator_of_a_tenant_knows_its_members_only(
    world: World, tenant: str, person: Person, app: App
) -> None:
    own, other = administrator(world, tenant), administrator(world, world.tenant())
    fail(world, person, app, 3)
    path = f"/v1/accounts/{person.account_id}/lock-out"
    assert_refused(world.http.get(path, headers=other), 404, "not_found")
    assert_refused(world.http.delete(path, headers=other), 404, "not_found")
    assert lock_out(world, own, person.account_id)["failures"] == 3
    unlock(world, own, person.account_id)
    assert world.sign_in(person, app)


def test_nor_who_belongs_to_another_tenant_too(world: World, tenant: str, app: App) -> None:
    """The lock protects what is the account's there."""
    person, admin = world.person(tenant, world.tenant()), administrator(world, tenant)
    fail(world, person, app, 3)
    path = f"/v1/accounts/{person.account_id}/lock-out"
    assert_refused(world.http.get(path, headers=admin), 404, "not_found")
    assert_refused(world.http.delete(path, headers=admin), 404, "not_found")
    assert lock_out(world, administrator(world), person.account_id)["failures"] == 3
