"""How many sessions an account may have at once: asked whenever one more is to be counted.

The caller holds the account's row, so that what is counted can only become less: two sign-ins that
counted at the same time would each find room for the other.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from token_service.domain.accounts import Account
from token_service.domain.clients import Client
from token_service.domain.events import Origin
from token_service.domain.refusals import Refusal
from token_service.domain.session_limits import (
    Counted,
    Limit,
    LimitAction,
    limit_sources,
    limits_for,
    over_limit,
)
from token_service.domain.sessions import Device, LiveSession
from token_service.domain.tenants import Tenant
from token_service.services.account_sessions import all_live
from token_service.services.configuration import Snapshot
from token_service.services.endings import Cause, end_session
from token_service.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Exceeded:
    """There is no room for one more session.

    `counted` are the sessions that the full limits count, newest first; `surplus` those of them
    that would have to end, oldest first.
    """

    action: LimitAction
    counted: tuple[LiveSession, ...]
    surplus: tuple[LiveSession, ...]


def exceeded(
    snapshot: Snapshot,
    account: Account,
    client: Client,
    tenant: Tenant,
    others: Callable[[], Sequence[LiveSession]],
) -> Exceeded | None:
    """Whether there is no room for one more session of the client in the tenant.

    `others` are the account's sessions that count (`counted_sessions`); they are asked for only
    where there is a limit.
    """
    return _exceeded(snapshot, tenant, limits_on(snapshot, account, client, tenant), others)


def _exceeded(
    snapshot: Snapshot,
    tenant: Tenant,
    limits: tuple[Limit, ...],
    others: Callable[[], Sequence[LiveSession]],
) -> Exceeded | None:
    if not limits:
        return None
    live = {one.session.sid: one for one in others()}
    counted = [_counted(one) for one in live.values()]
    surplus = over_limit(limits, counted)
    if not surplus:
        return None
    full = [limit for limit in limits if over_limit((limit,), counted)]
    return Exceeded(
        action=LimitAction(snapshot.policy_of(tenant).max_sessions_action),
        counted=tuple(live[one.sid] for one in counted if any(limit.counts(one) for limit in full)),
        surplus=tuple(live[one.sid] for one in surplus),
    )


def evicted_by_grant(
    tx: Transaction,
    snapshot: Snapshot,
    account: Account,
    client: Client,
    tenant: Tenant,
    sid: str,
    now: datetime,
) -> tuple[str, ...] | None:
    """The sessions that end so that this one may gain a grant; None: there is no room for it.

    Only limits that do not count it yet are asked: the tenant's own before its first grant there,
    the client's before the first one of the client. Of all others it is one as before.
    """
    limits = limits_on(snapshot, account, client, tenant)
    special = [one for one in limits if one.tenant_id is not None or one.client_id is not None]
    if not special:
        return ()
    live = counted_sessions(tx, snapshot, account, now)
    here = [_counted(one) for one in live if one.session.sid == sid]
    anew = tuple(limit for limit in special if not any(map(limit.counts, here)))
    return _evicted(_exceeded(snapshot, tenant, anew, lambda: live))


def evicted_by_session(
    tx: Transaction,
    snapshot: Snapshot,
    account: Account,
    client: Client,
    tenant: Tenant,
    now: datetime,
) -> tuple[str, ...] | None:
    """The sessions that end so that one more may open; None: there is no room for it."""
    others = partial(counted_sessions, tx, snapshot, account, now)
    return _evicted(exceeded(snapshot, account, client, tenant, others))


def _evicted(over: Exceeded | None) -> tuple[str, ...] | None:
    """None also where somebody would have to be asked which one ends: there is nobody to ask."""
    if over is None:
        return ()
    if over.action is not LimitAction.EVICT_OLDEST:
        return None
    return tuple(one.session.sid for one in over.surplus)


def limits_on(
    snapshot: Snapshot, account: Account, client: Client, tenant: Tenant
) -> tuple[Limit, ...]:
    """The limits that the account's sessions with this client in this tenant must keep."""
    sources = limit_sources(
        snapshot.policy,
        snapshot.policy_of(tenant),
        tenant.policy,
        client.policy,
        account.session_limit,
    )
    return limits_for(sources, tenant.tenant_id, client.client_id)


def counted_sessions(
    tx: Transaction, snapshot: Snapshot, account: Account, now: datetime
) -> tuple[LiveSession, ...]:
    """The live sessions of an account that limits count, newest first.

    Whoever acts as the account takes none of its places.
    """
    live = all_live(tx, snapshot, account, now)
    return tuple(one for one in live if one.session.impersonator is None)


def evict(
    tx: Transaction,
    account_id: str,
    sids: Iterable[str],
    device: Device,
    origin: Origin,
    now: datetime,
) -> None:
    """End sessions for one that its owner opens on this device."""
    cause = Cause(
        Refusal.EVICTED, f"account:{account_id}", origin, {"device": device.kind}, device.kind
    )
    for sid in sids:
        end_session(tx, account_id, sid, cause, now)


def _counted(live: LiveSession) -> Counted:
    return Counted(
        sid=live.session.sid,
        authenticated_at=live.session.authenticated_at,
        clients=frozenset(live.clients),
        tenants=frozenset(live.tenants),
    )
