"""Ending sessions and grants inside an open transaction: once, with a name, on the record.

Whoever calls holds the session's row, taken before any grant's (order account, session, grant).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantState
from token_service.services import recording
from token_service.storage import epochs, grants, sessions
from token_service.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something ends, through whom and from where; `details` are plain facts for the log."""

    reason: Refusal
    actor: str
    origin: Origin
    details: Mapping[str, object] = field(default_factory=dict)


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
    if not sessions.end(tx, account_id, sid, cause.reason, cause.actor, now):
        return False
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
_SESSION_REASONS = frozenset({Refusal.ABSOLUTE_TIMEOUT, Refusal.REVOKED, Refusal.RESTORED})


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
    if state.session_account_epoch != state.account_epoch:
        raised = epochs.account_reason(tx, state.key.account_id, state.session_account_epoch)
        return raised.reason if raised else reason
    if state.session_environment_epoch != state.environment_epoch:
        raised = epochs.owner_reason(tx, "environment", state.session_environment_epoch)
        return raised.reason if raised else reason
    return reason
