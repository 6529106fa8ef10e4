"""The effective policy: the smaller limit counts, and an access token never outlives it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.domain.policies import FIELDS, Policy

POLICIES = st.builds(
    Policy,
    access_token_lifetime=st.integers(60, 7_776_000),
    refresh_token_lifetime=st.integers(60, 31_536_000) | st.just("auto"),
    idle_timeout=st.integers(60, 31_536_000) | st.none(),
)


@pytest.mark.parametrize(
    ("policy", "refresh", "unused", "access"),
    [
        (Policy(), 86_400, 86_400, 900),
        (Policy(idle_timeout=None), 86_400, 86_400, 900),
        (Policy(idle_timeout=1800), 86_400, 1800, 900),
        (Policy(idle_timeout=900), 86_400, 900, 600),
        (Policy(refresh_token_lifetime=600), 600, 600, 400),
        (Policy(refresh_token_lifetime=600, idle_timeout=300), 600, 300, 200),
        (Policy(refresh_token_lifetime="auto"), 1350, 1350, 900),
        (Policy(refresh_token_lifetime="auto", idle_timeout=600), 1350, 600, 400),
        (Policy(refresh_token_lifetime="auto", access_token_lifetime=61), 92, 92, 61),
        (Policy(idle_timeout=60), 86_400, 60, 40),
        (Policy(idle_timeout=1), 86_400, 1, 1),
        (
            Policy(access_token_lifetime=7_776_000, refresh_token_lifetime=31_536_000),
            31_536_000,
            86_400,
            57_600,
        ),
    ],
)
def test_lifetimes_in_seconds(policy, refresh, unused, access):
    assert policy.refresh_lifetime == refresh
    assert policy.unused_limit == unused
    assert policy.access_lifetime == access


@given(POLICIES)
def test_who_refreshes_when_the_access_token_expires_is_never_too_late(policy):
    assert 0 < policy.access_lifetime < policy.unused_limit
    assert policy.access_lifetime <= policy.access_token_lifetime
    assert policy.access_lifetime * 3 <= policy.unused_limit * 2


@given(st.integers(60, 7_776_000))
def test_an_automatic_refresh_lifetime_never_shortens_the_access_token(seconds):
    policy = Policy(
        access_token_lifetime=seconds, refresh_token_lifetime="auto", idle_timeout=None
    )
    assert policy.access_lifetime == seconds
    assert 1.5 * seconds <= policy.refresh_lifetime < 1.5 * seconds + 1


def test_overrides_replace_single_fields():
    policy = Policy(retry_window=0).replaced({"idle_timeout": None, "force_relogin": 3600})
    assert policy == Policy(retry_window=0, idle_timeout=None, force_relogin=3600)


def test_an_unknown_field_is_a_programming_error():
    with pytest.raises(TypeError):
        Policy().replaced({"idle": 60})


def test_the_names_of_all_fields_are_known():
    assert {"idle_timeout", "retry_window", "force_relogin"} <= FIELDS
    assert Policy().replaced({name: getattr(Policy(), name) for name in FIELDS}) == Policy()
