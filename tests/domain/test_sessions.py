"""Liveness of sessions and grants: each limit at its edge, and which reason comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.building import DAY, HOUR, MOMENT, NOW, SECOND, around, grant, rules
from token_service.domain.policies import NEVER, Policy
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import (
    absolute_end,
    access_token_end,
    grant_end,
    grant_refusal,
    session_refusal,
    slid_end,
)

LONG_AGO = NOW - timedelta(days=300)
LEAP_EVE = datetime(2028, 2, 28, 23, 59, 59, tzinfo=UTC)
LEAP_DAY = datetime(2028, 2, 29, 12, tzinfo=UTC)

LIMITS = [
    pytest.param(
        grant(), rules(idle_timeout=3600), NOW + HOUR, Refusal.IDLE_TIMEOUT, id="idle timeout"
    ),
    pytest.param(
        grant(),
        rules(idle_timeout=None, refresh_token_lifetime=1800),
        NOW + HOUR / 2,
        Refusal.REFRESH_EXPIRED,
        id="refresh lifetime",
    ),
    pytest.param(
        grant(),
        rules(idle_timeout=None, refresh_token_lifetime="auto", access_token_lifetime=600),
        NOW + HOUR / 4,
        Refusal.REFRESH_EXPIRED,
        id="automatic refresh lifetime",
    ),
    pytest.param(
        grant(),
        rules(idle_timeout=1800, refresh_token_lifetime=1800),
        NOW + HOUR / 2,
        Refusal.IDLE_TIMEOUT,
        id="both at once are called idle",
    ),
    pytest.param(
        grant(),
        rules(idle_timeout=7200, refresh_token_lifetime=3600),
        NOW + HOUR,
        Refusal.REFRESH_EXPIRED,
        id="the smaller of both, refresh lifetime",
    ),
    pytest.param(
        grant(force_relogin=7200),
        rules(),
        NOW + HOUR,
        Refusal.ABSOLUTE_TIMEOUT,
        id="forced re-login counts from the sign-in",
    ),
    pytest.param(
        grant(authenticated_at=NOW, force_relogin=60),
        rules(),
        NOW + timedelta(minutes=1),
        Refusal.ABSOLUTE_TIMEOUT,
        id="forced re-login after a minute",
    ),
    pytest.param(
        grant(capped_at=NOW + HOUR),
        rules(),
        NOW + HOUR,
        Refusal.ABSOLUTE_TIMEOUT,
        id="a capped session",
    ),
    pytest.param(
        grant(capped_at=NOW + HOUR, force_relogin=9000),
        rules(),
        NOW + HOUR,
        Refusal.ABSOLUTE_TIMEOUT,
        id="the cap is earlier than the forced re-login",
    ),
    pytest.param(
        grant(capped_at=NOW + 2 * HOUR, force_relogin=5400),
        rules(),
        NOW + HOUR / 2,
        Refusal.ABSOLUTE_TIMEOUT,
        id="the forced re-login is earlier than the cap",
    ),
    pytest.param(
        grant(ends_at=NOW + HOUR),
        rules(idle_timeout=None, refresh_token_lifetime=864_000),
        NOW + HOUR,
        Refusal.EXPIRED,
        id="the stored end",
    ),
    pytest.param(
        grant(ends_at=NOW + HOUR, capped_at=NOW + HOUR),
        rules(),
        NOW + HOUR,
        Refusal.ABSOLUTE_TIMEOUT,
        id="the stored end was the absolute one",
    ),
    pytest.param(
        grant(used_at=LEAP_EVE, ends_at=LEAP_EVE + 9 * DAY, authenticated_at=LEAP_EVE),
        rules(idle_timeout=86_400, refresh_token_lifetime=864_000),
        datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
        Refusal.IDLE_TIMEOUT,
        id="idle over the leap day",
    ),
    pytest.param(
        grant(
            used_at=LEAP_DAY + 364 * DAY,
            ends_at=LEAP_DAY + 400 * DAY,
            authenticated_at=LEAP_DAY,
            force_relogin=365 * 86_400,
        ),
        rules(idle_timeout=None, refresh_token_lifetime=864_000),
        datetime(2029, 2, 28, 12, tzinfo=UTC),
        Refusal.ABSOLUTE_TIMEOUT,
        id="a year from the leap day",
    ),
]


@pytest.mark.parametrize(("state", "today", "limit", "reason"), LIMITS)
def test_a_limit_is_met_at_its_microsecond_and_not_before(state, today, limit, reason):
    for instant, reached in around(limit):
        if instant >= state.used_at:
            assert (grant_refusal(state, today, instant) is not None) == reached
    assert grant_refusal(state, today, limit) == reason


def test_without_limits_only_the_stored_end_counts():
    state = grant(authenticated_at=LONG_AGO, ends_at=NOW + 365 * DAY)
    unlimited = rules(idle_timeout=None, refresh_token_lifetime=400 * 86_400)
    assert state.absolute_end is None
    assert grant_refusal(state, unlimited, NOW + 364 * DAY) is None


class TestChangedPolicy:
    """The row was written under an idle timeout of an hour: its stored end is an hour away."""

    state = grant(ends_at=NOW + HOUR)

    @pytest.mark.parametrize(
        ("idle_timeout", "after", "reason"),
        [
            pytest.param(1800, HOUR / 2 - MOMENT, None, id="shorter, not yet reached"),
            pytest.param(1800, HOUR / 2, Refusal.IDLE_TIMEOUT, id="shorter, bites at once"),
            pytest.param(3600, 0.75 * HOUR, None, id="lengthened again before the stored end"),
            pytest.param(7200, HOUR - MOMENT, None, id="longer, before the stored end"),
            pytest.param(7200, HOUR, Refusal.EXPIRED, id="longer does not move the stored end"),
            pytest.param(None, HOUR, Refusal.EXPIRED, id="off does not move the stored end"),
            pytest.param(86_400, 9 * HOUR, Refusal.EXPIRED, id="past the stored end none revives"),
        ],
    )
    def test_idle_timeout(self, idle_timeout, after, reason):
        assert grant_refusal(self.state, rules(idle_timeout=idle_timeout), NOW + after) == reason

    @pytest.mark.parametrize(
        ("force_relogin", "reason"),
        [(3600, Refusal.ABSOLUTE_TIMEOUT), (3601, None), (NEVER - 1, None), (NEVER, None)],
    )
    def test_forced_re_login_is_measured_from_the_sign_in(self, force_relogin, reason):
        assert grant_refusal(grant(force_relogin=force_relogin), rules(), NOW) == reason

    @pytest.mark.parametrize(
        ("used", "authenticated", "limits", "reason"),
        [
            (2 * HOUR, 4 * HOUR, {"idle_timeout": 3600}, Refusal.IDLE_TIMEOUT),
            (2 * HOUR, 6 * HOUR, {"idle_timeout": 3600}, Refusal.ABSOLUTE_TIMEOUT),
            (3 * HOUR, 5 * HOUR, {"idle_timeout": 7200}, Refusal.IDLE_TIMEOUT),
            (3 * HOUR, 4 * HOUR, {"refresh_token_lifetime": 7200}, Refusal.REFRESH_EXPIRED),
            (HOUR, 9 * HOUR, {"force_relogin": 7200}, Refusal.CLIENT_TIMEOUT),
            (8 * HOUR, 9 * HOUR, {"force_relogin": 7200}, Refusal.EXPIRED),
        ],
    )
    def test_of_several_limits_the_one_met_first_is_the_reason(
        self, used, authenticated, limits, reason
    ):
        state = grant(
            used_at=NOW - used,
            authenticated_at=NOW - authenticated,
            ends_at=NOW - used + 30 * SECOND if reason is Refusal.EXPIRED else NOW + DAY,
            force_relogin=18_000,
        )
        assert grant_refusal(state, rules(**limits), NOW) == reason

    def test_a_client_may_ask_for_a_new_sign_in_sooner(self):
        state = grant(authenticated_at=NOW, used_at=NOW)
        held = rules(force_relogin=600)
        assert state.grant_absolute_end(held.policy) == NOW + 600 * SECOND
        assert grant_refusal(state, held, NOW + 600 * SECOND - MOMENT) is None
        assert grant_refusal(state, held, NOW + 600 * SECOND) is Refusal.CLIENT_TIMEOUT
        assert grant_refusal(state, rules(), NOW + 600 * SECOND) is None

    @pytest.mark.parametrize(
        ("remembered", "allowed", "end"),
        [(True, True, 7200), (False, True, 3600), (True, False, 3600)],
    )
    def test_a_remembered_session_goes_unused_for_a_time_of_its_own(self, remembered, allowed, end):
        state = grant(remembered=remembered)
        held = rules(idle_timeout=3600, remember_me=allowed, remember_me_lifetime=7200)
        assert grant_refusal(state, held, NOW + end * SECOND - MOMENT) is None
        assert grant_refusal(state, held, NOW + end * SECOND) is Refusal.IDLE_TIMEOUT

    def test_the_next_use_slides_by_the_new_policy(self):
        assert slid_end(Policy(idle_timeout=7200), NOW, None) == NOW + 2 * HOUR


FAULTS = [
    (
        {"session_ended_at": NOW, "session_end_reason": Refusal.ENDED_BY_USER},
        Refusal.ENDED_BY_USER,
    ),
    ({"account_epoch": 7}, Refusal.REVOKED),
    ({"environment_epoch": 9}, Refusal.RESTORED),
    ({"ended_at": NOW, "end_reason": Refusal.SUPERSEDED}, Refusal.SUPERSEDED),
    ({"client_epoch": 4}, Refusal.CLIENT_DISABLED),
    ({"tenant_epoch": 3}, Refusal.TENANT_DISABLED),
    ({"current_membership": None}, Refusal.LEFT_TENANT),
    ({"capped_at": NOW}, Refusal.ABSOLUTE_TIMEOUT),
    ({"used_at": NOW - DAY}, Refusal.IDLE_TIMEOUT),
]
"""In the order of their precedence: who ended something comes before what time did."""
OF_THE_SESSION = {"session_ended_at", "account_epoch", "environment_epoch", "capped_at"}


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_of_several_reasons_the_first_is_told(first):
    changes = {name: value for fault, _ in FAULTS[first:] for name, value in fault.items()}
    assert grant_refusal(grant(**changes), rules(), NOW) == FAULTS[first][1]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_reason_alone_is_enough(fault):
    changes, reason = fault
    assert grant_refusal(grant(**changes), rules(), NOW) == reason


@pytest.mark.parametrize("fault", FAULTS)
def test_a_session_is_over_only_by_what_concerns_all_its_grants(fault):
    changes, reason = fault
    whole = not changes.keys().isdisjoint(OF_THE_SESSION)
    assert session_refusal(grant(**changes), NOW) == (reason if whole else None)


@pytest.mark.parametrize(
    "changes",
    [
        {"session_account_epoch": 7},
        {"session_account_epoch": 5},
        {"session_environment_epoch": 7},
        {"client_epoch": 6},
        {"tenant_epoch": 5},
        {"membership": 2},
        {"membership": 4},
        {"current_membership": 4},
    ],
)
def test_epochs_and_memberships_must_be_equal_not_just_newer(changes):
    assert grant_refusal(grant(**changes), rules(), NOW) is not None


def test_an_end_without_a_reason_is_an_end():
    assert grant_refusal(grant(session_ended_at=NOW), rules(), NOW) == Refusal.REVOKED
    assert grant_refusal(grant(ended_at=NOW), rules(), NOW) == Refusal.REVOKED


def test_a_live_grant_has_no_fault():
    assert grant_refusal(grant(), rules(), NOW) is None
    assert session_refusal(grant(), NOW) is None


@pytest.mark.parametrize(
    ("force_relogin", "capped_at", "end"),
    [
        (NEVER, None, None),
        (NEVER, NOW, NOW),
        (60, None, NOW + timedelta(minutes=1)),
        (60, NOW + HOUR, NOW + timedelta(minutes=1)),
        (7200, NOW + HOUR, NOW + HOUR),
        (NEVER - 1, None, NOW + timedelta(seconds=NEVER - 1)),
    ],
)
def test_the_absolute_end(force_relogin, capped_at, end):
    assert absolute_end(NOW, force_relogin, capped_at) == end


@pytest.mark.parametrize(
    ("policy", "absolute", "slid", "access"),
    [
        (Policy(), None, NOW + DAY, NOW + HOUR / 4),
        (Policy(idle_timeout=1800), None, NOW + HOUR / 2, NOW + HOUR / 4),
        (Policy(idle_timeout=1800), NOW + HOUR, NOW + HOUR / 2, NOW + HOUR / 4),
        (Policy(), NOW + 10 * SECOND, NOW + 10 * SECOND, NOW + 10 * SECOND),
        (Policy(idle_timeout=60), NOW + 50 * SECOND, NOW + 50 * SECOND, NOW + 40 * SECOND),
    ],
)
def test_use_moves_the_end_but_never_past_the_absolute_one(policy, absolute, slid, access):
    assert slid_end(policy, NOW, absolute) == slid
    assert access_token_end(policy, NOW, absolute) == access


SECONDS = st.integers(60, 31_536_000)
POLICIES = st.builds(
    Policy, idle_timeout=SECONDS | st.none(), refresh_token_lifetime=SECONDS | st.just("auto")
)
STATES = st.builds(
    lambda stored, force, cap: grant(
        ends_at=NOW + timedelta(seconds=stored),
        force_relogin=force,
        capped_at=None if cap is None else NOW + timedelta(seconds=cap),
    ),
    SECONDS,
    SECONDS | st.just(NEVER),
    SECONDS | st.none(),
)


@given(STATES, POLICIES)
def test_a_grant_lives_exactly_until_the_end_that_is_told(state, policy):
    today = replace(rules(), policy=policy)
    end = max(grant_end(state, policy), NOW)
    for instant, reached in around(end):
        if instant >= NOW:
            assert (grant_refusal(state, today, instant) is not None) == reached


@given(STATES, POLICIES)
def test_no_use_and_no_access_token_reaches_past_the_absolute_end(state, policy):
    absolute = state.absolute_end
    assert slid_end(policy, NOW, absolute) <= (absolute or slid_end(policy, NOW, None))
    assert access_token_end(policy, NOW, absolute) <= max(slid_end(policy, NOW, absolute), NOW)
