"""Several tenants side by side under one session: a grant for another of the account's tenants.

By refresh token: the presented one is spent, and its chain goes on beside the new grant. Id and
secret of that are derived from the token and the tenant, so a retry inside the window gives the
same two tokens while neither was used, and a thief who branches off is found at the owner's next
use.
By access token: only together with the client's own authentication, because an access token alone
never yields a refresh token.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from token_service.clock import Clock
from token_service.crypto import opaque, refresh_tokens
from token_service.crypto.locators import Locator
from token_service.domain import scopes
from token_service.domain.accounts import Account
from token_service.domain.clients import Client
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.refreshing import Verdict
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.session_limits import LimitAction
from token_service.domain.sessions import GrantKey, GrantState, grant_refusal
from token_service.services import (
    issuing,
    recording,
    refreshing,
    session_grants,
    session_limiting,
)
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.services.inspection import Inspection
from token_service.services.issuing import Holder, IssuedTokens
from token_service.services.opening import NewlyOpened, Place, ends_of, open_grant, place_of
from token_service.services.refreshing import Attempt, Refresh
from token_service.storage import accounts, branches, grants, sessions
from token_service.storage.configuration import Versioned
from token_service.storage.database import Database, InTransaction, Transaction

_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """Who enters which tenant, and with how much of the scope that the session's grant has."""

    client: Client
    tenant_id: str
    scope: str | None
    origin: Origin


def refresh(
    database: Database, clock: Clock, snapshot: Snapshot, command: Refresh, tenant_id: str | None
) -> IssuedTokens | Refused:
    """Use a refresh token once, in its own tenant or to enter another of the account's.

    Whatever is refused spends nothing: not a member, a scope that is too wide, an impersonated
    session (`refreshing.refresh` tells the rest).
    """
    if tenant_id is None:
        return refreshing.refresh(database, clock, snapshot, command)
    presented = refreshing.parsed(database, clock, snapshot, command.token)
    if presented is None or presented.locator.tenant_id == tenant_id:
        return refreshing.refresh(database, clock, snapshot, command)
    if not command.client.may_refresh:
        return certain_refusal(database, clock, snapshot, Refusal.GRANT_NOT_ALLOWED)
    rules = snapshot.rules(presented.locator.tenant_id, command.client)
    if rules is None:
        return certain_refusal(database, clock, snapshot, Refusal.UNKNOWN_TENANT)
    attempt = Attempt(database, snapshot, command, presented, rules)
    for _ in range(_ROUNDS):
        with database.transaction() as tx:
            outcome = _switched(attempt, tx, clock, tenant_id)
        if outcome is not None:
            return outcome
    raise Unavailable("switch: the statement does not apply to a faultless grant")


def enter(
    database: Database, clock: Clock, snapshot: Snapshot, found: Inspection, entry: Entry
) -> IssuedTokens | Refused:
    """A grant for another tenant, by a live access token and its own, confidential client.

    Nothing is spent, so an answer that was lost is simply asked for again: the grant that nobody
    knows of is over when it has been idle, and at most so many live at once.
    """
    key = found.grant
    if entry.client.is_public:
        return certain_refusal(database, clock, snapshot, Refusal.GRANT_NOT_ALLOWED)
    if key is None or found.client_id != entry.client.client_id:
        return Refused(Refusal.FOREIGN_CLIENT)
    with database.transaction() as tx:
        accounts.lock(tx, key.account_id)
        sessions.lock(tx, key.account_id, key.sid)
        statements, now = InTransaction(tx), clock.now()
        tenant_id = found.tenant_id or ""
        read = grants.read(database, statements, key, tenant_id, snapshot.force_relogin)
        rules = snapshot.rules(tenant_id, entry.client, tx)
        if read is None or rules is None:
            return Refused(Refusal.UNKNOWN_TOKEN)
        state = read.state
        prove(snapshot, Versioned(state.configuration_version, read.database_now), now)
        if refusal := grant_refusal(state, rules, now):
            return Refused(refusal)
        place = _place(snapshot, tx, state, entry, now)
        if isinstance(place, Refused):
            return _refused(tx, state, entry, place, now)
        secret = opaque.new_bytes(refresh_tokens.SECRET_LENGTH)
        grant_id = opaque.new_grant_id()
        locator = replace(_locator(state), tenant_id=entry.tenant_id, grant_id=grant_id)
        return _opened(snapshot, tx, state, entry, place, locator, secret, now)


def _switched(
    attempt: Attempt, tx: Transaction, clock: Clock, tenant_id: str
) -> IssuedTokens | Refused | None:
    """With account and session locked, in this order; None: somebody was faster, look again."""
    key, command = attempt.key, attempt.command
    accounts.lock(tx, key.account_id)
    sessions.lock(tx, key.account_id, key.sid)
    statements, now = InTransaction(tx), clock.now()
    read = attempt.read(statements)
    if read is None:
        return Refused(Refusal.UNKNOWN_TOKEN)
    state = read.state
    verdict = refreshing.verdict_on(attempt, read, now)
    if isinstance(verdict, Refusal) or verdict is Verdict.REPLAY:
        return refreshing.refused(attempt, tx, state, verdict, now)
    if verdict is Verdict.RETRY and refreshing.branch_was_used(attempt, tx, state, now):
        return refreshing.refused(attempt, tx, state, Verdict.REPLAY, now)
    entry = Entry(command.client, tenant_id, command.scope, command.origin)
    place = _place(attempt.snapshot, tx, state, entry, now)
    if isinstance(place, Refused):
        return _refused(tx, state, entry, place, now)
    used = _used(attempt, tx, state, verdict, now)
    if used is None:
        return None
    branch = refreshing.branch_of(attempt, tenant_id, now)
    locator = replace(attempt.presented.locator, tenant_id=tenant_id, grant_id=branch.grant_id)
    entered = _again(attempt, tx, locator, place, entry, branch.secret, now) or _opened(
        attempt.snapshot, tx, used, entry, place, locator, branch.secret, now
    )
    if isinstance(entered, Refused):
        return entered
    return replace(entered, previous_refresh_token=refreshing.successor_token(attempt, used, now))


def _place(
    snapshot: Snapshot, tx: Transaction, state: GrantState, entry: Entry, now: datetime
) -> Place | Refused:
    """Where the new grant is to stand; nothing has been written where this says no."""
    if state.impersonator is not None:
        return Refused(Refusal.IMPERSONATION_NOT_ALLOWED)
    if scopes.narrowed(entry.scope, state.scope, entry.client.scope_names) is None:
        return Refused(Refusal.INVALID_SCOPE)
    account = accounts.read(tx, state.key.account_id)
    if account is None:
        return Refused(Refusal.NOT_A_MEMBER)
    place = place_of(snapshot, account, entry.client, entry.tenant_id, tx)
    if isinstance(place, Place) and not _has_room(snapshot, tx, account, state, entry, place, now):
        return Refused(Refusal.SESSION_LIMIT)
    return place


def _has_room(
    snapshot: Snapshot,
    tx: Transaction,
    account: Account,
    state: GrantState,
    entry: Entry,
    place: Place,
    now: datetime,
) -> bool:
    """Whether the session may be one more of those that the tenant's limit counts.

    Where the tenant evicts, the oldest of the others end for it. One that would have to be asked
    for is refused: a refresh has nobody who could answer.
    """

    if session_grants.has_live_grant_in(snapshot, tx, state, entry.tenant_id, now):
        return True
    live = partial(session_limiting.counted_sessions, tx, snapshot, account, now)
    over = session_limiting.exceeded_by_entry(snapshot, account, entry.client, place.tenant, live)
    if over is None:
        return True
    session = sessions.lock(tx, account.account_id, state.key.sid)
    if session is None or over.action is not LimitAction.EVICT_OLDEST:
        return False
    sids = [one.session.sid for one in over.surplus]
    session_limiting.evict(tx, account.account_id, sids, session.device, entry.origin, now)
    return True


def _used(
    attempt: Attempt, tx: Transaction, state: GrantState, verdict: Verdict, now: datetime
) -> GrantState | None:
    """Spend the presented token, or find that it is spent by the same request that was lost."""
    if verdict is Verdict.RETRY:
        refreshing.record_retry(attempt, tx, state, now)
        branches.mark_branched(tx, state.key)
        return state
    return grants.rotate(
        attempt.database,
        InTransaction(tx),
        attempt.rotation(now, branched=True),
        ahead=verdict is Verdict.AHEAD,
    )


def _again(
    attempt: Attempt,
    tx: Transaction,
    locator: Locator,
    place: Place,
    entry: Entry,
    secret: bytes,
    now: datetime,
) -> IssuedTokens | Refused | None:
    """The tokens of the grant that this very token opened before; None where it has opened none."""
    snapshot = attempt.snapshot
    key = GrantKey(locator.account_id, locator.sid, locator.grant_id)
    read = grants.read(
        attempt.database, InTransaction(tx), key, locator.tenant_id, snapshot.force_relogin
    )
    if read is None:
        return None
    state = read.state
    if refusal := grant_refusal(state, place.rules, now):
        return Refused(refusal)
    token = issuing.refresh_token(
        snapshot, locator, secret, generation=0, key_number=state.key_number, now=now
    )
    scope = scopes.narrowed(entry.scope, state.scope, entry.client.scope_names)
    policy = place.rules.policy_for(remembered=state.remembered)
    held = issuing.holder(locator, entry.client, policy, scope or "", state)
    return issuing.session_tokens(snapshot, held, token, now)


def _opened(
    snapshot: Snapshot,
    tx: Transaction,
    state: GrantState,
    entry: Entry,
    place: Place,
    locator: Locator,
    secret: bytes,
    now: datetime,
) -> IssuedTokens:
    """Open the grant beside the one that `state` is of: same session, same sign-in."""
    session_grants.make_room(snapshot, tx, state, entry.origin, now)
    ends_at, end = ends_of(
        place, state.authenticated_at, state.capped_at, now, remembered=state.remembered
    )
    scope = scopes.narrowed(entry.scope, state.scope, entry.client.scope_names) or ""
    opened = NewlyOpened(entry.client, scope, place, locator, entry.origin, ends_at)
    token = open_grant(snapshot, tx, opened, secret, now)
    event = AuditEvent(
        event=Event.GRANT_OPENED,
        origin=entry.origin,
        actor=f"account:{locator.account_id}",
        account_id=locator.account_id,
        tenant_id=locator.tenant_id,
        client_id=entry.client.client_id,
        sid=locator.sid,
        details={"from_tenant": state.tenant_id},
    )
    recording.record(tx, event, now)
    policy = place.rules.policy_for(remembered=state.remembered)
    held = Holder(locator, entry.client, policy, scope, state.authenticated_at, state.methods, end)
    return issuing.session_tokens(snapshot, held, token, now)


def _refused(
    tx: Transaction, state: GrantState, entry: Entry, refused: Refused, now: datetime
) -> Refused:
    """On the record, because whoever asks holds a token of the account."""
    event = AuditEvent(
        event=Event.GRANT_REFUSED,
        origin=entry.origin,
        actor=f"client:{entry.client.client_id}",
        account_id=state.key.account_id,
        reason=refused.reason,
        tenant_id=state.tenant_id,
        client_id=entry.client.client_id,
        sid=state.key.sid,
    )
    recording.record(tx, event, now)
    if refused.reason is Refusal.IMPERSONATION_NOT_ALLOWED:
        return Refused(Refusal.NOT_A_MEMBER)
    return refused


def _locator(state: GrantState) -> Locator:
    key = state.key
    return Locator(key.account_id, key.sid, state.tenant_id, key.grant_id)
