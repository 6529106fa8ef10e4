"""Opening a session with its first grant, inside a transaction that holds the account."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from token_service.crypto import opaque, refresh_tokens
from token_service.crypto.locators import Locator
from token_service.domain.accounts import Account, Membership
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation, chain_binding
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.policies import NEVER
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.session_limits import LimitAction
from token_service.domain.sessions import (
    Device,
    GrantKey,
    GrantTerms,
    LiveSession,
    Rules,
    Session,
    absolute_end,
    relogin_limit,
    slid_end,
)
from token_service.domain.sign_in_tickets import LIFETIME
from token_service.domain.tenants import Tenant
from token_service.services import (
    issuing,
    recording,
    session_limiting,
    sightings,
    sign_in_tickets,
)
from token_service.services.configuration import Snapshot
from token_service.services.issuing import Holder, IssuedTokens
from token_service.services.sign_in_tickets import PendingSignIn
from token_service.storage import grants, logout_notices, sessions, unused_clients
from token_service.storage.database import Transaction
from token_service.storage.grants import NewGrant

_SHOWN = 100
"""Sessions that a waiting sign-in is shown at most, as in one page of a list: the oldest."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new grant stands; `force_relogin` (seconds) is the strictest of all tenants."""

    tenant: Tenant
    membership: Membership
    rules: Rules
    force_relogin: int


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session is opened with; `methods` are `amr` values (RFC 8176), `confirmation` is what
    the client has proved to hold. `audiences` and `openid` are for the terms of its grant."""

    client: Client
    scope: str
    place: Place
    methods: tuple[str, ...]
    remembered: bool
    device: Device
    origin: Origin
    confirmation: Confirmation = UNBOUND
    audiences: tuple[str, ...] | None = None
    openid: bool = False


@dataclass(frozen=True, slots=True)
class WaitingSignIn:
    """A sign-in that had the right password, and for which there is no room.

    `sessions` are those of which one must end, newest first; with `ticket`, which is good for
    `expires_in` seconds and once, the sign-in goes on.
    """

    sessions: tuple[LiveSession, ...]
    ticket: str = field(repr=False)
    expires_in: int


def place_of(
    snapshot: Snapshot,
    account: Account,
    client: Client,
    tenant_id: str,
    within: Transaction | None = None,
) -> Place | Refused:
    """The account's place in the tenant, through this client; who asks learns no more than no.

    Whoever holds a transaction gives it as `within` (`Snapshot.client`).
    """
    membership = account.membership_in(tenant_id)
    # Only now: what is no tenant's id at all, PostgreSQL would take for an error.
    tenant = snapshot.tenant(tenant_id, within) if membership else None
    if membership is None or tenant is None or not tenant.enabled:
        return Refused(Refusal.NOT_A_MEMBER)
    if client.tenant_id not in (None, tenant_id):
        return Refused(Refusal.NOT_A_MEMBER)
    limits = [_force_relogin(snapshot, one.tenant_id, within) for one in account.memberships]
    rules = snapshot.rules_of(tenant, client)
    return Place(tenant, membership, rules, min(limits))


def open_session(
    snapshot: Snapshot, tx: Transaction, account: Account, opening: Opening, now: datetime
) -> IssuedTokens | WaitingSignIn | Refused:
    """Write the session, its grant and the audit event; the first tokens.

    The caller holds the account's row and has proved under it that the account may sign in.
    """
    session = admitted(snapshot, tx, account, opening, now)
    if not isinstance(session, Session):
        return session
    return write(snapshot, tx, session, opening, now)


def admitted(
    snapshot: Snapshot, tx: Transaction, account: Account, opening: Opening, now: datetime
) -> Session | WaitingSignIn | Refused:
    """The session that is on record from now on, and not written yet.

    Where a limit is reached, the oldest sessions end for it, or it is refused (`session_limit`), or
    it waits, as the tenant's policy says. The caller holds the account's row.
    """
    if stopped := _stopped(snapshot, tx, account, opening, now):
        return stopped
    session = new_session(snapshot, account, opening, now)
    record_sign_in(snapshot, tx, account, opening, session.sid, now)
    return session


def record_sign_in(
    snapshot: Snapshot,
    tx: Transaction,
    account: Account,
    opening: Opening,
    sid: str,
    now: datetime,
) -> None:
    """Put a sign-in on record, and whether it came with or from something new."""
    event = _signed_in(opening, account, sid)
    recording.record(tx, event, now)
    sightings.note(snapshot, tx, account, event, opening.device, now)


def write(
    snapshot: Snapshot, tx: Transaction, session: Session, opening: Opening, now: datetime
) -> IssuedTokens:
    """Write a session with its first grant, whatever kind it is of; the first tokens."""
    place = opening.place
    auth_time, remembered = session.authenticated_at, opening.remembered
    ends_at, end = ends_of(place, auth_time, session.capped_at, now, remembered=remembered)
    sessions.insert_session(tx, session, purge_after=ends_at)
    locator = Locator(
        session.account_id, session.sid, place.tenant.tenant_id, opaque.new_grant_id()
    )
    terms = GrantTerms(
        auth_time=auth_time,
        confirmation=chain_binding(opening.client, opening.confirmation),
        audiences=opening.audiences,
        openid=opening.openid,
    )
    opened = NewlyOpened(
        opening.client, opening.scope, place, locator, opening.origin, ends_at, terms
    )
    token = open_grant(snapshot, tx, opened, opaque.new_bytes(refresh_tokens.SECRET_LENGTH), now)
    held = Holder(
        locator=locator,
        client=opening.client,
        policy=place.rules.policy_for(remembered=remembered),
        scope=opening.scope,
        terms=terms,
        methods=session.methods,
        absolute_end=end,
        impersonator=session.impersonator,
        confirmation=opening.confirmation,
    )
    return issuing.session_tokens(snapshot, held, token, now)


def ends_of(
    place: Place,
    authenticated_at: datetime,
    capped_at: datetime | None,
    now: datetime,
    *,
    remembered: bool,
) -> tuple[datetime, datetime | None]:
    """When a grant opened now ends if it is not used, and the end that no use can move."""
    policy = place.rules.policy_for(remembered=remembered)
    relogin = min(place.force_relogin, relogin_limit(policy))
    end = absolute_end(authenticated_at, relogin, capped_at)
    return slid_end(policy, now, end), end


def _force_relogin(snapshot: Snapshot, tenant_id: str, within: Transaction | None) -> int:
    tenant = snapshot.tenant(tenant_id, within)
    return relogin_limit(snapshot.policy_of(tenant)) if tenant else NEVER


def new_session(snapshot: Snapshot, account: Account, opening: Opening, now: datetime) -> Session:
    """A session that is not stored yet: somebody has just signed in."""
    return Session(
        account_id=account.account_id,
        sid=opaque.new_id(now),
        created_at=now,
        authenticated_at=now,
        last_active_at=now,
        capped_at=None,
        account_epoch=account.epoch,
        environment_epoch=snapshot.epoch,
        methods=opening.methods,
        remembered=opening.remembered,
        impersonator=None,
        device=opening.device,
    )


@dataclass(frozen=True, slots=True)
class NewlyOpened:
    """A grant that is about to be written, with the locator that its tokens carry.

    `opened_from` is the grant of the sign-in or the code that it goes back to, where it is opened
    by the tokens of another one.
    """

    client: Client
    scope: str
    place: Place
    locator: Locator
    origin: Origin
    ends_at: datetime
    terms: GrantTerms
    opened_from: int | None = None


def open_grant(
    snapshot: Snapshot, tx: Transaction, opened: NewlyOpened, secret: bytes, now: datetime
) -> str:
    """Write the grant and give its refresh token of generation 0."""
    key_number = write_grant(snapshot, tx, opened, refresh_tokens.hash_of(secret), now)
    return issuing.refresh_token(
        snapshot, opened.locator, secret, generation=0, key_number=key_number, now=now
    )


def write_grant(
    snapshot: Snapshot, tx: Transaction, opened: NewlyOpened, secret_hash: str, now: datetime
) -> int:
    """Write the grant, whatever its holder holds; the number of the key for what that is."""
    key_number = snapshot.keyring.opaque_keys(now).current.number
    place, client, locator = opened.place, opened.client, opened.locator
    grant = NewGrant(
        key=GrantKey(locator.account_id, locator.sid, locator.grant_id),
        client_id=client.client_id,
        tenant_id=place.tenant.tenant_id,
        membership=place.membership.number,
        tenant_epoch=place.tenant.epoch,
        client_epoch=client.epoch,
        scope=opened.scope,
        key_number=key_number,
        secret_hash=secret_hash,
        used_from=opened.origin.address[:45],
        ends_at=opened.ends_at,
        terms=opened.terms,
        opened_from=opened.opened_from,
    )
    grants.insert_grant(tx, grant, now)
    if client.metadata.dynamic:
        unused_clients.used(tx, client.client_id, now)
    if client.metadata.backchannel_logout_uri is not None:
        notice_id = opaque.new_id(now)
        logout_notices.expect(
            tx, locator.account_id, locator.sid, client.client_id, notice_id, opened.ends_at
        )
    return key_number


def _stopped(
    snapshot: Snapshot, tx: Transaction, account: Account, opening: Opening, now: datetime
) -> WaitingSignIn | Refused | None:
    """What stands in the way of one more session; None once there is room for it."""
    others = partial(session_limiting.counted_sessions, tx, snapshot, account, now)
    over = session_limiting.exceeded(
        snapshot, account, opening.client, opening.place.tenant, others
    )
    if over is None:
        return None
    match over.action:
        case LimitAction.EVICT_OLDEST:
            sids = [one.session.sid for one in over.surplus]
            device, origin = opening.device, opening.origin
            session_limiting.evict(tx, account.account_id, sids, device, origin, now)
            return None
        case LimitAction.DENY:
            _record_limit(tx, Event.SIGN_IN_FAILED, account, opening, now)
            return Refused(Refusal.SESSION_LIMIT)
        case LimitAction.ASK:
            _record_limit(tx, Event.SIGN_IN_WAITING, account, opening, now)
            ticket = sign_in_tickets.issue(snapshot, tx, account, _pending(opening), now)
            return WaitingSignIn(over.counted[-_SHOWN:], ticket, LIFETIME)


def _pending(opening: Opening) -> PendingSignIn:
    return PendingSignIn(
        client_id=opening.client.client_id,
        tenant_id=opening.place.tenant.tenant_id,
        scope=opening.scope,
        methods=opening.methods,
        remembered=opening.remembered,
    )


def _signed_in(opening: Opening, account: Account, sid: str) -> AuditEvent:
    return AuditEvent(
        event=Event.SIGNED_IN,
        origin=opening.origin,
        actor=f"account:{account.account_id}",
        account_id=account.account_id,
        tenant_id=opening.place.tenant.tenant_id,
        client_id=opening.client.client_id,
        sid=sid,
        details={"methods": list(opening.methods)},
    )


def _record_limit(
    tx: Transaction, event: Event, account: Account, opening: Opening, now: datetime
) -> None:
    row = AuditEvent(
        event=event,
        origin=opening.origin,
        actor=f"account:{account.account_id}",
        account_id=account.account_id,
        reason=Refusal.SESSION_LIMIT,
        tenant_id=opening.place.tenant.tenant_id,
        client_id=opening.client.client_id,
    )
    recording.record(tx, row, now)
