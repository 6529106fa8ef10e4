"""The effective policy: the smaller limit counts, and an access token never outlives it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.domain.policies import FIELDS, Explained, Level, Policy, explained

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
    policy = Policy(access_token_lifetime=seconds, refresh_token_lifetime="auto", idle_timeout=None)
    assert policy.access_lifetime == seconds
    assert 1.5 * seconds <= policy.refresh_lifetime < 1.5 * seconds + 1


class TestLevels:
    def test_a_level_overrides_the_fields_that_it_states(self):
        stated = {"idle_timeout": "off", "force_relogin": 3600, "refresh_token_lifetime": "auto"}
        expected = Policy(
            retry_window=0, idle_timeout=None, force_relogin=3600, refresh_token_lifetime="auto"
        )
        assert Policy(retry_window=0).overridden(stated) == expected

    def test_what_a_newer_release_stored_is_passed_over(self):
        assert Policy().overridden({"field_of_next_year": 1}) == Policy()

    @pytest.mark.parametrize(
        ("stated", "limits", "effective"),
        [
            ({"idle_timeout": 600}, {"idle_timeout": 300}, {"idle_timeout": 300}),
            ({"idle_timeout": 600}, {"idle_timeout": 900}, {"idle_timeout": 600}),
            ({"idle_timeout": "off"}, {"idle_timeout": 900}, {"idle_timeout": 900}),
            ({"idle_timeout": 600}, {"idle_timeout": "off"}, {"idle_timeout": 600}),
            (
                {"refresh_token_lifetime": "auto"},
                {"refresh_token_lifetime": 600},
                {"refresh_token_lifetime": 600},
            ),
            (
                {"refresh_token_lifetime": "auto"},
                {"refresh_token_lifetime": 86_400},
                {"refresh_token_lifetime": 1350},
            ),
            ({"retry_window": 60}, {"retry_window": 0}, {"retry_window": 60}),
            ({"remember_me": False}, {"remember_me": True}, {"remember_me": False}),
        ],
    )
    def test_a_client_tightens_and_never_loosens(self, stated, limits, effective):
        policy = Policy().overridden(stated)
        assert policy.tightened(limits) == policy.overridden(effective)

    @pytest.mark.parametrize(
        ("stated", "bounds", "effective"),
        [
            ({"idle_timeout": 600}, {"idle_timeout": {"min": 60, "max": 900}}, 600),
            ({"idle_timeout": 600}, {"idle_timeout": {"max": 300}}, 300),
            ({"idle_timeout": 600}, {"idle_timeout": {"min": 900}}, 900),
            ({"idle_timeout": "off"}, {"idle_timeout": {"max": 300}}, 300),
            ({"idle_timeout": "off"}, {"idle_timeout": {"min": 300}}, None),
            ({"idle_timeout": 600}, {}, 600),
        ],
    )
    def test_the_environments_bounds_hold_for_what_was_stated_before_them(
        self, stated, bounds, effective
    ):
        assert Policy().overridden(stated).within(bounds).idle_timeout == effective

    @pytest.mark.parametrize(("high", "seconds"), [(1349, 1349), (1350, 1350), (1351, 1350)])
    def test_a_bound_on_an_automatic_lifetime_is_one_on_what_it_comes_to(self, high, seconds):
        policy = Policy(refresh_token_lifetime="auto")
        bounded = policy.within({"refresh_token_lifetime": {"max": high}})
        assert bounded.refresh_lifetime == seconds

    def test_an_automatic_lifetime_follows_an_access_lifetime_that_was_moved(self):
        policy = Policy(access_token_lifetime=7_200, refresh_token_lifetime="auto")
        bounds = {"refresh_token_lifetime": {"max": 6_000}, "access_token_lifetime": {"max": 3_600}}
        assert policy.within(bounds).refresh_lifetime == 5_400

    def test_bounds_that_a_newer_release_stored_are_passed_over(self):
        assert Policy().within({"field_of_next_year": {"max": 1}}) == Policy()

    @pytest.mark.parametrize(
        ("stated", "unused"),
        [
            ({"remember_me": True}, 2_592_000),
            ({"remember_me": True, "remember_me_lifetime": 3600}, 86_400),
            ({"remember_me": True, "remember_me_lifetime": 100_000}, 100_000),
            ({"remember_me": True, "idle_timeout": "off"}, 2_592_000),
            ({"remember_me": False}, 86_400),
        ],
    )
    def test_remembering_lengthens_what_may_go_unused_and_never_shortens_it(self, stated, unused):
        policy = Policy().overridden(stated).remembering()
        assert policy.unused_limit == unused
        assert policy.access_lifetime == Policy().access_lifetime

    def test_a_client_tightens_what_is_remembered_too(self):
        policy = Policy(remember_me=True).remembering().tightened({"idle_timeout": 600})
        assert policy.unused_limit == 600

    def test_bounds_explain_what_they_moved_and_nothing_else(self):
        bounds = Level("bounds", {"idle_timeout": {"max": 600}, "retry_window": {"max": 60}})
        told = explained(Policy(), [Level("tenant", {"idle_timeout": "off"}), bounds])
        assert told["idle_timeout"] == Explained(600, "bounds")
        assert told["retry_window"] == Explained(60, "default")

    def test_each_value_is_explained_by_the_level_that_decided_it(self):
        levels = [
            Level("environment", {"idle_timeout": "off", "retry_window": 0}),
            Level("tenant", {"idle_timeout": 600, "force_relogin": "off"}),
            Level("client", {"idle_timeout": 900, "access_token_lifetime": 300}),
        ]
        told = explained(Policy(), levels)
        assert set(told) == FIELDS
        assert told["access_token_lifetime"] == Explained(300, "client")
        assert told["idle_timeout"] == Explained(600, "tenant")
        assert told["force_relogin"] == Explained("off", "tenant")
        assert told["retry_window"] == Explained(0, "environment")
        assert told["max_sessions"] == Explained("off", "default")
