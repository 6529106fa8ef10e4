"""Sign-in: credentials become a session with its first grant."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from token_service.clock import Clock
from token_service.crypto.passwords import HashingBusy, Passwords
from token_service.domain import accounts as names
from token_service.domain.accounts import Account
from token_service.domain.clients import Client, granted_scope
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.passwords import PasswordRules
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device
from token_service.services import recording
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.services.issuing import IssuedTokens
from token_service.services.opening import Opening, WaitingSignIn, open_session, place_of
from token_service.services.throttling import Throttle
from token_service.storage import accounts, configuration, failure_counts
from token_service.storage.database import Database, InTransaction, Transaction

PASSWORD_METHOD = "pwd"


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in as it was asked for, by a client that has authenticated.

    `device` is only asked after the right password: telling a browser from a user agent takes
    milliseconds, which a flood of guesses must not cost.
    """

    client: Client
    identifier: str
    password: str = field(repr=False)
    tenant_id: str | None
    scope: str | None
    remember_me: bool
    origin: Origin
    device: Callable[[], Device]


@dataclass(frozen=True, slots=True)
class Gate:
    """What guards a sign-in: the bounded hashing, the count of failures, and what may be chosen."""

    passwords: Passwords
    throttle: Throttle
    rules: PasswordRules


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known before the password is looked at; `account` None for an unknown name."""

    account: Account | None
    account_subject: str
    source_subject: str


def sign_in(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: SignIn
) -> IssuedTokens | WaitingSignIn | Refused:
    """Open a session for the right password.

    An unknown name, a wrong password and a disabled account get the same answer after the same
    work. Only the right password learns that a tenant must be named, or that a limit of sessions is
    reached. A full hash queue raises `Unavailable` and counts as no failure.
    """
    if not command.client.first_party:
        return certain_refusal(database, clock, snapshot, Refusal.NOT_FIRST_PARTY)
    scope = granted_scope(command.client, command.scope)
    if scope is None:
        return certain_refusal(database, clock, snapshot, Refusal.INVALID_SCOPE)
    known = _known(database, clock, snapshot, gate, command)
    if isinstance(known, Refused):
        return known
    stored = known.account.password_hash if known.account else None
    try:
        verification = gate.passwords.verify(stored, command.password)
        rehashed = gate.passwords.hash(command.password) if verification.outdated else None
    except HashingBusy as busy:
        raise Unavailable("sign-in: the hash queue is full", retry_after=1) from busy
    account = known.account
    if not verification.right or account is None or not account.enabled:
        return _failed(database, clock, gate, known, command)
    opening = _opening(snapshot, account, command, scope)
    if isinstance(opening, Refused):
        return certain_refusal(database, clock, snapshot, opening.reason)
    with database.transaction() as tx:
        opened = _opened(database, clock, snapshot, tx, account, opening, rehashed)
        if opened is None:
            return Refused(Refusal.WRONG_CREDENTIALS)
        failure_counts.clear(tx, known.account_subject)
    return opened


def _known(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: SignIn
) -> _Known | Refused:
    """The account behind the name, unless the account or the source must wait.

    Failures are kept by account, not by spelling, and for a name without an account by the name:
    both wait alike, so waiting tells nobody whether an account exists.
    """
    name = names.normalised(command.identifier)
    throttle = gate.throttle
    with database.reading() as tx:
        now = clock.now()
        # First of all: a failure counted by a clock that is an hour ahead would lock for an hour.
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        account_id = accounts.account_id_of(tx, name) if name else None
        # Read in vain for an unknown name, so that it takes as long as for a known one.
        account = accounts.read(tx, account_id or NO_ACCOUNT)
        known = _Known(
            account,
            throttle.account_subject(account_id or f"name {name or ''}"),
            throttle.source_subject(command.origin.address),
        )
        wait = throttle.wait(tx, known.account_subject, known.source_subject, now)
    return Refused(Refusal.THROTTLED, retry_after=wait) if wait else known


def _failed(
    database: Database, clock: Clock, gate: Gate, known: _Known, command: SignIn
) -> Refused:
    account_id = known.account.account_id if known.account else NO_ACCOUNT
    disabled = known.account is not None and not known.account.enabled
    with database.transaction() as tx:
        now = clock.now()
        gate.throttle.count_failure(tx, known.account_subject, known.source_subject, now)
        event = AuditEvent(
            event=Event.SIGN_IN_FAILED,
            origin=command.origin,
            actor=f"client:{command.client.client_id}",
            account_id=account_id,
            reason=Refusal.ACCOUNT_DISABLED if disabled else Refusal.WRONG_CREDENTIALS,
            client_id=command.client.client_id,
        )
        recording.record(tx, event, now)
    return Refused(Refusal.WRONG_CREDENTIALS)


def _opening(
    snapshot: Snapshot, account: Account, command: SignIn, scope: str
) -> Opening | Refused:
    client = command.client
    tenant_id = names.tenant_for(account, command.tenant_id or client.tenant_id)
    if tenant_id is None:
        return Refused(Refusal.TENANT_REQUIRED)
    place = place_of(snapshot, account, client, tenant_id)
    if isinstance(place, Refused):
        return place
    return Opening(
        client=client,
        scope=scope,
        place=place,
        methods=(PASSWORD_METHOD,),
        remembered=command.remember_me and place.rules.policy.remember_me,
        device=command.device(),
        origin=command.origin,
    )


def _opened(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    tx: Transaction,
    verified: Account,
    opening: Opening,
    rehashed: str | None,
) -> IssuedTokens | WaitingSignIn | Refused | None:
    """Open the session under the account's lock; None where the account changed meanwhile.

    The password was checked before the lock was taken: under the lock its hash must still be the
    stored one, the account enabled and the membership the same. `rehashed` takes the hash's place
    first, so that a sign-in that waits is bound to the one that will be stored when it goes on.
    """
    account = accounts.lock(tx, verified.account_id)
    version = configuration.version(database, InTransaction(tx))
    now = clock.now()
    prove(snapshot, version, now)
    if account is None or not account.enabled or account.password_hash != verified.password_hash:
        return None
    place = opening.place
    if account.membership_in(place.tenant.tenant_id) != place.membership:
        return None
    if rehashed is not None and account.password_hash is not None:
        accounts.replace_password(tx, account.account_id, account.password_hash, rehashed)
        account = replace(account, password_hash=rehashed)
    return open_session(snapshot, tx, account, opening, now)
