"""Changing a policy: which values are allowed, with every fault named at once.

A change is a JSON object: the fields to state, `null` to take one back, so that it is inherited.
With `overrides` in it, as a level's own answer has it, it says the whole of what the level is to
state; fields beside it that are only what comes of that anyway are no changes. So an answer that is
sent back changes nothing, and one with a field edited states that field and no other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from token_service.domain.policies import (
    FIELDS,
    OFF,
    TIGHTENING,
    Bounds,
    Policy,
    written,
)
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.session_limits import UNLIMITED

MINUTE = 60
OVERRIDES, BOUNDS = "overrides", "bounds"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a change; `field` as it was sent, within `bounds` or `overrides` with
    a dot."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Faulty(Refused):
    """A change that was refused whole, with everything that is wrong with it."""

    faults: tuple[Fault, ...] = ()


def faulty(*found: Fault) -> Faulty:
    """The refusal of a change with these faults."""
    return Faulty(Refusal.INVALID_POLICY, faults=found)


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `low` to `high`, and perhaps one word besides."""

    low: int
    high: int
    word: str | None = None

    def fault(self, value: object) -> str | None:
        """What is wrong with the value; never what the value is."""
        if self.word is not None and value == self.word:
            return None
        # bool is an int in Python: `true` must not pass for one second.
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        ):
            return None
        word = f' or "{self.word}"' if self.word else ""
        return f"must be a whole number from {self.low} to {self.high}{word}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[object, ...]

    def fault(self, value: object) -> str | None:
        """What is wrong with the value; never what the value is."""
        if any(value is one or (isinstance(one, str) and value == one) for one in self.values):
            return None
        return "must be one of " + ", ".join(str(one).lower() for one in self.values)


_YEAR = 525_600 * MINUTE
RULES: Mapping[str, Range | Choice] = {
    "access_token_lifetime": Range(MINUTE, 129_600 * MINUTE),
    "refresh_token_lifetime": Range(MINUTE, _YEAR, "auto"),
    "idle_timeout": Range(MINUTE, _YEAR, OFF),
    "force_relogin": Range(MINUTE, 10 * _YEAR, OFF),
    "max_sessions": Range(1, 1_000_000, OFF),
    "max_sessions_action": Choice(("evict_oldest", "deny", "ask")),
    "account_limit_precedence": Choice(("account", "strictest")),
    "remember_me": Choice((True, False)),
    "remember_me_lifetime": Range(MINUTE, _YEAR),
    "logout_on_password_change": Choice((True, False)),
    "retry_window": Range(0, 300),
    "lockout_failures": Range(1, 100),
    "lockout_seconds": Range(1, 86_400),
    "impersonation": Choice((True, False)),
}
CLIENT_FIELDS = tuple(name for name in RULES if name in TIGHTENING | {"max_sessions"})
"""What a client may state: limits that tighten the tenant's, and how many sessions it may have."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a level's change stands on: what it states now, what it inherits, and the bounds."""

    overrides: Mapping[str, Any]
    inherited: Policy
    bounds: Bounds

    def policy(self, overrides: Mapping[str, Any]) -> Policy:
        """What comes of it where the level states these."""
        return self.inherited.overridden(overrides).within(self.bounds)


def changed(ground: Ground, change: Mapping[str, object]) -> dict[str, Any] | Faulty:
    """What the environment or a tenant states after a change of its fields and `overrides`.

    A value beyond the bounds is a fault wherever it is new. What was stated before the bounds may
    stay where it is, and may be sent back within `overrides`.
    """
    if found := [*_shape(change)]:
        return faulty(*found)
    fields = {name: value for name, value in change.items() if name != OVERRIDES}
    base = dict(ground.overrides)
    if OVERRIDES in change:
        base = merged({}, cast("Mapping[str, Any]", change[OVERRIDES]))
        fields = _other_than(ground.policy(base), fields)
    after = merged(base, fields)
    older = {name: value for name, value in base.items() if value != ground.overrides.get(name)}
    if found := [
        *_beyond(fields, ground.bounds),
        *_within(OVERRIDES, _beyond(older, ground.bounds)),
    ]:
        return faulty(*found)
    contradictions = tuple(_contradictions(ground, after))
    return faulty(*contradictions) if contradictions else after


def changed_environment(
    ground: Ground, change: Mapping[str, object]
) -> tuple[dict[str, Any], Bounds] | Faulty:
    """What the environment states, and its bounds, after a change of its fields and `bounds`.

    Each field named in `bounds` gets the whole of its new bound, or none with `null`; `null` for
    `bounds` removes them all. The environment's own values must lie within them too.
    """
    fields = {name: value for name, value in change.items() if name != BOUNDS}
    bounds = _changed_bounds(ground.bounds, change[BOUNDS]) if BOUNDS in change else ground.bounds
    if isinstance(bounds, Faulty):
        return faulty(*bounds.faults, *_shape(fields))
    after = changed(Ground(ground.overrides, ground.inherited, bounds), fields)
    if isinstance(after, Faulty):
        return after
    left_out = [
        Fault(name if name in fields else f"{BOUNDS}.{name}", "must lie within the bounds")
        for name in _own_values_beyond(ground, after, bounds)
    ]
    return faulty(*left_out) if left_out else (after, bounds)


def _own_values_beyond(ground: Ground, after: Mapping[str, Any], bounds: Bounds) -> Iterator[str]:
    """The environment's fields that the change has put outside of its own bounds."""
    was, now = (ground.inherited.overridden(one) for one in (ground.overrides, after))
    for name, bound in bounds.items():
        is_new = bound != ground.bounds.get(name) or now.number(name) != was.number(name)
        if is_new and any(_beyond({name: written(now.number(name))}, {name: bound})):
            yield name


def changed_limits(
    stated: Mapping[str, Any], change: Mapping[str, object]
) -> dict[str, Any] | Faulty:
    """What a client states after a change of its limits."""
    foreign = [
        Fault(name, "is not a client's to state") for name in change if name not in CLIENT_FIELDS
    ]
    own = {name: value for name, value in change.items() if name in CLIENT_FIELDS}
    # As a limit on what a tenant says, `auto` would be none at all.
    automatic = [Fault(name, "must be a number of seconds") for name in own if own[name] == "auto"]
    if found := [*foreign, *automatic, *_single(own)]:
        return faulty(*found)
    after = merged(stated, own)
    contradictions = tuple(_contradictions(Ground(stated, _LIMITLESS, {}), after))
    return faulty(*contradictions) if contradictions else after


def changed_account_limit(stated: int | None, change: Mapping[str, object]) -> int | Faulty | None:
    """An account's own number of sessions after a change of its one field, `max_sessions`."""
    name = "max_sessions"
    foreign = [Fault(one, "is not an account's to state") for one in change if one != name]
    found = (*foreign, *_single({one: change[one] for one in change if one == name}))
    if found:
        return faulty(*found)
    value = cast("int | str | None", change.get(name, stated))
    return UNLIMITED if isinstance(value, str) else value


def merged(overrides: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What a level states after a change: `null` takes a field back, so that it is inherited."""
    after = {**overrides, **changes}
    return {name: value for name, value in after.items() if value is not None}


_LIMITLESS = Policy(idle_timeout=None, refresh_token_lifetime=_YEAR)


def _other_than(policy: Policy, fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that do not only repeat the policy."""
    flat = policy.flat()
    return {name: value for name, value in fields.items() if value != flat[name]}


def _shape(change: Mapping[str, object]) -> Iterator[Fault]:
    """What is wrong with names and types, whatever the level says and inherits."""
    overrides = change.get(OVERRIDES, {})
    yield from _single({name: value for name, value in change.items() if name != OVERRIDES})
    if isinstance(overrides, Mapping):
        yield from _within(OVERRIDES, _single(overrides))
    else:
        yield Fault(OVERRIDES, "must be an object of fields")


def _within(name: str, found: Iterator[Fault]) -> Iterator[Fault]:
    for fault in found:
        yield Fault(f"{name}.{fault.field}", fault.message)


def _single(changes: Mapping[str, object]) -> Iterator[Fault]:
    for name, value in changes.items():
        if name not in FIELDS:
            yield Fault(name, "is no field of a policy")
        elif value is not None and (message := RULES[name].fault(value)):
            yield Fault(name, message)


def _beyond(changes: Mapping[str, object], bounds: Bounds) -> Iterator[Fault]:
    for name, bound in bounds.items():
        value = changes.get(name)
        if value == OFF:
            if "max" in bound:
                yield Fault(name, f"must be at most {bound['max']}, so it cannot be off")
        elif isinstance(value, int):
            if "max" in bound and value > bound["max"]:
                yield Fault(name, f"must be at most {bound['max']}")
            if "min" in bound and value < bound["min"]:
                yield Fault(name, f"must be at least {bound['min']}")


def _contradictions(ground: Ground, after: Mapping[str, Any]) -> Iterator[Fault]:
    """What the level states and what comes of it that cannot all be meant.

    Only where the change moves one of the two: nobody has to mend what was so before. A lifetime
    that is merely cut short by another level's (an access token's by the idle timeout, an idle
    timeout by a shorter re-login) is none: the shorter one counts, and that is what it is for.
    """
    was, now = ground.policy(ground.overrides), ground.policy(after)
    for smaller, larger, inherited_counts in _PAIRS:
        low, high = now.number(smaller), now.number(larger)
        is_stated = smaller in after and (inherited_counts or larger in after)
        moved = (was.number(smaller), was.number(larger)) != (low, high)
        if is_stated and moved and low is not None and high is not None and low > high:
            yield Fault(smaller, f"must not be longer than {larger}, which is {high}")


_PAIRS = (
    ("idle_timeout", "force_relogin", True),
    ("access_token_lifetime", "refresh_token_lifetime", False),
    ("access_token_lifetime", "force_relogin", False),
    ("retry_window", "refresh_token_lifetime", True),
)
"""What must not be longer than what, and whether a value that is only inherited counts.

An access token is cut short by whatever it inherits, so there is no fault in that; an idle timeout
longer than the re-login is a limit that nobody can ever meet.
"""


def _changed_bounds(bounds: Bounds, change: object) -> Bounds | Faulty:
    if change is None:
        return {}
    if not isinstance(change, Mapping):
        return faulty(Fault(BOUNDS, "must be an object of fields"))
    found = [*_within(BOUNDS, _bound_faults(change))]
    return faulty(*found) if found else merged(bounds, change)


def _bound_faults(bounds: Mapping[str, object]) -> Iterator[Fault]:
    for name, bound in bounds.items():
        rule = RULES.get(name)
        if not isinstance(rule, Range):
            yield Fault(name, "is no field with a smallest or largest value")
        elif bound is None:
            continue
        elif not isinstance(bound, Mapping) or not bound or set(bound) - {"min", "max"}:
            yield Fault(name, 'must have "min", "max" or both')
        else:
            limits = Range(rule.low, rule.high)
            wrong = {end: message for end, one in bound.items() if (message := limits.fault(one))}
            for end, message in wrong.items():
                yield Fault(f"{name}.{end}", message)
            if not wrong and bound.get("min", rule.low) > bound.get("max", rule.high):
                yield Fault(name, "min must not be larger than max")
