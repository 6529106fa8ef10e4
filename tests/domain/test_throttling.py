"""The wait after failures: none at first, then doubling up to a limit, never for good."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.building import NOW
from token_service.domain.policies import Policy
from token_service.domain.throttling import (
    FORGOTTEN_AFTER,
    FailureCount,
    LockOutRule,
    ThrottleRule,
    account_failed,
    lock_out_rule,
    per_minute,
    source_failed,
)

SOURCE = ThrottleRule(free_failures=3, window=900, first_delay=2, longest_delay=60)
SHOWN = LockOutRule(failures=10, longest=900)
STRICT = LockOutRule(failures=3, longest=3600)
NONE = FailureCount(0, NOW, NOW)
SECOND = timedelta(seconds=1)


def later(seconds):
    return NOW + timedelta(seconds=seconds)


def after_failures(times, own=SHOWN, at=NOW, count=NONE):
    for _ in range(times):
        count = account_failed(count, SHOWN, own, at)
    return count


class TestGrowth:
    @pytest.mark.parametrize(("times", "wait"), [(1, 0), (2, 0), (3, 60), (4, 60), (9, 60)])
    def test_after_so_many_in_a_minute_the_next_one_waits_for_one(self, times, wait):
        assert (per_minute(3).window, per_minute(3).delay(times)) == (60, wait)

    @pytest.mark.parametrize(
        ("failures", "seconds"),
        [
            (0, 0),
            (1, 0),
            (9, 0),
            (10, 60),
            (11, 120),
            (12, 240),
            (13, 480),
            (14, 900),
            (15, 900),
            (1000, 900),
            (2**31 - 1, 900),
        ],
    )
    def test_a_lock_doubles_from_a_minute_on_up_to_the_longest(self, failures, seconds):
        assert SHOWN.delay(failures) == seconds

    @pytest.mark.parametrize(
        ("longest", "locks"),
        [
            (1, [1, 1]),
            (59, [59, 59]),
            (60, [60, 60]),
            (61, [60, 61]),
            (119, [60, 119]),
            (86_400, [60, 120, 240, 480, 960, 1920, 3840, 7680, 15_360, 30_720, 61_440, 86_400]),
        ],
    )
    def test_no_lock_is_longer_than_the_policy_says(self, longest, locks):
        rule = LockOutRule(1, longest)
        assert [rule.delay(count) for count in range(1, 1 + len(locks))] == locks

    @pytest.mark.parametrize(
        ("failures", "seconds"),
        [(0, 0), (2, 0), (3, 2), (4, 4), (5, 8), (7, 32), (8, 60), (9, 60), (2**31 - 1, 60)],
    )
    def test_a_source_waits_by_the_settings(self, failures, seconds):
        assert SOURCE.delay(failures) == seconds

    @given(st.integers(0, 2**40), st.integers(1, 86_400), st.integers(1, 100))
    def test_one_more_failure_never_shortens_a_lock(self, failures, longest, limit):
        rule = LockOutRule(limit, longest)
        assert 0 <= rule.delay(failures) <= rule.delay(failures + 1) <= longest


class TestStrictest:
    @pytest.mark.parametrize(
        ("limits", "strictest"),
        [
            ([(10, 900)], (10, 900)),
            ([(10, 900), (3, 900)], (3, 900)),
            ([(10, 900), (10, 3600)], (10, 3600)),
            ([(10, 900), (3, 60)], (3, 900)),
            ([(10, 900), (50, 60)], (10, 900)),
            ([(10, 900), (20, 7200), (4, 30)], (4, 7200)),
        ],
    )
    def test_the_fewest_failures_and_the_longest_lock(self, limits, strictest):
        policies = [Policy(lockout_failures=few, lockout_seconds=long) for few, long in limits]
        assert lock_out_rule(policies) == LockOutRule(*strictest)

    @given(
        st.lists(
            st.tuples(st.integers(1, 100), st.integers(1, 86_400)).map(
                lambda one: Policy(lockout_failures=one[0], lockout_seconds=one[1])
            ),
            min_size=1,
        ),
        st.integers(0, 200),
    )
    def test_it_locks_whenever_one_of_them_does_and_for_as_long(self, policies, failures):
        strictest = lock_out_rule(policies)
        for one in policies:
            assert strictest.delay(failures) >= lock_out_rule([one]).delay(failures)


class TestAccount:
    def test_the_limit_locks(self):
        assert not after_failures(9).is_locked(NOW)
        count = after_failures(10)
        assert (count.failures, count.throttled_until) == (10, later(60))
        assert count.locked_until == later(60)

    def test_a_lock_ends_by_the_second(self):
        count = after_failures(10)
        assert count.is_locked(later(59))
        assert not count.is_locked(later(60))

    @pytest.mark.parametrize(
        ("passed", "wait"), [(0, 60), (0.5, 60), (1, 59), (59, 1), (59.999, 1), (60, 0), (61, 0)]
    )
    def test_the_wait_is_rounded_up_to_whole_seconds(self, passed, wait):
        assert after_failures(10).wait(later(passed)) == wait

    def test_a_stricter_rule_locks_and_nobody_sees_it(self):
        count = after_failures(3, STRICT)
        assert count.locked_until == later(60)
        assert count.throttled_until is None
        assert count.wait(NOW) == 0

    def test_what_everybody_sees_is_the_same_with_a_stricter_rule(self):
        ours = theirs = NONE
        for number in range(40):
            at = later(number * 37)
            ours = account_failed(ours, SHOWN, STRICT, at)
            theirs = account_failed(theirs, SHOWN, SHOWN, at)
            assert ours.throttled_until == theirs.throttled_until
            assert ours.failures == theirs.failures

    def test_attempts_during_a_lock_do_not_prolong_it(self):
        count = after_failures(3, STRICT)
        tried = after_failures(3, STRICT, later(59), count)
        assert tried.failures == 6
        assert tried.locked_until == later(60)

    def test_but_to_the_end_of_the_wait_that_they_cause(self):
        count = after_failures(3, STRICT)
        tried = after_failures(7, STRICT, later(59), count)
        assert tried.throttled_until == tried.locked_until == later(59 + 60)

    def test_the_next_lock_is_longer_by_every_attempt_since(self):
        count = after_failures(4, STRICT, later(1), after_failures(3, STRICT))
        assert after_failures(1, STRICT, later(60), count).locked_until == later(60 + 60 * 2**5)

    def test_failures_are_forgotten_two_days_after_the_last_one(self):
        count = after_failures(9)
        assert not count.is_forgotten(later(FORGOTTEN_AFTER) - SECOND)
        assert count.is_forgotten(later(FORGOTTEN_AFTER))
        assert after_failures(1, at=later(FORGOTTEN_AFTER) - SECOND, count=count).failures == 10
        anew = after_failures(1, at=later(FORGOTTEN_AFTER), count=count)
        assert (anew.failures, anew.first_failure_at) == (1, later(FORGOTTEN_AFTER))
        assert anew.locked_until is anew.throttled_until is None

    def test_the_longest_lock_of_all_is_over_a_day_before_it_is_forgotten(self):
        day = LockOutRule(1, 86_400)
        count = replace(after_failures(20, day), locked_until=None)
        locked = account_failed(count, SHOWN, day, NOW)
        assert locked.locked_until == later(86_400)
        assert not locked.is_forgotten(later(86_400))

    def test_the_first_failure_counts_from_itself(self):
        assert after_failures(1, at=later(30)).first_failure_at == later(30)

    @given(
        st.lists(st.floats(0, 90_000), max_size=60),
        st.integers(1, 12),
        st.integers(1, 86_400),
    )
    def test_a_lock_never_ends_before_the_wait_and_never_is_longer_than_the_rule(
        self, pauses, limit, longest
    ):
        own = LockOutRule(min(limit, SHOWN.failures), max(longest, SHOWN.longest))
        count, now = NONE, NOW
        for pause in pauses:
            now += timedelta(seconds=pause)
            if count.wait(now):
                continue
            count = account_failed(count, SHOWN, own, now)
            if count.throttled_until is not None:
                assert count.locked_until is not None
                assert count.locked_until >= count.throttled_until
            if count.locked_until is not None:
                assert count.locked_until <= now + timedelta(seconds=own.longest)


class TestSource:
    def failed(self, times, at=NOW, count=NONE):
        for _ in range(times):
            count = source_failed(count, SOURCE, at)
        return count

    def test_the_free_ones_cost_nothing(self):
        assert self.failed(2).wait(NOW) == 0
        assert self.failed(3).wait(NOW) == 2
        assert self.failed(4).wait(NOW) == 4

    def test_a_window_ends_by_the_clock_whatever_happens_in_it(self):
        count = NONE
        for number in range(90):
            count = self.failed(1, later(number * 10), count)
        assert count.failures == 90
        assert self.failed(1, later(899), count).failures == 91
        anew = self.failed(1, later(900), count)
        assert (anew.failures, anew.first_failure_at) == (1, later(900))
        assert anew.wait(later(900)) == 0
