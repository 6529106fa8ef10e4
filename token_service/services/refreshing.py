"""The refresh: one guarded statement, one pure decision, one signature, one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from token_service.clock import Clock
from token_service.crypto import refresh_tokens
from token_service.crypto.drafts import Drafting, signed
from token_service.crypto.refresh_tokens import Presented
from token_service.domain import scopes
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation, chain_binding
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.refreshing import Presentation, Verdict, explain, proves_possession
from token_service.domain.refusals import EndTold, Refusal, Refused
from token_service.domain.sessions import GrantKey, GrantState, Rules, relogin_limit
from token_service.services import branching, issuing, openid_claims, recording
from token_service.services.configuration import Snapshot, certain_refusal, prove, prove_current
from token_service.services.endings import Cause, end_session, write_end
from token_service.services.issuing import IssuedTokens
from token_service.services.told_ends import end_told
from token_service.storage import grants, rotations, sessions
from token_service.storage.configuration import Versioned
from token_service.storage.database import Database, InTransaction, Statements, Transaction
from token_service.storage.grants import ReadState
from token_service.storage.rotations import Rotation


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh as it was asked for, by a client that has authenticated and has proved to hold what
    `confirmation` says."""

    client: Client
    token: str = field(repr=False)
    scope: str | None
    origin: Origin
    confirmation: Confirmation = UNBOUND


class Attempt(NamedTuple):
    """One genuine refresh token, what it is measured against, and who presents it."""

    database: Database
    snapshot: Snapshot
    command: Refresh
    presented: Presented
    rules: Rules

    @property
    def key(self) -> GrantKey:
        return grant_key(self.presented)

    @property
    def presentation(self) -> Presentation:
        return Presentation(
            client_id=self.command.client.client_id,
            tenant_id=self.presented.locator.tenant_id,
            generation=self.presented.generation,
            key_number=self.presented.key_number,
            secret_hash=self.presented.secret_hash,
            confirmation=self.command.confirmation.stored,
        )

    def rotation(self, now: datetime, entered_tenant_id: str | None = None) -> Rotation:
        """What the guarded statement is given; the tenant is one that this use enters, too.

        Raises what `issuing.require_key` does: a token must not be used where nothing could come of
        it.
        """
        issuing.require_key(self.snapshot, self.command.client, now)
        return Rotation(
            key=self.key,
            presented=self.presentation,
            next_key_number=self.snapshot.keyring.opaque_keys(now).current.number,
            tenant_epoch=self.rules.tenant_epoch,
            client_epoch=self.rules.client_epoch,
            configuration_version=self.snapshot.version,
            unused_limit=self.rules.policy.unused_limit,
            remembered_limit=self.rules.remembering.unused_limit,
            force_relogin=self.snapshot.force_relogin,
            client_relogin=relogin_limit(self.rules.policy),
            may_impersonate=self.rules.may_impersonate,
            used_from=self.command.origin.address[:45],
            now=now,
            entered_tenant_id=entered_tenant_id,
            binds=chain_binding(self.command.client, self.command.confirmation),
        )

    def use(self, tx: Statements, now: datetime) -> GrantState | None:
        """Use the token by the one guarded statement; None where it does not apply."""
        if self.command.client.rotates:
            return rotations.rotate(self.database, tx, self.rotation(now))
        return rotations.slide(self.database, tx, self.rotation(now))

    def read(self, tx: Statements) -> ReadState | None:
        """The grant as it is."""
        return grants.read(
            self.database,
            tx,
            self.key,
            self.presented.locator.tenant_id,
            self.snapshot.force_relogin,
        )


def grant_key(presented: Presented) -> GrantKey:
    """The primary key of the grant that a genuine refresh token names."""
    locator = presented.locator
    return GrantKey(locator.account_id, locator.sid, locator.grant_id)


def refresh(
    database: Database, clock: Clock, snapshot: Snapshot, command: Refresh
) -> IssuedTokens | Refused:
    """Use a refresh token once and give its successor (RFC 6749 section 6, RFC 9700 4.14.2).

    A token whose answer was lost gives the same successor again inside the retry window; a replay
    ends the session; a request that fails for any other reason spends nothing.
    """
    attempt = prepared(database, clock, snapshot, command)
    if isinstance(attempt, Refused):
        return attempt
    if command.scope is not None and (refusal := _scope_refusal(attempt, clock)):
        return refusal
    for _ in range(2):
        outcome = used_once(attempt, clock) or _unused(attempt, clock)
        if outcome is not None:
            return outcome
    raise Unavailable("refresh: the statement does not apply to a faultless grant")


def prepared(
    database: Database, clock: Clock, snapshot: Snapshot, command: Refresh
) -> Attempt | Refused:
    """The attempt to use a genuine token, by a client that may refresh."""
    if not command.client.may_refresh:
        return certain_refusal(database, clock, snapshot, Refusal.GRANT_NOT_ALLOWED)
    presented = parsed(database, clock, snapshot, command.token)
    if presented is None:
        return Refused(Refusal.UNKNOWN_TOKEN)
    rules = snapshot.rules(presented.locator.tenant_id, command.client)
    if rules is None:
        return certain_refusal(database, clock, snapshot, Refusal.UNKNOWN_TENANT)
    return Attempt(database, snapshot, command, presented, rules)


def used_once(attempt: Attempt, clock: Clock) -> IssuedTokens | None:
    """Use the token by the one guarded statement; None where it does not apply, whyever."""
    with attempt.database.statement() as tx:
        now = clock.now()
        state = attempt.use(tx, now)
    return None if state is None else successor(attempt, state, now)


def use_within(attempt: Attempt, clock: Clock, tx: Transaction) -> IssuedTokens | Refused:
    """Use the token, with all of its scope, as a part of something larger.

    The caller holds the session's row. A refusal is to be committed, for it may have ended the
    session; where the transaction is rolled back, the token was not used.
    """
    for _ in range(2):
        now = clock.now()
        state = attempt.use(InTransaction(tx), now)
        outcome = successor(attempt, state, now, tx) if state else _recorded(attempt, tx, clock)
        if outcome is not None:
            return outcome
    raise Unavailable("refresh: the statement does not apply to a faultless grant")


def parsed(database: Database, clock: Clock, snapshot: Snapshot, token: str) -> Presented | None:
    """A genuine refresh token, or None; garbage is refused without touching the database."""
    keys = snapshot.keyring.opaque_keys(clock.now())
    presented = refresh_tokens.parse(keys, token)
    if presented is None and refresh_tokens.names_unknown_key(keys, token):
        # Another worker may have made it with a key that is newer than this snapshot.
        prove_current(database, clock, snapshot)
    return presented


def _scope_refusal(attempt: Attempt, clock: Clock) -> Refused | None:
    """Refuse a wrong scope before anything is spent; a chain's scope never changes.

    Where the token is no good for another reason, that one is left to the statement to find: a
    replay is a replay, whatever scope it asks for.
    """
    with attempt.database.query() as tx:
        now = clock.now()
        read = attempt.read(tx)
        branch_used = read is not None and _branch_used(attempt, tx, read.state, now)
    if read is None:
        return None
    verdict = verdict_on(attempt, read, now)
    if isinstance(verdict, Refusal) or verdict is Verdict.REPLAY or branch_used:
        return None
    allowed = attempt.command.client.scope_names
    if scopes.narrowed(attempt.command.scope, read.state.scope, allowed) is None:
        return Refused(Refusal.INVALID_SCOPE)
    return None


def _unused(attempt: Attempt, clock: Clock) -> IssuedTokens | Refused | None:
    """Why the statement did not apply: read what is there and act on it; None: try once more."""
    with attempt.database.query() as tx:
        now = clock.now()
        read = attempt.read(tx)
    if read is None:
        return certain_refusal(attempt.database, clock, attempt.snapshot, Refusal.UNKNOWN_TOKEN)
    verdict = verdict_on(attempt, read, now)
    if verdict is Verdict.FAULTLESS:
        return None
    elsewhere = read.state.used_from != attempt.command.origin.address[:45]
    has_branch = read.state.entered_tenant_id is not None
    if verdict is Verdict.RETRY and not elsewhere and not has_branch:
        return successor(attempt, read.state, now)
    with attempt.database.transaction() as transaction:
        return _recorded(attempt, transaction, clock)


def verdict_on(attempt: Attempt, read: ReadState, now: datetime) -> Verdict | Refusal:
    """What the rules say of the token, on a configuration and by a clock that are right."""
    prove(attempt.snapshot, Versioned(read.state.configuration_version, read.database_now), now)
    return explain(attempt.presentation, read.state, attempt.rules, now)


def _recorded(attempt: Attempt, tx: Transaction, clock: Clock) -> IssuedTokens | Refused | None:
    """Decide once more with the session locked, and write down what the decision means."""
    statements = InTransaction(tx)
    sessions.lock(tx, attempt.key.account_id, attempt.key.sid)
    now = clock.now()
    read = attempt.read(statements)
    if read is None:
        return Refused(Refusal.UNKNOWN_TOKEN)
    state = read.state
    match verdict_on(attempt, read, now):
        case Verdict.FAULTLESS:
            return None
        case Verdict.RETRY:
            if not _branch_let_go(attempt, tx, state, now):
                return refused(attempt, tx, state, Verdict.REPLAY, now)
            record_retry(attempt, tx, state, now)
            return successor(attempt, state, now, tx)
        case Verdict.AHEAD:
            advanced = rotations.rotate(
                attempt.database, statements, attempt.rotation(now), ahead=True
            )
            if advanced is None:
                return None
            record_ahead(attempt, tx, state, now)
            return successor(attempt, advanced, now, tx)
        case verdict:
            return refused(attempt, tx, state, verdict, now)


def refused(
    attempt: Attempt, tx: Transaction, state: GrantState, verdict: Verdict | Refusal, now: datetime
) -> Refused:
    """Write down what a verdict against the token means: an end, or an event."""
    match verdict:
        case Verdict():
            _end_by_replay(attempt, tx, state, now)
            return Refused(Refusal.REPLAYED)
        case Refusal.FOREIGN_CLIENT as refusal:
            _record(attempt, tx, Event.REFRESH_FOREIGN_CLIENT, state, now)
            return Refused(refusal)
        case Refusal.WRONG_KEY as refusal:
            _record(attempt, tx, Event.REFRESH_WRONG_KEY, state, now)
            return Refused(refusal)
        case refusal:
            write_end(tx, state, Cause(refusal, "service", attempt.command.origin), now)
            return Refused(refusal, told=_told(attempt, tx, now))


def _told(attempt: Attempt, tx: Transaction, now: datetime) -> EndTold | None:
    """What whoever presented the token may know of the end, which is written by now."""
    read = attempt.read(InTransaction(tx))
    if read is None or not proves_possession(attempt.presentation, read.state, attempt.rules, now):
        return None
    return end_told(tx, read.state, attempt.rules)


def record_retry(attempt: Attempt, tx: Transaction, state: GrantState, now: datetime) -> None:
    """Record a retry if it comes from another network than the use that it repeats."""
    if state.used_from != attempt.command.origin.address[:45]:
        _record(attempt, tx, Event.REFRESH_RETRIED_ELSEWHERE, state, now)


def record_ahead(attempt: Attempt, tx: Transaction, state: GrantState, now: datetime) -> None:
    """Record that the database had lost its tail."""
    _record(attempt, tx, Event.REFRESH_AHEAD, state, now)


def _branch_let_go(attempt: Attempt, tx: Transaction, state: GrantState, now: datetime) -> bool:
    return branching.let_go(
        attempt.database,
        attempt.snapshot,
        tx,
        attempt.presented,
        state,
        attempt.command.origin,
        now,
    )


def _branch_used(attempt: Attempt, tx: Statements, state: GrantState, now: datetime) -> bool:
    """Whether the grant that the spent token opened elsewhere has gone on already: a replay."""
    superseded = attempt.presented.generation < state.generation
    if not superseded or state.entered_tenant_id is None:
        return False
    branch = branching.branch_of(attempt.snapshot, attempt.presented, state.entered_tenant_id, now)
    opened = branching.read(attempt.database, attempt.snapshot, tx, branch)
    return opened is not None and opened.generation > 0


def successor(
    attempt: Attempt, state: GrantState, now: datetime, within: Transaction | None = None
) -> IssuedTokens:
    """The tokens of the row's current generation: the same ones for whoever asks again.

    `within` is the transaction that the caller holds, if it holds one.
    """
    return signed(making_successor(attempt, state, now, within))


def making_successor(
    attempt: Attempt, state: GrantState, now: datetime, within: Transaction | None = None
) -> Drafting[IssuedTokens]:
    """The same, to be signed."""
    locator, client = attempt.presented.locator, attempt.command.client
    token = successor_token(attempt, state, now)
    scope = scopes.narrowed(attempt.command.scope, state.scope, client.scope_names)
    policy = attempt.rules.policy_for(remembered=state.remembered)
    about, told = _about(attempt, state, now, within), state
    if about is None:
        told = state._replace(terms=state.terms._replace(openid=False))
    proved = attempt.command.confirmation
    held = issuing.holder(locator, client, policy, scope or "", told, about or {}, proved)
    return (yield from issuing.making_session_tokens(attempt.snapshot, held, token, now))


def _about(
    attempt: Attempt, state: GrantState, now: datetime, within: Transaction | None
) -> Mapping[str, object] | None:
    """What the ID token is to tell of the account; None where there is to be none."""
    asked = attempt.command.client, state.terms, attempt.presented.locator.account_id
    if within is not None:
        return openid_claims.for_id_token(within, *asked)
    return openid_claims.for_refreshed(attempt.database, attempt.snapshot, *asked, now)


def successor_token(attempt: Attempt, state: GrantState, now: datetime) -> str:
    """The refresh token of the row's current generation."""
    return issuing.refresh_token(
        attempt.snapshot,
        attempt.presented.locator,
        attempt.presented.secret,
        generation=state.generation,
        key_number=state.key_number,
        now=now,
    )


def _end_by_replay(attempt: Attempt, tx: Transaction, state: GrantState, now: datetime) -> None:
    client_id = attempt.command.client.client_id
    cause = Cause(
        Refusal.REPLAYED,
        f"client:{client_id}",
        attempt.command.origin,
        {"generation": attempt.presented.generation, "current_generation": state.generation},
    )
    end_session(
        tx,
        state.key.account_id,
        state.key.sid,
        cause,
        now,
        tenant_id=state.tenant_id,
        client_id=client_id,
    )


def _record(
    attempt: Attempt, tx: Transaction, event: Event, state: GrantState, now: datetime
) -> None:
    client_id = attempt.command.client.client_id
    row = AuditEvent(
        event=event,
        origin=attempt.command.origin,
        actor=f"client:{client_id}",
        account_id=state.key.account_id,
        tenant_id=state.tenant_id,
        client_id=state.client_id,
        sid=state.key.sid,
        details={"generation": attempt.presented.generation},
    )
    recording.record(tx, row, now)
