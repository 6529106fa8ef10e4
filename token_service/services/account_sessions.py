"""The sessions of an account: listed, seen, ended one by one or all at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from token_service.clock import Clock
from token_service.domain.accounts import Account
from token_service.domain.events import AuditEvent, Event
from token_service.domain.sessions import (
    Device,
    GrantState,
    LiveSession,
    Rules,
    Session,
    grant_end,
    grant_refusal,
)
from token_service.services import recording
from token_service.services.configuration import Snapshot, prove_current
from token_service.services.endings import Cause, end_session
from token_service.storage import accounts, epochs, grants, logout_notices, sessions
from token_service.storage.database import Database, Transaction
from token_service.storage.epochs import Raised

_ROUNDS = 20
"""Batches looked through for one page: a page may come out short, never slow."""
_BATCH = 500
"""Sessions read at once where all are needed; both databases take so many parameters."""


class _WithSession(Protocol):
    @property
    def session(self) -> Session: ...


Item = TypeVar("Item", bound=_WithSession)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some sessions, newest first; `next_sid` continues below it, None at the end."""

    items: tuple[Item, ...]
    next_sid: str | None


def list_live(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    account_id: str,
    before_sid: str | None,
    limit: int,
    tenant_id: str | None = None,
) -> Page[LiveSession] | None:
    """The live sessions of an account; None for an unknown account.

    Whether a session is live is asked of the same rule as everywhere, at this second. With
    `tenant_id`, what is asked is that tenant's: an account that is no member is unknown, and a
    session is what its grants in the tenant say.
    """
    prove_current(database, clock, snapshot)
    with database.reading() as tx:
        now = clock.now()
        account = accounts.read(tx, account_id)
        if account is None or not is_within(account, tenant_id):
            return None
        return gathered(
            lambda before: sessions.page(
                tx, account_id, account.epoch, before, limit + 1, tenant_id
            ),
            lambda found: _live(tx, snapshot, account_id, found, now, tenant_id),
            before_sid,
            limit,
        )


def gathered(
    read: Callable[[str | None], Sequence[Session]],
    chosen: Callable[[Sequence[Session]], Iterable[Item]],
    before_sid: str | None,
    limit: int,
) -> Page[Item]:
    """One page of what is chosen of all that is read, in batches of one more than `limit`."""
    items: list[Item] = []
    for _ in range(_ROUNDS):
        found = read(before_sid)
        items += chosen(found)
        if len(items) > limit:
            return Page(tuple(items[:limit]), items[limit - 1].session.sid)
        if len(found) <= limit:
            return Page(tuple(items), None)
        before_sid = found[-1].sid
    return Page(tuple(items), before_sid)


def all_live(
    tx: Transaction, snapshot: Snapshot, account: Account, now: datetime
) -> list[LiveSession]:
    """Every live session of an account, newest first."""
    items: list[LiveSession] = []
    before_sid: str | None = None
    while True:
        found = sessions.page(tx, account.account_id, account.epoch, before_sid, _BATCH)
        items += _live(tx, snapshot, account.account_id, found, now)
        if len(found) < _BATCH:
            return items
        before_sid = found[-1].sid


def is_within(account: Account, tenant_id: str | None) -> bool:
    """Whether the account is one that a caller of the tenant (None: of the environment) reaches."""
    return tenant_id is None or account.membership_in(tenant_id) is not None


def _live(
    tx: Transaction,
    snapshot: Snapshot,
    account_id: str,
    found: Sequence[Session],
    now: datetime,
    tenant_id: str | None = None,
) -> Iterator[LiveSession]:
    """Those of the sessions that are live, as all their grants say, or those in one tenant."""
    sids = [session.sid for session in found]
    live = live_grants(tx, snapshot, account_id, sids, now)
    for session in found:
        held = [one for one in live.get(session.sid, ()) if tenant_id in (None, one[0].tenant_id)]
        if held:
            yield live_session(session, held)


def live_grants(
    tx: Transaction, snapshot: Snapshot, account_id: str, sids: Sequence[str], now: datetime
) -> dict[str, list[tuple[GrantState, Rules]]]:
    """The live grants under some sessions of one account, by session."""
    if not sids:
        return {}
    live = defaultdict(list)
    for state in grants.states_of(tx, account_id, sids, snapshot.force_relogin):
        rules = rules_for(tx, snapshot, state)
        if rules is not None and grant_refusal(state, rules, now) is None:
            live[state.key.sid].append((state, rules))
    return live


def live_session(session: Session, live: Sequence[tuple[GrantState, Rules]]) -> LiveSession:
    """The session as these live grants of it say."""
    return LiveSession(
        session=session,
        last_active_at=max(session.last_active_at, *(state.used_at for state, _ in live)),
        ends_at=max(
            grant_end(state, rules.policy_for(remembered=state.remembered)) for state, rules in live
        ),
        clients=tuple(sorted({state.client_id for state, _ in live})),
        tenants=tuple(sorted({state.tenant_id for state, _ in live})),
    )


def rules_for(tx: Transaction, snapshot: Snapshot, state: GrantState) -> Rules | None:
    """What the configuration says about the grant; None where its client or tenant is gone."""
    client = snapshot.client(state.client_id, tx)
    return snapshot.rules(state.tenant_id, client, tx) if client else None


def end_one(database: Database, clock: Clock, account_id: str, sid: str, cause: Cause) -> bool:
    """End one session of the account; True also where it had ended, False if there is none."""
    with database.transaction() as tx:
        if sessions.lock(tx, account_id, sid) is None:
            return False
        end_session(tx, account_id, sid, cause, clock.now())
    return True


def account_of(database: Database, sid: str) -> str | None:
    """The account of a session, for callers who know nothing but its id."""
    with database.reading() as tx:
        return sessions.account_of(tx, sid)


def belongs_to(database: Database, account_id: str, tenant_id: str) -> bool:
    """Whether the account is a member of the tenant."""
    with database.reading() as tx:
        return accounts.is_member(tx, account_id, tenant_id)


def end_all(
    database: Database, clock: Clock, account_id: str, cause: Cause, keep_sid: str | None = None
) -> bool:
    """End every session of the account by one row update; False for an unknown account.

    `keep_sid` goes on: it is carried over to the new epoch in the same transaction. A sign-in that
    runs beside this holds the same account row, so it is either ended too or comes after it.
    """
    with database.transaction() as tx:
        if accounts.lock(tx, account_id) is None:
            return False
        raise_epoch(tx, account_id, cause, clock.now(), keep_sid)
    return True


def raise_epoch(
    tx: Transaction, account_id: str, cause: Cause, now: datetime, keep_sid: str | None = None
) -> None:
    """The same in an open transaction that holds the account."""
    epoch = accounts.raise_epoch(tx, account_id)
    if epoch is None:
        return
    epochs.record_account(tx, account_id, epoch, Raised(cause.reason, cause.actor, now))
    if keep_sid is not None:
        sessions.keep(tx, account_id, keep_sid, epoch)
    logout_notices.end_account(tx, account_id, keep_sid, now)
    event = AuditEvent(
        event=Event.EPOCH_RAISED,
        origin=cause.origin,
        actor=cause.actor,
        account_id=account_id,
        reason=cause.reason,
        details={"epoch": epoch, "kept": keep_sid or ""},
    )
    recording.record(tx, event, now)


def ping(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    account_id: str,
    sid: str,
    device: Device,
) -> LiveSession | None:
    """Record that a live session's user is active, and where; extends nothing.

    The caller has just proved the session live; None where it ended meanwhile.
    """
    with database.transaction() as tx:
        now = clock.now()
        seen = sessions.see(tx, account_id, sid, device, now)
        return next(_live(tx, snapshot, account_id, [seen], now), None) if seen else None
