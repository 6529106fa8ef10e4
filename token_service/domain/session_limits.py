"""How many sessions an account may have at once, and what happens when one more is opened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from token_service.domain.policies import OFF, Policy

UNLIMITED = 10**9
"""An account's own limit that is "off": no number of sessions reaches it. Unlike None, which is no
limit of its own, it stands in place of the others where the account's takes precedence."""


class LimitAction(StrEnum):
    """What happens to a sign-in beyond the limit."""

    EVICT_OLDEST = "evict_oldest"
    DENY = "deny"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Counted:
    """A live session as limits count it: one, however many tabs, clients and tenants it holds."""

    sid: str
    authenticated_at: datetime
    clients: frozenset[str]
    tenants: frozenset[str]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` live sessions, of those with a live grant of the tenant or client if named.

    `source` is the level that states it: `environment`, `tenant`, `client` or `account`.
    """

    most: int
    tenant_id: str | None = None
    client_id: str | None = None
    source: str = "environment"

    def counts(self, session: Counted) -> bool:
        """Whether the session is one of those that this limit is about."""
        if self.tenant_id is not None and self.tenant_id not in session.tenants:
            return False
        return self.client_id is None or self.client_id in session.clients


@dataclass(frozen=True, slots=True)
class LimitSources:
    """The limits as each level states them; None: no limit there.

    `tenant` None also where the tenant states nothing and the environment's holds.
    """

    environment: int | None
    tenant: int | None
    client: int | None
    account: int | None
    precedence: str


def limit_sources(
    environment: Policy,
    tenant: Policy,
    overrides: Mapping[str, Any],
    client: Mapping[str, Any],
    account: int | None,
) -> LimitSources:
    """The limits out of what is in effect in the environment and the tenant.

    `overrides` is what the tenant states, `client` what the client does: a tenant that states no
    limit has none of its own, whatever it inherits.
    """
    of_client = client.get("max_sessions")
    return LimitSources(
        environment=environment.max_sessions,
        tenant=tenant.max_sessions if "max_sessions" in overrides else None,
        client=None if of_client == OFF else of_client,
        account=account,
        precedence=tenant.account_limit_precedence,
    )


def limits_for(sources: LimitSources, tenant_id: str, client_id: str) -> tuple[Limit, ...]:
    """The limits that a new session in this tenant through this client must keep.

    The seed documents say both that an account's own limit may exceed the global one and that the
    stricter wins; `precedence` chooses. With `account` it stands in place of the environment's and
    the tenant's; with `strictest` all of them hold, so the lowest wins. The client's limit is about
    the client and always holds.
    """
    limits = []
    own = sources.account is not None and sources.precedence == "account"
    if sources.account is not None and sources.account < UNLIMITED:
        limits.append(Limit(sources.account, source="account"))
    if sources.tenant is not None and not own:
        limits.append(Limit(sources.tenant, tenant_id=tenant_id, source="tenant"))
    if sources.environment is not None and not own:
        limits.append(Limit(sources.environment))
    if sources.client is not None:
        limits.append(Limit(sources.client, client_id=client_id, source="client"))
    return tuple(limits)


def over_limit(limits: Iterable[Limit], live: Sequence[Counted]) -> tuple[Counted, ...]:
    """The oldest sessions that must end so that one more may open; () where there is room.

    Oldest by sign-in; the id decides between two of the same instant, so every node agrees.
    """
    oldest_first = sorted(live, key=lambda one: (one.authenticated_at, one.sid))
    ending: set[str] = set()
    for limit in limits:
        counted = [one for one in oldest_first if limit.counts(one) and one.sid not in ending]
        surplus = len(counted) + 1 - limit.most
        ending |= {one.sid for one in counted[: max(0, surplus)]}
    return tuple(one for one in oldest_first if one.sid in ending)
