"""Bursts of guesses from several processes: the limit holds however many ask at once."""

from collections import Counter
from typing import Any

from tests.races.bursts import PROCESSES, THREADS, Workers, sign_in
from tests.world.world import Person, World
from token_service.domain.events import Event

FREE = 10
BURST = PROCESSES * THREADS


def statuses(answers: list[tuple[int, Any]]) -> Counter[int]:
    """How many answers had which status, but for those that the full hash queue sent away."""
    return Counter(status for status, _ in answers if status != 503)


def failures(world: World, person: Person) -> int:
    """How many sign-ins of the account failed, as the audit log tells it."""
    return world.event_names(person.account_id).count(Event.SIGN_IN_FAILED)


def test_a_burst_of_guesses_gets_no_more_than_the_limit(raced: World, crowd: Workers) -> None:
    person, app = raced.person(raced.tenant()), raced.client()
    told = statuses(crowd.burst([sign_in(person, app, "wrong")] * BURST))
    assert told[401] == failures(raced, person) == FREE
    assert set(told) == {401, 429}
    assert raced.event_names(person.account_id).count(Event.ACCOUNT_LOCKED) == 1

    told = statuses(crowd.burst([sign_in(person, app)] * PROCESSES))
    assert set(told) == {429}
    assert raced.event_names(person.account_id).count(Event.SIGNED_IN) == 0


def test_a_right_guess_among_them_counts_only_before_the_limit(
    raced: World, crowd: Workers
) -> None:
    for _ in range(4):
        person, app = raced.person(raced.tenant()), raced.client()
        burst = [sign_in(person, app, "wrong")] * (BURST - 1)
        told = statuses(
            crowd.burst([*burst[: BURST // 2], sign_in(person, app), *burst[BURST // 2 :]])
        )
        assert set(told) <= {200, 401, 429}
        # Up to the limit before the right one, which clears the count, and up to it again after.
        assert told[401] <= (FREE if told[200] == 0 else 2 * FREE - 1)


def test_the_right_password_is_never_refused_however_many_ask(raced: World, crowd: Workers) -> None:
    """A full hash queue (503) is no failure either: the tenant would lock after a single one."""
    person, app = raced.person(raced.tenant(lockout_failures=1)), raced.client()
    told = statuses(crowd.burst([sign_in(person, app)] * BURST))
    assert set(told) == {200}
    assert failures(raced, person) == 0
