"""A person lets a device in, or keeps it out: the code is entered, then one decision is made."""

from dataclasses import dataclass
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import browser_cookies, opaque, user_codes
from token_service.crypto.browser_cookies import PresentedCookie
from token_service.domain import scopes
from token_service.domain.accounts import Account
from token_service.domain.authorizing import ConfirmDevice
from token_service.domain.device_authorizations import Approval, DeviceAuthorization
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event
from token_service.domain.interactions import Interaction, Progress
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.throttling import FailureCount, source_failed
from token_service.services import browser_sign_ins, recording, session_limiting
from token_service.services.authorizing import Visitor, Waiting
from token_service.services.browser_sign_ins import Cookie, StepTaken
from token_service.services.configuration import Snapshot, prove
from token_service.services.opening import place_of
from token_service.services.throttling import Throttle, one_more_request
from token_service.storage import (
    accounts,
    configuration,
    device_authorizations,
    failure_counts,
    interactions,
    sessions,
)
from token_service.storage.database import Database, InTransaction, Transaction


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision is made; `cookie` is there where the browser is to keep it for longer."""

    cookie: Cookie | None = None


class _TooLate(Exception):
    """Rolls back a decision about a device that does not wait any more."""


def enter(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    throttle: Throttle,
    typed: str,
    visitor: Visitor,
) -> Interaction | Refused:
    """Somebody types in a user code: an interaction of their browser begins.

    Unknown, expired and decided are one refusal, and count as failures of the source, together with
    its wrong passwords. The count is held while the code is looked up: of many attempts at once, no
    right one comes after the limit.
    """
    letters = user_codes.read(typed)
    if letters is None:
        return Refused(Refusal.UNKNOWN_USER_CODE)
    subject = throttle.source_subject(visitor.origin.address)
    presented = browser_sign_ins.parsed(database, clock, snapshot, visitor.cookie)
    with database.transaction() as tx:
        now = clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        source = failure_counts.hold(tx, (subject,), now)[subject]
        if wait := source.wait(now):
            return Refused(Refusal.SOURCE_THROTTLED, retry_after=wait)
        code_hash = user_codes.hash_of(throttle.pepper, letters)
        device = device_authorizations.read_by_user_code(tx, code_hash)
        if device is None or not _may_go_on(snapshot, tx, device, now):
            return _failed(tx, throttle, subject, source, now)
        address = visitor.origin.address
        if refused := one_more_request(tx, throttle, device.client_id, address, now):
            return refused
        state = browser_sign_ins.live(database, snapshot, tx, presented, now) if presented else None
        interaction = Interaction(
            interaction_id=opaque.new_id(now),
            browser_hash=browser_cookies.browser_hash(visitor.browser or "") or "",
            request=device.page_request,
            progress=Progress.begun_by(state.key.account_id if state else None),
            expires_at=device.expires_at,
        )
        interactions.add(tx, interaction, now)
    return interaction


def shown(database: Database, clock: Clock, waiting: Waiting) -> DeviceAuthorization | None:
    """The device that an interaction is about, while somebody may decide about it."""
    with database.reading() as tx:
        device = device_authorizations.read(tx, waiting.interaction.request.device_id or "")
        return device if device is not None and device.waits(clock.now()) else None


def approve(
    database: Database, clock: Clock, snapshot: Snapshot, waiting: Waiting, visitor: Visitor
) -> Decided | Refused:
    """Let the device in, as whoever the question was put to and in the tenant that it named.

    `session_limit`: there would be no room for its session; the person may make some and come back.
    """
    presented = browser_sign_ins.parsed(database, clock, snapshot, visitor.cookie)
    account_id, device_id = waiting.account_id, waiting.interaction.request.device_id
    if presented is None or account_id is None or device_id is None:
        return Refused(Refusal.SIGN_IN_OVER)
    try:
        with database.transaction() as tx:
            account = accounts.lock(tx, account_id)
            sessions.lock(tx, account_id, presented.locator.sid)
            now = clock.now()
            prove(snapshot, configuration.version(database, InTransaction(tx)), now)
            if account is None or not account.enabled:
                return Refused(Refusal.SIGN_IN_OVER)
            used = _used(database, snapshot, tx, account, presented, waiting, visitor, now)
            if isinstance(used, Refused):
                return used
            approval, decided = used
            _finish(tx, waiting, now)
            if not device_authorizations.approve(tx, device_id, approval, now):
                raise _TooLate
            event = _event(Event.DEVICE_APPROVED, waiting, visitor, approval)
            recording.record(tx, event, now)
    except StepTaken:
        return Refused(Refusal.STEP_TAKEN)
    except _TooLate:
        return Refused(Refusal.EXPIRED)
    return decided


def deny(database: Database, clock: Clock, waiting: Waiting, visitor: Visitor) -> Decided | Refused:
    """Keep the device out. Only who would have been asked can: whoever merely knows the code, and
    has not signed in, spoils nothing."""
    device_id = waiting.interaction.request.device_id
    if not isinstance(waiting.step, ConfirmDevice) or device_id is None:
        return Refused(Refusal.STEP_TAKEN)
    try:
        with database.transaction() as tx:
            now = clock.now()
            _finish(tx, waiting, now)
            if not device_authorizations.deny(tx, device_id, now):
                raise _TooLate
            recording.record(tx, _event(Event.DEVICE_DENIED, waiting, visitor, None), now)
    except StepTaken:
        return Refused(Refusal.STEP_TAKEN)
    except _TooLate:
        return Refused(Refusal.EXPIRED)
    return Decided()


def _may_go_on(
    snapshot: Snapshot, tx: Transaction, device: DeviceAuthorization, now: datetime
) -> bool:
    client = snapshot.client(device.client_id, tx)
    return device.waits(now) and client is not None and client.enabled


def _failed(
    tx: Transaction, throttle: Throttle, subject: str, source: FailureCount, now: datetime
) -> Refused:
    failure_counts.write(tx, subject, source_failed(source, throttle.source, now))
    return Refused(Refusal.UNKNOWN_USER_CODE)


def _used(
    database: Database,
    snapshot: Snapshot,
    tx: Transaction,
    account: Account,
    presented: PresentedCookie,
    waiting: Waiting,
    visitor: Visitor,
    now: datetime,
) -> tuple[Approval, Decided] | Refused:
    """Use the browser's sign-in for the approval, if there would be room for the device."""
    state = browser_sign_ins.live(database, snapshot, tx, presented, now)
    step, client = waiting.step, waiting.client
    if state is None or state.key.account_id != account.account_id:
        return Refused(Refusal.SIGN_IN_OVER)
    if not isinstance(step, ConfirmDevice):
        return Refused(Refusal.STEP_TAKEN)
    place = place_of(snapshot, account, client, step.seat.tenant_id, tx)
    if isinstance(place, Refused):
        return place
    if (
        session_limiting.evicted_by_session(tx, snapshot, account, client, place.tenant, now)
        is None
    ):
        return Refused(Refusal.SESSION_LIMIT)
    ends_at = browser_sign_ins.use(database, snapshot, tx, presented, state, visitor.origin, now)
    if ends_at is None:
        return Refused(Refusal.SIGN_IN_OVER)
    kept_for = browser_sign_ins.kept_for(ends_at, now, remembered=state.remembered)
    cookie = None if kept_for is None else Cookie(visitor.cookie or "", kept_for)
    approval = Approval(
        account.account_id, state.key.sid, step.seat.tenant_id, state.terms.auth_time
    )
    return approval, Decided(cookie)


def _finish(tx: Transaction, waiting: Waiting, now: datetime) -> None:
    if not interactions.finish(tx, waiting.interaction, now):
        raise StepTaken


def _event(
    event: Event, waiting: Waiting, visitor: Visitor, approval: Approval | None
) -> AuditEvent:
    step = waiting.step
    return AuditEvent(
        event=event,
        origin=visitor.origin,
        actor=f"account:{waiting.account_id}",
        account_id=waiting.account_id or NO_ACCOUNT,
        tenant_id=step.seat.tenant_id if isinstance(step, ConfirmDevice) else None,
        client_id=waiting.client.client_id,
        sid=approval.sid if approval else None,
        details={"scope": sorted(scopes.names(waiting.interaction.request.scope))},
    )
