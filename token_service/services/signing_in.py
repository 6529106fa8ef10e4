"""Sign-in: credentials become a session with its first grant."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import TypeAlias, TypeVar

from token_service.clock import Clock
from token_service.crypto.passwords import HashingBusy, Passwords
from token_service.domain import accounts as names
from token_service.domain.accounts import Account
from token_service.domain.clients import Client, granted_scope
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.passwords import PasswordRules
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device
from token_service.services import guessing, known_browsers
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.services.guessing import Guessed
from token_service.services.issuing import IssuedTokens
from token_service.services.opening import Opening, WaitingSignIn, open_session, place_of
from token_service.services.throttling import Throttle
from token_service.storage import accounts, configuration
from token_service.storage.database import Database, InTransaction, Transaction

PASSWORD_METHOD = "pwd"
_ATTEMPTS = 3

Opened = TypeVar("Opened")
Opener: TypeAlias = Callable[
    [Snapshot, Transaction, Account, Opening, datetime], Opened | WaitingSignIn | Refused
]
"""What is done once the password has proved right, with the account's row held."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in as it was asked for, by a client that has authenticated.

    `device` is only asked after the right password: telling a browser from a user agent takes
    milliseconds, which a flood of guesses must not cost. `chooses_later`: who belongs to several
    tenants and names none is signed in to one of them all the same. `device_cookie` is what the
    browser holds from a sign-in before, if it does.
    """

    client: Client
    identifier: str
    password: str = field(repr=False)
    tenant_id: str | None
    scope: str | None
    remember_me: bool
    origin: Origin
    device: Callable[[], Device]
    chooses_later: bool = False
    device_cookie: str | None = field(default=None, repr=False)
    confirmation: Confirmation = UNBOUND


@dataclass(frozen=True, slots=True)
class Gate:
    """What guards a sign-in: the bounded hashing, the count of failures, and what may be chosen."""

    passwords: Passwords
    throttle: Throttle
    rules: PasswordRules


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known before the password is looked at."""

    guessed: Guessed
    is_locked: bool


@dataclass(frozen=True, slots=True)
class _Verified:
    """Whose password was right; `rehashed` is its hash with the parameters of today, if that is
    another one."""

    guessed: Guessed
    account: Account
    rehashed: str | None


class _Replaced(Enum):
    """Another hash is stored than the one that the password was right for, or the browser that was
    known is so no more."""

    REPLACED = "replaced"


def sign_in(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: SignIn
) -> IssuedTokens | WaitingSignIn | Refused:
    """Open a session for the right password.

    An unknown name, a wrong password, a disabled account and one that is locked get the same answer
    after the same work. Only the right password learns that a tenant must be named, or that a limit
    of sessions is reached. A full hash queue raises `Unavailable` and counts as no failure.
    """
    if not command.client.first_party:
        return certain_refusal(database, clock, snapshot, Refusal.NOT_FIRST_PARTY)
    scope = granted_scope(command.client, command.scope)
    if scope is None:
        return certain_refusal(database, clock, snapshot, Refusal.INVALID_SCOPE)
    opener = known_from_now_on(command.device_cookie)
    return verified(database, clock, snapshot, gate, command, scope, opener)


def known_from_now_on(before: str | None) -> Opener[IssuedTokens]:
    """Open a session for an application, on a device that the account knows from now on; `before`
    is the device token that it holds."""

    def opened(
        snapshot: Snapshot, tx: Transaction, account: Account, opening: Opening, now: datetime
    ) -> IssuedTokens | WaitingSignIn | Refused:
        issued = open_session(snapshot, tx, account, opening, now)
        if not isinstance(issued, IssuedTokens):
            return issued
        token = known_browsers.renewed(snapshot, account, before, now)
        return replace(issued, device_token=token)

    return opened


def verified(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    gate: Gate,
    command: SignIn,
    scope: str,
    opener: Opener[Opened],
) -> Opened | WaitingSignIn | Refused:
    """Look at the password as ever, and do what `opener` does if it is the right one.

    Where another hash is stored meanwhile, it is looked at once more: a parallel sign-in may have
    hashed the same password anew, and nobody is refused for that.
    """
    for _ in range(_ATTEMPTS):
        answer = _attempt(database, clock, snapshot, gate, command, scope, opener)
        if not isinstance(answer, _Replaced):
            return answer
    raise Unavailable("sign-in: the account changes faster than the password is looked at")


def _attempt(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    gate: Gate,
    command: SignIn,
    scope: str,
    opener: Opener[Opened],
) -> Opened | WaitingSignIn | Refused | _Replaced:
    known = _known(database, clock, snapshot, gate, command)
    if isinstance(known, Refused):
        return known
    account = known.guessed.account
    stored = account.password_hash if account else None
    try:
        verification = gate.passwords.verify(stored, command.password)
        if not verification.right or account is None or not account.enabled or known.is_locked:
            return _failed(database, clock, snapshot, gate, known.guessed, command)
        # Only now: a second hash would tell that the password is right, in spite of the lock.
        rehashed = gate.passwords.hash(command.password) if verification.outdated else None
    except HashingBusy as busy:
        raise Unavailable("sign-in: the hash queue is full", retry_after=1) from busy
    opening = _opening(snapshot, account, command, scope)
    with database.transaction() as tx:
        right = _Verified(known.guessed, account, rehashed)
        opened = _opened(database, clock, snapshot, tx, right, opening, opener)
    if opened is None:
        return _failed(database, clock, snapshot, gate, known.guessed, command)
    if isinstance(opened, Refused):
        return replace(opened, tenant_id=known.guessed.tenant_id)
    return opened


def _known(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: SignIn
) -> _Known | Refused:
    """The account behind the name, unless the account or the source must wait.

    Failures are kept by account, not by spelling, and for a name without an account by the name:
    both wait alike, so waiting tells nobody whether an account exists. Those in a browser that the
    account knows are kept by browser.
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
        browser = known_browsers.known(snapshot, account, command.device_cookie, now)
        guessed = Guessed(
            account,
            throttle.account_subject(account_id or f"name {name or ''}"),
            throttle.source_subject(command.origin.address),
            _tenant_of(account, command),
            throttle.device_subject(browser.account_id, browser.device_id) if browser else None,
        )
        found = guessing.standing(tx, guessed, now)
    return found.throttled or _Known(guessed, found.is_locked)


def _tenant_of(account: Account | None, command: SignIn) -> str | None:
    """The tenant that the sign-in is for, of the client's and the account's: never just a text that
    somebody sent."""
    if account is None or command.client.tenant_id is not None:
        return command.client.tenant_id
    tenant_id = names.tenant_for(account, command.tenant_id)
    return tenant_id if tenant_id and account.membership_in(tenant_id) else None


def _failed(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    gate: Gate,
    guessed: Guessed,
    command: SignIn,
) -> Refused:
    account = guessed.account
    disabled = account is not None and not account.enabled
    event = AuditEvent(
        event=Event.SIGN_IN_FAILED,
        origin=command.origin,
        actor=f"client:{command.client.client_id}",
        account_id=account.account_id if account else NO_ACCOUNT,
        reason=Refusal.ACCOUNT_DISABLED if disabled else Refusal.WRONG_CREDENTIALS,
        tenant_id=guessed.tenant_id,
        client_id=command.client.client_id,
    )
    with database.transaction() as tx:
        return guessing.failed(snapshot, tx, gate.throttle, guessed, event, clock.now())


def _opening(
    snapshot: Snapshot, account: Account, command: SignIn, scope: str
) -> Opening | Refused:
    client = command.client
    tenant_id = names.tenant_for(account, command.tenant_id or client.tenant_id)
    if tenant_id is None and command.chooses_later:
        tenant_id = _first_open(snapshot, account, client)
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
        confirmation=command.confirmation,
    )


def _first_open(snapshot: Snapshot, account: Account, client: Client) -> str | None:
    """The first of the account's tenants that it can be in."""
    found = (one.tenant_id for one in account.memberships)
    return next(
        (one for one in found if not isinstance(place_of(snapshot, account, client, one), Refused)),
        None,
    )


def _opened(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    tx: Transaction,
    verified: _Verified,
    opening: Opening | Refused,
    opener: Opener[Opened],
) -> Opened | WaitingSignIn | Refused | _Replaced | None:
    """Open the session under the account's lock; None where the right password comes too late.

    The password was checked before the lock was taken: under the lock its hash must still be the
    stored one, the account enabled and the membership the same. Whatever only the right password
    learns, it learns here, after the failures were looked at once more. The new hash takes the old
    one's place first, so that a sign-in that waits is bound to the one that will be stored when it
    goes on.
    """
    account = accounts.lock(tx, verified.account.account_id)
    version = configuration.version(database, InTransaction(tx))
    now = clock.now()
    prove(snapshot, version, now)
    if account is None or not account.enabled:
        return Refused(Refusal.WRONG_CREDENTIALS)
    if account.password_hash != verified.account.password_hash:
        return _Replaced.REPLACED
    if verified.guessed.lane_subject and account.epoch != verified.account.epoch:
        # The browser is shut out since: the account's own lock holds for it like for all others.
        return _Replaced.REPLACED
    if not guessing.admits(tx, verified.guessed, now):
        return None
    if isinstance(opening, Refused):
        return opening
    place = opening.place
    if account.membership_in(place.tenant.tenant_id) != place.membership:
        return Refused(Refusal.WRONG_CREDENTIALS)
    if verified.rehashed is not None and account.password_hash is not None:
        accounts.replace_password(tx, account.account_id, account.password_hash, verified.rehashed)
        account = replace(account, password_hash=verified.rehashed)
    return opener(snapshot, tx, account, opening, now)
