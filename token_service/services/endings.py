"""Ending sessions and grants inside an open transaction: once, with a name, on the record.

Whoever calls holds the session's row, taken before any grant's (order account, session, grant).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantState
from token_service.domain.tenants import Tenant
from token_service.services import recording
from token_service.storage import epochs, grants, logout_notices, sessions
from token_service.storage.database import Transaction
from token_service.storage.epochs import Raised


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something ends, through whom and from where; `details` are plain facts for the log.

    `device` is the kind of device that it is ended from, where its owner is to learn that.
    """

    reason: Refusal
    actor: str
    origin: Origin
    details: Mapping[str, object] = field(default_factory=dict)
    device: str | None = None


def end_session(
    tx: Transaction,
    account_id: str,
    sid: str,
    cause: Cause,
    now: datetime,
    *,
    tenant_id: str | None = None,
    client_id: str | None = None,
) -> bool:
    """End the session and everything under it; False, and nothing recorded, if it had ended."""
    ended = sessions.end(tx, account_id, sid, cause.reason, cause.actor, now, device=cause.device)
    if not ended:
        return False
    logout_notices.end_session(tx, account_id, sid, now)
    event = AuditEvent(
        event=Event.REFRESH_REPLAYED if cause.reason is Refusal.REPLAYED else Event.SESSION_ENDED,
        origin=cause.origin,
        actor=cause.actor,
        account_id=account_id,
        reason=cause.reason,
        tenant_id=tenant_id,
        client_id=client_id,
        sid=sid,
        details=cause.details,
    )
    recording.record(tx, event, now)
    return True


def end_grant(tx: Transaction, state: GrantState, cause: Cause, now: datetime) -> bool:
    """End the grant, and its session with it where no live grant is left under it."""
    if not grants.end(tx, state.key, cause.reason, cause.actor, now):
        return False
    event = AuditEvent(
        event=Event.GRANT_ENDED,
        origin=cause.origin,
        actor=cause.actor,
        account_id=state.key.account_id,
        reason=cause.reason,
        tenant_id=state.tenant_id,
        client_id=state.client_id,
        sid=state.key.sid,
        details=cause.details,
    )
    recording.record(tx, event, now)
    if grants.others_live(tx, state.key, now) == 0:
        end_session(
            tx,
            state.key.account_id,
            state.key.sid,
            cause,
            now,
            tenant_id=state.tenant_id,
            client_id=state.client_id,
        )
    return True


def end_impersonations(
    tx: Transaction, account_id: str, actor: str, origin: Origin, now: datetime
) -> None:
    """Let nobody act any more as an account that has become an administrator.

    Its roles are not read at each use of an impersonated session, so whoever gives it power over
    others ends them in the same transaction. The caller holds environment and account.
    """
    cause = Cause(Refusal.PRIVILEGED_ACCOUNT, actor, origin)
    for sid in sessions.impersonated(tx, account_id, now):
        end_session(tx, account_id, sid, cause, now)


def end_impersonations_in(
    tx: Transaction, tenant: Tenant, actor: str, origin: Origin, now: datetime
) -> None:
    """The same for all members that a new definition of the tenant's roles gives power.

    The caller holds the environment, as does whoever gives roles or begins to act as somebody.
    """
    cause = Cause(Refusal.PRIVILEGED_ACCOUNT, actor, origin)
    for one in sessions.impersonated_in(tx, tenant.tenant_id, now):
        if tenant.permissions(one.roles):
            end_session(tx, one.account_id, one.sid, cause, now)


_GRANT_REASONS = frozenset(
    {
        Refusal.IDLE_TIMEOUT,
        Refusal.CLIENT_TIMEOUT,
        Refusal.REFRESH_EXPIRED,
        Refusal.EXPIRED,
        Refusal.LEFT_TENANT,
        Refusal.CLIENT_DISABLED,
        Refusal.TENANT_DISABLED,
    }
)
_SESSION_REASONS = frozenset(
    {
        Refusal.ABSOLUTE_TIMEOUT,
        Refusal.REVOKED,
        Refusal.RESTORED,
        Refusal.IMPERSONATION_NOT_ALLOWED,
    }
)


def write_end(tx: Transaction, state: GrantState, cause: Cause, now: datetime) -> None:
    """Make an end final that a refresh has met; an end that stands already stays as it is."""
    if state.session_ended_at is not None or state.ended_at is not None:
        return
    if cause.reason in _GRANT_REASONS:
        end_grant(tx, state, cause, now)
    elif cause.reason in _SESSION_REASONS:
        named = Cause(named_reason(tx, state, cause.reason), cause.actor, cause.origin)
        end_session(
            tx,
            state.key.account_id,
            state.key.sid,
            named,
            now,
            tenant_id=state.tenant_id,
            client_id=state.client_id,
        )


def named_reason(tx: Transaction, state: GrantState, reason: Refusal) -> Refusal:
    """The true reason of an end by epoch: that of the first raise after the session's own."""
    raised = raise_met(tx, state)
    return raised.reason if raised else reason


def raise_met(tx: Transaction, state: GrantState) -> Raised | None:
    """The first raise of an epoch after the session's own, None where there was none."""
    if state.session_account_epoch != state.account_epoch:
        return epochs.account_reason(tx, state.key.account_id, state.session_account_epoch)
    if state.session_environment_epoch != state.environment_epoch:
        return epochs.owner_reason(tx, "environment", state.session_environment_epoch)
    return None
