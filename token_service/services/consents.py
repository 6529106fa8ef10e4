"""What a person has allowed applications: shown, and taken back with all that came of it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from token_service.clock import Clock
from token_service.domain.authorizing import Consent, asks_consent, wanted_consent
from token_service.domain.clients import Client
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantSelection
from token_service.services import recording
from token_service.services.configuration import Snapshot, prove, prove_current
from token_service.services.endings import Cause
from token_service.services.grant_endings import end_grants
from token_service.storage import (
    accounts,
    configuration,
    consents,
    device_authorizations,
    sessions,
)
from token_service.storage.consents import GivenConsent
from token_service.storage.database import Database, InTransaction, Transaction


def is_allowed(
    tx: Transaction, account_id: str, client: Client, tenant_id: str, scope: str, claims: str | None
) -> bool:
    """Whether the account allows the client this much in the tenant, as far as it is asked at all.

    `claims` is the JSON of an authorization request.
    """
    if not asks_consent(client):
        return True
    given = consents.read(tx, account_id, client.client_id).get(tenant_id, Consent())
    return given.covers(wanted_consent(scope, claims))


@dataclass(frozen=True, slots=True)
class TenantConsent:
    """What was allowed in one tenant, and when last."""

    tenant_id: str
    tenant_name: str
    consent: Consent
    given_at: datetime


@dataclass(frozen=True, slots=True)
class AllowedApplication:
    """An application, and what it was allowed, the newest first."""

    client_id: str
    name: str
    consents: tuple[TenantConsent, ...]


def allowed(
    database: Database, clock: Clock, snapshot: Snapshot, account_id: str
) -> tuple[AllowedApplication, ...]:
    """What the account has allowed, the newest first; one that is gone is named by its id."""
    prove_current(database, clock, snapshot)
    by_client: dict[str, list[TenantConsent]] = defaultdict(list)
    with database.reading() as tx:
        for one in consents.read_all(tx, account_id):
            by_client[one.client_id].append(_in_tenant(snapshot, tx, one))
        return tuple(
            AllowedApplication(client_id, _name(snapshot, tx, client_id), tuple(given))
            for client_id, given in by_client.items()
        )


def take_back(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    account_id: str,
    client_id: str,
    origin: Origin,
) -> None:
    """Take back what the account has allowed a client, everywhere; saying it twice is fine.

    Every grant of the client under the account ends, also one that it entered from tenant to
    tenant or that a device was let in with, and so does each session that nothing is left of. A
    code that was given before finds the consent gone (`codes.redeem` holds the same account).
    """
    cause = Cause(Refusal.CONSENT_WITHDRAWN, f"account:{account_id}", origin)
    with database.transaction() as tx:
        account = accounts.lock(tx, account_id)
        if account is None:
            return
        sessions.lock_open(tx, account_id, account.epoch)
        now = clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        taken = consents.take_back(tx, account_id, client_id)
        if not taken:
            return
        for one in taken:
            recording.record(tx, _event(account_id, one, cause), now)
        device_authorizations.deny_approved(tx, account_id, client_id)
        end_grants(tx, snapshot, GrantSelection(account_id, client_id=client_id), cause, now)


def _in_tenant(snapshot: Snapshot, tx: Transaction, given: GivenConsent) -> TenantConsent:
    tenant = snapshot.tenant(given.tenant_id, tx)
    name = tenant.name if tenant else given.tenant_id
    return TenantConsent(given.tenant_id, name, given.consent, given.given_at)


def _name(snapshot: Snapshot, tx: Transaction, client_id: str) -> str:
    client = snapshot.client(client_id, tx)
    return client.name if client else client_id


def _event(account_id: str, taken: GivenConsent, cause: Cause) -> AuditEvent:
    consent = taken.consent
    return AuditEvent(
        event=Event.CONSENT_WITHDRAWN,
        origin=cause.origin,
        actor=cause.actor,
        account_id=account_id,
        tenant_id=taken.tenant_id,
        client_id=taken.client_id,
        details={"scope": sorted(consent.scope), "claims": sorted(consent.claims)},
    )
