"""Sign-in: credentials become a session with its first grant."""

from dataclasses import dataclass, field
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import opaque, refresh_tokens
from token_service.crypto.locators import Locator
from token_service.crypto.passwords import HashingBusy, Passwords
from token_service.domain import accounts as names
from token_service.domain.accounts import Account, Membership
from token_service.domain.clients import Client, granted_scope
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.policies import NEVER, Policy
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import (
    Device,
    GrantKey,
    Session,
    absolute_end,
    slid_end,
)
from token_service.domain.tenants import Tenant
from token_service.services import issuing
from token_service.services.configuration import Snapshot, prove
from token_service.services.issuing import Holder, IssuedTokens
from token_service.services.throttling import Throttle
from token_service.storage import accounts, audit, configuration, failure_counts, grants, sessions
from token_service.storage.database import Database, InTransaction, Transaction
from token_service.storage.grants import NewGrant

PASSWORD_METHOD = "pwd"


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in as it was asked for, by a client that has authenticated."""

    client: Client
    identifier: str
    password: str = field(repr=False)
    tenant_id: str | None
    scope: str | None
    origin: Origin
    device: Device


@dataclass(frozen=True, slots=True)
class Gate:
    """What guards a sign-in: the bounded hashing and the count of failures."""

    passwords: Passwords
    throttle: Throttle


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known before the password is looked at; `account` None for an unknown name."""

    account: Account | None
    account_subject: str
    source_subject: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the new session's first grant stands."""

    tenant: Tenant
    membership: Membership
    policy: Policy
    scope: str
    force_relogin: int


def sign_in(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: SignIn
) -> IssuedTokens | Refused:
    """Open a session for the right password.

    An unknown name, a wrong password and a disabled account get the same answer after the same
    work. Only the right password learns that a tenant must be named. A full hash queue raises
    `Unavailable` and counts as no failure.
    """
    if not command.client.first_party:
        return Refused(Refusal.NOT_FIRST_PARTY)
    scope = granted_scope(command.client, command.scope)
    if scope is None:
        return Refused(Refusal.INVALID_SCOPE)
    known = _known(database, clock, gate, command)
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
    place = _place(snapshot, account, command, scope)
    if isinstance(place, Refused):
        return place
    with database.transaction() as tx:
        opened = _open(database, clock, snapshot, tx, command, account, place)
        if opened is None:
            return Refused(Refusal.WRONG_CREDENTIALS)
        if rehashed is not None and stored is not None:
            accounts.replace_password(tx, account.account_id, stored, rehashed)
        failure_counts.clear(tx, known.account_subject)
    return opened


def _known(database: Database, clock: Clock, gate: Gate, command: SignIn) -> _Known | Refused:
    """The account behind the name, unless the account or the source must wait.

    Failures are kept by account, not by spelling, and for a name without an account by the name:
    both wait alike, so waiting tells nobody whether an account exists.
    """
    name = names.normalised(command.identifier)
    throttle = gate.throttle
    with database.reading() as tx:
        now = clock.now()
        account_id = accounts.account_id_of(tx, name) if name else None
        account = accounts.read(tx, account_id) if account_id else None
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
        audit.record(tx, opaque.new_id(now), event, now)
    return Refused(Refusal.WRONG_CREDENTIALS)


def _place(snapshot: Snapshot, account: Account, command: SignIn, scope: str) -> _Place | Refused:
    client = command.client
    tenant_id = names.tenant_for(account, command.tenant_id or client.tenant_id)
    if tenant_id is None:
        return Refused(Refusal.TENANT_REQUIRED)
    membership = account.membership_in(tenant_id)
    tenant = snapshot.tenant(tenant_id)
    if membership is None or tenant is None or not tenant.enabled:
        return Refused(Refusal.NOT_A_MEMBER)
    if client.tenant_id not in (None, tenant_id):
        return Refused(Refusal.NOT_A_MEMBER)
    limits = [_force_relogin(snapshot, one.tenant_id) for one in account.memberships]
    return _Place(tenant, membership, snapshot.policy_of(tenant), scope, min(limits))


def _force_relogin(snapshot: Snapshot, tenant_id: str) -> int:
    tenant = snapshot.tenant(tenant_id)
    limit = snapshot.policy_of(tenant).force_relogin if tenant else None
    return NEVER if limit is None else limit


def _open(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    tx: Transaction,
    command: SignIn,
    verified: Account,
    place: _Place,
) -> IssuedTokens | None:
    """Open the session under the account's lock; None where the account changed meanwhile.

    The password was checked before the lock was taken: under the lock its hash must still be the
    stored one, the account enabled and the membership the same.
    """
    account = accounts.lock(tx, verified.account_id)
    version = configuration.version(database, InTransaction(tx))
    now = clock.now()
    prove(snapshot, version, now)
    if account is None or not account.enabled or account.password_hash != verified.password_hash:
        return None
    if account.membership_in(place.tenant.tenant_id) != place.membership:
        return None
    session = _new_session(snapshot, account, command, now)
    end = absolute_end(now, place.force_relogin, session.capped_at)
    ends_at = slid_end(place.policy, now, end)
    sessions.insert_session(tx, session, purge_after=ends_at)
    locator = Locator(
        account.account_id, session.sid, place.tenant.tenant_id, opaque.new_grant_id()
    )
    token = _first_grant(snapshot, tx, command, place, locator, ends_at, now)
    _record(tx, command, session, place, now)
    held = Holder(locator, command.client, place.policy, place.scope, now, session.methods, end)
    return issuing.session_tokens(snapshot, held, token, now)


def _new_session(snapshot: Snapshot, account: Account, command: SignIn, now: datetime) -> Session:
    return Session(
        account_id=account.account_id,
        sid=opaque.new_id(now),
        created_at=now,
        authenticated_at=now,
        last_active_at=now,
        capped_at=None,
        account_epoch=account.epoch,
        environment_epoch=snapshot.epoch,
        methods=(PASSWORD_METHOD,),
        remembered=False,
        impersonator=None,
        device=command.device,
    )


def _first_grant(
    snapshot: Snapshot,
    tx: Transaction,
    command: SignIn,
    place: _Place,
    locator: Locator,
    ends_at: datetime,
    now: datetime,
) -> str:
    """Write the grant and give its refresh token of generation 0."""
    secret = opaque.new_bytes(refresh_tokens.SECRET_LENGTH)
    key_number = snapshot.keyring.opaque_keys(now).current.number
    grant = NewGrant(
        key=GrantKey(locator.account_id, locator.sid, locator.grant_id),
        client_id=command.client.client_id,
        tenant_id=place.tenant.tenant_id,
        membership=place.membership.number,
        tenant_epoch=place.tenant.epoch,
        client_epoch=command.client.epoch,
        scope=place.scope,
        key_number=key_number,
        secret_hash=refresh_tokens.hash_of(secret),
        used_from=command.origin.address[:45],
        ends_at=ends_at,
    )
    grants.insert_grant(tx, grant, now)
    return issuing.refresh_token(
        snapshot, locator, secret, generation=0, key_number=key_number, now=now
    )


def _record(
    tx: Transaction, command: SignIn, session: Session, place: _Place, now: datetime
) -> None:
    event = AuditEvent(
        event=Event.SIGNED_IN,
        origin=command.origin,
        actor=f"account:{session.account_id}",
        account_id=session.account_id,
        tenant_id=place.tenant.tenant_id,
        client_id=command.client.client_id,
        sid=session.sid,
        details={"methods": list(session.methods)},
    )
    audit.record(tx, opaque.new_id(now), event, now)
