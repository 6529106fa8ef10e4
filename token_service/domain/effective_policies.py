"""What the levels of policy come to for one account, tenant and client, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from token_service.domain.policies import (
    NEVER,
    OFF,
    Bounds,
    Explained,
    Level,
    Policy,
    explained,
    written,
)
from token_service.domain.session_limits import UNLIMITED, Limit, limit_sources, limits_for


@dataclass(frozen=True, slots=True)
class Levels:
    """What each level states, from the settings downwards.

    `tenant` and `client` are empty where none was asked for. `account_limit` is the account's own
    number of sessions, None where it has none.
    """

    defaults: Policy
    bounds: Bounds
    environment: Mapping[str, Any]
    tenant: Mapping[str, Any] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)
    account_limit: int | None = None

    @property
    def environment_policy(self) -> Policy:
        """What holds where no tenant says otherwise."""
        return self.defaults.overridden(self.environment).within(self.bounds)

    @property
    def bounds_of_tenants(self) -> Bounds:
        """What no tenant may leave."""
        return self.environment_policy.bounds_of_tenants(self.bounds)

    def tenant_policy(self, overrides: Mapping[str, Any]) -> Policy:
        """What holds in a tenant that states these."""
        return self.environment_policy.overridden(overrides).within(self.bounds_of_tenants)

    @property
    def policy(self) -> Policy:
        """What holds in the tenant through the client."""
        return self.tenant_policy(self.tenant).tightened(self.client)

    def explained(self) -> dict[str, Explained]:
        """Each field's value and the level that decided it; `bounds` where they moved it."""
        told = explained(
            self.defaults,
            (
                Level("environment", self.environment),
                Level("bounds", self.bounds),
                Level("tenant", self.tenant),
                Level("bounds", self.bounds_of_tenants),
                Level("client", self.client),
            ),
        )
        policy, own = self.policy, self.account_limit
        if own is not None and (
            policy.account_limit_precedence == "account"
            or own < (UNLIMITED if policy.max_sessions is None else policy.max_sessions)
        ):
            told["max_sessions"] = Explained(limit_written(own), "account")
        return told

    def session_limits(self, tenant_id: str, client_id: str) -> tuple[Limit, ...]:
        """The limits that a new session must keep; those that are off are left out."""
        sources = limit_sources(
            self.environment_policy, self.policy, self.tenant, self.client, self.account_limit
        )
        return limits_for(sources, tenant_id, client_id)


@dataclass(frozen=True, slots=True)
class Relogin:
    """A forced re-login (seconds, or `"off"`), what demands it, and the tenant, if one does.

    `source` is `account` where it comes from another one of the account's tenants.
    """

    value: object
    source: str
    tenant_id: str | None


@dataclass(frozen=True, slots=True)
class InEffect:
    """What the values come to; each source is a level, `auto`, or the field that cuts it short.

    `remembered_unused_limit` is None where no session is remembered.
    """

    access_token_lifetime: Explained
    refresh_token_lifetime: Explained
    unused_limit: Explained
    remembered_unused_limit: Explained | None
    force_relogin: Relogin


def in_effect(levels: Levels, relogin: Relogin) -> InEffect:
    """What the levels come to, with the re-login that the account's tenants come to."""
    policy, told = levels.policy, levels.explained()
    refresh = told["refresh_token_lifetime"]
    if policy.refresh_token_lifetime == "auto":
        refresh = Explained(policy.refresh_lifetime, "auto")
    shorter = _shorter(policy)
    access = told["access_token_lifetime"]
    if policy.access_lifetime < policy.access_token_lifetime:
        access = Explained(policy.access_lifetime, shorter)
    return InEffect(
        access_token_lifetime=access,
        refresh_token_lifetime=refresh,
        unused_limit=Explained(policy.unused_limit, shorter),
        remembered_unused_limit=_remembered(levels),
        force_relogin=relogin,
    )


def strictest_relogin(
    levels: Levels, tenant_id: str | None, others: Sequence[tuple[str, Mapping[str, Any]]]
) -> Relogin:
    """The forced re-login that comes first: of the tenant and the client, or of the `others`.

    Those are the account's other tenants, each with what it states; the strictest counts in all.
    Where the account has tenants and none is asked for, the environment's counts through them.
    """
    told = levels.explained()["force_relogin"]
    in_place = tenant_id if levels.tenant.keys() & {"force_relogin"} else None
    found = [Relogin(told.value, told.source, None if told.source == "client" else in_place)]
    through = [
        Relogin(written(levels.tenant_policy(overrides).force_relogin), "account", other)
        for other, overrides in others
    ]
    if tenant_id is None and others:
        client = Policy(force_relogin=None).tightened(levels.client)
        found = [*through, Relogin(written(client.force_relogin), "client", None)]
    else:
        found += through
    return min(found, key=lambda one: one.value if isinstance(one.value, int) else NEVER)


def limit_written(limit: int | None) -> object:
    """An account's own limit as the API writes it: a number, `"off"`, or null for none."""
    return OFF if limit == UNLIMITED else limit


def _shorter(policy: Policy) -> str:
    """Which of both limits on unused sessions comes first."""
    is_idle_first = policy.idle_timeout == policy.unused_limit
    return "idle_timeout" if is_idle_first else "refresh_token_lifetime"


def _remembered(levels: Levels) -> Explained | None:
    tenant = levels.tenant_policy(levels.tenant)
    if not tenant.remember_me:
        return None
    lifetime = tenant.remembering().unused_limit
    tightened = tenant.remembering().tightened(levels.client).unused_limit
    if tightened < lifetime:
        return Explained(tightened, "client")
    is_own = lifetime == tenant.remember_me_lifetime
    return Explained(lifetime, "remember_me_lifetime" if is_own else _shorter(tenant))
