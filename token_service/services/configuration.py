"""The worker's copy of the configuration, and how it is never behind when it matters.

A `Snapshot` belongs to one version. Every hot statement reads the version in force with its row;
when it differs, `StaleConfiguration` sends the request round once more with a new snapshot. Before
a request is *refused* because of what the snapshot says (no such client, wrong secret, unknown
key), `prove_current` asks for the version, so nobody is refused because a worker was behind.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from token_service.clock import Clock
from token_service.crypto.jwt import SignatureCache
from token_service.crypto.keyring import KeyEncryption, Keyring
from token_service.crypto.locators import LocatorKey
from token_service.domain.clients import Client
from token_service.domain.failures import NoKey, StaleConfiguration, Unavailable
from token_service.domain.impersonation import may_impersonate
from token_service.domain.pages_client import PAGES
from token_service.domain.policies import Bounds, Policy
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import MAX_CLOCK_DIFFERENCE, Rules, relogin_limit
from token_service.domain.tenants import Tenant
from token_service.services.recent import Recent
from token_service.storage import configuration as stored
from token_service.storage import keys as stored_keys
from token_service.storage.configuration import Environment, Versioned
from token_service.storage.database import Database, Transaction

Key = TypeVar("Key")
Value = TypeVar("Value")
Presented_co = TypeVar("Presented_co", covariant=True)

_CACHED = 10_000
"""Clients and tenants kept per worker; beyond that all are dropped and read again when needed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Clients, tenants, policies and keys of one configuration version."""

    version: int
    epoch: int
    issuer: str
    policy: Policy
    bounds: Bounds
    keyring: Keyring
    signatures: SignatureCache
    signing_algorithm: str
    subject_key: bytes = field(repr=False)
    tells_new_devices: bool
    _read_client: Callable[["Snapshot", str, Transaction | None], Client | None]
    _read_tenant: Callable[["Snapshot", str, Transaction | None], Tenant | None]
    _read_origin: Callable[["Snapshot", str], bool]
    _clients: dict[str, Client] = field(default_factory=dict, repr=False)
    _tenants: dict[str, Tenant] = field(default_factory=dict, repr=False)
    _rules: dict[tuple[str, str], Rules] = field(default_factory=dict, repr=False)
    _origins: dict[str, bool] = field(default_factory=dict, repr=False)
    proved: Recent[object] = field(default_factory=Recent, repr=False)
    """Clients, by what they proved themselves by (`services/clients.py`)."""

    named: Recent[object] = field(default_factory=Recent, repr=False)
    """What access tokens name (`services/named_tokens.py`)."""

    def client(self, client_id: str, within: Transaction | None = None) -> Client | None:
        """The client, or None; raises `StaleConfiguration` where the copy is behind.

        The pages are one of them: grants are theirs, though nobody can authenticate as them.
        Whoever holds a transaction gives it as `within`: a second connection taken while holding
        one could wait for ever for threads that do the same.
        """
        if client_id == PAGES.client_id:
            return PAGES
        found = self._clients.get(client_id)
        if found is None and (found := self._read_client(self, client_id, within)):
            _remember(self._clients, client_id, found)
        return found

    def remembered_client(self, client_id: str) -> Client | None:
        """The client if it was read already."""
        return self._clients.get(client_id)

    def tenant(self, tenant_id: str, within: Transaction | None = None) -> Tenant | None:
        """The tenant, or None; the rest is as for a client."""
        found = self._tenants.get(tenant_id)
        if found is None and (found := self._read_tenant(self, tenant_id, within)):
            _remember(self._tenants, tenant_id, found)
        return found

    def lists_origin(self, origin: str) -> bool:
        """Whether an enabled client has registered the browser's origin; raises
        `StaleConfiguration`."""
        found = self._origins.get(origin)
        if found is None:
            found = self._read_origin(self, origin)
            _remember(self._origins, origin, found)
        return found

    def policy_of(self, tenant: Tenant) -> Policy:
        """The tenant's effective policy, without any client's limits."""
        if not tenant.policy:
            return self.policy
        return self.policy.overridden(tenant.policy).within(self.bounds)

    def rules(
        self, tenant_id: str, client: Client, within: Transaction | None = None
    ) -> Rules | None:
        """What holds for the client's grants in the tenant; None for an unknown tenant."""
        found = self._rules.get((tenant_id, client.client_id))
        if found is not None:
            return found
        tenant = self.tenant(tenant_id, within)
        return None if tenant is None else self.rules_of(tenant, client)

    def rules_of(self, tenant: Tenant, client: Client) -> Rules:
        """The same for a tenant at hand; computed once for this version."""
        key = tenant.tenant_id, client.client_id
        found = self._rules.get(key)
        if found is None:
            policy = self.policy_of(tenant)
            found = Rules(
                policy=policy.tightened(client.policy),
                remembering=policy.remembering().tightened(client.policy),
                tenant_epoch=tenant.epoch,
                client_epoch=client.epoch,
                may_impersonate=may_impersonate(client, policy),
            )
            _remember(self._rules, key, found)
        return found

    @property
    def force_relogin(self) -> int:
        """The environment's forced re-login in seconds, for tenants that inherit it."""
        return relogin_limit(self.policy)


class Configuration:
    """Holds the newest snapshot of one worker."""

    def __init__(
        self,
        database: Database,
        encryption: KeyEncryption,
        issuer: str,
        defaults: Policy,
        signing_algorithm: str,
        subject_key: bytes,
        *,
        tells_new_devices: bool,
    ) -> None:
        """`defaults` are the environment's policies from the settings; `subject_key` is that of
        pairwise subjects. `tells_new_devices`: people get a letter when they sign in with another
        device."""
        self._signing_algorithm = signing_algorithm
        self._subject_key = subject_key
        self._tells_new_devices = tells_new_devices
        self._database = database
        self._encryption = encryption
        self._issuer = issuer
        self.defaults = defaults
        self._loading = threading.Lock()
        self._signatures = SignatureCache(4096)
        self._snapshot: Snapshot | None = None

    def current(self) -> Snapshot:
        """The snapshot in memory; it may be behind, and every answer proves that it was not."""
        return self._snapshot or self.reload(None)

    def at_hand(self) -> Snapshot | None:
        """The same if there is one yet."""
        return self._snapshot

    def reload(self, stale: Snapshot | None) -> Snapshot:
        """Load the configuration in force, once for all threads that found `stale` behind."""
        with self._loading:
            if self._snapshot is None or self._snapshot is stale:
                self._snapshot = self._load()
            return self._snapshot

    def on_current(self, use: Callable[[Snapshot], Value]) -> Value:
        """What `use` makes of the configuration in force: run once more where the copy is behind. A
        key that is missing may be one that was made a moment ago."""
        snapshot = self.current()
        try:
            return use(snapshot)
        except (StaleConfiguration, NoKey):
            return use(self.reload(snapshot))

    def _load(self) -> Snapshot:
        with self._database.reading() as tx:
            # Version first: what is read after it can only be newer, and then the next use of
            # this snapshot finds its version behind.
            environment = stored.read_environment(tx)
            keyring = Keyring.open(stored_keys.read_all(tx), self._encryption)
        # Settings that changed since may lie outside of bounds that were set before.
        policy = self.defaults.overridden(environment.policy).within(environment.bounds)
        return Snapshot(
            version=environment.version,
            epoch=environment.epoch,
            issuer=self._issuer,
            policy=policy,
            bounds=policy.bounds_of_tenants(environment.bounds),
            keyring=keyring,
            signatures=self._signatures,
            signing_algorithm=self._signing_algorithm,
            subject_key=self._subject_key,
            tells_new_devices=self._tells_new_devices,
            _read_client=self._read_client,
            _read_tenant=self._read_tenant,
            _read_origin=self._read_origin,
        )

    def _read_client(
        self, snapshot: Snapshot, client_id: str, within: Transaction | None
    ) -> Client | None:
        with self._reading(within) as tx:
            _same_version(snapshot, stored.read_environment(tx))
            return stored.read_client(tx, client_id)

    def _reading(self, within: Transaction | None) -> AbstractContextManager[Transaction]:
        return self._database.reading() if within is None else nullcontext(within)

    def _read_tenant(
        self, snapshot: Snapshot, tenant_id: str, within: Transaction | None
    ) -> Tenant | None:
        with self._reading(within) as tx:
            _same_version(snapshot, stored.read_environment(tx))
            return stored.read_tenant(tx, tenant_id)

    def _read_origin(self, snapshot: Snapshot, origin: str) -> bool:
        with self._database.reading() as tx:
            _same_version(snapshot, stored.read_environment(tx))
            return stored.lists_origin(tx, origin)


def prove_current(database: Database, clock: Clock, snapshot: Snapshot) -> datetime:
    """Prove that the snapshot is the configuration in force and the clock right; the time.

    Raises `StaleConfiguration` or `Unavailable`.
    """
    with database.query() as tx:
        now = clock.now()
        prove(snapshot, stored.version(database, tx), now)
    return now


class Sealed(Protocol[Presented_co]):
    """A module about secrets that carry the address of their own row (`crypto/addressed.py`)."""

    def parse(self, keys: Mapping[int, LocatorKey], text: str, /) -> Presented_co | None:
        """What the text says, if one of the keys has sealed it."""

    def names_unknown_key(self, keys: Mapping[int, LocatorKey], text: str, /) -> bool:
        """Whether it is refused only because its key's number is unknown."""


def genuine(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    kind: Sealed[Presented_co],
    text: str,
) -> Presented_co | None:
    """What a genuine secret of a kind says, or None; garbage never touches the database.

    Raises `StaleConfiguration` or `Unavailable`.
    """
    keys = snapshot.keyring.opaque_keys(clock.now()).locator_keys
    presented = kind.parse(keys, text)
    if presented is None and kind.names_unknown_key(keys, text):
        # Another worker may have made it with a key that is newer than this snapshot.
        prove_current(database, clock, snapshot)
    return presented


def certain_refusal(
    database: Database, clock: Clock, snapshot: Snapshot, reason: Refusal
) -> Refused:
    """A refusal that rests on the snapshot, given only after the snapshot was proved current."""
    prove_current(database, clock, snapshot)
    return Refused(reason)


def prove_clock(database: Database, clock: Clock) -> None:
    """Prove that the clock is right, before something is done because its time has come.

    Raises `Unavailable`: a node that is a year ahead must not drop what is live.
    """
    with database.query() as tx:
        now = clock.now()
        _agree(stored.version(database, tx), now)


def prove(snapshot: Snapshot, read: Versioned, now: datetime) -> None:
    """Prove by what a statement read that clock and configuration are right."""
    _agree(read, now)
    if read.version != snapshot.version:
        raise StaleConfiguration


def _agree(read: Versioned, now: datetime) -> None:
    if abs(read.database_now - now) > MAX_CLOCK_DIFFERENCE:
        raise Unavailable("clock: differs from the database's")


def _same_version(snapshot: Snapshot, environment: Environment) -> None:
    if environment.version != snapshot.version:
        raise StaleConfiguration


def _remember(cache: dict[Key, Value], key: Key, value: Value) -> None:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = value
