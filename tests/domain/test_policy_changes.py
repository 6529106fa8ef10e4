"""Changes of policies: every fault is named, and nothing that is no number passes for one."""

import pytest

from token_service.domain.policies import FIELDS, TIGHTENING, Policy
from token_service.domain.policy_changes import (
    CLIENT_FIELDS,
    RULES,
    Choice,
    Fault,
    Faulty,
    Ground,
    changed,
    changed_account_limit,
    changed_environment,
    changed_limits,
    merged,
)
from token_service.domain.refusals import Refusal
from token_service.domain.session_limits import UNLIMITED

YEAR = 31_536_000
NOTHING = Ground({}, Policy(), {})


def fields_at_fault(answer):
    """The fields that a change was refused for; [] where it was not."""
    if not isinstance(answer, Faulty):
        return []
    assert answer.reason is Refusal.INVALID_POLICY
    return [fault.field for fault in answer.faults]


def ground(bounds=None, inherited=None, **stated):
    return Ground(stated, inherited or Policy(), bounds or {})


def test_every_field_has_a_rule_and_every_default_keeps_it():
    assert set(RULES) == FIELDS
    assert changed(NOTHING, Policy().flat()) == Policy().flat()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("access_token_lifetime", [60, 7_776_000]),
        ("refresh_token_lifetime", [60, YEAR, "auto"]),
        ("idle_timeout", [60, YEAR, "off"]),
        ("force_relogin", [60, 10 * YEAR, "off"]),
        ("max_sessions", [1, 1_000_000, "off"]),
        ("max_sessions_action", ["evict_oldest", "deny", "ask"]),
        ("account_limit_precedence", ["account", "strictest"]),
        ("remember_me", [True, False]),
        ("retry_window", [0, 300]),
        ("lockout_failures", [1, 100]),
        ("impersonation", [True, False]),
    ],
)
def test_allowed_values(name, values):
    for value in values:
        assert changed(NOTHING, {name: value}) == {name: value}
    assert changed(ground(**{name: values[0]}), {name: None}) == {}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("access_token_lifetime", [59, 7_776_001, "auto", "off"]),
        ("refresh_token_lifetime", [59, YEAR + 1, "off", "AUTO"]),
        ("idle_timeout", [0, -60, 59, YEAR + 1, "auto", 10**400]),
        ("retry_window", [-1, 301, "off"]),
        ("max_sessions_action", ["evict", "", 0, True, ["deny"]]),
        ("remember_me", [1, 0, "true", "off"]),
        ("logout_on_password_change", [1, "on"]),
    ],
)
def test_values_beyond_what_is_allowed(name, values):
    for value in values:
        assert fields_at_fault(changed(NOTHING, {name: value})) == [name]
        assert fields_at_fault(changed(NOTHING, {"overrides": {name: value}})) == [
            f"overrides.{name}"
        ]


WHOLES = [name for name, rule in RULES.items() if not isinstance(rule, Choice)]


@pytest.mark.parametrize("value", [True, False, 60.0, float("nan"), "60", [], {}])
def test_what_is_no_whole_number_passes_for_none(value):
    assert len(WHOLES) == 9
    assert fields_at_fault(changed(NOTHING, dict.fromkeys(WHOLES, value))) == WHOLES


def test_all_faults_are_named_at_once():
    change = {"idle": 60, "idle_timeout": 1, "retry_window": 301, "overrides": {"retry": 1}}
    assert fields_at_fault(changed(NOTHING, change)) == [
        "idle",
        "idle_timeout",
        "retry_window",
        "overrides.retry",
    ]


@pytest.mark.parametrize("overrides", [None, 1, "off", [], True])
def test_overrides_are_an_object(overrides):
    assert fields_at_fault(changed(NOTHING, {"overrides": overrides})) == ["overrides"]


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("access_token_lifetime", "refresh_token_lifetime"),
        ("idle_timeout", "force_relogin"),
        ("access_token_lifetime", "force_relogin"),
    ],
)
def test_a_level_does_not_contradict_itself(smaller, larger):
    assert fields_at_fault(changed(NOTHING, {smaller: 120, larger: 120})) == []
    assert fields_at_fault(changed(NOTHING, {smaller: 121, larger: 120})) == [smaller]
    assert fields_at_fault(changed(ground(**{smaller: 121}), {larger: 120})) == [smaller]
    assert fields_at_fault(changed(ground(**{larger: 120}), {smaller: 121})) == [smaller]


def test_a_retry_window_beyond_the_life_of_the_token_is_none():
    assert fields_at_fault(
        changed(NOTHING, {"retry_window": 91, "refresh_token_lifetime": 90})
    ) == ["retry_window"]
    inherited = Policy(access_token_lifetime=60, refresh_token_lifetime="auto")
    assert fields_at_fault(changed(ground(inherited=inherited), {"retry_window": 91})) == [
        "retry_window"
    ]
    assert changed(ground(inherited=inherited), {"retry_window": 90}) == {"retry_window": 90}


class TestWhatIsInherited:
    INHERITED = Policy(force_relogin=3_600, refresh_token_lifetime=3_600)

    def test_an_idle_timeout_that_nobody_can_meet_is_a_fault(self):
        on = ground(inherited=self.INHERITED)
        assert changed(on, {"idle_timeout": 3_600}) == {"idle_timeout": 3_600}
        assert fields_at_fault(changed(on, {"idle_timeout": 3_601})) == ["idle_timeout"]
        assert fields_at_fault(changed(on, {"idle_timeout": "off"})) == []

    def test_a_limit_that_is_taken_back_may_leave_such_a_one_behind(self):
        on = ground(inherited=self.INHERITED, idle_timeout=7_200, force_relogin="off")
        assert fields_at_fault(changed(on, {"force_relogin": None})) == ["idle_timeout"]

    def test_a_shorter_relogin_cuts_short_what_is_inherited(self):
        assert changed(NOTHING, {"force_relogin": 60}) == {"force_relogin": 60}

    def test_an_access_token_is_cut_short_by_what_is_inherited(self):
        on, longest = ground(inherited=self.INHERITED), {"access_token_lifetime": 7_776_000}
        assert changed(on, longest) == longest
        assert changed(NOTHING, longest | {"idle_timeout": 60}) == longest | {"idle_timeout": 60}

    def test_what_was_so_before_need_not_be_mended(self):
        """The environment's re-login was shortened after the tenant had stated its idle timeout."""
        on = ground(inherited=self.INHERITED, idle_timeout=7_200)
        assert changed(on, {"retry_window": 0}) == {"idle_timeout": 7_200, "retry_window": 0}
        assert fields_at_fault(changed(on, {"idle_timeout": 7_201})) == ["idle_timeout"]


IDLE = {"idle_timeout": {"min": 300, "max": 600}}


@pytest.mark.parametrize(
    ("change", "bounds", "at_fault"),
    [
        ({"idle_timeout": 600}, IDLE, False),
        ({"idle_timeout": 300}, IDLE, False),
        ({"idle_timeout": 299}, IDLE, True),
        ({"idle_timeout": 601}, IDLE, True),
        ({"idle_timeout": "off"}, IDLE, True),
        ({"idle_timeout": "off"}, {"idle_timeout": {"min": 600}}, False),
        ({"idle_timeout": None}, IDLE, False),
        ({"refresh_token_lifetime": "auto"}, {"refresh_token_lifetime": {"max": 60}}, False),
        ({"retry_window": 0}, IDLE, False),
    ],
)
def test_a_tenant_stays_within_the_environments_bounds(change, bounds, at_fault):
    answer = changed(ground(bounds), change)
    assert fields_at_fault(answer) == (list(change) if at_fault else [])


class TestOverridesAsAWhole:
    """What a level's own answer looks like when it is sent back."""

    @pytest.mark.parametrize(
        "on",
        [
            NOTHING,
            ground(idle_timeout=600, remember_me=True),
            ground(force_relogin=3_600),
            ground(IDLE, idle_timeout="off"),
            ground(IDLE, idle_timeout=60, max_sessions=3),
            ground({"idle_timeout": {"max": 600}}, inherited=Policy(retry_window=0)),
            ground(inherited=Policy(force_relogin=60), idle_timeout=600),
        ],
    )
    def test_what_is_sent_back_changes_nothing(self, on):
        answer = on.policy(on.overrides).flat() | {"overrides": dict(on.overrides)}
        assert changed(on, answer) == on.overrides

    def test_a_field_that_was_edited_is_stated_and_no_other(self):
        on = ground(idle_timeout=600)
        answer = on.policy(on.overrides).flat() | {"overrides": {"idle_timeout": 600}}
        assert changed(on, answer | {"retry_window": 0}) == {"idle_timeout": 600, "retry_window": 0}
        assert changed(on, answer | {"idle_timeout": None}) == {}

    def test_twice_is_once(self):
        on, answer = NOTHING, Policy().flat() | {"overrides": {}, "idle_timeout": 600}
        once = changed(on, answer)
        assert once == {"idle_timeout": 600}
        assert changed(ground(**once), answer) == once

    def test_they_take_the_place_of_what_was_stated(self):
        on = ground(idle_timeout=600, retry_window=0)
        assert changed(on, {"overrides": {"retry_window": 5}}) == {"retry_window": 5}
        assert changed(on, {"overrides": {"retry_window": None}}) == {}
        assert changed(on, {"overrides": {}}) == {}

    def test_only_what_was_stated_before_the_bounds_may_lie_beyond_them(self):
        on = ground(IDLE, idle_timeout=60)
        assert changed(on, {"overrides": {"idle_timeout": 60}}) == {"idle_timeout": 60}
        assert fields_at_fault(changed(on, {"idle_timeout": 60})) == ["idle_timeout"]
        answer = changed(on, {"overrides": {"idle_timeout": 61}})
        assert fields_at_fault(answer) == ["overrides.idle_timeout"]


class TestEnvironment:
    @pytest.mark.parametrize(
        ("bounds", "at_fault"),
        [
            ({}, []),
            ({"idle_timeout": {"min": 60, "max": 86_400}}, []),
            ({"idle_timeout": {"max": YEAR}}, []),
            ({"idle_timeout": None, "retry_window": None}, []),
            ({"idle_timeout": {"min": 3600, "max": 60}}, ["bounds.idle_timeout"]),
            ({"idle_timeout": {"min": "off"}}, ["bounds.idle_timeout.min"]),
            ({"idle_timeout": {"max": True}}, ["bounds.idle_timeout.max"]),
            ({"idle_timeout": {"max": 60.0}}, ["bounds.idle_timeout.max"]),
            ({"refresh_token_lifetime": {"max": "auto"}}, ["bounds.refresh_token_lifetime.max"]),
            (
                {"idle_timeout": {"min": 1, "max": 1}},
                ["bounds.idle_timeout.min", "bounds.idle_timeout.max"],
            ),
            ({"idle_timeout": {}}, ["bounds.idle_timeout"]),
            ({"idle_timeout": {"least": 60}}, ["bounds.idle_timeout"]),
            ({"idle_timeout": 60}, ["bounds.idle_timeout"]),
            ({"remember_me": {"max": 1}}, ["bounds.remember_me"]),
            ({"remember_me": None}, ["bounds.remember_me"]),
            ({"idle": {"max": 60}}, ["bounds.idle"]),
            ([], ["bounds"]),
            ("off", ["bounds"]),
        ],
    )
    def test_bounds(self, bounds, at_fault):
        assert fields_at_fault(changed_environment(NOTHING, {"bounds": bounds})) == at_fault

    def test_faults_of_bounds_and_fields_are_named_at_once(self):
        change = {"bounds": {"idle": {}}, "retry_window": -1}
        assert fields_at_fault(changed_environment(NOTHING, change)) == [
            "bounds.idle",
            "retry_window",
        ]

    def test_each_bound_is_replaced_as_a_whole_and_null_removes_it(self):
        on = Ground({}, Policy(), {"idle_timeout": {"min": 60}, "retry_window": {"max": 60}})
        change = {"bounds": {"idle_timeout": {"max": 86_400}}}
        assert changed_environment(on, change) == (
            {},
            {"idle_timeout": {"max": 86_400}, "retry_window": {"max": 60}},
        )
        assert changed_environment(on, {"bounds": {"idle_timeout": None}}) == (
            {},
            {"retry_window": {"max": 60}},
        )
        assert changed_environment(on, {"bounds": {}}) == ({}, on.bounds)
        assert changed_environment(on, {"bounds": None}) == ({}, {})

    def test_its_own_values_lie_within_its_bounds(self):
        bounds = {"bounds": {"idle_timeout": {"max": 600}}}
        assert fields_at_fault(changed_environment(NOTHING, bounds)) == ["bounds.idle_timeout"]
        both = bounds | {"idle_timeout": 600}
        after = ({"idle_timeout": 600}, {"idle_timeout": {"max": 600}})
        assert changed_environment(NOTHING, both) == after
        on = Ground(*after[:1], Policy(), after[1])
        for value in (None, 601, "off"):
            assert fields_at_fault(changed_environment(on, {"idle_timeout": value})) == [
                "idle_timeout"
            ]

    @pytest.mark.parametrize(("high", "at_fault"), [(1_349, True), (1_350, False)])
    def test_an_automatic_lifetime_counts_as_what_it_comes_to(self, high, at_fault):
        on = ground(refresh_token_lifetime="auto")
        answer = changed_environment(on, {"bounds": {"refresh_token_lifetime": {"max": high}}})
        assert fields_at_fault(answer) == (["bounds.refresh_token_lifetime"] if at_fault else [])

    def test_settings_that_changed_since_are_nobodys_fault(self):
        on = ground({"idle_timeout": {"max": 600}})
        assert changed_environment(on, {"retry_window": 0}) == ({"retry_window": 0}, on.bounds)

    def test_what_is_sent_back_changes_nothing(self):
        on = ground({"idle_timeout": {"max": 600}}, idle_timeout=300, retry_window=0)
        own = {"overrides": dict(on.overrides), "bounds": dict(on.bounds)}
        answer = on.policy(on.overrides).flat() | own
        assert changed_environment(on, answer) == (on.overrides, on.bounds)


class TestClients:
    def test_they_state_lifetimes_and_their_own_number_of_sessions_only(self):
        assert set(CLIENT_FIELDS) == TIGHTENING | {"max_sessions"}
        limits = {**dict.fromkeys(TIGHTENING, 60), "max_sessions": 3}
        assert changed_limits({}, limits) == limits
        foreign = changed_limits({}, {"retry_window": 0, "overrides": {}})
        assert isinstance(foreign, Faulty)
        assert foreign.faults == (
            Fault("retry_window", "is not a client's to state"),
            Fault("overrides", "is not a client's to state"),
        )
        assert fields_at_fault(changed_limits({}, {"idle_timeout": 1})) == ["idle_timeout"]

    def test_an_automatic_lifetime_would_limit_nothing(self):
        assert fields_at_fault(changed_limits({}, {"refresh_token_lifetime": "auto"})) == [
            "refresh_token_lifetime"
        ]

    def test_null_takes_a_limit_back(self):
        stated = {"idle_timeout": 600, "max_sessions": 3}
        assert changed_limits(stated, {"idle_timeout": None}) == {"max_sessions": 3}

    def test_they_do_not_contradict_themselves(self):
        longer = {"idle_timeout": 601, "force_relogin": 600}
        assert fields_at_fault(changed_limits({}, longer)) == ["idle_timeout"]
        assert changed_limits({}, {"force_relogin": 600}) == {"force_relogin": 600}


@pytest.mark.parametrize(
    ("value", "after"), [(1, 1), (1_000_000, 1_000_000), ("off", UNLIMITED), (None, None)]
)
def test_an_accounts_own_limit(value, after):
    for stated in (None, 5, UNLIMITED):
        assert changed_account_limit(stated, {"max_sessions": value}) == after
        assert changed_account_limit(stated, {}) == stated


@pytest.mark.parametrize("value", [0, -1, 1_000_001, True, 1.0, "3", "auto", [], UNLIMITED])
def test_what_is_no_number_of_sessions(value):
    assert fields_at_fault(changed_account_limit(None, {"max_sessions": value})) == ["max_sessions"]
    assert fields_at_fault(changed_account_limit(None, {"sessions": value})) == ["sessions"]


def test_null_takes_a_field_back():
    stated = {"idle_timeout": 600, "retry_window": 0}
    assert merged(stated, {"idle_timeout": None, "force_relogin": 3600}) == {
        "retry_window": 0,
        "force_relogin": 3600,
    }
