"""Applications that ask for the password: guesses of others lock nobody out of a device in which
they have signed in before, as in a browser at the pages."""

from typing import Any

import pytest

from tests.http.administration import disable_account
from tests.http.building import assert_refused
from tests.http.lock_out.locking import FREE, fail, locks
from tests.http.passwords.building import NEW, complete, token_for
from tests.world.world import App, Person, Time, World
from token_service.domain.events import Event


@pytest.fixture
def app(world: World) -> App:
    """Through which everybody comes."""
    return world.client()


@pytest.fixture
def person(world: World) -> Person:
    """Whose password is guessed."""
    return world.person(world.tenant())


def device_token(world: World, person: Person, app: App, **fields: Any) -> str:
    """That of a device in which the person has signed in."""
    return str(world.sign_in(person, app, **fields).body["device_token"])


def test_the_known_device_signs_in_and_no_other_does(
    world: World, person: Person, app: App
) -> None:
    known = device_token(world, person, app)
    fail(world, person, app, FREE)
    assert_refused(world.try_sign_in(person, app), 429, "throttled")
    again = device_token(world, person, app, device_token=known)
    assert world.try_sign_in(person, app, device_token=again).status_code == 200
    assert_refused(world.try_sign_in(person, app), 429, "throttled")


def test_its_own_guesses_lock_it_alone(world: World, person: Person, app: App, time: Time) -> None:
    known = device_token(world, person, app)
    other = device_token(world, person, app)
    fail(world, person, app, FREE, device_token=known)
    assert_refused(world.try_sign_in(person, app, device_token=known), 429, "throttled")
    assert world.try_sign_in(person, app).status_code == 200
    assert world.try_sign_in(person, app, device_token=other).status_code == 200
    assert locks(world, person.account_id) == []
    assert Event.DEVICE_LOCKED in world.event_names(person.account_id)
    time.pass_(seconds=60)
    assert world.try_sign_in(person, app, device_token=known).status_code == 200


def test_copies_of_one_device_share_their_guesses(world: World, person: Person, app: App) -> None:
    first = device_token(world, person, app)
    second = device_token(world, person, app, device_token=first)
    fail(world, person, app, FREE - 1, device_token=first)
    assert fail(world, person, app, 2, device_token=second) == [401, 429]


def test_those_of_others_and_garbage_count_as_none(world: World, person: Person, app: App) -> None:
    other = device_token(world, world.person(world.tenant()), app)
    fail(world, person, app, FREE)
    for wrong in (other, "tsk_x", other[:-1], other.swapcase(), "x"):
        answer = world.try_sign_in(person, app, device_token=wrong)
        assert_refused(answer, 429, "throttled")


def test_a_reset_makes_it_void(world: World, person: Person, app: App) -> None:
    before_reset = device_token(world, person, app)
    complete(world, token_for(world, person.email))
    changed = Person(person.account_id, person.email, person.username, person.phone, NEW)
    fail(world, changed, app, FREE)
    answer = world.try_sign_in(changed, app, device_token=before_reset)
    assert_refused(answer, 429, "throttled")


def test_a_disabled_account_opens_for_no_device(world: World, person: Person, app: App) -> None:
    known = device_token(world, person, app)
    disable_account(world, person)
    answer = world.try_sign_in(person, app, device_token=known)
    assert_refused(answer, 401, "invalid_credentials")


def test_a_sign_in_that_has_waited_makes_the_device_known_too(world: World, app: App) -> None:
    person = world.person(world.tenant(max_sessions=1, max_sessions_action="ask"))
    first = world.sign_in(person, app)
    ticket = world.try_sign_in(person, app).get_json()["ticket"]
    body = {
        "client_id": app.client_id,
        "ticket": ticket,
        "end_sid": first.sid,
        "device_token": first.body["device_token"],
    }
    opened = world.http.post("/v1/sign-in/continue", json=body, headers=app.basic).get_json()
    fail(world, person, app, FREE)
    known = world.try_sign_in(person, app, device_token=opened["device_token"])
    assert_refused(known, 409, "session_limit")


def test_nothing_else_gives_one(world: World, person: Person, app: App) -> None:
    tokens = world.sign_in(person, app)
    assert "device_token" not in world.refresh(app, tokens.refresh).body
    assert "device_token" not in world.try_sign_in(person, app, password="wrong").get_json()
