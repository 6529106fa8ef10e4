"""Clients that register themselves, and manage what they registered (RFC 7591, RFC 7592).

Whoever they are, nobody of ours has looked at them: they are never first-party, have no
permissions, ask each person for consent, and can be given no scope but those about a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from token_service.clock import Clock
from token_service.crypto import opaque, registration_tokens, shared_secrets
from token_service.crypto.keyring import KeyEncryption
from token_service.domain import scopes
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.client_registration_rules import (
    document_of,
    faulty,
    imposed,
    registration,
    replacement,
)
from token_service.domain.clients import AuthenticationMethod, Client, ClientKind
from token_service.domain.events import Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.policy_changes import Fault
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.registration_terms import STRANGERS_PREFIX, Registration, Terms
from token_service.domain.throttling import ThrottleRule
from token_service.outbound.fetching import Fetcher
from token_service.services import (
    client_changes,
    client_registration,
    clients,
    registration_permits,
)
from token_service.services.changes import Author, Subject, record
from token_service.services.client_changes import Describing
from token_service.services.client_proofs import Failed
from token_service.services.configuration import prove_clock
from token_service.services.throttling import Throttle, counted
from token_service.storage import configuration, epochs
from token_service.storage.database import Database
from token_service.storage.epochs import Raised

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Rules:
    """How clients register themselves: not at all, by a permit, or everybody.

    `most_clients` and `per_source` hold for those without a permit: after so many attempts within
    an hour, a source waits for one. `pkce_required` False: confidential ones may do without.
    """

    mode: Literal["off", "token", "open"]
    most_clients: int
    per_source: int
    pkce_required: bool
    terms: Terms


@dataclass(frozen=True, slots=True)
class Registrar:
    """What every use case here runs against."""

    database: Database
    clock: Clock
    throttle: Throttle
    rules: Rules
    fetcher: Fetcher
    encryption: KeyEncryption
    origin: Origin

    @property
    def describing(self) -> Describing:
        """What a registration is measured by."""
        return Describing(self.pepper, self.encryption, self.fetcher, self.rules.terms)

    @property
    def pepper(self) -> bytes:
        """Keyed into the hashes of tokens and secrets."""
        return self.throttle.pepper


@dataclass(frozen=True, slots=True)
class Information:
    """What a client is told of its registration (RFC 7591 section 3.2.1, RFC 7592 section 3).

    `secret` None: it has none, or it was told before.
    """

    client: Client
    issued_at: datetime
    registration_token: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


def register(
    here: Registrar, document: Mapping[str, object], permit: str | None
) -> Information | Refused:
    """A new client, by a permit or by nothing; `Faulty` where its metadata is wrong.

    A permit is used by the client that is registered, never by an attempt.
    """
    if refusal := _unwanted(here, permit):
        return refusal
    made = _registration(here, document)
    if isinstance(made, Refused):
        return made
    now = here.clock.now()
    drafted = _drafted(here, made, permit, now)
    if isinstance(drafted, Refused):
        return drafted
    with here.database.transaction() as tx:
        configuration.lock_environment(tx)
        if permit is not None:
            if not registration_permits.use(tx, here.pepper, permit, now):
                return Refused(Refusal.UNKNOWN_PERMIT)
        elif configuration.count_self_registered(tx) >= here.rules.most_clients:
            return Refused(Refusal.TOO_MANY_CLIENTS)
        client = drafted.client
        configuration.insert_client(tx, client, now)
        author = Author(f"client:{client.client_id}", here.origin)
        details = {"kind": client.kind, "permit": permit is not None, **document_of(client)}
        subject = Subject(client_id=client.client_id)
        record(tx, author, Event.CLIENT_CREATED, subject, now, details=details)
    return drafted


def read(here: Registrar, client_id: str, token: str) -> Information | Refused:
    """What is registered (RFC 7592 section 2.1)."""
    return _managed(here, client_id, token)


def update(
    here: Registrar, client_id: str, token: str, document: Mapping[str, object]
) -> Information | Refused:
    """Another registration in place of the present one, and another token for it (section 2.2).

    The secret stays, unless the client has come to need one or does not need one any more.
    Raises `Unavailable`.
    """
    for _ in range(client_changes.ROUNDS):
        managed = _managed(here, client_id, token)
        if isinstance(managed, Refused):
            return managed
        held = managed.client
        if faults := _not_its_own(here, held, document):
            return faulty(*faults)
        made = _registration(here, replacement(held, document))
        if isinstance(made, Refused):
            return made
        metadata = imposed(made, held.metadata)
        after = client_changes.applied(here.describing, held, made, metadata)
        if isinstance(after, Refused):
            return after
        following = managed.registration_token
        if following == token:
            following = registration_tokens.successor(here.pepper, token)
        client = replace(
            after.client,
            kind=_kind(made),
            name=made.name or client_id,
            default_scope=_default_scope(made.scope),
            registration_token_hash=registration_tokens.stored(here.pepper, following),
        )
        author = Author(f"client:{client_id}", here.origin)
        if client_changes.put(here.database, here.clock, held, client, author):
            return Information(client, managed.issued_at, following, after.secret)
    raise Unavailable("clients: changed faster than read")


def delete(here: Registrar, client_id: str, token: str) -> Refused | None:
    """Forget the client: its tokens, codes and grants are dead from now on (section 2.3)."""
    for _ in range(client_changes.ROUNDS):
        managed = _managed(here, client_id, token)
        if isinstance(managed, Refused):
            return managed
        if _deleted(here, managed.client):
            return None
    raise Unavailable("clients: changed faster than read")


def _unwanted(here: Registrar, permit: str | None) -> Refused | None:
    """Why this attempt goes no further, before anything that it says is looked at."""
    if here.rules.mode == "off":
        return Refused(Refusal.REGISTRATION_OFF)
    prove_clock(here.database, here.clock)
    if permit is not None:
        is_good = registration_permits.is_good(here.database, here.clock, here.pepper, permit)
        return None if is_good else Refused(Refusal.UNKNOWN_PERMIT)
    if here.rules.mode == "token":
        return Refused(Refusal.UNKNOWN_PERMIT)
    subject = here.throttle.registration_subject(here.origin.address)
    with here.database.transaction() as tx:
        rule = ThrottleRule(here.rules.per_source, _HOUR, _HOUR, _HOUR)
        wait = counted(tx, subject, rule, here.clock.now())
    return Refused(Refusal.SOURCE_THROTTLED, retry_after=wait) if wait else None


def _registration(here: Registrar, document: Mapping[str, object]) -> Registration | Refused:
    made = registration(document, here.rules.terms)
    if isinstance(made, Refused):
        return made
    return client_changes.vouched_for(here.describing, _kind(made), made)


def _drafted(
    here: Registrar, made: Registration, permit: str | None, now: datetime
) -> Information | Refused:
    """A client that is not stored yet, with its secret and its token."""
    token = registration_tokens.new_token()
    client_id = STRANGERS_PREFIX + opaque.new_id(now)
    ours = ClientMetadata(
        dynamic=True,
        permitted=permit is not None,
        consent_required=True,
        pkce_required=here.rules.pkce_required,
    )
    client = Client(
        client_id=client_id,
        name=made.name or client_id,
        kind=_kind(made),
        tenant_id=None,
        authentication=made.authentication,
        secrets=(),
        grant_types=made.grant_types,
        scope=made.scope,
        default_scope=_default_scope(made.scope),
        audiences=(),
        resource_identifier=None,
        permissions=frozenset(),
        first_party=False,
        signing_algorithm=None,
        enabled=True,
        epoch=1,
        metadata=imposed(made, ours),
        registration_token_hash=registration_tokens.stored(here.pepper, token),
    )
    first = client_registration.with_first_secret(here.pepper, client, here.encryption)
    if isinstance(first, Refused):
        return first
    return Information(first.client, now, token, first.secret)


def _managed(here: Registrar, client_id: str, token: str) -> Information | Refused:
    """The client whose token this is, with the token in force; all others look alike.

    Read from the database, never from a copy: what was deleted elsewhere is gone here too.
    """
    prove_clock(here.database, here.clock)
    with here.database.reading() as tx:
        client = configuration.read_client(tx, client_id)
        issued_at = configuration.client_created_at(tx, client_id)
    if client is None or client.registration_token_hash is None or issued_at is None:
        # The same work as for a client that exists.
        registration_tokens.recognised(here.pepper, token, "")
        return Refused(Refusal.UNKNOWN_CLIENT)
    in_force = registration_tokens.recognised(here.pepper, token, client.registration_token_hash)
    refusal = None if in_force else Refusal.WRONG_REGISTRATION_TOKEN
    if not client.enabled:
        refusal = Refusal.CLIENT_DISABLED
    if in_force is None or refusal is not None:
        failure = Failed(refusal or Refusal.WRONG_REGISTRATION_TOKEN)
        now = here.clock.now()
        return clients.failed(here.database, here.throttle, client, here.origin, failure, now)
    return Information(client, issued_at, in_force)


def _deleted(here: Registrar, client: Client) -> bool:
    """False where a change has overtaken this, and nothing was done."""
    owner = f"client:{client.client_id}"
    with here.database.transaction() as tx:
        configuration.lock_environment(tx)
        now = here.clock.now()
        if not configuration.delete_client(tx, client):
            return False
        raised = Raised(Refusal.CLIENT_DISABLED, owner, now)
        epochs.record_owner(tx, owner, client.epoch + 1, raised)
        subject, details = Subject(client_id=client.client_id), document_of(client)
        author = Author(owner, here.origin)
        record(tx, author, Event.CLIENT_DELETED, subject, now, details=details)
    return True


def _not_its_own(here: Registrar, held: Client, document: Mapping[str, object]) -> list[Fault]:
    """What an update says of its client that is not so (RFC 7592 section 2.2)."""
    faults = []
    if document.get("client_id") != held.client_id:
        faults.append(Fault("client_id", "must be the client's own"))
    secret = document.get("client_secret")
    if secret is not None and not (isinstance(secret, str) and _is_its(here, held, secret)):
        faults.append(Fault("client_secret", "must be left out or the client's own"))
    return faults


def _is_its(here: Registrar, held: Client, secret: str) -> bool:
    now = here.clock.now()
    if held.shared_secret_encrypted is not None:
        sealed = held.shared_secret_encrypted
        known = shared_secrets.unseal(here.encryption, held.client_id, sealed)
        return any(opaque.same(secret, one) for one in shared_secrets.live(known, now))
    return clients.is_secret_of(held, here.pepper, secret, now)


def _kind(made: Registration) -> ClientKind:
    is_public = made.authentication is AuthenticationMethod.NONE
    return ClientKind.PUBLIC if is_public else ClientKind.APP


def _default_scope(scope: str) -> str:
    """What it is given where it asks for nothing: who the person is, and nothing about them."""
    return scopes.canonical(scopes.names(scope) & {"openid"}) or scope
