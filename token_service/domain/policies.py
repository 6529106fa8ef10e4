"""The effective policy: what a session may do, computed here and nowhere else.

All durations are seconds. A policy answers questions; it does not act. Overrides come as they are
written in the API and stored: only the fields that a level states, with `"off"` for "no limit".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import ceil
from typing import Any, Literal, Self, TypeAlias

MICROSECONDS = 1_000_000
AUTO_REFRESH_FACTOR = 1.5
NEVER = 10**10
"""Seconds (three centuries) that stand for "no limit" in a comparison; small enough for BIGINT."""
OFF = "off"
Bounds: TypeAlias = Mapping[str, Mapping[str, int]]
"""What no tenant may leave: `{field: {"min": number, "max": number}}`, each end optional."""


@dataclass(frozen=True)
class Policy:
    """One complete set of rules. `None` means "no such limit"; what follows from the rules is
    computed once."""

    access_token_lifetime: int = 900
    refresh_token_lifetime: int | Literal["auto"] = 86_400
    idle_timeout: int | None = 86_400
    force_relogin: int | None = None
    max_sessions: int | None = None
    max_sessions_action: str = "evict_oldest"
    account_limit_precedence: str = "account"
    remember_me: bool = False
    remember_me_lifetime: int = 2_592_000
    logout_on_password_change: bool = True
    retry_window: int = 60
    lockout_failures: int = 10
    lockout_seconds: int = 900
    impersonation: bool = True

    @cached_property
    def refresh_lifetime(self) -> int:
        """Seconds that a refresh token lives after its predecessor was used."""
        if isinstance(self.refresh_token_lifetime, int):
            return self.refresh_token_lifetime
        # Rounded up: two thirds of it must never be less than the access token's lifetime.
        return ceil(self.access_token_lifetime * AUTO_REFRESH_FACTOR)

    @cached_property
    def unused_limit(self) -> int:
        """Seconds without a refresh after which a grant is over: the smaller of both limits."""
        if self.idle_timeout is None:
            return self.refresh_lifetime
        return min(self.idle_timeout, self.refresh_lifetime)

    @cached_property
    def access_lifetime(self) -> int:
        """Seconds that an access token lives.

        At most two thirds of the unused limit: a client that refreshes when its access token
        expires must never find its session idle by accident.
        """
        return max(1, min(self.access_token_lifetime, self.unused_limit * 2 // 3))

    def overridden(self, overrides: Mapping[str, Any]) -> Self:
        """This policy with the fields that a level states in place of its own."""
        known = {name: value for name, value in overrides.items() if name in FIELDS}
        return replace(self, **{name: _value(value) for name, value in known.items()})

    def within(self, bounds: Bounds) -> Self:
        """This policy moved inside the environment's bounds, for what was stated before them.

        A bound on a lifetime that is `auto` applies to what it comes to.
        """
        policy = self
        # In this order: a refresh lifetime that is `auto` follows the access lifetime in effect.
        for name in sorted(FIELDS & bounds.keys()):
            value, low, high = policy.number(name), bounds[name].get("min"), bounds[name].get("max")
            moved: dict[str, Any] = {}
            if high is not None and (value is None or value > high):
                moved = {name: high}
            elif low is not None and value is not None and value < low:
                moved = {name: low}
            policy = replace(policy, **moved)
        return policy

    def bounds_of_tenants(self, bounds: Bounds) -> Bounds:
        """What no tenant may leave where this is the environment's policy: its bounds, and that the
        protection of passwords only becomes stricter.

        An account's password is one for all of its tenants, and the wait that everybody sees must
        be the same for all names.
        """
        fewest, longest = bounds.get("lockout_failures", {}), bounds.get("lockout_seconds", {})
        return {
            **bounds,
            "lockout_failures": {**fewest, "max": self.lockout_failures},
            "lockout_seconds": {**longest, "min": self.lockout_seconds},
        }

    def remembering(self) -> Self:
        """This policy for a session that is to be remembered.

        Where remembering is allowed, its own lifetime stands in place of both limits on unused
        sessions; it lengthens them or leaves them alone. Forced re-login holds all the same.
        """
        if not self.remember_me:
            return self
        lifetime = max(self.remember_me_lifetime, self.unused_limit)
        return replace(self, idle_timeout=lifetime, refresh_token_lifetime=lifetime)

    def tightened(self, limits: Mapping[str, Any]) -> Self:
        """This policy with a client's limits: each can shorten a lifetime, none lengthen one."""
        changes: dict[str, Any] = {}
        for name, limit in limits.items():
            if name in TIGHTENING and limit != OFF:
                current = self.number(name)
                changes[name] = limit if current is None else min(limit, current)
        return replace(self, **changes) if changes else self

    def number(self, name: str) -> int | None:
        """A field that is a number, `auto` as what it comes to; None where there is no limit."""
        if name == "refresh_token_lifetime":
            return self.refresh_lifetime
        value: int | None = getattr(self, name)
        return value

    def flat(self) -> dict[str, object]:
        """Every field as the API writes it."""
        return {name: written(getattr(self, name)) for name in sorted(FIELDS)}


FIELDS = frozenset(field.name for field in fields(Policy))
TIGHTENING = frozenset(
    {"access_token_lifetime", "refresh_token_lifetime", "idle_timeout", "force_relogin"}
)
"""The fields that a client may state; its session limit is a limit of its own."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of policy and what it says: `environment`, `bounds`, `tenant` or `client`."""

    source: str
    says: Mapping[str, Any]

    def applied_to(self, policy: Policy) -> Policy:
        """The policy that results."""
        if self.source == "bounds":
            return policy.within(self.says)
        if self.source == "client":
            return policy.tightened(self.says)
        return policy.overridden(self.says)

    def decides(self, before: Policy, after: Policy) -> set[str]:
        """The fields whose value is this level's: all that it overrides, else what it changed."""
        if self.source in ("environment", "tenant"):
            return set(FIELDS & self.says.keys())
        return {name for name in FIELDS if getattr(after, name) != getattr(before, name)}


@dataclass(frozen=True, slots=True)
class Explained:
    """One value of an effective policy, as the API writes it, and the level that decided it."""

    value: object
    source: str


def explained(defaults: Policy, levels: Iterable[Level]) -> dict[str, Explained]:
    """Each field's effective value and the level that decided it."""
    policy, sources = defaults, dict.fromkeys(FIELDS, "default")
    for level in levels:
        after = level.applied_to(policy)
        sources |= dict.fromkeys(level.decides(policy, after), level.source)
        policy = after
    return {name: Explained(value, sources[name]) for name, value in policy.flat().items()}


def written(value: object) -> object:
    """A value as the API writes it."""
    return OFF if value is None else value


def _value(value: Any) -> Any:  # noqa: ANN401 - a JSON value that was checked when it was stored
    return None if value == OFF else value
