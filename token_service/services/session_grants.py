"""The grants of one session: how many there may be, and what makes room for one more."""

from datetime import datetime

from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantKey, GrantState, grant_refusal
from token_service.services import recording
from token_service.services.account_sessions import rules_for
from token_service.services.configuration import Snapshot
from token_service.services.endings import Cause, end_grant
from token_service.storage import branches, grants
from token_service.storage.database import Transaction

MOST = 50
"""Live grants under one session (DESIGN.md section 2), and as many that ended and are kept, so that
a replay in one of them is still recognised."""


def make_room(
    snapshot: Snapshot, tx: Transaction, asking: GrantKey, origin: Origin, now: datetime
) -> None:
    """Let one more grant be opened beside the one that asks: the longest unused end for it.

    The one that asks is spared however long it is unused: nobody is to lose a chain by asking for
    another. Whatever time has ended meanwhile gets its reason written, so that it is kept among
    the ended ones and no longer than these. The caller holds the session: nobody opens another
    grant under it meanwhile.
    """
    number = branches.number_of(tx, asking.account_id, asking.sid, now)
    if number.over:
        _end_over(snapshot, tx, asking, origin, now)
    superseded = _supersede(tx, asking, origin, now) if number.running >= MOST else 0
    if number.ended + number.over + superseded > MOST:
        branches.drop_ended(tx, asking.account_id, asking.sid, kept=MOST)


def _end_over(
    snapshot: Snapshot, tx: Transaction, asking: GrantKey, origin: Origin, now: datetime
) -> None:
    """Write down what time has ended already."""
    for state in grants.states_of(tx, asking.account_id, [asking.sid], snapshot.force_relogin):
        refusal = _refusal(snapshot, tx, state, now)
        if refusal is not None and state.ends_at <= now:
            end_grant(tx, state, Cause(refusal, "service", origin), now)


def _supersede(tx: Transaction, asking: GrantKey, origin: Origin, now: datetime) -> int:
    """End the longest unused of what is too many; how many these are. Others live on."""
    found = branches.supersede(tx, asking, MOST - 1, "service", now)
    for one in found:
        event = AuditEvent(
            event=Event.GRANT_ENDED,
            origin=origin,
            actor="service",
            account_id=asking.account_id,
            reason=Refusal.SUPERSEDED,
            tenant_id=one.tenant_id,
            client_id=one.client_id,
            sid=asking.sid,
        )
        recording.record(tx, event, now)
    return len(found)


def _refusal(
    snapshot: Snapshot, tx: Transaction, state: GrantState, now: datetime
) -> Refusal | None:
    """Why the grant is over; None while it lives."""
    rules = rules_for(tx, snapshot, state)
    return grant_refusal(state, rules, now) if rules else Refusal.REVOKED
