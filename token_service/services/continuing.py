"""Going on with a sign-in that waits: one session is ended, and the new one opens."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto.sign_in_tickets import Presented
from token_service.domain.accounts import Account
from token_service.domain.clients import Client, granted_scope
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device
from token_service.domain.sign_in_tickets import SignInTicket, ticket_refusal
from token_service.services import recording, session_limiting
from token_service.services import sign_in_tickets as tickets
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.services.issuing import IssuedTokens
from token_service.services.opening import Opening, WaitingSignIn, place_of
from token_service.services.session_limiting import counted_sessions, evict
from token_service.services.signing_in import Opened, Opener, known_from_now_on
from token_service.storage import accounts, configuration, sign_in_tickets
from token_service.storage.database import Database, InTransaction, Transaction


@dataclass(frozen=True, slots=True)
class Continuation:
    """A sign-in that goes on, by the client that it began with: the ticket, and what is to end."""

    client: Client
    ticket: str = field(repr=False)
    end_sid: str
    origin: Origin
    device: Callable[[], Device]
    confirmation: Confirmation = UNBOUND
    device_cookie: str | None = field(default=None, repr=False)


def continue_sign_in(
    database: Database, clock: Clock, snapshot: Snapshot, command: Continuation
) -> IssuedTokens | WaitingSignIn | Refused:
    """End one of the sessions that were listed, spend the ticket and open the session.

    A session that is none of them spends nothing. Where somebody else signed in meanwhile, the
    chosen one has ended and there is still no room, the sign-in waits again with a new ticket.
    """
    if not command.client.first_party:
        return certain_refusal(database, clock, snapshot, Refusal.NOT_FIRST_PARTY)
    opener = known_from_now_on(command.device_cookie)
    return continued(database, clock, snapshot, command, opener)


def continued(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    command: Continuation,
    opener: Opener[Opened],
) -> Opened | WaitingSignIn | Refused:
    """The same, with `opener` in place of what gives an application its tokens."""
    presented = tickets.parsed(database, clock, snapshot, command.ticket)
    if presented is None:
        return Refused(Refusal.UNKNOWN_TICKET)
    device = command.device()
    with database.transaction() as tx:
        account = accounts.lock(tx, presented.account_id)
        version = configuration.version(database, InTransaction(tx))
        now = clock.now()
        prove(snapshot, version, now)
        if account is None:
            return Refused(Refusal.UNKNOWN_TICKET)
        return _continued(snapshot, tx, account, presented, command, device, now, opener)


def _continued(
    snapshot: Snapshot,
    tx: Transaction,
    account: Account,
    presented: Presented,
    command: Continuation,
    device: Device,
    now: datetime,
    opener: Opener[Opened],
) -> Opened | WaitingSignIn | Refused:
    use = tickets.use_of(snapshot, account, command.client, presented)
    ticket = sign_in_tickets.read(tx, use.account_id, use.ticket_id)
    refusal = ticket_refusal(ticket, use, now)
    if ticket is None or refusal is not None:
        return _refused(tx, account, command, refusal or Refusal.UNKNOWN_TICKET, now)
    opening = _opening(snapshot, tx, account, ticket, command, device)
    if isinstance(opening, Refused):
        return _refused(tx, account, command, opening.reason, now)
    if command.end_sid not in _choice(snapshot, tx, account, opening, now):
        return Refused(Refusal.UNKNOWN_SESSION)
    if not sign_in_tickets.take(tx, use, now):
        return _refused(tx, account, command, Refusal.UNKNOWN_TICKET, now)
    evict(tx, account.account_id, (command.end_sid,), device, command.origin, now)
    return opener(snapshot, tx, account, opening, now)


def _opening(
    snapshot: Snapshot,
    tx: Transaction,
    account: Account,
    ticket: SignInTicket,
    command: Continuation,
    device: Device,
) -> Opening | Refused:
    """What the sign-in asked for, if the account and the client may still have it."""
    if not account.enabled:
        return Refused(Refusal.ACCOUNT_DISABLED)
    place = place_of(snapshot, account, command.client, ticket.tenant_id, tx)
    if isinstance(place, Refused):
        return place
    scope = granted_scope(command.client, ticket.scope) if ticket.scope else ""
    if scope is None:
        return Refused(Refusal.INVALID_SCOPE)
    return Opening(
        client=command.client,
        scope=scope,
        place=place,
        methods=ticket.methods,
        remembered=ticket.remembered and place.rules.policy.remember_me,
        device=device,
        origin=command.origin,
        confirmation=command.confirmation,
    )


def _choice(
    snapshot: Snapshot, tx: Transaction, account: Account, opening: Opening, now: datetime
) -> set[str]:
    """The sessions that may be ended: those that are in the way, any that counts if none is."""
    live = counted_sessions(tx, snapshot, account, now)
    place = opening.place
    over = session_limiting.exceeded(snapshot, account, opening.client, place.tenant, lambda: live)
    return {one.session.sid for one in (over.counted if over else live)}


def _refused(
    tx: Transaction, account: Account, command: Continuation, reason: Refusal, now: datetime
) -> Refused:
    event = AuditEvent(
        event=Event.SIGN_IN_FAILED,
        origin=command.origin,
        actor=f"client:{command.client.client_id}",
        account_id=account.account_id,
        reason=reason,
        client_id=command.client.client_id,
    )
    recording.record(tx, event, now)
    return Refused(reason)
