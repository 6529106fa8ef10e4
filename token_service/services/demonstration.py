"""Demo data: two tenants, three accounts and a client of each kind, with random secrets."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self, TypeVar

from token_service.clock import Clock
from token_service.crypto import opaque
from token_service.domain.accounts import Account, NameKind, SignInName, sign_in_name
from token_service.domain.clients import ClientKind
from token_service.domain.failures import Conflict
from token_service.domain.refusals import Refused
from token_service.domain.tenants import Tenant
from token_service.services import accounts, client_registration, tenants
from token_service.services.accounts import NewAccount
from token_service.services.changes import Author
from token_service.services.client_registration import NewClient, Registered
from token_service.services.clients import is_secret_of
from token_service.services.signing_in import Gate
from token_service.storage import accounts as stored_accounts
from token_service.storage import configuration
from token_service.storage.database import Database, Transaction

Value = TypeVar("Value")

_TENANTS = ("Demo North", "Demo South")
_PEOPLE = (("ada", (0, 1)), ("grace", (0,)), ("alan", (1,)))
"""Each with the positions of their tenants: the first one belongs to both."""
_ROLES = ("member",)
_REDIRECT_URIS = {
    ClientKind.APP: ("http://127.0.0.1:3000/callback",),
    ClientKind.PUBLIC: ("http://127.0.0.1/callback",),
}
"""Of applications on the developer's own machine; the public one may be on any port."""


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A tenant as the file has it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account as the file has it; `tenants` are ids."""

    id: str
    email: str
    username: str
    phone: str
    password: str = field(repr=False)
    tenants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoClient:
    """A client as the file has it; the secret is None for a public one."""

    client_id: str
    client_secret: str | None = field(repr=False)
    kind: str


@dataclass(frozen=True, slots=True)
class Demo:
    """Everything that somebody needs to try the service out."""

    issuer: str
    tenants: tuple[DemoTenant, ...]
    accounts: tuple[DemoAccount, ...]
    clients: tuple[DemoClient, ...]

    def as_json(self) -> dict[str, Any]:
        """What the file holds."""
        return asdict(self)

    @classmethod
    def of_json(cls, content: Any) -> Self:  # noqa: ANN401 - any JSON
        """The demo data in a file's content; raises ValueError where it holds something else."""
        try:
            return cls(
                issuer=content["issuer"],
                tenants=tuple(DemoTenant(**one) for one in content["tenants"]),
                accounts=tuple(_account_of_json(one) for one in content["accounts"]),
                clients=tuple(DemoClient(**one) for one in content["clients"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError("these are no demo data") from error


def is_stored(database: Database, clock: Clock, gate: Gate, demo: Demo) -> bool:
    """Whether the database has all of it, with the same secrets."""
    with database.reading() as tx:
        found = [stored_accounts.read(tx, one.id) for one in demo.accounts]
        if not all(configuration.read_tenant(tx, one.id) for one in demo.tenants):
            return False
        if not all(_client_is_stored(tx, clock, gate, one) for one in demo.clients):
            return False
    pairs = zip(demo.accounts, found, strict=True)
    return all(stored and _password_is_right(gate, one, stored) for one, stored in pairs)


def make(database: Database, clock: Clock, gate: Gate, issuer: str, author: Author) -> Demo:
    """New demo data, all of it or nothing.

    Where the database has others, whose file is not at hand, the new ones get longer names.
    """
    try:
        return _make(database, clock, gate, issuer, author, "")
    except Conflict:
        return _make(database, clock, gate, issuer, author, f"-{opaque.new_bytes(4).hex()}")


@dataclass(frozen=True, slots=True)
class _Person:
    account: Account
    names: tuple[SignInName, ...]
    password: str = field(repr=False)


def _make(
    database: Database, clock: Clock, gate: Gate, issuer: str, author: Author, suffix: str
) -> Demo:
    now = clock.now()
    places = [tenants.draft(name + suffix, now) for name in _TENANTS]
    people = [
        _person(gate, name, number, [places[one] for one in positions], suffix, now)
        for number, (name, positions) in enumerate(_PEOPLE, start=1)
    ]
    registered = [_client(gate, kind, suffix) for kind in ClientKind]
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        for place in places:
            tenants.add(tx, place, author, now)
        for person in people:
            accounts.add(tx, person.account, person.names, author, now)
        for one in registered:
            client_registration.add(tx, one.client, author, now)
    return Demo(
        issuer=issuer,
        tenants=tuple(DemoTenant(place.tenant_id, place.name) for place in places),
        accounts=tuple(_shown(person) for person in people),
        clients=tuple(
            DemoClient(one.client.client_id, one.secret, one.client.kind.value)
            for one in registered
        ),
    )


def _person(
    gate: Gate, name: str, number: int, places: list[Tenant], suffix: str, now: datetime
) -> _Person:
    digits = int(suffix.removeprefix("-") or "0", 16)
    texts = {
        NameKind.EMAIL: f"{name}{suffix}@demo.example",
        NameKind.USERNAME: f"{name}{suffix}",
        # No country has the code 999: nobody is called by accident.
        NameKind.PHONE: f"+999{digits:010d}{number}",
    }
    names = tuple(made for kind, text in texts.items() if (made := sign_in_name(kind, text)))
    memberships = tuple((place.tenant_id, _ROLES) for place in places)
    password = opaque.encode(opaque.new_bytes(18))
    account = accounts.draft(gate, NewAccount(names, password, memberships), now)
    return _Person(_made(account), names, password)


def _client(gate: Gate, kind: ClientKind, suffix: str) -> Registered:
    resource_server = f"demo-resource-server{suffix}"
    own = kind is ClientKind.RESOURCE_SERVER
    new = NewClient(
        kind=kind,
        name=f"Demo {kind.replace('_', ' ')}",
        client_id=f"demo-{kind.replace('_', '-')}{suffix}",
        audiences=() if own else (resource_server,),
        redirect_uris=_REDIRECT_URIS.get(kind, ()),
    )
    return _made(client_registration.draft(gate.throttle.pepper, new))


def _made(value: Value | Refused) -> Value:
    if isinstance(value, Refused):
        raise TypeError(f"demo data: {value.reason}")
    return value


def _shown(person: _Person) -> DemoAccount:
    display = {name.kind: name.display for name in person.names}
    return DemoAccount(
        id=person.account.account_id,
        email=display[NameKind.EMAIL],
        username=display[NameKind.USERNAME],
        phone=display[NameKind.PHONE],
        password=person.password,
        tenants=tuple(one.tenant_id for one in person.account.memberships),
    )


def _account_of_json(content: Mapping[str, Any]) -> DemoAccount:
    return DemoAccount(**{**content, "tenants": tuple(content["tenants"])})


def _client_is_stored(tx: Transaction, clock: Clock, gate: Gate, demo: DemoClient) -> bool:
    client = configuration.read_client(tx, demo.client_id)
    if client is None or demo.client_secret is None:
        return client is not None
    return is_secret_of(client, gate.throttle.pepper, demo.client_secret, clock.now())


def _password_is_right(gate: Gate, demo: DemoAccount, stored: Account) -> bool:
    return gate.passwords.verify(stored.password_hash, demo.password).right
