"""What a client's registration says, put in place of what it said before, and on the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto.keyring import KeyEncryption
from token_service.domain import scopes
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.client_registration_rules import (
    document_of,
    faulty,
    merged,
    registration,
)
from token_service.domain.clients import (
    DEFAULTS,
    AuthenticationMethod,
    Client,
    ClientKind,
    scopes_allowed,
)
from token_service.domain.events import Event
from token_service.domain.failures import Unavailable
from token_service.domain.policy_changes import Fault, Faulty
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.registration_terms import Registration, Terms
from token_service.outbound.fetching import Fetcher
from token_service.services import client_authentication, client_registration
from token_service.services.changes import Author, Subject, record
from token_service.services.client_registration import NewClient, Registered
from token_service.services.sector_identifiers import sector_fault
from token_service.storage import configuration
from token_service.storage.database import Database, Transaction

ROUNDS = 3
"""How often a change is made anew that another one has overtaken."""


@dataclass(frozen=True, slots=True)
class Describing:
    """What a description of a client is measured by, and its secrets made with."""

    pepper: bytes = field(repr=False)
    encryption: KeyEncryption
    fetcher: Fetcher
    terms: Terms


def register(
    database: Database,
    clock: Clock,
    describing: Describing,
    new: NewClient,
    document: Mapping[str, object],
    author: Author,
) -> Registered | Refused:
    """A new client that an operator describes: of its kind, but for what the document states."""
    drafted = client_registration.draft(describing.pepper, new, describing.encryption)
    if isinstance(drafted, Refused):
        return drafted
    if document:
        made = _registration(describing, drafted.client, document)
        if isinstance(made, Refused):
            return made
        after = applied(describing, drafted.client, made, made.metadata)
        if isinstance(after, Refused):
            return after
        kept = drafted.secret if after.client.has_secret else None
        drafted = Registered(after.client, after.secret or kept)
    return client_registration.store(database, clock, drafted, author)


def change(
    database: Database,
    clock: Clock,
    describing: Describing,
    client_id: str,
    document: Mapping[str, object],
    author: Author,
) -> Registered | Refused:
    """Single members of a client's registration, as an operator states them; all others stay.

    There is a secret in the answer only if the client has come to need one. Raises `Unavailable`.
    """
    for _ in range(ROUNDS):
        with database.reading() as tx:
            held = configuration.read_client(tx, client_id)
        if held is None:
            return Refused(Refusal.UNKNOWN_CLIENT)
        made = _registration(describing, held, document)
        if isinstance(made, Refused):
            return made
        ours = held.metadata
        metadata = replace(made.metadata, dynamic=ours.dynamic, permitted=ours.permitted)
        after = applied(describing, held, made, metadata)
        if isinstance(after, Refused):
            return after
        if put(database, clock, held, after.client, author):
            return after
    raise Unavailable("clients: changed faster than read")


def find(database: Database, client_id: str) -> Client | Refused:
    """One client."""
    with database.reading() as tx:
        found = configuration.read_client(tx, client_id)
    return Refused(Refusal.UNKNOWN_CLIENT) if found is None else found


def applied(
    describing: Describing, held: Client, made: Registration, metadata: ClientMetadata
) -> Registered | Refused:
    """The client as it is after a registration; its secrets stay while it goes on using them."""
    after = replace(
        held,
        name=made.name or held.name,
        authentication=made.authentication,
        grant_types=made.grant_types,
        scope=made.scope,
        default_scope=_default_scope(held, made.scope),
        metadata=metadata,
    )
    if _goes_on(held, after):
        return Registered(after, None)
    pepper, encryption = describing.pepper, describing.encryption
    return client_registration.with_first_secret(pepper, after, encryption)


def vouched_for(
    describing: Describing, kind: ClientKind, made: Registration
) -> Registration | Faulty:
    """The registration, if its keys prove something by its method, and its sector is its own.

    May fetch, so no transaction is open before. Raises `Unavailable`.
    """
    fault = _method_fault(kind, made) or sector_fault(describing.fetcher, made.metadata)
    return made if fault is None else faulty(fault)


def put(database: Database, clock: Clock, held: Client, after: Client, author: Author) -> bool:
    """Write the client, unless it is no longer what `held` says: then False, and all stays."""
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        if configuration.read_client(tx, held.client_id) != held:
            return False
        if not configuration.replace_client(tx, held, after):
            return False
        _record(tx, held, after, author, clock.now())
    return True


def _goes_on(held: Client, after: Client) -> bool:
    """Whether the method uses the same secrets, in the same form, as before."""
    if not held.has_secret or not after.has_secret:
        return False
    signs = AuthenticationMethod.SECRET_JWT
    return (held.authentication is signs) == (after.authentication is signs)


def _registration(
    describing: Describing, held: Client, document: Mapping[str, object]
) -> Registration | Refused:
    made = registration(merged(held, document), describing.terms)
    if isinstance(made, Refused):
        return made
    if not scopes_allowed(held.kind, made.scope):
        return Refused(Refusal.INVALID_SCOPE)
    return vouched_for(describing, held.kind, made)


def _method_fault(kind: ClientKind, made: Registration) -> Fault | None:
    """Why the keys that are registered prove nothing by the method that is."""
    if client_authentication.is_possible(kind, made.authentication, made.metadata):
        return None
    return Fault("token_endpoint_auth_method", "does not go with the kind of client, or its keys")


def _default_scope(held: Client, scope: str) -> str:
    """As before, as far as the scope still has it; else what the kind has by default."""
    possible = scopes.names(scope)
    own = scopes.names(held.default_scope) & possible
    usual = scopes.names(DEFAULTS[held.kind].default_scope) & possible
    return scopes.canonical(own or usual or possible)


def _record(tx: Transaction, held: Client, after: Client, author: Author, now: datetime) -> None:
    """What was changed, before and after. Secrets are no part of a registration's document."""
    before, later = document_of(held), document_of(after)
    names = [name for name in before | later if before.get(name) != later.get(name)]
    details: dict[str, object] = {
        "before": {name: before.get(name) for name in names},
        "after": {name: later.get(name) for name in names},
    }
    if not _goes_on(held, after) and held.has_secret | after.has_secret:
        details["secret"] = "made" if after.has_secret else "dropped"
    subject = Subject(client_id=held.client_id, tenant_id=held.tenant_id)
    record(tx, author, Event.CLIENT_CHANGED, subject, now, details=details)
