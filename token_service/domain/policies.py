"""The effective policy: what a session may do, computed here and nowhere else.

All durations are seconds. A policy answers questions; it does not act.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal, Self

MICROSECONDS = 1_000_000
AUTO_REFRESH_FACTOR = 1.5
NEVER = 10**10
"""Seconds (three centuries) that stand for "no limit" in a comparison; small enough for BIGINT."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One complete set of rules. `None` means "no such limit"."""

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

    @property
    def refresh_lifetime(self) -> int:
        """Seconds that a refresh token lives after its predecessor was used."""
        if isinstance(self.refresh_token_lifetime, int):
            return self.refresh_token_lifetime
        return int(self.access_token_lifetime * AUTO_REFRESH_FACTOR)

    @property
    def unused_limit(self) -> int:
        """Seconds without a refresh after which a grant is over: the smaller of both limits."""
        if self.idle_timeout is None:
            return self.refresh_lifetime
        return min(self.idle_timeout, self.refresh_lifetime)

    @property
    def access_lifetime(self) -> int:
        """Seconds that an access token lives.

        At most two thirds of the unused limit: a client that refreshes when its access token
        expires must never find its session idle by accident.
        """
        return max(1, min(self.access_token_lifetime, self.unused_limit * 2 // 3))

    def replaced(self, overrides: dict[str, object]) -> Self:
        """This policy with the given fields replaced; unknown fields are a programming error."""
        return replace(self, **overrides)  # type: ignore[arg-type]


FIELDS = frozenset(field.name for field in fields(Policy))
