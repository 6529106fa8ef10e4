"""What became of an account's sessions: live or ended, and then why, when and by whom."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from token_service.clock import Clock
from token_service.domain.refusals import Refusal
from token_service.domain.session_ends import (
    SERVICE,
    End,
    EndedSession,
    grant_ending,
    session_ending,
)
from token_service.domain.sessions import GrantState, LiveSession, Rules, Session
from token_service.services.account_sessions import (
    Page,
    gathered,
    is_within,
    live_session,
    rules_for,
)
from token_service.services.configuration import Snapshot, prove_current
from token_service.storage import accounts, epochs, grants, sessions
from token_service.storage.database import Database, Transaction
from token_service.storage.grants import PastGrant


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose sessions are asked for, and which part of them.

    `tenant_id` None: all of it; else what the account's grants in that tenant say. What ended
    longer than `retention` ago is not told, whether it was purged yet or not.
    """

    account_id: str
    tenant_id: str | None
    retention: timedelta


def show(
    database: Database, clock: Clock, snapshot: Snapshot, asked: Asked, sid: str
) -> LiveSession | EndedSession | None:
    """One session of the account, live or ended; None where there is none to tell of."""
    prove_current(database, clock, snapshot)
    with database.reading() as tx:
        now = clock.now()
        account = accounts.read(tx, asked.account_id)
        if account is None or not is_within(account, asked.tenant_id):
            return None
        found = sessions.read(tx, asked.account_id, sid, asked.tenant_id)
        return next(_told(tx, snapshot, asked, [found], now), None) if found else None


def list_ended(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    asked: Asked,
    before_sid: str | None,
    limit: int,
) -> Page[EndedSession] | None:
    """The account's sessions that are over, those that began last first; None if it is unknown."""
    prove_current(database, clock, snapshot)
    with database.reading() as tx:
        now = clock.now()
        account = accounts.read(tx, asked.account_id)
        if account is None or not is_within(account, asked.tenant_id):
            return None
        return gathered(
            lambda before: sessions.page_of_all(
                tx, asked.account_id, before, limit + 1, asked.tenant_id
            ),
            lambda found: (
                one
                for one in _told(tx, snapshot, asked, found, now)
                if isinstance(one, EndedSession)
            ),
            before_sid,
            limit,
        )


def _told(
    tx: Transaction, snapshot: Snapshot, asked: Asked, found: Sequence[Session], now: datetime
) -> Iterator[LiveSession | EndedSession]:
    if not found:
        return
    history = defaultdict(list)
    sids = [session.sid for session in found]
    for past in grants.history_of(tx, asked.account_id, sids, snapshot.force_relogin):
        if asked.tenant_id in (None, past.state.tenant_id):
            history[past.state.key.sid].append(past)
    records = _Records(tx, asked.account_id)
    for session in found:
        told = _one(tx, snapshot, records, session, history[session.sid], now)
        if isinstance(told, LiveSession) or (told and told.end.at > now - asked.retention):
            yield told


def _one(
    tx: Transaction,
    snapshot: Snapshot,
    records: "_Records",
    session: Session,
    history: Sequence[PastGrant],
    now: datetime,
) -> LiveSession | EndedSession | None:
    live, ends = [], []
    for past in history:
        state, rules = past.state, rules_for(tx, snapshot, past.state)
        recorded = records.about(state, rules)
        end = grant_ending(state, rules, _written(session, past), recorded, now)
        ends.append(end)
        if end is None and rules is not None:
            live.append((state, rules))
    if live:
        return live_session(session, live)
    session_end = session_ending(ends)
    if session_end is None:
        return None
    return EndedSession(
        session=session,
        end=session_end,
        last_active_at=max(session.last_active_at, *(past.state.used_at for past in history)),
        clients=tuple(sorted({past.state.client_id for past in history})),
        tenants=tuple(sorted({past.state.tenant_id for past in history})),
    )


def _written(session: Session, past: PastGrant) -> list[End]:
    """The ends of a grant and its session that are stored."""
    ends, state = [], past.state
    if session.ended_at is not None:
        reason, actor = session.end_reason or Refusal.REVOKED, session.ended_by or SERVICE
        ends.append(End(reason, session.ended_at, actor, session.ended_device))
    if state.ended_at is not None:
        reason, actor = state.end_reason or Refusal.REVOKED, past.ended_by or SERVICE
        ends.append(End(reason, state.ended_at, actor))
    return ends


@dataclass(frozen=True, slots=True)
class _Records:
    """What was recorded about epochs and memberships, each looked up once."""

    tx: Transaction
    account_id: str
    _known: dict[tuple[str, int], End | None] = field(default_factory=dict)

    def about(self, state: GrantState, rules: Rules | None) -> list[End]:
        """Everything recorded that ended the grant: of each the first after its own number."""
        since = {"account": (state.session_account_epoch, state.account_epoch)}
        since["environment"] = (state.session_environment_epoch, state.environment_epoch)
        if rules is not None:
            since[f"client:{state.client_id}"] = (state.client_epoch, rules.client_epoch)
            since[f"tenant:{state.tenant_id}"] = (state.tenant_epoch, rules.tenant_epoch)
        ends = [self._raised(owner, own) for owner, (own, now) in since.items() if own != now]
        if state.current_membership != state.membership:
            ends.append(self._left(state.membership))
        return [end for end in ends if end is not None]

    def _raised(self, owner: str, since: int) -> End | None:
        key = owner, since
        if key not in self._known:
            raised = (
                epochs.account_reason(self.tx, self.account_id, since)
                if owner == "account"
                else epochs.owner_reason(self.tx, owner, since)
            )
            self._known[key] = raised and End(raised.reason, raised.raised_at, raised.raised_by)
        return self._known[key]

    def _left(self, number: int) -> End | None:
        key = "membership", number
        if key not in self._known:
            left = accounts.ended_membership(self.tx, self.account_id, number)
            self._known[key] = left and End(Refusal.LEFT_TENANT, left.ended_at, left.ended_by)
        return self._known[key]
