"""The life of keys: by their times alone, announced before they sign, and never a gap."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.building import DAY, HOUR, MOMENT, NOW, key_of
from token_service.domain.keys import (
    KeyPeriod,
    KeyRecord,
    KeyRules,
    KeyState,
    handed_over,
    needed,
    period,
    rotated,
)

RULES = KeyRules(lifetime=90 * DAY, ahead=DAY, verifies=7 * DAY)
ACTIVE = period(NOW - 10 * DAY, RULES)


def key(period, number=1, **changes):
    return replace(key_of(period, number=number), **changes)


@pytest.mark.parametrize(
    ("instant", "state"),
    [
        (NOW - DAY, KeyState.NEXT),
        (NOW - MOMENT, KeyState.NEXT),
        (NOW, KeyState.ACTIVE),
        (NOW + 90 * DAY - MOMENT, KeyState.ACTIVE),
        (NOW + 90 * DAY, KeyState.RETIRED),
        (NOW + 97 * DAY - MOMENT, KeyState.RETIRED),
        (NOW + 97 * DAY, KeyState.GONE),
        (NOW + 9999 * DAY, KeyState.GONE),
    ],
)
def test_a_key_walks_through_its_states_by_its_times(instant, state):
    assert key(period(NOW, RULES)).state(instant) is state


@pytest.mark.parametrize("instant", [NOW - DAY, NOW, NOW + 91 * DAY, NOW + 98 * DAY])
def test_a_revoked_key_is_revoked_whatever_the_time(instant):
    revoked = key(period(NOW, RULES), revoked_at=NOW + 50 * DAY)
    assert revoked.state(instant) is KeyState.REVOKED


def test_a_period_follows_the_rules():
    assert period(NOW, RULES) == KeyPeriod(NOW, NOW + 90 * DAY, NOW + 97 * DAY)


class TestNeeded:
    def test_the_first_key_begins_at_once(self):
        assert needed([], RULES, NOW) == period(NOW, RULES)

    @pytest.mark.parametrize(
        "unusable",
        [
            key(period(NOW - 90 * DAY, RULES)),
            key(period(NOW - 900 * DAY, RULES)),
            key(ACTIVE, revoked_at=NOW),
            key(period(NOW + MOMENT, RULES)),
        ],
        ids=["retired", "gone", "revoked", "next"],
    )
    def test_without_an_active_key_one_begins_at_once(self, unusable):
        assert needed([unusable], RULES, NOW) == period(NOW, RULES)

    def test_nothing_while_the_active_key_has_time_left(self):
        assert needed([key(ACTIVE)], RULES, ACTIVE.retires_at - DAY - MOMENT) is None

    def test_the_next_key_takes_over_where_the_active_one_ends(self):
        due = ACTIVE.retires_at - DAY
        assert needed([key(ACTIVE)], RULES, due) == period(ACTIVE.retires_at, RULES)

    def test_one_made_late_is_announced_for_as_long_all_the_same(self):
        late = ACTIVE.retires_at - HOUR
        assert needed([key(ACTIVE)], RULES, late) == period(late + DAY, RULES)

    def test_one_next_key_is_enough(self):
        successor = key(period(ACTIVE.retires_at, RULES), 2)
        assert needed([key(ACTIVE), successor], RULES, ACTIVE.retires_at - MOMENT) is None

    def test_a_revoked_next_key_does_not_count(self):
        revoked = key(period(ACTIVE.retires_at, RULES), 2, revoked_at=NOW)
        due = ACTIVE.retires_at - DAY
        assert needed([key(ACTIVE), revoked], RULES, due) == period(ACTIVE.retires_at, RULES)


class TestRotated:
    def test_the_successor_is_announced_before_it_signs(self):
        assert rotated([key(ACTIVE)], RULES, NOW) == period(NOW + DAY, RULES)

    def test_the_first_key_has_nobody_to_wait_for(self):
        assert rotated([], RULES, NOW) == period(NOW, RULES)


class TestHandedOver:
    def test_a_rotation_ends_the_active_key_where_its_successor_begins(self):
        successor = period(NOW + DAY, RULES)
        assert handed_over([key(ACTIVE)], successor, RULES, NOW) == [
            key(ACTIVE, retires_at=NOW + DAY, gone_at=NOW + 8 * DAY)
        ]

    def test_a_late_successor_finds_its_predecessor_still_active(self):
        late = ACTIVE.retires_at - HOUR
        assert handed_over([key(ACTIVE)], period(late + DAY, RULES), RULES, late) == [
            key(ACTIVE, retires_at=late + DAY, gone_at=late + 8 * DAY)
        ]

    def test_nothing_moves_where_one_begins_as_the_other_ends(self):
        successor = period(ACTIVE.retires_at, RULES)
        assert handed_over([key(ACTIVE)], successor, RULES, ACTIVE.retires_at - DAY) == []

    def test_only_the_last_key_waits_for_a_late_successor(self):
        following = key(KeyPeriod(NOW + HOUR, NOW + 2 * HOUR, NOW + 3 * HOUR), 2)
        active = key(KeyPeriod(NOW - HOUR, NOW + HOUR, NOW + 2 * HOUR))
        moved = handed_over([active, following], period(NOW + DAY, RULES), RULES, NOW)
        assert [one.number for one in moved] == [2]

    @pytest.mark.parametrize(
        "other",
        [key(period(NOW - 900 * DAY, RULES)), key(ACTIVE, revoked_at=NOW)],
        ids=["gone", "revoked"],
    )
    def test_what_signs_no_more_stays_as_it_was(self, other):
        assert handed_over([other], period(NOW + DAY, RULES), RULES, NOW) == []


class House:
    """What the service does about its keys at each tick, and the keys that came of it."""

    def __init__(self, rules: KeyRules) -> None:
        self.rules = rules
        self.keys: list[KeyRecord] = []

    def tick(self, now: datetime) -> None:
        made = needed(self.keys, self.rules, now)
        if made is not None:
            moved = {one.number: one for one in handed_over(self.keys, made, self.rules, now)}
            self.keys = [moved.get(one.number, one) for one in self.keys]
            self.keys.append(key_of(made, created_at=now, number=len(self.keys) + 1))


def assert_seamless(keys: list[KeyRecord], rules: KeyRules) -> None:
    """Each key but the first was announced, and takes over in the moment that another ends."""
    first, *later = keys
    assert first.activates_at == first.created_at
    for one in later:
        assert one.activates_at - one.created_at >= rules.ahead
    for before, after in pairwise(keys):
        assert before.retires_at == after.activates_at
        assert before.gone_at == before.retires_at + rules.verifies


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        pytest.param(RULES, 365, id="90 days"),
        pytest.param(
            KeyRules(lifetime=30 * DAY + timedelta(minutes=7), ahead=DAY, verifies=DAY),
            365,
            id="30 days and odd minutes",
        ),
        pytest.param(
            KeyRules(lifetime=100 * HOUR + MOMENT, ahead=HOUR, verifies=HOUR),
            100,
            id="announced for no longer than between two ticks",
        ),
        pytest.param(
            KeyRules(lifetime=DAY + timedelta(seconds=1), ahead=DAY, verifies=HOUR),
            30,
            id="lives hardly longer than it is announced",
        ),
    ],
)
def test_hourly_ticks_leave_no_gap_and_no_key_unannounced(rules, days):
    house = House(rules)
    for hours in range(days * 24):
        house.tick(NOW + hours * HOUR)
        assert house.keys[-1].retires_at > NOW + (hours + 1) * HOUR
    assert_seamless(house.keys, rules)
    assert len(house.keys) <= days * DAY / (rules.lifetime - HOUR) + 2


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_a_service_that_runs_now_and_then_has_no_gap_while_a_key_is_active(thousandths):
    """Each time it comes up before its last key has retired, at worst in its last moment."""
    house = House(KeyRules(lifetime=90 * DAY, ahead=DAY, verifies=DAY))
    now = NOW
    house.tick(now)
    for thousandth in thousandths:
        now += thousandth * (house.keys[-1].retires_at - MOMENT - now) / 1000
        house.tick(now)
    assert_seamless(house.keys, house.rules)


def test_after_a_long_sleep_a_key_begins_at_once():
    house = House(RULES)
    for days in (0, 200, 200):
        house.tick(NOW + days * DAY)
    assert [one.activates_at - NOW for one in house.keys] == [0 * DAY, 200 * DAY]
