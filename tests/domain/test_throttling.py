"""The wait after failures: none at first, then doubling up to a limit, never for good."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.building import NOW
from token_service.domain.throttling import FailureCount, ThrottleRule, wait_until

RULE = ThrottleRule(free_failures=3, window=900, first_delay=2, longest_delay=60)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        (0, None),
        (1, None),
        (2, None),
        (3, 2),
        (4, 4),
        (5, 8),
        (7, 32),
        (8, 60),
        (9, 60),
        (1000, 60),
        (2**31 - 1, 60),
    ],
)
def test_the_wait_doubles_from_the_last_free_failure_on(failures, seconds):
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert wait_until(FailureCount(failures, NOW), RULE) == expected


def test_who_never_failed_never_waits():
    assert wait_until(None, RULE) is None


@given(st.integers(0, 2**40), st.integers(1, 86_400), st.integers(1, 86_400), st.integers(1, 100))
def test_one_more_failure_never_shortens_the_wait(failures, first, longest, free):
    rule = ThrottleRule(free, 900, first, max(first, longest))
    waits = [
        wait_until(FailureCount(count, NOW), rule) or NOW for count in (failures, failures + 1)
    ]
    assert waits[0] <= waits[1] <= NOW + timedelta(seconds=rule.longest_delay)
