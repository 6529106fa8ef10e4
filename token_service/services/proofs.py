"""Proof of possession: which key or certificate whoever asks has, and whether a token demands it.

DPoP (RFC 9449) and client certificates (RFC 8705 section 3), for tokens that are issued and for
tokens that are used here. A proof is used up by the one statement that remembers it, whichever node
it comes to; a request without any costs nothing.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from token_service.clock import Clock
from token_service.crypto import dpop
from token_service.crypto.dpop import Proof
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation, TokenType
from token_service.domain.dpop import Expected, proof_refusal, remembered_for, slices
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal, Refused
from token_service.services import recording
from token_service.services.configuration import Snapshot, certain_refusal, prove, prove_current
from token_service.services.inspection import Inspection
from token_service.storage import configuration, used_assertions
from token_service.storage.database import Database, InTransaction

_BY_THE_CLOCK = frozenset({Refusal.PROOF_OUT_OF_TIME, Refusal.NONCE_NEEDED})


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows besides credentials, and which request that is.

    `proof` is its `DPoP` header, `certificate` the client's in DER; `url` is the one that was
    called. `spent` are the proofs that this very request has used up: it may be looked at again.
    """

    proof: str | None = field(repr=False)
    certificate: bytes | None = field(repr=False)
    method: str
    url: str
    nonce_required: bool
    origin: Origin
    spent: set[str] = field(repr=False)


def fresh_nonce(clock: Clock, snapshot: Snapshot) -> str:
    """The nonce for the next proof; the same on every node for as long as its slice of time."""
    now = clock.now()
    return dpop.nonce(snapshot.keyring.opaque_keys(now).current, slices(now)[0])


def confirmed(
    database: Database, clock: Clock, snapshot: Snapshot, client: Client, shown: Shown
) -> Confirmation | Refused:
    """What tokens that are issued to the client now are to be bound to.

    Without a proof that is nothing, unless the client is registered to have bound tokens only.
    """
    metadata = client.metadata
    certificate = None
    if metadata.tls_client_certificate_bound_access_tokens:
        if shown.certificate is None:
            return _refused(database, clock, snapshot, client, shown, Refusal.CERTIFICATE_MISSING)
        certificate = dpop.certificate_thumbprint(shown.certificate)
    if shown.proof is None and metadata.dpop_bound_access_tokens:
        return _refused(database, clock, snapshot, client, shown, Refusal.PROOF_MISSING)
    found = confirmed_if_shown(database, clock, snapshot, client, shown)
    return found if isinstance(found, Refused) else Confirmation(found.key, certificate)


def confirmed_if_shown(
    database: Database, clock: Clock, snapshot: Snapshot, client: Client, shown: Shown
) -> Confirmation | Refused:
    """Which key the client has, where nothing is issued yet and it may leave that open."""
    if shown.proof is None:
        return UNBOUND
    proof = _checked(database, clock, snapshot, shown, None)
    if isinstance(proof, Proof):
        refusal = _spent(database, clock, snapshot, proof, shown)
        if refusal is None:
            return Confirmation(proof.key, None)
        proof = Refused(refusal)
    return _refused(database, clock, snapshot, client, shown, proof.reason)


def not_possessed(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    found: Inspection,
    token: str,
    scheme: TokenType,
    shown: Shown,
) -> Refused | None:
    """Why a live access token is no good in these hands; None where nothing is missing.

    A token that is bound to a key is used with the scheme `DPoP` and a proof for this very token
    (RFC 9449 section 7.1), never as a bearer token (section 7.2).
    """
    refusal = _certificate_refusal(found.confirmation, shown)
    if refusal is None and (found.confirmation.key is not None or scheme == "DPoP"):
        refusal = _key_refusal(database, clock, snapshot, found.confirmation, token, scheme, shown)
    if refusal is None:
        return None
    if refusal is not Refusal.NONCE_NEEDED:
        event = AuditEvent(
            event=Event.PROOF_REFUSED,
            origin=shown.origin,
            actor=f"client:{found.client_id}",
            account_id=found.account_id or NO_ACCOUNT,
            reason=refusal,
            tenant_id=found.tenant_id,
            client_id=found.client_id,
            sid=found.sid,
        )
        _record(database, clock, event)
    return Refused(refusal)


def _certificate_refusal(demanded: Confirmation, shown: Shown) -> Refusal | None:
    if demanded.certificate is None:
        return None
    if shown.certificate is None:
        return Refusal.CERTIFICATE_MISSING
    is_same = dpop.certificate_thumbprint(shown.certificate) == demanded.certificate
    return None if is_same else Refusal.WRONG_KEY


def _key_refusal(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    demanded: Confirmation,
    token: str,
    scheme: TokenType,
    shown: Shown,
) -> Refusal | None:
    if scheme != "DPoP" or shown.proof is None:
        return Refusal.PROOF_MISSING
    proof = _checked(database, clock, snapshot, shown, dpop.token_hash(token))
    if isinstance(proof, Refused):
        return proof.reason
    if proof.key != demanded.key:
        return Refusal.WRONG_KEY
    return _spent(database, clock, snapshot, proof, shown)


def _checked(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    shown: Shown,
    token_hash: str | None,
) -> Proof | Refused:
    """The proof of the request, if it is one for it; not yet used up."""
    proof = dpop.parse(shown.proof or "")
    if proof is None:
        return Refused(Refusal.PROOF_MALFORMED)
    now = clock.now()
    nonces = _nonces(database, clock, snapshot, proof)
    expected = Expected(shown.method, shown.url, token_hash, nonces, shown.nonce_required)
    refusal = proof_refusal(proof.claims, expected, now)
    if refusal is None:
        return proof
    if refusal in _BY_THE_CLOCK:
        # Said only by a node whose clock is right.
        return certain_refusal(database, clock, snapshot, refusal)
    return Refused(refusal)


def _nonces(database: Database, clock: Clock, snapshot: Snapshot, proof: Proof) -> frozenset[str]:
    """The nonces that are good now, of the key that the proof's nonce was made with."""
    if proof.claims.nonce is None:
        return frozenset()
    now = clock.now()
    key = dpop.key_of_nonce(snapshot.keyring.opaque_keys(now), proof.claims.nonce)
    if key is None:
        # Another node may have made it with a key that is newer than this snapshot.
        prove_current(database, clock, snapshot)
        return frozenset()
    return frozenset(dpop.nonce(key, one) for one in slices(now))


def _spent(
    database: Database, clock: Clock, snapshot: Snapshot, proof: Proof, shown: Shown
) -> Refusal | None:
    """Use the proof up (RFC 9449 section 11.1); `PROOF_REPLAYED` where another request has."""
    if proof.fingerprint in shown.spent:
        return None
    with database.transaction() as tx:
        version = configuration.version(database, InTransaction(tx))
        now = clock.now()
        prove(snapshot, version, now)
        until = now + timedelta(seconds=remembered_for(proof.claims, now))
        is_first = used_assertions.spend(tx, proof.fingerprint, until)
    if not is_first:
        return Refusal.PROOF_REPLAYED
    shown.spent.add(proof.fingerprint)
    return None


def _refused(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    client: Client,
    shown: Shown,
    reason: Refusal,
) -> Refused:
    """On the record for a client that has proved who it is; anybody can name a public one."""
    refused = certain_refusal(database, clock, snapshot, reason)
    if reason is Refusal.NONCE_NEEDED or client.is_public:
        return refused
    event = AuditEvent(
        event=Event.PROOF_REFUSED,
        origin=shown.origin,
        actor=f"client:{client.client_id}",
        reason=reason,
        client_id=client.client_id,
    )
    _record(database, clock, event)
    return refused


def _record(database: Database, clock: Clock, event: AuditEvent) -> None:
    with database.transaction() as tx:
        recording.record(tx, event, clock.now())
