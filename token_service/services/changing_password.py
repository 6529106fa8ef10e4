"""Changing one's password: by the old one, in a session that goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from token_service.clock import Clock
from token_service.crypto.locators import Locator
from token_service.crypto.passwords import HashingBusy
from token_service.domain import scopes
from token_service.domain.accounts import Account
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.letters import LetterKind
from token_service.domain.passwords import PasswordFault, normalised
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import GrantKey, grant_refusal
from token_service.services import (
    guessing,
    issuing,
    letters,
    openid_claims,
    passwords,
    recording,
    refreshing,
)
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.services.guessing import Guessed
from token_service.services.issuing import IssuedTokens
from token_service.services.refreshing import Refresh
from token_service.services.signing_in import Gate
from token_service.storage import (
    accounts,
    configuration,
    epochs,
    grants,
    logout_notices,
    sessions,
)
from token_service.storage.configuration import Versioned
from token_service.storage.database import Database, InTransaction, Transaction
from token_service.storage.epochs import Raised

_Use = Callable[[Transaction], IssuedTokens | Refused]


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """A change as its owner asked for it, by an access token with this scope of this grant.

    `confirmation` is what they have proved to hold. `refresh`, if given, uses a refresh token of
    the same session in the same transaction.
    """

    key: GrantKey
    tenant_id: str
    scope: str
    current: str = field(repr=False)
    new: str = field(repr=False)
    refresh: Refresh | None
    origin: Origin
    confirmation: Confirmation = UNBOUND

    @property
    def actor(self) -> str:
        """As the audit log names who did it."""
        return f"account:{self.key.account_id}"


@dataclass(frozen=True, slots=True)
class _Verified:
    """Whose password was the right one, and the hash of the new one."""

    guessed: Guessed
    old_hash: str = field(repr=False)
    new_hash: str = field(repr=False)


def change(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: PasswordChange
) -> IssuedTokens | Refused:
    """Store the new password; fresh tokens of the caller's own session, which goes on.

    By policy all other sessions end. Wrong current passwords count against the session and the
    source: whoever guesses at the sign-in, or in another session, does not keep the owner from a
    new password. Whatever is refused leaves everything as it is, except that a replayed refresh
    token ends the session.
    """
    verified = _verified(database, clock, snapshot, gate, command)
    if isinstance(verified, Refused):
        return verified
    use = _use(database, clock, snapshot, command)
    if isinstance(use, Refused):
        return use
    with database.transaction() as tx:
        # Account, session, grant: the order in which all others lock them.
        account = accounts.lock(tx, command.key.account_id)
        sessions.lock(tx, command.key.account_id, command.key.sid)
        if guessing.admits(tx, verified.guessed, clock.now()):
            issued = use(tx)
            if account is not None and isinstance(issued, IssuedTokens):
                _store(clock, snapshot, tx, account, command, verified)
            return issued
    # A right guess that comes after the limit is none.
    return _failed(database, clock, snapshot, gate, command, verified.guessed)


def _verified(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: PasswordChange
) -> _Verified | Refused:
    throttle, account_id = gate.throttle, command.key.account_id
    with database.reading() as tx:
        now = clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        account = accounts.read(tx, account_id)
        known_words = passwords.known_words(tx, account_id)
        guessed = Guessed(
            account,
            throttle.account_subject(account_id),
            throttle.source_subject(command.origin.address),
            command.tenant_id,
            throttle.session_subject(account_id, command.key.sid),
        )
        standing = guessing.standing(tx, guessed, now)
    if standing.throttled:
        return standing.throttled
    stored = account.password_hash if account else None
    try:
        right = gate.passwords.verify(stored, command.current).right
    except HashingBusy as busy:
        raise Unavailable("password: the hash queue is full", retry_after=1) from busy
    if account is None or stored is None or not right or standing.is_locked:
        return _failed(database, clock, snapshot, gate, command, guessed)
    if normalised(command.new) == normalised(command.current):
        return passwords.unsuitable(command.new, (PasswordFault.SAME,))
    new_hash = passwords.hashed(gate, command.new, known_words)
    if isinstance(new_hash, Refused):
        return new_hash
    return _Verified(guessed, stored, new_hash)


def _failed(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    gate: Gate,
    command: PasswordChange,
    guessed: Guessed,
) -> Refused:
    event = AuditEvent(
        event=Event.PASSWORD_CHANGE_FAILED,
        origin=command.origin,
        actor=command.actor,
        account_id=command.key.account_id,
        reason=Refusal.WRONG_CREDENTIALS,
        tenant_id=command.tenant_id,
        sid=command.key.sid,
    )
    with database.transaction() as tx:
        now = clock.now()
        return guessing.failed(snapshot, tx, gate.throttle, guessed, event, now)


def _use(
    database: Database, clock: Clock, snapshot: Snapshot, command: PasswordChange
) -> _Use | Refused:
    """Where the fresh tokens come from: the refresh token, if one of this very session was given,
    else the grant of the access token, which alone never gives a refresh token."""
    if command.refresh is None:
        return partial(_own_tokens, database, clock, snapshot, command)
    attempt = refreshing.prepared(database, clock, snapshot, command.refresh)
    if isinstance(attempt, Refused):
        return attempt
    if (attempt.key.account_id, attempt.key.sid) != (command.key.account_id, command.key.sid):
        return certain_refusal(database, clock, snapshot, Refusal.UNKNOWN_TOKEN)
    return partial(refreshing.use_within, attempt, clock)


def _own_tokens(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    command: PasswordChange,
    tx: Transaction,
) -> IssuedTokens | Refused:
    """A fresh access token of the caller's grant, which must still be live under the locks."""
    key, now = command.key, clock.now()
    read = grants.read(database, InTransaction(tx), key, command.tenant_id, snapshot.force_relogin)
    if read is None:
        return Refused(Refusal.UNKNOWN_TOKEN)
    state = read.state
    prove(snapshot, Versioned(state.configuration_version, read.database_now), now)
    client = snapshot.client(state.client_id, tx)
    rules = snapshot.rules(state.tenant_id, client, tx) if client else None
    if client is None or rules is None:
        return Refused(Refusal.UNKNOWN_CLIENT)
    if refusal := grant_refusal(state, rules, now):
        return Refused(refusal)
    locator = Locator(key.account_id, key.sid, state.tenant_id, key.grant_id)
    policy = rules.policy_for(remembered=state.remembered)
    possible = scopes.names(command.scope) & scopes.names(state.scope) & client.scope_names
    about = openid_claims.for_id_token(tx, client, state.terms, key.account_id)
    scope, proved = scopes.canonical(possible), command.confirmation
    held = issuing.holder(locator, client, policy, scope, state, about, proved)
    return issuing.session_tokens(snapshot, held, None, now)


def _store(
    clock: Clock,
    snapshot: Snapshot,
    tx: Transaction,
    account: Account,
    command: PasswordChange,
    verified: _Verified,
) -> None:
    """Put the new password in place of the verified one, with all that follows from it."""
    account_id, now = account.account_id, clock.now()
    if not accounts.change_password(tx, account_id, verified.old_hash, verified.new_hash, now):
        # Another change, or the same password hashed anew: what was verified is no longer known.
        raise Unavailable("password: changed while it was verified")
    ended = _ends_others(snapshot, tx, account)
    if ended:
        _end_others(tx, command, now)
    passwords.drop_pending(tx, account_id)
    letters.notify(tx, account_id, LetterKind.PASSWORD_CHANGED, command.origin, now)
    event = AuditEvent(
        event=Event.PASSWORD_CHANGED,
        origin=command.origin,
        actor=command.actor,
        account_id=account_id,
        reason=Refusal.PASSWORD_CHANGED,
        tenant_id=command.tenant_id,
        sid=command.key.sid,
        details={"others_ended": ended},
    )
    recording.record(tx, event, now)


def _ends_others(snapshot: Snapshot, tx: Transaction, account: Account) -> bool:
    """Whether one of the account's tenants wants the other sessions ended."""
    tenants = [snapshot.tenant(one.tenant_id, tx) for one in account.memberships]
    policies = [snapshot.policy_of(tenant) for tenant in tenants if tenant] or [snapshot.policy]
    return any(policy.logout_on_password_change for policy in policies)


def _end_others(tx: Transaction, command: PasswordChange, now: datetime) -> None:
    """Raise the epoch, which ends all by one row, and carry the caller's session over.

    It was live a moment ago under the same locks; were it not kept, nothing of this would remain.
    """
    account_id, sid = command.key.account_id, command.key.sid
    epoch = accounts.raise_epoch(tx, account_id)
    if epoch is None or not sessions.keep(tx, account_id, sid, epoch):
        raise Unavailable("password: the session that asks could not be kept")
    raised = Raised(Refusal.PASSWORD_CHANGED, command.actor, now)
    epochs.record_account(tx, account_id, epoch, raised)
    logout_notices.end_account(tx, account_id, sid, now)
