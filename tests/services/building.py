"""Steps that tests of the use cases share: they act on the services, without HTTP."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tests.world.world import World
from token_service.cli.opening import with_snapshot
from token_service.domain.accounts import NameKind, SignInName, sign_in_name
from token_service.domain.clients import AuthenticationMethod
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device
from token_service.services import clients, inspection, signing_in
from token_service.services.changes import Author
from token_service.services.clients import ClientCredentials
from token_service.services.issuing import IssuedTokens
from token_service.services.signing_in import SignIn
from token_service.storage import configuration

Value = TypeVar("Value")

AUTHOR = Author("cli", Origin("192.0.2.1", "", "request-1"))
PASSWORD = "a long enough password"


def at_once(*actions: Callable[[], Value]) -> list[Value]:
    """Run each in a thread of its own, all starting together; what they answered."""
    together = threading.Barrier(len(actions))

    def run(action: Callable[[], Value]) -> Value:
        together.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(run, actions))


def names(**texts: str) -> tuple[SignInName, ...]:
    """Sign-in names by their kinds: `names(email="a@b.example")`."""
    made = [sign_in_name(NameKind(kind), text) for kind, text in texts.items()]
    return tuple(one for one in made if one is not None)


def pepper_of(world: World) -> bytes:
    """What secrets are hashed with."""
    return world.parts.settings.secrets.pepper


def try_sign_in(
    world: World, name: str, password: str, client_id: str, tenant_id: str | None = None
) -> IssuedTokens | Refused:
    """Sign in and answer what came of it."""
    parts = world.parts

    def use(snapshot: Any) -> IssuedTokens | Refused:
        client = snapshot.client(client_id)
        assert client is not None
        command = SignIn(
            client, name, password, tenant_id, None, False, Origin("192.0.2.9"), Device
        )
        return signing_in.sign_in(parts.database, parts.clock, snapshot, parts.gate, command)

    return with_snapshot(parts, use)


def signed_in(
    world: World, name: str, password: str, client_id: str, tenant_id: str | None = None
) -> str:
    """Sign in and expect an access token."""
    issued = try_sign_in(world, name, password, client_id, tenant_id)
    assert isinstance(issued, IssuedTokens), issued
    return issued.access_token


def why_dead(world: World, access_token: str) -> Refusal | None:
    """Why the token's session or grant is over; None while it lives."""
    parts = world.parts
    found = with_snapshot(
        parts,
        lambda snapshot: inspection.validate(
            parts.database, parts.clock, snapshot, access_token, None
        ),
    )
    return found.reason if isinstance(found, Refused) else None


def authenticates(world: World, client_id: str, secret: str) -> bool:
    """Whether the client is believed with this secret."""
    parts = world.parts
    credentials = ClientCredentials(
        client_id, AuthenticationMethod.SECRET_BASIC, secret, Origin("192.0.2.9")
    )
    answer = with_snapshot(
        parts,
        lambda snapshot: clients.authenticate(
            parts.database, parts.clock, snapshot, parts.gate.throttle, parts.proofs, credentials
        ),
    )
    return not isinstance(answer, Refused)


def configuration_version(world: World) -> int:
    """The version that tells workers whether they are behind."""
    with world.database.reading() as tx:
        return configuration.read_environment(tx).version


def changes(world: World, account_id: str = NO_ACCOUNT) -> list[AuditEvent]:
    """What the audit log says that the author did, oldest first."""
    return [one for one in world.events(account_id) if one.actor == AUTHOR.actor]


def last_change(world: World, account_id: str = NO_ACCOUNT) -> AuditEvent:
    """The newest of them."""
    return changes(world, account_id)[-1]


def kinds(world: World, account_id: str = NO_ACCOUNT) -> list[Event]:
    """The kinds of event that the author caused."""
    return [one.event for one in changes(world, account_id)]
