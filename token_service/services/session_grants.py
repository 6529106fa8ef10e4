"""The grants of one session: how many there may be, and what makes room for one more."""

from datetime import datetime

from token_service.domain.clients import Client
from token_service.domain.events import Origin
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantState, grant_refusal
from token_service.services.configuration import Snapshot
from token_service.services.endings import Cause, end_grant
from token_service.storage import branches, grants
from token_service.storage.database import Transaction

MOST = 50
"""Live grants under one session (DESIGN.md section 2), and as many that ended and are kept, so that
a replay in one of them is still recognised."""


def make_room(
    snapshot: Snapshot, tx: Transaction, account_id: str, sid: str, origin: Origin, now: datetime
) -> None:
    """End the longest unused grants of the session, so that one more may be opened.

    The caller holds the session: nobody opens another one meanwhile.
    """
    live = live_grants(snapshot, tx, account_id, sid, now)
    live.sort(key=lambda state: (state.used_at, state.key.grant_id))
    cause = Cause(Refusal.SUPERSEDED, "service", origin)
    for state in live[: max(0, len(live) + 1 - MOST)]:
        end_grant(tx, state, cause, now)
    branches.drop_ended(tx, account_id, sid, kept=MOST)


def live_grants(
    snapshot: Snapshot, tx: Transaction, account_id: str, sid: str, now: datetime
) -> list[GrantState]:
    """Those that live, by the one rule."""
    states = grants.states_of(tx, account_id, [sid], snapshot.force_relogin)
    return [state for state in states if _is_live(snapshot, tx, state, now)]


def _is_live(snapshot: Snapshot, tx: Transaction, state: GrantState, now: datetime) -> bool:
    client: Client | None = snapshot.client(state.client_id, tx)
    rules = snapshot.rules(state.tenant_id, client, tx) if client else None
    return rules is not None and grant_refusal(state, rules, now) is None
