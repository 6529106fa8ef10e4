"""Devices ask for their tokens: each poll is answered, and one of them opens the session."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import device_codes
from token_service.domain import scopes
from token_service.domain.accounts import Account
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.device_authorizations import (
    GRANT_TYPE,
    Approval,
    DeviceAuthorization,
    Poll,
    next_interval,
    poll_refusal,
)
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.openid_claims import OPENID_SCOPE
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device, Session
from token_service.services import recording, session_limiting
from token_service.services.configuration import Snapshot, certain_refusal, genuine, prove
from token_service.services.issuing import IssuedTokens
from token_service.services.opening import (
    Opening,
    Place,
    ends_of,
    new_session,
    place_of,
    record_sign_in,
    write,
)
from token_service.storage import accounts, configuration, sessions
from token_service.storage import device_authorizations as stored
from token_service.storage.database import Database, InTransaction, Transaction

_WAITS = frozenset({Refusal.AUTHORIZATION_PENDING, Refusal.SLOW_DOWN})


@dataclass(frozen=True, slots=True)
class DevicePoll:
    """A device asks for its tokens; `device` is what its session is to show of it."""

    client: Client
    device_code: str = field(repr=False)
    origin: Origin
    device: Callable[[], Device]
    confirmation: Confirmation = UNBOUND


@dataclass(frozen=True, slots=True)
class _Held:
    """What was approved, with account and the session of the approval locked, in this order."""

    snapshot: Snapshot
    tx: Transaction
    command: DevicePoll
    device: DeviceAuthorization
    approval: Approval
    account: Account
    session: Session
    now: datetime


def redeem(
    database: Database, clock: Clock, snapshot: Snapshot, command: DevicePoll
) -> IssuedTokens | Refused:
    """Answer a poll (RFC 8628 section 3.5): once somebody has let the device in, its tokens, once.

    Account, client, tenant, limits and the sign-in by which it was approved are looked at anew.
    """
    if GRANT_TYPE not in command.client.grant_types:
        return certain_refusal(database, clock, snapshot, Refusal.GRANT_NOT_ALLOWED)
    presented = genuine(database, clock, snapshot, device_codes, command.device_code)
    if presented is None:
        return Refused(Refusal.UNKNOWN_CODE)
    poll = Poll(command.client.client_id, presented.secret_hash)
    with database.transaction() as tx:
        device = stored.read(tx, presented.device_id)
        approval = device.approval if device else None
        account = accounts.lock(tx, approval.account_id) if approval else None
        session = sessions.lock(tx, approval.account_id, approval.sid) if approval else None
        now = clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        if device is None:
            return Refused(Refusal.UNKNOWN_CODE)
        refusal = poll_refusal(device, poll, now)
        if refusal in _WAITS:
            return _waiting(tx, device, refusal, now)
        if approval is None:
            return Refused(refusal or Refusal.UNKNOWN_CODE)
        if refusal is None and not stored.use_up(tx, device, now):
            refusal = Refusal.CODE_SPENT
        if refusal is None and (account is None or session is None):
            refusal = Refusal.SIGN_IN_OVER
        if refusal is not None or account is None or session is None:
            return _refused(tx, command, approval, refusal or Refusal.SIGN_IN_OVER, now)
        held = _Held(snapshot, tx, command, device, approval, account, session, now)
        opened = _opened(held)
        return (
            _refused(tx, command, approval, opened, now) if isinstance(opened, Refusal) else opened
        )


def _waiting(
    tx: Transaction, device: DeviceAuthorization, refusal: Refusal, now: datetime
) -> Refused:
    """Of two polls at once, the one that comes second is too soon, whatever it has read."""
    noted = stored.polled(tx, device, next_interval(device, now), now)
    return Refused(refusal if noted else Refusal.SLOW_DOWN)


def _opened(held: _Held) -> IssuedTokens | Refusal:
    """Open the device's session, if the world is still as it was when somebody let it in."""
    snapshot, account, client, now = held.snapshot, held.account, held.command.client, held.now
    place = place_of(snapshot, account, client, held.approval.tenant_id, held.tx)
    if isinstance(place, Refused):
        return place.reason
    auth_time = held.approval.auth_time
    _, end = ends_of(place, auth_time, None, now, remembered=False)
    if _is_over(held) or (end is not None and now >= end):
        return Refusal.SIGN_IN_OVER
    opening = _opening(held, place)
    if not _has_room(held, opening):
        return Refusal.SESSION_LIMIT
    # The person has proved who they are when they signed in, and not now.
    session = replace(new_session(snapshot, account, opening, now), authenticated_at=auth_time)
    record_sign_in(snapshot, held.tx, account, opening, session.sid, now)
    tokens = write(snapshot, held.tx, session, opening, now)
    return tokens if client.may_refresh else replace(tokens, refresh_token=None)


def _opening(held: _Held, place: Place) -> Opening:
    command, request = held.command, held.device.request
    return Opening(
        client=command.client,
        scope=request.scope,
        place=place,
        methods=held.session.methods,
        remembered=False,
        device=command.device(),
        origin=command.origin,
        confirmation=command.confirmation,
        audiences=request.resources or None,
        openid=OPENID_SCOPE in scopes.names(request.scope),
    )


def _is_over(held: _Held) -> bool:
    """Whether the sign-in by which somebody let the device in is over by now: who signs out
    everywhere, or is signed out, also takes that back."""
    account, session = held.account, held.session
    return (
        not account.enabled
        or session.ended_at is not None
        or session.account_epoch != account.epoch
        or session.environment_epoch != held.snapshot.epoch
    )


def _has_room(held: _Held, opening: Opening) -> bool:
    """Whether the limits leave room for one more session; others end for it where they say so."""
    account, tx, now = held.account, held.tx, held.now
    evicted = session_limiting.evicted_by_session(
        tx, held.snapshot, account, opening.client, opening.place.tenant, now
    )
    if evicted is None:
        return False
    session_limiting.evict(tx, account.account_id, evicted, opening.device, opening.origin, now)
    return True


def _refused(
    tx: Transaction, command: DevicePoll, approval: Approval, reason: Refusal, now: datetime
) -> Refused:
    """On the record, because whoever asks holds a code that the account has approved."""
    client_id = command.client.client_id
    event = AuditEvent(
        event=Event.GRANT_REFUSED,
        origin=command.origin,
        actor=f"client:{client_id}",
        account_id=approval.account_id,
        reason=reason,
        tenant_id=approval.tenant_id,
        client_id=client_id,
        sid=approval.sid,
    )
    recording.record(tx, event, now)
    return Refused(reason)
