"""Proofs of clients other than their secret itself: signed assertions and certificates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import certificates, client_jwks, opaque, statements
from token_service.crypto.certificates import Authorities, Certificate
from token_service.crypto.statements import Statement
from token_service.domain import client_assertions
from token_service.domain.client_assertions import (
    FAPI_ALGORITHMS,
    KEY_ALGORITHMS,
    SECRET_ALGORITHMS,
    AssertionFault,
    Expected,
)
from token_service.domain.clients import AuthenticationMethod, Client
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import MAX_CLOCK_DIFFERENCE
from token_service.services.client_keys import ClientKeys
from token_service.services.configuration import Snapshot
from token_service.storage import used_assertions
from token_service.storage.database import Database

TOKEN_PATH = "/oauth2/token"


@dataclass(frozen=True, slots=True)
class Assertion:
    """A statement by which a client authenticates (RFC 7523 section 2.2).

    `spent` holds what this request has used up already: a request that runs once more, because its
    copy of the configuration was behind, is not refused for what it did itself.
    """

    statement: Statement
    spent: set[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proofs:
    """What proofs are measured by: the clients' keys, and who certifies clients."""

    keys: ClientKeys
    authorities: Authorities | None
    pepper: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a proof is none; `details` are for the audit log."""

    reason: Refusal
    details: Mapping[str, object] = field(default_factory=dict)


def failure_of_assertion(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    proofs: Proofs,
    client: Client,
    assertion: Assertion,
) -> Failed | None:
    """Why the assertion does not prove the client; None: it does, and is used up now.

    Its keys may be fetched, so no transaction is open before; raises `Unavailable` where they
    cannot be. That the snapshot is current is proved by what the client asks for.
    """
    now = clock.now()
    statement = assertion.statement
    fault = _fault(snapshot, proofs, client, statement, now)
    if fault is not None:
        return Failed(Refusal.WRONG_CLIENT_ASSERTION, {"fault": str(fault)})
    # A node may be off by the difference in either direction, and the row outlives both.
    forgotten = client_assertions.good_until(statement.claims) + 2 * MAX_CLOCK_DIFFERENCE
    name = opaque.keyed_hash(
        proofs.pepper, "client assertion", f"{client.client_id} {statement.claims['jti']}"
    )
    if name in assertion.spent:
        return None
    with database.transaction() as tx:
        if not used_assertions.spend(tx, name, forgotten):
            return Failed(Refusal.CLIENT_ASSERTION_REPLAYED)
    assertion.spent.add(name)
    return None


def failure_of_certificate(
    proofs: Proofs, client: Client, certificate: Certificate | None, now: datetime
) -> Failed | None:
    """Why the certificate does not prove the client (RFC 8705 section 2)."""
    if certificate is None:
        return Failed(Refusal.WRONG_CLIENT_CERTIFICATE, {"fault": "missing"})
    if not certificates.in_force(certificate, now):
        return Failed(Refusal.WRONG_CLIENT_CERTIFICATE, {"fault": "expired"})
    if client.authentication is AuthenticationMethod.SELF_SIGNED_TLS:
        registered = client_jwks.certificates_of(proofs.keys.jwks(client, now))
        is_right = certificates.is_one_of(certificate, registered)
        return None if is_right else Failed(Refusal.WRONG_CLIENT_CERTIFICATE, {"fault": "unknown"})
    authorities = proofs.authorities
    if authorities is None or not certificates.is_certified(certificate, authorities, now):
        return Failed(Refusal.WRONG_CLIENT_CERTIFICATE, {"fault": "uncertified"})
    if not certificates.names(certificate, client.metadata):
        return Failed(Refusal.WRONG_CLIENT_CERTIFICATE, {"fault": "subject"})
    return None


def _fault(
    snapshot: Snapshot, proofs: Proofs, client: Client, statement: Statement, now: datetime
) -> AssertionFault | None:
    """What costs least comes first, and nothing is fetched for what is refused anyway."""
    if fault := client_assertions.fault_of_type(statement.typ):
        return fault
    if statement.algorithm not in _algorithms(client):
        return AssertionFault.ALGORITHM
    if fault := client_assertions.fault(statement.claims, _expected(snapshot, client), now):
        return fault
    if client.authentication is AuthenticationMethod.SECRET_JWT:
        secrets = proofs.keys.secrets(client, now)
        is_signed = statements.is_signed_by_secret(statement, secrets)
        return None if is_signed else AssertionFault.SIGNATURE
    keys = client_jwks.keys_of(proofs.keys.jwks(client, now, kid=statement.kid))
    if not statements.candidates(statement, keys):
        return AssertionFault.UNKNOWN_KEY
    is_signed = statements.is_signed_by_key(statement, keys)
    return None if is_signed else AssertionFault.SIGNATURE


def _algorithms(client: Client) -> tuple[str, ...]:
    """By registration, never by what the assertion says of itself (RFC 8725 section 3.1)."""
    registered = client.metadata.token_endpoint_auth_signing_alg
    if client.authentication is AuthenticationMethod.SECRET_JWT:
        return SECRET_ALGORITHMS
    if registered is not None:
        return tuple(one for one in KEY_ALGORITHMS if one == registered)
    return FAPI_ALGORITHMS if client.metadata.binds_access_tokens else KEY_ALGORITHMS


def _expected(snapshot: Snapshot, client: Client) -> Expected:
    """The issuer; by OpenID Connect Core section 9 the token endpoint's URL may stand for it.

    Not for clients whose tokens are bound to a key: their profile knows the issuer alone.
    """
    is_strict, issuer = client.metadata.binds_access_tokens, snapshot.issuer
    audiences = (issuer,) if is_strict else (issuer, issuer + TOKEN_PATH)
    return Expected(client.client_id, audiences, is_strict)
