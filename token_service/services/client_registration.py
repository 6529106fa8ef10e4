"""Clients: registered, listed, switched off and on, and their secrets replaced."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from token_service.clock import Clock
from token_service.crypto import opaque, shared_secrets
from token_service.crypto.keyring import KeyEncryption
from token_service.crypto.shared_secrets import SharedSecret
from token_service.domain import scopes
from token_service.domain.client_metadata import NO_METADATA, ApplicationType, ClientMetadata
from token_service.domain.clients import (
    DEFAULTS,
    AuthenticationMethod,
    Client,
    ClientKind,
    ClientSecret,
    scopes_allowed,
    well_formed_audience,
    well_formed_id,
)
from token_service.domain.events import Event
from token_service.domain.failures import Conflict
from token_service.domain.redirects import redirect_uri_fault
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.registration_terms import STRANGERS_PREFIX
from token_service.domain.tenants import well_formed_name
from token_service.services import client_authentication
from token_service.services.changes import Author, Subject, record
from token_service.services.clients import SECRET_PREFIX, secret_hash
from token_service.storage import configuration, epochs
from token_service.storage.database import Database, Transaction
from token_service.storage.epochs import Raised


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client as it was asked for; what is None comes from its kind, and `grant_types` are those
    that it may use besides the kind's."""

    kind: ClientKind
    name: str
    client_id: str | None = None
    tenant_id: str | None = None
    scope: str | None = None
    default_scope: str | None = None
    audiences: tuple[str, ...] = ()
    resource_identifier: str | None = None
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    authentication: AuthenticationMethod | None = None
    grant_types: frozenset[str] = frozenset()
    metadata: ClientMetadata = NO_METADATA


@dataclass(frozen=True, slots=True)
class Registered:
    """A client with its secret, which nobody can be told again; None for a public client."""

    client: Client
    secret: str | None = field(repr=False)


def register(
    database: Database,
    clock: Clock,
    pepper: bytes,
    new: NewClient,
    author: Author,
    encryption: KeyEncryption | None = None,
) -> Registered | Refused:
    """A new client; `taken` where another one has its id. `encryption` is for `draft`."""
    registered = draft(pepper, new, encryption)
    if isinstance(registered, Refused):
        return registered
    return store(database, clock, registered, author)


def store(
    database: Database, clock: Clock, registered: Registered, author: Author
) -> Registered | Refused:
    """Store a client that was drafted; `taken` where another one has its id."""
    tenant_id = registered.client.tenant_id
    try:
        with database.transaction() as tx:
            configuration.lock_environment(tx)
            if tenant_id and configuration.read_tenant(tx, tenant_id) is None:
                return Refused(Refusal.UNKNOWN_TENANT)
            add(tx, registered.client, author, clock.now())
    except Conflict:
        return Refused(Refusal.TAKEN)
    return registered


def draft(
    pepper: bytes, new: NewClient, encryption: KeyEncryption | None = None
) -> Registered | Refused:
    """A client that is not stored yet, with its secret.

    Without `encryption` there are no clients that sign with their secret (`client_secret_jwt`).
    """
    defaults = DEFAULTS[new.kind]
    authentication = new.authentication or defaults.authentication
    scope = scopes.canonical(scopes.names(defaults.scope if new.scope is None else new.scope))
    default_scope = _default_scope(new, scope)
    if refusal := _refusal(new, scope, default_scope):
        return Refused(refusal)
    if not client_authentication.is_possible(new.kind, authentication, new.metadata):
        return Refused(Refusal.INVALID_AUTHENTICATION)
    client = Client(
        client_id=new.client_id or _new_id(new.kind),
        name=new.name,
        kind=new.kind,
        tenant_id=new.tenant_id,
        authentication=authentication,
        secrets=(),
        grant_types=defaults.grant_types | new.grant_types,
        scope=scope,
        default_scope=default_scope,
        audiences=new.audiences,
        resource_identifier=new.resource_identifier,
        permissions=defaults.permissions,
        first_party=defaults.first_party,
        signing_algorithm=None,
        enabled=True,
        epoch=1,
        metadata=replace(
            new.metadata,
            application_type=_application_type(new),
            redirect_uris=new.redirect_uris,
            post_logout_redirect_uris=new.post_logout_redirect_uris,
        ),
    )
    return with_first_secret(pepper, client, encryption)


def with_first_secret(
    pepper: bytes, client: Client, encryption: KeyEncryption | None
) -> Registered | Refused:
    """The client with a secret, if its method has one; any that it had before are gone."""
    client = replace(client, secrets=(), shared_secret_encrypted=None)
    if not client.has_secret:
        return Registered(client, None)
    secret = opaque.new_secret(SECRET_PREFIX)
    if client.authentication is not AuthenticationMethod.SECRET_JWT:
        secrets = (ClientSecret(secret_hash(pepper, secret)),)
        return Registered(replace(client, secrets=secrets), secret)
    if encryption is None:
        return Refused(Refusal.INVALID_AUTHENTICATION)
    sealed = shared_secrets.seal(encryption, client.client_id, [SharedSecret(secret)])
    return Registered(replace(client, shared_secret_encrypted=sealed), secret)


def _application_type(new: NewClient) -> ApplicationType:
    """Without a secret it is one that people install: it may listen on any port of its machine."""
    return "native" if new.kind is ClientKind.PUBLIC else "web"


def add(tx: Transaction, client: Client, author: Author, now: datetime) -> None:
    """Store a new client; raises `Conflict`. The caller holds the environment's row."""
    configuration.insert_client(tx, client, now)
    subject = Subject(client_id=client.client_id, tenant_id=client.tenant_id)
    details = {"kind": client.kind, "scope": client.scope}
    record(tx, author, Event.CLIENT_CREATED, subject, now, details=details)


def page(database: Database, after: str, limit: int) -> list[Client]:
    """Clients in the order of their ids, from the one after `after` ('' for the first)."""
    with database.reading() as tx:
        return configuration.list_clients(tx, after, limit)


def disable(database: Database, clock: Clock, client_id: str, author: Author) -> Client | Refused:
    """Every grant of the client ends for good: enabling it again brings none back."""
    return _switch(database, clock, client_id, author, enabled=False)


def enable(database: Database, clock: Clock, client_id: str, author: Author) -> Client | Refused:
    """The client is served again."""
    return _switch(database, clock, client_id, author, enabled=True)


def _switch(
    database: Database, clock: Clock, client_id: str, author: Author, *, enabled: bool
) -> Client | Refused:
    """The client as it is now; saying it twice changes and records nothing."""
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        now = clock.now()
        epoch = configuration.set_client_enabled(tx, client_id, enabled=enabled)
        client = configuration.read_client(tx, client_id)
        if client is None:
            return Refused(Refusal.UNKNOWN_CLIENT)
        if epoch is not None:
            raised = Raised(Refusal.CLIENT_DISABLED, author.actor, now)
            epochs.record_owner(tx, f"client:{client_id}", epoch, raised)
            record(
                tx,
                author,
                Event.CLIENT_CHANGED,
                Subject(client_id=client_id),
                now,
                reason="" if enabled else Refusal.CLIENT_DISABLED,
                details={"enabled": enabled},
            )
    return client


def rotate_secret(
    database: Database,
    clock: Clock,
    pepper: bytes,
    client_id: str,
    overlap: timedelta,
    author: Author,
    encryption: KeyEncryption | None = None,
) -> Registered | Refused:
    """A new secret; the newest of the old ones lives on for `overlap`, all others end now.

    Two rotations at the same time come one after the other (the environment's row is held), so
    that no administrator is given a secret that another one has overwritten.
    """
    secret = opaque.new_secret(SECRET_PREFIX)
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        client = configuration.read_client(tx, client_id)
        if client is None:
            return Refused(Refusal.UNKNOWN_CLIENT)
        now = clock.now()
        if not client.has_secret:
            return Refused(Refusal.WRONG_AUTHENTICATION_METHOD)
        if client.authentication is not AuthenticationMethod.SECRET_JWT:
            new = ClientSecret(secret_hash(pepper, secret))
            secrets = (new, *_outgoing(client, now, now + overlap))
            configuration.replace_secrets(tx, client_id, secrets)
        elif encryption is None:
            return Refused(Refusal.WRONG_AUTHENTICATION_METHOD)
        else:
            sealed = _rotated(encryption, client, secret, now, now + overlap)
            configuration.replace_shared_secret(tx, client_id, sealed)
        subject = Subject(client_id=client_id, tenant_id=client.tenant_id)
        details = {"secret": "rotated", "overlap_seconds": int(overlap.total_seconds())}
        record(tx, author, Event.CLIENT_CHANGED, subject, now, details=details)
    return Registered(client, secret)


def _rotated(
    encryption: KeyEncryption, client: Client, secret: str, now: datetime, deadline: datetime
) -> bytes:
    """The same for a secret that the client signs with."""
    stored = client.shared_secret_encrypted
    before = [] if stored is None else shared_secrets.unseal(encryption, client.client_id, stored)
    outgoing = [
        SharedSecret(newest.secret, ends)
        for newest in before[:1]
        if (ends := min(deadline, newest.expires_at or deadline)) > now
    ]
    return shared_secrets.seal(encryption, client.client_id, [SharedSecret(secret), *outgoing])


def _outgoing(client: Client, now: datetime, deadline: datetime) -> tuple[ClientSecret, ...]:
    """The newest secret, to the deadline at the latest; none where that is over already."""
    return tuple(
        ClientSecret(newest.hash, ends)
        for newest in client.secrets[:1]
        if (ends := min(deadline, newest.expires_at or deadline)) > now
    )


def _default_scope(new: NewClient, scope: str) -> str:
    """What was asked for; else the kind's default, as far as the scope has it."""
    if new.default_scope is not None:
        return scopes.canonical(scopes.names(new.default_scope))
    possible = scopes.names(DEFAULTS[new.kind].default_scope) & scopes.names(scope)
    return scopes.canonical(possible or scopes.names(scope))


def _refusal(new: NewClient, scope: str, default_scope: str) -> Refusal | None:
    if not well_formed_name(new.name):
        return Refusal.MALFORMED
    if new.client_id is not None and not _may_be_chosen(new.client_id):
        return Refusal.MALFORMED
    identifiers = [one for one in (*new.audiences, new.resource_identifier) if one is not None]
    if not all(well_formed_audience(one) for one in identifiers):
        return Refusal.MALFORMED
    redirects = (*new.redirect_uris, *new.post_logout_redirect_uris)
    if any(redirect_uri_fault(one, _application_type(new)) for one in redirects):
        return Refusal.MALFORMED
    if scope and not scopes.well_formed(scope):
        return Refusal.INVALID_SCOPE
    if not scopes.names(default_scope) <= scopes.names(scope):
        return Refusal.INVALID_SCOPE
    return None if scopes_allowed(new.kind, scope) else Refusal.INVALID_SCOPE


def _may_be_chosen(client_id: str) -> bool:
    return well_formed_id(client_id) and not client_id.startswith(STRANGERS_PREFIX)


def _new_id(kind: ClientKind) -> str:
    """Readable, because people meet it in logs and settings: `resource-server-3f9c21aa`."""
    return f"{kind.replace('_', '-')}-{opaque.new_bytes(4).hex()}"
