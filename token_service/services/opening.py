"""Opening a session with its first grant, inside a transaction that holds the account."""

from dataclasses import dataclass
from datetime import datetime

from token_service.crypto import opaque, refresh_tokens
from token_service.crypto.locators import Locator
from token_service.domain.accounts import Account, Membership
from token_service.domain.clients import Client
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.policies import NEVER
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import (
    Device,
    GrantKey,
    Rules,
    Session,
    absolute_end,
    relogin_limit,
    slid_end,
)
from token_service.domain.tenants import Tenant
from token_service.services import issuing, recording
from token_service.services.configuration import Snapshot
from token_service.services.issuing import Holder, IssuedTokens
from token_service.storage import grants, sessions
from token_service.storage.database import Transaction
from token_service.storage.grants import NewGrant


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new grant stands; `force_relogin` (seconds) is the strictest of all tenants."""

    tenant: Tenant
    membership: Membership
    rules: Rules
    force_relogin: int


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session is opened with; `methods` are `amr` values (RFC 8176)."""

    client: Client
    scope: str
    place: Place
    methods: tuple[str, ...]
    remembered: bool
    device: Device
    origin: Origin


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
) -> IssuedTokens:
    """Write the session, its grant and the audit event; the first tokens.

    The caller holds the account's row and has proved under it that the account may sign in.
    """
    session = _session(snapshot, account, opening, now)
    place = opening.place
    ends_at, end = ends_of(place, now, session.capped_at, now, remembered=opening.remembered)
    sessions.insert_session(tx, session, purge_after=ends_at)
    locator = Locator(
        account.account_id, session.sid, place.tenant.tenant_id, opaque.new_grant_id()
    )
    opened = NewlyOpened(opening.client, opening.scope, place, locator, opening.origin, ends_at)
    token = open_grant(snapshot, tx, opened, opaque.new_bytes(refresh_tokens.SECRET_LENGTH), now)
    _record(tx, opening, session, now)
    policy = place.rules.policy_for(remembered=opening.remembered)
    held = Holder(locator, opening.client, policy, opening.scope, now, session.methods, end)
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


def _session(snapshot: Snapshot, account: Account, opening: Opening, now: datetime) -> Session:
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
    """A grant that is about to be written, with the locator that its tokens carry."""

    client: Client
    scope: str
    place: Place
    locator: Locator
    origin: Origin
    ends_at: datetime


def open_grant(
    snapshot: Snapshot, tx: Transaction, opened: NewlyOpened, secret: bytes, now: datetime
) -> str:
    """Write the grant and give its refresh token of generation 0."""
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
        secret_hash=refresh_tokens.hash_of(secret),
        used_from=opened.origin.address[:45],
        ends_at=opened.ends_at,
    )
    grants.insert_grant(tx, grant, now)
    return issuing.refresh_token(
        snapshot, locator, secret, generation=0, key_number=key_number, now=now
    )


def _record(tx: Transaction, opening: Opening, session: Session, now: datetime) -> None:
    event = AuditEvent(
        event=Event.SIGNED_IN,
        origin=opening.origin,
        actor=f"account:{session.account_id}",
        account_id=session.account_id,
        tenant_id=opening.place.tenant.tenant_id,
        client_id=opening.client.client_id,
        sid=session.sid,
        details={"methods": list(session.methods)},
    )
    recording.record(tx, event, now)
