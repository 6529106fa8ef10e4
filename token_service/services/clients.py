"""Clients: proving who they are, and tokens for themselves."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from token_service.clock import Clock
from token_service.crypto import opaque
from token_service.crypto.certificates import Certificate
from token_service.crypto.drafts import Drafting, signed
from token_service.domain.clients import AuthenticationMethod, Client, granted_scope
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal, Refused
from token_service.services import client_proofs, issuing, recording
from token_service.services.client_proofs import Assertion, Failed, Proofs
from token_service.services.configuration import Snapshot, prove_current
from token_service.services.issuing import IssuedTokens
from token_service.services.throttling import Throttle
from token_service.storage import failure_counts
from token_service.storage.database import Database

SECRET_PREFIX = "tss_"
_SECRET_PURPOSE = "client secret"
_PRESENTED = b"client authentication"
_CLIENT_CREDENTIALS = "client_credentials"


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a client says of itself; `proof` None: it names itself only (a public client).

    The certificate is None where the client named itself only and has none.
    """

    client_id: str
    method: AuthenticationMethod
    proof: str | Assertion | Certificate | None = field(repr=False)
    origin: Origin


def secret_hash(pepper: bytes, secret: str) -> str:
    """The stored form of a client secret: a fast keyed hash.

    The secret is 256 random bits, which no slow hash would protect any better, and a slow hash on
    the token path is what makes other servers slow.
    """
    return opaque.keyed_hash(pepper, _SECRET_PURPOSE, secret)


def is_secret_of(client: Client, pepper: bytes, secret: str, now: datetime) -> bool:
    """Whether it is one of the client's secrets that are live; it compares with all of them."""
    presented = secret_hash(pepper, secret)
    live = (one for one in client.secrets if one.expires_at is None or now < one.expires_at)
    right = [opaque.same(presented, one.hash) for one in live]
    return any(right)


def authenticate(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    throttle: Throttle,
    proofs: Proofs,
    credentials: ClientCredentials,
) -> Client | Refused:
    """The client that the credentials belong to (RFC 6749 section 2.3).

    By the one method that it is registered for: a client without credentials names itself and may
    send none. A refusal is certain: it is given only after the configuration was proved current.
    """
    client = snapshot.client(credentials.client_id)
    if client is None:
        # The same work as for a client that exists.
        opaque.same(secret_hash(throttle.pepper, str(credentials.proof or "")), "")
        prove_current(database, clock, snapshot)
        return Refused(Refusal.UNKNOWN_CLIENT)
    failure = _standing(snapshot, client, credentials.method) or _failure(
        database, clock, snapshot, proofs, client, credentials
    )
    if failure is None:
        return client
    now = prove_current(database, clock, snapshot)
    return failed(database, throttle, client, credentials.origin, failure, now)


def remembered(
    snapshot: Snapshot,
    pepper: bytes,
    client_id: str,
    method: AuthenticationMethod,
    secret: str | None,
    now: datetime,
) -> Client | None:
    """The client that proves itself by its secret, or a public one that names itself, as far as
    memory tells.

    None says nothing: `authenticate` then finds out what is wrong, if anything is.
    """
    client = snapshot.remembered_client(client_id)
    if client is None or _standing(snapshot, client, method) is not None:
        return None
    if secret is None:
        return client if client.is_public else None
    return client if is_secret_of(client, pepper, secret, now) else None


class _Proved(NamedTuple):
    """A client that has proved itself by what was presented, and until when that holds."""

    client: Client
    until: datetime | None


def known_by(snapshot: Snapshot, presented: str, now: datetime) -> Client | None:
    """The client that has proved itself by the same before, under the same configuration: so it is
    served still, and its secret is right until one of its secrets ends."""
    proved = snapshot.proved.get(opaque.digest(_PRESENTED, presented))
    if not isinstance(proved, _Proved) or (proved.until is not None and now >= proved.until):
        return None
    return proved.client


def know_by(snapshot: Snapshot, presented: str, client: Client, now: datetime) -> None:
    """Remember what a client has proved itself by just now."""
    ends = [one.expires_at for one in client.secrets if one.expires_at and one.expires_at > now]
    proved = _Proved(client, min(ends, default=None))
    snapshot.proved.put(opaque.digest(_PRESENTED, presented), proved)


def _standing(snapshot: Snapshot, client: Client, method: AuthenticationMethod) -> Failed | None:
    """Why the client is not served, whatever it proves."""
    if not client.enabled:
        return Failed(Refusal.CLIENT_DISABLED)
    if not client.authenticates_by(method):
        return Failed(Refusal.WRONG_AUTHENTICATION_METHOD)
    return None if _has_tenant(snapshot, client) else Failed(Refusal.TENANT_DISABLED)


def _failure(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    proofs: Proofs,
    client: Client,
    credentials: ClientCredentials,
) -> Failed | None:
    proof = credentials.proof
    if isinstance(proof, Assertion):
        return client_proofs.failure_of_assertion(database, clock, snapshot, proofs, client, proof)
    if isinstance(proof, str):
        is_right = is_secret_of(client, proofs.pepper, proof, clock.now())
        return None if is_right else Failed(Refusal.WRONG_CLIENT_SECRET)
    if client.is_public:
        return None
    return client_proofs.failure_of_certificate(proofs, client, proof, clock.now())


def _has_tenant(snapshot: Snapshot, client: Client) -> bool:
    """Whether the tenant that the client belongs to, if any, is there and enabled."""
    if client.tenant_id is None:
        return True
    tenant = snapshot.tenant(client.tenant_id)
    return tenant is not None and tenant.enabled


def failed(
    database: Database,
    throttle: Throttle,
    client: Client,
    origin: Origin,
    failure: Failed,
    now: datetime,
) -> Refused:
    """Record that a known client has not proved who it is; too many from one source are told to
    wait."""
    rule, reason = throttle.source, failure.reason
    with database.transaction() as tx:
        subject = throttle.client_subject(client.client_id, origin.address)
        failures = failure_counts.add(tx, subject, now, now - timedelta(seconds=rule.window))
        if failures > rule.free_failures:
            # Counted, but no longer written down: a flood must not fill the log.
            return Refused(Refusal.THROTTLED, retry_after=rule.first_delay)
        event = AuditEvent(
            event=Event.CLIENT_AUTHENTICATION_FAILED,
            origin=origin,
            actor=f"client:{client.client_id}",
            reason=reason,
            client_id=client.client_id,
            details=failure.details,
        )
        recording.record(tx, event, now)
    return Refused(reason)


def issue_client_token(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    client: Client,
    scope: str | None,
    confirmation: Confirmation = UNBOUND,
) -> IssuedTokens | Refused:
    """Client credentials (RFC 6749 section 4.4): no session and no refresh token."""
    now = prove_current(database, clock, snapshot)
    return signed(making_client_token(snapshot, client, scope, confirmation, now))


def making_client_token(
    snapshot: Snapshot, client: Client, scope: str | None, confirmation: Confirmation, now: datetime
) -> Drafting[IssuedTokens | Refused]:
    """The same, once it is certain that the snapshot is current; to be signed."""
    if _CLIENT_CREDENTIALS not in client.grant_types or client.is_public:
        return Refused(Refusal.GRANT_NOT_ALLOWED)
    granted = granted_scope(client, scope)
    if granted is None:
        return Refused(Refusal.INVALID_SCOPE)
    if not _has_tenant(snapshot, client):
        return Refused(Refusal.TENANT_DISABLED)
    return (yield from issuing.making_client_token(snapshot, client, granted, confirmation, now))
