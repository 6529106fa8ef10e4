"""Changes of policies: every fault is named, and nothing that is no number passes for one."""

import pytest

from token_service.domain.policies import FIELDS, TIGHTENING, Policy, written
from token_service.domain.policy_changes import (
    RULES,
    Fault,
    bound_faults,
    client_faults,
    faults,
    merged,
)

YEAR = 31_536_000


def fields_at_fault(changes, after=None, bounds=None):
    return [fault.field for fault in faults(changes, after or changes, bounds or {})]


def test_every_field_has_a_rule_and_every_default_keeps_it():
    assert set(RULES) == FIELDS
    defaults = {name: written(getattr(Policy(), name)) for name in FIELDS}
    assert faults(defaults, defaults, {}) == []


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
    ],
)
def test_allowed_values(name, values):
    for value in [*values, None]:
        assert fields_at_fault({name: value}) == []


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
        assert fields_at_fault({name: value}) == [name]


@pytest.mark.parametrize("value", [True, False, 60.0, float("nan"), "60", [], {}])
def test_what_is_no_whole_number_passes_for_none(value):
    numbers = [name for name in RULES if isinstance(getattr(Policy(), name), int | None)]
    wholes = [name for name in numbers if not isinstance(getattr(Policy(), name), bool)]
    assert len(wholes) == 9
    assert fields_at_fault(dict.fromkeys(wholes, value)) == wholes


def test_all_faults_are_named_at_once():
    assert fields_at_fault({"idle": 60, "idle_timeout": 1, "retry_window": 301}) == [
        "idle",
        "idle_timeout",
        "retry_window",
    ]


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("access_token_lifetime", "refresh_token_lifetime"),
        ("idle_timeout", "force_relogin"),
        ("access_token_lifetime", "force_relogin"),
    ],
)
def test_a_level_does_not_contradict_itself(smaller, larger):
    assert fields_at_fault({smaller: 120, larger: 120}) == []
    assert fields_at_fault({smaller: 121}, {smaller: 121, larger: 120}) == [smaller]
    assert fields_at_fault({larger: 120}, {smaller: 121, larger: 120}) == [smaller]


@pytest.mark.parametrize(
    ("changes", "bounds", "at_fault"),
    [
        ({"idle_timeout": 600}, {"idle_timeout": {"min": 600, "max": 600}}, False),
        ({"idle_timeout": 599}, {"idle_timeout": {"min": 600}}, True),
        ({"idle_timeout": 601}, {"idle_timeout": {"max": 600}}, True),
        ({"idle_timeout": "off"}, {"idle_timeout": {"max": 600}}, True),
        ({"idle_timeout": "off"}, {"idle_timeout": {"min": 600}}, False),
        ({"idle_timeout": None}, {"idle_timeout": {"max": 600}}, False),
        ({"refresh_token_lifetime": "auto"}, {"refresh_token_lifetime": {"max": 60}}, False),
        ({"retry_window": 0}, {"idle_timeout": {"max": 600}}, False),
    ],
)
def test_a_tenant_stays_within_the_environments_bounds(changes, bounds, at_fault):
    assert fields_at_fault(changes, bounds=bounds) == (list(changes) if at_fault else [])


@pytest.mark.parametrize(
    ("bounds", "at_fault"),
    [
        ({}, []),
        ({"idle_timeout": {"min": 60, "max": 3600}}, []),
        ({"idle_timeout": {"max": 60}}, []),
        ({"idle_timeout": {"min": 3600, "max": 60}}, ["bounds.idle_timeout"]),
        ({"idle_timeout": {"min": "off"}}, ["bounds.idle_timeout.min"]),
        (
            {"idle_timeout": {"min": 1, "max": 1}},
            ["bounds.idle_timeout.min", "bounds.idle_timeout.max"],
        ),
        ({"idle_timeout": {}}, ["bounds.idle_timeout"]),
        ({"idle_timeout": {"least": 60}}, ["bounds.idle_timeout"]),
        ({"idle_timeout": 60}, ["bounds.idle_timeout"]),
        ({"remember_me": {"max": 1}}, ["bounds.remember_me"]),
        ({"idle": {"max": 60}}, ["bounds.idle"]),
    ],
)
def test_bounds(bounds, at_fault):
    assert [fault.field for fault in bound_faults(bounds)] == at_fault


def test_a_client_states_lifetimes_and_its_own_number_of_sessions_only():
    assert client_faults({**dict.fromkeys(TIGHTENING, 60), "max_sessions": 3}) == []
    assert client_faults({"retry_window": 0}) == [
        Fault("retry_window", "is not a client's to state")
    ]
    assert [fault.field for fault in client_faults({"idle_timeout": 1})] == ["idle_timeout"]


def test_null_takes_a_field_back():
    stated = {"idle_timeout": 600, "retry_window": 0}
    assert merged(stated, {"idle_timeout": None, "force_relogin": 3600}) == {
        "retry_window": 0,
        "force_relogin": 3600,
    }
