"""Several tenants side by side under one session: a grant for another of the account's tenants.

By refresh token: the presented one is spent, its chain goes on beside the new grant, and both are
the same for whoever asks for them again (`branching`).
By access token: only together with the client's own authentication, because an access token alone
never yields a refresh token.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import opaque, refresh_tokens
from token_service.crypto.locators import Locator
from token_service.crypto.refresh_tokens import Branch
from token_service.domain import accounts as names
from token_service.domain import scopes
from token_service.domain.accounts import Account
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.refreshing import Verdict
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import GrantState, Session, grant_refusal
from token_service.services import (
    branching,
    consents,
    issuing,
    openid_claims,
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
from token_service.storage import accounts, branches, configuration, grants, rotations, sessions
from token_service.storage.configuration import Versioned
from token_service.storage.database import Database, InTransaction, Transaction

_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """Who enters which tenant, with how much of the scope that the session's grant has, and what
    they have proved to hold."""

    client: Client
    tenant_id: str
    scope: str | None
    origin: Origin
    confirmation: Confirmation = UNBOUND


@dataclass(frozen=True, slots=True)
class _Held:
    """The account and the session, locked in this order, and the grant that is entered from."""

    database: Database
    snapshot: Snapshot
    tx: Transaction
    account: Account
    session: Session
    state: GrantState
    now: datetime


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where the new grant is to stand, and which sessions end for it.

    `granted` is the scope of its chain, `scope` that of its first access token.
    """

    place: Place
    granted: str
    scope: str
    evicted: tuple[str, ...]


def refresh(
    database: Database, clock: Clock, snapshot: Snapshot, command: Refresh, tenant_id: str | None
) -> IssuedTokens | Refused:
    """Use a refresh token once, in its own tenant or to enter another of the account's.

    Whatever is refused spends nothing: not a member, a scope that is too wide, an impersonated
    session, a token that was spent for something else (`refreshing.refresh` tells the rest).
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
    entry = Entry(command.client, tenant_id, command.scope, command.origin, command.confirmation)
    for _ in range(_ROUNDS):
        with database.transaction() as tx:
            outcome = _switched(attempt, tx, clock, entry)
        if outcome is not None:
            return outcome
    raise Unavailable("switch: the statement does not apply to a faultless grant")


def enter(
    database: Database, clock: Clock, snapshot: Snapshot, found: Inspection, entry: Entry
) -> IssuedTokens | Refused:
    """A grant for another tenant, by a live access token and its own, confidential client.

    Its scope is at most that of the access token. Nothing is spent, so an answer that was lost is
    simply asked for again: the grant that nobody knows of is over when it has been idle, and at
    most so many live at once.
    """
    client, key, tenant_id = entry.client, found.grant, found.tenant_id
    if client.is_public or not client.may_refresh:
        return certain_refusal(database, clock, snapshot, Refusal.GRANT_NOT_ALLOWED)
    if key is None or tenant_id is None:
        return Refused(Refusal.UNKNOWN_TOKEN)
    with database.transaction() as tx:
        account = accounts.lock(tx, key.account_id)
        session = sessions.lock(tx, key.account_id, key.sid)
        now = clock.now()
        read = grants.read(database, InTransaction(tx), key, tenant_id, snapshot.force_relogin)
        if account is None or session is None or read is None:
            return Refused(Refusal.UNKNOWN_TOKEN)
        state = read.state
        prove(snapshot, Versioned(state.configuration_version, read.database_now), now)
        held = _Held(database, snapshot, tx, account, session, state, now)
        if state.client_id != client.client_id:
            return _refused(held, entry, Refusal.FOREIGN_CLIENT)
        rules = snapshot.rules(tenant_id, client, tx)
        if rules is None:
            return Refused(Refusal.UNKNOWN_TENANT)
        if refusal := grant_refusal(state, rules, now):
            return Refused(refusal)
        destination = _destination(held, entry, found.scope)
        if isinstance(destination, Refusal):
            return _refused(held, entry, destination)
        locator = Locator(key.account_id, key.sid, entry.tenant_id, opaque.new_grant_id())
        secret = opaque.new_bytes(refresh_tokens.SECRET_LENGTH)
        return _opened(held, entry, destination, Branch(locator, secret))


def _switched(
    attempt: Attempt, tx: Transaction, clock: Clock, entry: Entry
) -> IssuedTokens | Refused | None:
    """With account and session locked; None, and nothing written, where somebody was faster."""
    database, snapshot, key = attempt.database, attempt.snapshot, attempt.key
    account = accounts.lock(tx, key.account_id)
    session = sessions.lock(tx, key.account_id, key.sid)
    now = clock.now()
    read = attempt.read(InTransaction(tx))
    if account is None or session is None or read is None:
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        return Refused(Refusal.UNKNOWN_TOKEN)
    held = _Held(database, snapshot, tx, account, session, read.state, now)
    match refreshing.verdict_on(attempt, read, now):
        case (Verdict.FAULTLESS | Verdict.AHEAD) as verdict:
            return _spent(attempt, held, entry, verdict)
        case Verdict.RETRY:
            return _again(attempt, held, entry)
        case verdict:
            return refreshing.refused(attempt, tx, read.state, verdict, now)


def _spent(
    attempt: Attempt, held: _Held, entry: Entry, verdict: Verdict
) -> IssuedTokens | Refused | None:
    """Spend the token on the new grant; None where it was spent a moment ago."""
    tx, now = held.tx, held.now
    destination = _destination(held, entry, held.state.scope)
    if isinstance(destination, Refusal):
        return _refused(held, entry, destination)
    used = rotations.rotate(
        held.database,
        InTransaction(tx),
        attempt.rotation(now, entry.tenant_id),
        ahead=verdict is Verdict.AHEAD,
    )
    if used is None:
        return None
    if verdict is Verdict.AHEAD:
        refreshing.record_ahead(attempt, tx, held.state, now)
    branch = branching.branch_of(held.snapshot, attempt.presented, entry.tenant_id, now)
    # As it is now: this use may have bound the chain.
    opened = _opened(replace(held, state=used), entry, destination, branch)
    return replace(opened, previous_refresh_token=refreshing.successor_token(attempt, used, now))


def _again(attempt: Attempt, held: _Held, entry: Entry) -> IssuedTokens | Refused:
    """What the spent token gave before, because that answer was lost.

    Spent for anything else it opens nothing: were it the thief of a token that the owner has used,
    the owner would never meet the branch.
    """
    snapshot, tx, state, now = held.snapshot, held.tx, held.state, held.now
    if state.entered_tenant_id is None:
        return _refused(held, entry, Refusal.SPENT_OTHERWISE)
    branch = branching.branch_of(snapshot, attempt.presented, state.entered_tenant_id, now)
    if branching.was_used(tx, branch):
        return refreshing.refused(attempt, tx, state, Verdict.REPLAY, now)
    if state.entered_tenant_id != entry.tenant_id:
        return _refused(held, entry, Refusal.SPENT_OTHERWISE)
    opened = branching.read(held.database, snapshot, InTransaction(tx), branch)
    rules = snapshot.rules(entry.tenant_id, entry.client, tx)
    if opened is None or rules is None:
        # So many other grants have ended since that it is kept no more.
        return _over(held, entry, Refusal.SUPERSEDED)
    if refusal := grant_refusal(opened, rules, now):
        return _over(held, entry, refusal)
    scope = scopes.narrowed(entry.scope, opened.scope, entry.client.scope_names)
    if scope is None:
        return _refused(held, entry, Refusal.INVALID_SCOPE)
    refreshing.record_retry(attempt, tx, state, now)
    token = issuing.refresh_token(
        snapshot, branch.locator, branch.secret, generation=0, key_number=opened.key_number, now=now
    )
    policy = rules.policy_for(remembered=opened.remembered)
    about, proved = _about(held, entry), entry.confirmation
    holder = issuing.holder(branch.locator, entry.client, policy, scope, opened, about, proved)
    tokens = issuing.session_tokens(snapshot, holder, token, now)
    return replace(tokens, previous_refresh_token=refreshing.successor_token(attempt, state, now))


def _destination(held: _Held, entry: Entry, granted: str) -> _Destination | Refusal:
    """Where the new grant is to stand; `granted` is the scope that it may have. Writes nothing."""
    if held.state.impersonator is not None:
        return Refusal.IMPERSONATION_NOT_ALLOWED
    allowed = entry.client.scope_names
    scope = scopes.narrowed(entry.scope, granted, allowed)
    if scope is None:
        return Refusal.INVALID_SCOPE
    place = place_of(held.snapshot, held.account, entry.client, entry.tenant_id, held.tx)
    if isinstance(place, Refused):
        return place.reason
    possible = scopes.canonical(scopes.names(granted) & allowed)
    if not _is_allowed(held, entry, possible):
        return Refusal.NOT_ALLOWED_THERE
    evicted = _evicted(held, entry, place)
    if evicted is None:
        return Refusal.SESSION_LIMIT
    return _Destination(place, possible, scope, evicted)


def _is_allowed(held: _Held, entry: Entry, scope: str) -> bool:
    """Whether the person has allowed the client as much in that tenant: what they allowed it in
    another one says nothing about this one, and a refresh has nobody who could be asked."""
    account_id, claims = held.account.account_id, held.state.terms.requested_claims
    return consents.is_allowed(held.tx, account_id, entry.client, entry.tenant_id, scope, claims)


def _evicted(held: _Held, entry: Entry, place: Place) -> tuple[str, ...] | None:
    """The sessions that end so that the tenant's limit counts this one too; None: there is no room.

    The limit counts a session from its first live grant in the tenant on. Where somebody would have
    to be asked which one ends, there is no room either: a refresh has nobody who could answer.
    """
    return session_limiting.evicted_by_grant(
        held.tx, held.snapshot, held.account, entry.client, place.tenant, held.session.sid, held.now
    )


def _opened(held: _Held, entry: Entry, destination: _Destination, branch: Branch) -> IssuedTokens:
    """Open the grant beside the one that is entered from: same session, same sign-in."""
    snapshot, tx, state, now = held.snapshot, held.tx, held.state, held.now
    place, locator = destination.place, branch.locator
    session_limiting.evict(
        tx, locator.account_id, destination.evicted, held.session.device, entry.origin, now
    )
    session_grants.make_room(snapshot, tx, state.key, entry.origin, now)
    ends_at, end = ends_of(
        place, state.authenticated_at, state.capped_at, now, remembered=state.remembered
    )
    opened = NewlyOpened(
        entry.client,
        destination.granted,
        place,
        locator,
        entry.origin,
        ends_at,
        state.terms,
        opened_from=branches.first_of(tx, state.key),
    )
    token = open_grant(snapshot, tx, opened, branch.secret, now)
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
    holder = Holder(
        locator=locator,
        client=entry.client,
        policy=place.rules.policy_for(remembered=state.remembered),
        scope=destination.scope,
        terms=state.terms,
        methods=state.methods,
        absolute_end=end,
        about=_about(held, entry),
        confirmation=entry.confirmation,
    )
    return issuing.session_tokens(snapshot, holder, token, now)


def _about(held: _Held, entry: Entry) -> dict[str, object]:
    """What the ID token is to tell of the account: what was asked for when it signed in."""
    account_id = held.account.account_id
    return openid_claims.for_id_token(held.tx, entry.client, held.state.terms, account_id)


def _over(held: _Held, entry: Entry, reason: Refusal) -> Refused:
    """What the token opened is over; its own chain goes on for who asks without a tenant."""
    _refused(held, entry, reason)
    return Refused(Refusal.SPENT_OTHERWISE)


def _refused(held: _Held, entry: Entry, reason: Refusal) -> Refused:
    """On the record, because whoever asks holds a token of the account."""
    is_id = names.well_formed_id(entry.tenant_id)
    event = AuditEvent(
        event=Event.GRANT_REFUSED,
        origin=entry.origin,
        actor=f"client:{entry.client.client_id}",
        account_id=held.state.key.account_id,
        reason=reason,
        tenant_id=held.state.tenant_id,
        client_id=entry.client.client_id,
        sid=held.state.key.sid,
        details={"to_tenant": entry.tenant_id if is_id else ""},
    )
    recording.record(held.tx, event, held.now)
    if reason is Refusal.IMPERSONATION_NOT_ALLOWED:
        return Refused(Refusal.NOT_A_MEMBER)
    return Refused(reason)
