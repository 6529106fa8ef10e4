"""Ending some of an account's grants at once, and each session that is left without a live one.

Whoever calls holds the account and the sessions, and has proved that the snapshot is in force:
whether a grant is live rests on policies.
"""

from collections.abc import Iterable
from datetime import datetime

from token_service.domain.events import AuditEvent, Event
from token_service.domain.sessions import GrantSelection
from token_service.services import account_sessions, recording
from token_service.services.configuration import Snapshot
from token_service.services.endings import Cause, end_session
from token_service.storage import grants, logout_notices
from token_service.storage.database import Transaction
from token_service.storage.grants import EndedGrant


def end_grants(
    tx: Transaction, snapshot: Snapshot, chosen: GrantSelection, cause: Cause, now: datetime
) -> None:
    """End these grants, and each session that is left without a live one.

    A client that holds nothing any more under a session that goes on is told like at its end: it
    did not sign its user out there.
    """
    account_id = chosen.account_id
    ended = grants.end_selected(tx, chosen, cause.reason, cause.actor, now)
    _record(tx, account_id, ended, cause, now)
    touched = sorted({one.sid for one in ended})
    still_live = account_sessions.live_grants(tx, snapshot, account_id, touched, now)
    for one in touched:
        if one not in still_live:
            end_session(tx, account_id, one, cause, now, tenant_id=chosen.tenant_id)
            continue
        holding = {state.client_id for state, _ in still_live[one]}
        lost = {grant.client_id for grant in ended if grant.sid == one} - holding
        logout_notices.end_session(tx, account_id, one, now, lost)


def _record(
    tx: Transaction, account_id: str, ended: Iterable[EndedGrant], cause: Cause, now: datetime
) -> None:
    for one in ended:
        event = AuditEvent(
            event=Event.GRANT_ENDED,
            origin=cause.origin,
            actor=cause.actor,
            account_id=account_id,
            reason=cause.reason,
            tenant_id=one.tenant_id,
            client_id=one.client_id,
            sid=one.sid,
            details=cause.details,
        )
        recording.record(tx, event, now)
