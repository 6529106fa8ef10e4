"""A sign-in with a new kind of device is told to the person, by one letter."""

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.http.building import SignedIn, signed_in
from tests.http.impersonation.building import act
from tests.http.passwords.building import letters
from tests.http.places.browsers import CHROME_ON_ANDROID, CHROME_ON_WINDOWS, comes
from tests.world.addresses import LONDON, TOKYO
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World

SUBJECT = "A sign-in with a new device"


@pytest.fixture
def who(world: World) -> SignedIn:
    """Somebody in London, with Windows."""
    comes(world, LONDON, CHROME_ON_WINDOWS)
    return signed_in(world)


def signs_in(who: SignedIn, address: str, agent: str, **hints: str) -> None:
    comes(who.world, address, agent, **hints)
    who.again()


def test_the_first_sign_in_of_all_and_known_devices_bring_none(who: SignedIn) -> None:
    signs_in(who, LONDON, CHROME_ON_WINDOWS)
    assert letters(who.world) == []


def test_another_kind_of_device_brings_one_letter_and_only_one(who: SignedIn) -> None:
    for _ in range(3):
        signs_in(who, TOKYO, CHROME_ON_ANDROID)
        signs_in(who, LONDON, CHROME_ON_WINDOWS)
    [letter] = letters(who.world)
    assert (letter["To"], letter["Subject"]) == (who.person.email, SUBJECT)
    assert told(letter, "Chrome Mobile on Android", TOKYO, "2026-03-01 12:00 UTC")


def told(letter: EmailMessage, *facts: str) -> bool:
    """Whether all of it stands in the letter."""
    return all(fact in letter.get_content() for fact in facts)


def test_another_country_alone_brings_none(who: SignedIn) -> None:
    signs_in(who, TOKYO, CHROME_ON_WINDOWS)
    assert letters(who.world) == []


def test_a_sign_in_that_fails_brings_none(who: SignedIn) -> None:
    comes(who.world, TOKYO, CHROME_ON_ANDROID)
    who.world.try_sign_in(who.person, who.app, password="wrong")
    assert letters(who.world) == []


def test_a_backend_that_acts_as_the_person_brings_none(who: SignedIn) -> None:
    comes(who.world, TOKYO, CHROME_ON_ANDROID)
    act(who)
    assert letters(who.world) == []


def test_a_sign_in_that_waits_brings_its_letter_when_it_goes_on(world: World) -> None:
    comes(world, LONDON, CHROME_ON_WINDOWS)
    who = signed_in(world, max_sessions=1, max_sessions_action="ask")
    comes(world, TOKYO, CHROME_ON_ANDROID)
    asked = world.try_sign_in(who.person, who.app)
    assert (asked.status_code, letters(world)) == (409, [])
    body = {"ticket": asked.get_json()["ticket"], "end_sid": who.tokens.sid}
    answer = world.http.post(
        "/v1/sign-in/continue",
        json=body | {"client_id": who.app.client_id},
        headers=who.app.basic,
    )
    assert answer.status_code == 200, answer.text
    assert [letter["Subject"] for letter in letters(world)] == [SUBJECT]


def test_who_has_no_address_gets_none_and_signs_in(who: SignedIn) -> None:
    who.world.sql(
        "DELETE FROM account_names WHERE account_id = :account_id AND kind = 'email'",
        account_id=who.account_id,
    )
    comes(who.world, TOKYO, CHROME_ON_ANDROID)
    who.world.sign_in(who.person, who.app, identifier=who.person.username)
    assert letters(who.world) == []
    assert "new_device" in who.world.event_names(who.account_id)


def test_of_what_a_browser_calls_itself_little_comes_into_the_letter(who: SignedIn) -> None:
    name = "Prize: https://evil.example/{link}" + "x" * 60
    signs_in(who, LONDON, CHROME_ON_WINDOWS, ua=f'"{name}"')
    [letter] = letters(who.world)
    text = letter.get_content()
    assert "Prize httpsevilexamplelink" in text
    assert "evil.example" not in text
    assert "x" * 40 not in text


def test_it_can_be_switched_off(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles, tmp_path: Path
) -> None:
    world = world_on(databases, TOKEN_SERVICE_MAIL_NEW_DEVICE="false")
    comes(world, LONDON, CHROME_ON_WINDOWS)
    who = signed_in(world)
    signs_in(who, LONDON, CHROME_ON_ANDROID)
    assert letters(world) == []
    assert "new_device" in world.event_names(who.account_id)
