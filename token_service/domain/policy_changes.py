"""Changing a policy: which values are allowed, with every fault named at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from token_service.domain.policies import FIELDS, OFF, TIGHTENING

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a change."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class _Range:
    """Whole numbers from `low` to `high`, and perhaps one word besides."""

    low: int
    high: int
    word: str | None = None

    def fault(self, value: object) -> str | None:
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
class _Choice:
    """One of some values."""

    values: tuple[object, ...]

    def fault(self, value: object) -> str | None:
        if any(value is one or (isinstance(one, str) and value == one) for one in self.values):
            return None
        return "must be one of " + ", ".join(str(one).lower() for one in self.values)


_YEAR = 525_600 * MINUTE
RULES: Mapping[str, _Range | _Choice] = {
    "access_token_lifetime": _Range(MINUTE, 129_600 * MINUTE),
    "refresh_token_lifetime": _Range(MINUTE, _YEAR, "auto"),
    "idle_timeout": _Range(MINUTE, _YEAR, OFF),
    "force_relogin": _Range(MINUTE, 10 * _YEAR, OFF),
    "max_sessions": _Range(1, 1_000_000, OFF),
    "max_sessions_action": _Choice(("evict_oldest", "deny", "ask")),
    "account_limit_precedence": _Choice(("account", "strictest")),
    "remember_me": _Choice((True, False)),
    "remember_me_lifetime": _Range(MINUTE, _YEAR),
    "logout_on_password_change": _Choice((True, False)),
    "retry_window": _Range(0, 300),
    "lockout_failures": _Range(1, 100),
    "lockout_seconds": _Range(1, 86_400),
    "impersonation": _Choice((True, False)),
}


def merged(overrides: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What a level states after a change: `null` takes a field back, so that it is inherited."""
    after = {**overrides, **changes}
    return {name: value for name, value in after.items() if value is not None}


def faults(
    changes: Mapping[str, Any], after: Mapping[str, Any], bounds: Mapping[str, Any]
) -> list[Fault]:
    """Everything wrong with a level's change; `after` is what it would state then.

    `bounds` are the environment's, `{field: {"min": seconds, "max": seconds}}`; {} for itself.
    """
    found = [*_single(changes), *_beyond(changes, bounds)]
    return found or list(_contradictions(after))


def bound_faults(bounds: Mapping[str, Any]) -> list[Fault]:
    """Everything wrong with the bounds that the environment sets for its tenants."""
    return list(_bound_faults(bounds))


def client_faults(limits: Mapping[str, Any]) -> list[Fault]:
    """Everything wrong with a client's limits."""
    allowed = TIGHTENING | {"max_sessions"}
    foreign = [Fault(name, "is not a client's to state") for name in limits if name not in allowed]
    return [*foreign, *_single({name: limits[name] for name in limits if name in allowed})]


def _single(changes: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in changes.items():
        if name not in FIELDS:
            yield Fault(name, "is no field of a policy")
        elif value is not None and (message := RULES[name].fault(value)):
            yield Fault(name, message)


def _beyond(changes: Mapping[str, Any], bounds: Mapping[str, Any]) -> Iterator[Fault]:
    for name, bound in bounds.items():
        value = changes.get(name)
        if value is None:
            continue
        if value == OFF:
            if "max" in bound:
                yield Fault(name, f"must be at most {bound['max']}, so it cannot be off")
        elif isinstance(value, int):
            if "max" in bound and value > bound["max"]:
                yield Fault(name, f"must be at most {bound['max']}")
            if "min" in bound and value < bound["min"]:
                yield Fault(name, f"must be at least {bound['min']}")


def _contradictions(after: Mapping[str, Any]) -> Iterator[Fault]:
    """What one level states about itself that cannot all be meant."""
    pairs = (
        ("access_token_lifetime", "refresh_token_lifetime"),
        ("idle_timeout", "force_relogin"),
        ("access_token_lifetime", "force_relogin"),
        ("retry_window", "refresh_token_lifetime"),
    )
    for smaller, larger in pairs:
        low, high = after.get(smaller), after.get(larger)
        if isinstance(low, int) and isinstance(high, int) and low > high:
            yield Fault(smaller, f"must not be longer than {larger}")


def _bound_faults(bounds: Mapping[str, Any]) -> Iterator[Fault]:
    for name, bound in bounds.items():
        rule = RULES.get(name)
        if not isinstance(rule, _Range):
            yield Fault(f"bounds.{name}", "is no field with a smallest or largest value")
        elif not isinstance(bound, Mapping) or not bound or set(bound) - {"min", "max"}:
            yield Fault(f"bounds.{name}", 'must have "min", "max" or both')
        else:
            limits = _Range(rule.low, rule.high)
            for end, value in bound.items():
                if message := limits.fault(value):
                    yield Fault(f"bounds.{name}.{end}", message)
            fair = not any(limits.fault(value) for value in bound.values())
            if fair and bound.get("min", rule.low) > bound.get("max", rule.high):
                yield Fault(f"bounds.{name}", "min must not be larger than max")
