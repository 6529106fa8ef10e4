"""The postman: what he sends, what he tries again, what he gives up, and the thread that he is."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.services.building import AUTHOR
from tests.world.world import Person, Time, World
from token_service.app import retention
from token_service.domain.events import Origin
from token_service.domain.failures import Unavailable
from token_service.domain.letters import Letter, LetterKind, NotDelivered, Undeliverable
from token_service.services import housekeeping, letters, password_resets, postman
from token_service.services.housekeeping import Purged
from token_service.services.postman import Postman, PostOffice

PATIENCE = 20.0


class Carrier:
    """Keeps what it is given, or fails as it is told."""

    def __init__(self) -> None:
        self.delivered: list[Letter] = []
        self.fails: Exception | None = None
        self.arrived = threading.Event()

    def deliver(self, letter: Letter) -> None:
        if self.fails is not None:
            raise self.fails
        self.delivered.append(letter)
        self.arrived.set()


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def office(world: World, carrier: Carrier) -> PostOffice:
    parts = world.parts
    return PostOffice(
        parts.database, parts.clock, parts.configuration, carrier, timedelta(minutes=10)
    )


@pytest.fixture
def walker(office: PostOffice) -> Iterator[Postman]:
    """A postman, stopped at the end."""
    made = Postman(office, 3600)
    yield made
    made.stop()
    if made.is_alive():
        made.join(PATIENCE)


@pytest.fixture
def person(world: World) -> Person:
    return world.person(world.tenant())


def notify(world: World, person: Person) -> None:
    """Something was done with the account."""
    with world.database.transaction() as tx:
        kind, now = LetterKind.PASSWORD_CHANGED, world.parts.clock.now()
        letters.notify(tx, person.account_id, kind, Origin("192.0.2.7"), now)


def ask_for_link(world: World, person: Person) -> None:
    """Have a link sent."""
    parts = world.parts
    assert password_resets.send(parts.database, parts.clock, person.account_id, AUTHOR) is None


def queued(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM letters")[0][0])


def given_up(world: World, person: Person) -> list[tuple[str, dict[str, Any]]]:
    """Why letters to the account were given up."""
    events = [one for one in world.events(person.account_id) if one.event == "letter_given_up"]
    return [(one.reason, dict(one.details)) for one in events]


def test_a_letter_is_sent_once(
    world: World, person: Person, carrier: Carrier, walker: Postman
) -> None:
    notify(world, person)
    walker.do_round()
    walker.do_round()
    [letter] = carrier.delivered
    assert (letter.kind, letter.recipient) == (LetterKind.PASSWORD_CHANGED, person.email)
    assert letter.values["address"] == "192.0.2.7"
    assert letter.values["time"] == "2026-03-01 12:00 UTC"
    assert queued(world) == 0


def test_every_address_of_the_account_gets_the_notice(
    world: World, person: Person, carrier: Carrier, walker: Postman
) -> None:
    world.sql(
        "INSERT INTO account_names VALUES ('a@other.test', :id, 'email', 'A@other.test', NULL)",
        id=person.account_id,
    )
    notify(world, person)
    walker.do_round()
    assert {one.recipient for one in carrier.delivered} == {person.email, "A@other.test"}


def test_what_cannot_be_delivered_now_is_tried_again_later_and_later(
    world: World, person: Person, carrier: Carrier, walker: Postman, time: Time
) -> None:
    notify(world, person)
    carrier.fails = NotDelivered("away")
    for attempts, minutes in enumerate((2, 4, 8), start=1):
        walker.do_round()
        time.pass_(minutes=minutes, seconds=-1)
        walker.do_round()
        assert world.sql("SELECT attempts FROM letters")[0][0] == attempts
        time.pass_(seconds=1)
    carrier.fails = None
    walker.do_round()
    [letter] = carrier.delivered
    assert letter.reference.endswith(".4")
    assert queued(world) == 0


def test_a_letter_that_never_gets_away_is_given_up_with_an_event(
    world: World, person: Person, carrier: Carrier, walker: Postman, time: Time
) -> None:
    notify(world, person)
    carrier.fails = NotDelivered("away")
    walker.do_round()
    time.pass_(hours=12, seconds=-1)
    walker.do_round()
    assert queued(world) == 1
    time.pass_(minutes=4)
    walker.do_round()
    assert queued(world) == 0
    assert given_up(world, person) == [("too_old", {"kind": "password_changed", "attempts": 3})]


def test_a_letter_that_the_server_refuses_is_given_up_at_once(
    world: World, person: Person, carrier: Carrier, walker: Postman
) -> None:
    other = world.person(world.tenant())
    notify(world, person)
    carrier.fails = Undeliverable("550")
    walker.do_round()
    assert queued(world) == 0
    assert given_up(world, person) == [
        ("undeliverable", {"kind": "password_changed", "attempts": 1})
    ]
    carrier.fails = None
    notify(world, other)
    walker.do_round()
    assert [one.recipient for one in carrier.delivered] == [other.email]


def test_one_that_is_refused_does_not_hold_up_the_others(
    world: World, person: Person, carrier: Carrier, walker: Postman, time: Time
) -> None:
    other = world.person(world.tenant())
    notify(world, person)
    carrier.fails = NotDelivered("away")
    walker.do_round()
    time.pass_(seconds=1)
    notify(world, other)
    carrier.fails = None
    walker.do_round()
    assert [one.recipient for one in carrier.delivered] == [other.email]


def test_a_link_is_made_when_its_letter_is_sent_and_its_hash_alone_is_kept(
    world: World, person: Person, carrier: Carrier, walker: Postman
) -> None:
    ask_for_link(world, person)
    assert world.sql("SELECT 1 FROM password_resets") == []
    [row] = world.sql("SELECT * FROM letters")
    assert "tsp_" not in str(tuple(row))
    walker.do_round()
    [letter] = carrier.delivered
    token = letter.values["link"].partition("token=")[2]
    [stored] = world.sql("SELECT * FROM password_resets")
    assert token not in str(tuple(stored))
    assert token[40:] not in str(tuple(stored))


def test_each_attempt_makes_a_link_of_its_own(
    world: World, person: Person, carrier: Carrier, walker: Postman, time: Time
) -> None:
    ask_for_link(world, person)
    carrier.fails = NotDelivered("perhaps it got away all the same")
    walker.do_round()
    [[first]] = world.sql("SELECT secret_hash FROM password_resets")
    time.pass_(minutes=2)
    carrier.fails = None
    walker.do_round()
    [[second]] = world.sql("SELECT secret_hash FROM password_resets")
    assert first != second
    assert len(carrier.delivered) == 1


def test_a_newer_request_takes_the_place_of_one_that_waits(
    world: World, person: Person, carrier: Carrier, walker: Postman, time: Time
) -> None:
    """Else a late letter would make void the link that has arrived."""
    ask_for_link(world, person)
    carrier.fails = NotDelivered("away")
    walker.do_round()
    carrier.fails = None
    ask_for_link(world, person)
    walker.do_round()
    time.pass_(minutes=2)
    walker.do_round()
    assert len(carrier.delivered) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts SET enabled = false WHERE account_id = :id",
        "DELETE FROM account_names WHERE account_id = :id",
        "DELETE FROM accounts WHERE account_id = :id",
    ],
)
def test_who_can_no_longer_use_a_link_gets_none(
    world: World, person: Person, carrier: Carrier, walker: Postman, statement: str
) -> None:
    ask_for_link(world, person)
    world.sql(statement, id=person.account_id)
    walker.do_round()
    assert carrier.delivered == []
    assert queued(world) == 0
    assert world.sql("SELECT 1 FROM password_resets") == []


def test_a_letter_of_a_newer_release_is_left_to_it(
    world: World, person: Person, carrier: Carrier, walker: Postman
) -> None:
    notify(world, person)
    world.sql("UPDATE letters SET kind = 'of_the_future'")
    notify(world, person)
    walker.do_round()
    assert len(carrier.delivered) == 1
    assert queued(world) == 1


def test_two_postmen_do_not_send_one_letter_twice(
    world: World, person: Person, office: PostOffice, carrier: Carrier
) -> None:
    """The second comes while the first is on his way."""
    second = Postman(office, 3600)

    class Slow(Carrier):
        def deliver(self, letter: Letter) -> None:
            second.do_round()
            super().deliver(letter)

    slow = Slow()
    notify(world, person)
    Postman(replace(office, carrier=slow), 3600).do_round()
    assert len(slow.delivered) == 1
    assert carrier.delivered == []


def test_a_postman_that_dies_takes_no_letter_with_him(
    world: World, person: Person, carrier: Carrier, walker: Postman, time: Time
) -> None:
    notify(world, person)
    carrier.fails = SystemExit()
    with pytest.raises(SystemExit):
        walker.do_round()
    time.pass_(minutes=2)
    carrier.fails = None
    walker.do_round()
    assert len(carrier.delivered) == 1


def test_a_configuration_that_changed_is_read_again(
    world: World, person: Person, carrier: Carrier, walker: Postman
) -> None:
    walker.do_round()
    world.tenant()
    notify(world, person)
    walker.do_round()
    assert len(carrier.delivered) == 1


def test_a_clock_that_is_wrong_sends_nothing(
    world: World, person: Person, walker: Postman, carrier: Carrier, caplog: Any, monkeypatch: Any
) -> None:
    notify(world, person)
    now = world.parts.clock.now()

    class Behind:
        def now(self) -> Any:
            return now - timedelta(hours=1)

    monkeypatch.setattr(world.database, "_database_clock", Behind())
    with caplog.at_level(logging.WARNING):
        walker.do_round()
    assert carrier.delivered == []
    assert "put off" in caplog.text


@pytest.mark.parametrize(
    "error", [Unavailable("database: away"), RuntimeError("a bug")], ids=["away", "bug"]
)
def test_a_round_that_fails_is_told_and_the_next_one_tries_again(
    world: World,
    person: Person,
    walker: Postman,
    carrier: Carrier,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    notify(world, person)

    def broken(*_: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(postman, "_take", broken)
        walker.do_round()
    assert "postman" in caplog.text
    assert person.email not in caplog.text
    walker.do_round()
    assert len(carrier.delivered) == 1


def test_he_comes_when_he_is_called(
    world: World, person: Person, walker: Postman, carrier: Carrier
) -> None:
    """The interval is an hour: only the call can be why."""
    walker.start()
    notify(world, person)
    walker.call()
    assert carrier.arrived.wait(PATIENCE)


def test_he_stops_when_he_is_told(walker: Postman) -> None:
    walker.start()
    walker.stop()
    walker.join(PATIENCE)
    assert not walker.is_alive()


def test_links_that_nobody_used_are_forgotten(
    world: World, person: Person, walker: Postman, time: Time
) -> None:
    ask_for_link(world, person)
    walker.do_round()
    time.pass_(minutes=10)
    assert purge(world).password_resets == 0
    time.pass_(seconds=1)
    assert purge(world).password_resets == 1


def purge(world: World) -> Purged:
    rules = retention(world.parts.settings)
    return housekeeping.purge_all(world.database, world.parts.clock, rules, lambda: None)
