"""Clients that register themselves, as their developers know them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from werkzeug.test import TestResponse

from tests.services.building import AUTHOR
from tests.world.world import ISSUER, App, World
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import Client
from token_service.domain.events import NO_ACCOUNT, AuditEvent
from token_service.services import registration_permits
from token_service.storage import configuration

PATH = "/oauth2/register"
REDIRECT = "https://app.example.test/callback"
OPEN = {"TOKEN_SERVICE_REGISTRATION_MODE": "open"}
BY_PERMIT = {"TOKEN_SERVICE_REGISTRATION_MODE": "token"}
SMALL: Mapping[str, object] = {"redirect_uris": [REDIRECT], "client_name": "Notes"}


@dataclass(frozen=True)
class Registration:
    """One registered client: what its developer was told."""

    world: World
    told: Mapping[str, Any]
    status: int = field(default=201)

    @property
    def client_id(self) -> str:
        return str(self.told["client_id"])

    @property
    def app(self) -> App:
        return App(self.client_id, self.told.get("client_secret"))

    @property
    def path(self) -> str:
        return str(self.told["registration_client_uri"]).removeprefix(ISSUER)

    @property
    def bearer(self) -> dict[str, str]:
        return bearer(str(self.told["registration_access_token"]))

    def get(self, **changes: Any) -> TestResponse:
        return self.world.http.get(self.path, **{"headers": self.bearer} | changes)

    def put(self, body: object, **changes: Any) -> TestResponse:
        return self.world.http.put(self.path, json=body, **{"headers": self.bearer} | changes)

    def delete(self, **changes: Any) -> TestResponse:
        return self.world.http.delete(self.path, **{"headers": self.bearer} | changes)

    def read(self) -> dict[str, Any]:
        """Read and expect an answer."""
        answer = self.get()
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def updated(self, **members: object) -> "Registration":
        """Replace the registration and expect that it is done."""
        answer = self.put({"client_id": self.client_id, **members})
        assert answer.status_code == 200, answer.text
        return Registration(self.world, answer.get_json(), 200)

    @property
    def stored(self) -> Client:
        found = stored(self.world, self.client_id)
        assert found is not None
        return found

    @property
    def metadata(self) -> ClientMetadata:
        return self.stored.metadata


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def try_register(
    world: World, document: object = SMALL, permit: str | None = None, **changes: Any
) -> TestResponse:
    """Ask to be registered and answer what came back."""
    headers = {} if permit is None else bearer(permit)
    return world.http.post(PATH, **{"json": document, "headers": headers} | changes)


def registered(world: World, permit: str | None = None, **members: object) -> Registration:
    """Ask with the smallest document and these members, and expect a client."""
    answer = try_register(world, dict(SMALL) | members, permit)
    assert answer.status_code == 201, answer.text
    return Registration(world, answer.get_json())


def permit(world: World, uses: int = 1, **lifetime: float) -> str:
    """What the command line makes."""
    parts = world.parts
    made, _ = registration_permits.permit(
        world.database,
        parts.clock,
        parts.gate.throttle.pepper,
        uses,
        timedelta(**lifetime or {"days": 1}),
        AUTHOR,
    )
    return made


def stored(world: World, client_id: str) -> Client | None:
    """What the database has."""
    with world.database.reading() as tx:
        return configuration.read_client(tx, client_id)


def rewrite(world: World, client_id: str, **changes: Any) -> None:
    """Change what no interface lets anybody change of a client that registered itself."""
    held = stored(world, client_id)
    assert held is not None
    with world.database.transaction() as tx:
        assert configuration.replace_client(tx, held, replace(held, **changes))


def number_of_clients(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM clients")[0][0])


def events(world: World, client_id: str) -> list[AuditEvent]:
    """What is on the record about a client."""
    return [one for one in world.events(NO_ACCOUNT) if one.client_id == client_id]


def told_faults(answer: TestResponse) -> list[str]:
    """The members that an answer says are wrong."""
    sentence = answer.get_json()["error_description"].removesuffix(".")
    return [one.split(" ")[0] for one in sentence.split("; ")]
