"""What a device may know of the end of its own session: why, when, and from which kind of device.

Whoever calls has proved that the device presents the newest token of its chain.
"""

from datetime import datetime

from token_service.domain.refusals import TOLD, EndTold, Refusal
from token_service.domain.sessions import GrantState, Rules, grant_end
from token_service.services.endings import raise_met
from token_service.storage import sessions
from token_service.storage.database import Transaction

_BY_TIME = frozenset(
    {
        Refusal.IDLE_TIMEOUT,
        Refusal.ABSOLUTE_TIMEOUT,
        Refusal.CLIENT_TIMEOUT,
        Refusal.REFRESH_EXPIRED,
    }
)


def end_told(tx: Transaction, state: GrantState, rules: Rules) -> EndTold | None:
    """The end of a grant or of its session, as it is stored; None for one that nobody is told."""
    reason = state.session_end_reason or state.end_reason
    stored_at = state.session_ended_at or state.ended_at
    if reason is None or stored_at is None or reason not in TOLD:
        return None
    key = state.key
    return EndTold(
        reason=reason,
        ended_at=min(stored_at, _came(tx, state, rules, reason) or stored_at),
        device=sessions.ended_device(tx, key.account_id, key.sid),
    )


def _came(tx: Transaction, state: GrantState, rules: Rules, reason: Refusal) -> datetime | None:
    """When the end came, where it was written down only when a refresh met it."""
    if reason in _BY_TIME:
        return grant_end(state, rules.policy_for(remembered=state.remembered))
    raised = raise_met(tx, state)
    return raised.raised_at if raised and raised.reason is reason else None
