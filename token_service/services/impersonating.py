"""Impersonation: a trusted backend acts as an account, on the record and for a short time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from token_service.clock import Clock
from token_service.domain import accounts as names
from token_service.domain.accounts import Account
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event, Origin
from token_service.domain.impersonation import is_privileged, is_trusted, scope_for
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device, Session
from token_service.services import opening, recording
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.services.issuing import IssuedTokens
from token_service.services.opening import Opening, Place
from token_service.storage import accounts, audit, configuration
from token_service.storage.database import Database, InTransaction, Transaction

_ALARM_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Impersonate:
    """What a client that has authenticated asks for; `lifetime` is in seconds."""

    client: Client
    account_id: str
    tenant_id: str
    reason: str
    lifetime: int
    scope: str | None
    origin: Origin
    device: Callable[[], Device]
    confirmation: Confirmation = UNBOUND


@dataclass(frozen=True, slots=True)
class _Target:
    """As whom somebody acts, and where."""

    account: Account
    place: Place


@dataclass(frozen=True, slots=True)
class Impersonated:
    """The tokens of an impersonated session; `alarmed`: the client does this strikingly often."""

    tokens: IssuedTokens
    alarmed: bool


def impersonate(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    alarm_per_hour: int,
    command: Impersonate,
) -> Impersonated | Refused:
    """Open a session in which the client acts as the account; both outcomes go on the record.

    The environment's row is held, so that neither the roles of a tenant nor the count of the last
    hour can change between being looked at and the commit.
    """
    if not is_trusted(command.client):
        return certain_refusal(database, clock, snapshot, Refusal.FORBIDDEN)
    scope = scope_for(command.client, command.scope)
    if scope is None:
        return certain_refusal(database, clock, snapshot, Refusal.INVALID_SCOPE)
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        account = _locked(tx, command.account_id)
        version = configuration.version(database, InTransaction(tx))
        now = clock.now()
        prove(snapshot, version, now)
        target = _target(snapshot, tx, account, command)
        if isinstance(target, Refused):
            _record_refusal(tx, command, account, target.reason, now)
            return target
        tokens = _opened(snapshot, tx, target, command, scope, now)
        return Impersonated(tokens, _alarm(tx, command, alarm_per_hour, now))


def _locked(tx: Transaction, account_id: str) -> Account | None:
    """What is no account's id at all, PostgreSQL would take for an error."""
    return accounts.lock(tx, account_id) if names.well_formed_id(account_id) else None


def _target(
    snapshot: Snapshot, tx: Transaction, account: Account | None, command: Impersonate
) -> _Target | Refused:
    """As whom the client may act, and where; what it may not know of comes first.

    A lock-out is no obstacle: it is about guessed passwords, anybody can bring it about, and then
    the person asks for the very help that this is for.
    """
    if account is None:
        return Refused(Refusal.NOT_FOUND)
    place = opening.place_of(snapshot, account, command.client, command.tenant_id, tx)
    if isinstance(place, Refused):
        return place
    if not account.enabled:
        return Refused(Refusal.ACCOUNT_DISABLED)
    if not place.rules.may_impersonate:
        return Refused(Refusal.IMPERSONATION_NOT_ALLOWED)
    if is_privileged(account, lambda tenant_id: snapshot.tenant(tenant_id, tx)):
        return Refused(Refusal.PRIVILEGED_ACCOUNT)
    return _Target(account, place)


def _opened(
    snapshot: Snapshot,
    tx: Transaction,
    target: _Target,
    command: Impersonate,
    scope: str,
    now: datetime,
) -> IssuedTokens:
    """On the record first: a token must not exist of which the audit log does not know."""
    opened = Opening(
        client=command.client,
        scope=scope,
        place=target.place,
        methods=(),
        remembered=False,
        device=command.device(),
        origin=command.origin,
        confirmation=command.confirmation,
    )
    session = replace(
        opening.new_session(snapshot, target.account, opened, now),
        capped_at=now + timedelta(seconds=command.lifetime),
        impersonator=command.client.client_id,
    )
    _record_start(tx, command, session, scope, now)
    return opening.write(snapshot, tx, session, opened, now)


def _record_start(
    tx: Transaction, command: Impersonate, session: Session, scope: str, now: datetime
) -> None:
    details = {"reason": command.reason, "lifetime": command.lifetime, "scope": scope}
    event = AuditEvent(
        event=Event.IMPERSONATION_STARTED,
        origin=command.origin,
        actor=f"client:{command.client.client_id}",
        account_id=session.account_id,
        tenant_id=command.tenant_id,
        client_id=command.client.client_id,
        sid=session.sid,
        details=details,
    )
    recording.record(tx, event, now)


def _record_refusal(
    tx: Transaction,
    command: Impersonate,
    account: Account | None,
    reason: Refusal,
    now: datetime,
) -> None:
    event = AuditEvent(
        event=Event.IMPERSONATION_REFUSED,
        origin=command.origin,
        actor=f"client:{command.client.client_id}",
        account_id=account.account_id if account else NO_ACCOUNT,
        reason=reason,
        tenant_id=command.tenant_id if names.well_formed_id(command.tenant_id) else None,
        client_id=command.client.client_id,
        details={"reason": command.reason},
    )
    recording.record(tx, event, now)


def _alarm(tx: Transaction, command: Impersonate, per_hour: int, now: datetime) -> bool:
    """Call it out, once an hour, when a client acts as people strikingly often; blocks nothing."""
    client_id, since = command.client.client_id, now - _ALARM_WINDOW
    started = audit.impersonations_since(
        tx, Event.IMPERSONATION_STARTED, client_id, since, per_hour + 1
    )
    if started <= per_hour:
        return False
    if audit.impersonations_since(tx, Event.IMPERSONATION_ALARM, client_id, since, 1):
        return False
    event = AuditEvent(
        event=Event.IMPERSONATION_ALARM,
        origin=command.origin,
        actor="service",
        client_id=client_id,
        details={"more_than": per_hour, "in_seconds": int(_ALARM_WINDOW.total_seconds())},
    )
    recording.record(tx, event, now)
    return True
