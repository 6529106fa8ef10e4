"""One world: a service on a real database, with tenants, accounts and clients made to order."""

import base64
import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask.testing import FlaskClient
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from sqlalchemy import text
from werkzeug.test import TestResponse

from token_service import settings as configured
from token_service.app import create_app
from token_service.crypto import opaque
from token_service.domain.accounts import Account, Membership, NameKind, sign_in_name
from token_service.domain.clients import DEFAULTS, AuthenticationMethod, Client, ClientKind
from token_service.domain.clients import ClientSecret as StoredSecret
from token_service.domain.events import AuditEvent
from token_service.domain.tenants import Tenant
from token_service.services import clients as client_services
from token_service.services import keys
from token_service.storage import accounts, audit, configuration
from token_service.storage.tables import metadata
from token_service.web.parts import EXTENSION, Parts

START = "2026-03-01T12:00:00Z"
ISSUER = "https://id.example.test"
SECRETS = {
    "TOKEN_SERVICE_KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes(range(1, 33))).decode(),
    "TOKEN_SERVICE_PEPPER": base64.urlsafe_b64encode(bytes(range(40, 80))).decode(),
}
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Person:
    """An account as its owner knows it."""

    account_id: str
    email: str
    username: str
    phone: str
    password: str


@dataclass(frozen=True)
class App:
    """A client as its developer knows it; `secret` None for a public one."""

    client_id: str
    secret: str | None

    @property
    def basic(self) -> dict[str, str]:
        """The Authorization header of RFC 6749 section 2.3.1."""
        pair = f"{quote(self.client_id, safe='')}:{quote(self.secret or '', safe='')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@dataclass(frozen=True)
class Tokens:
    """What a sign-in or a refresh gave."""

    access: str
    refresh: str
    body: Mapping[str, Any]

    @property
    def sid(self) -> str:
        """The session."""
        return str(self.body["sid"])

    @property
    def bearer(self) -> dict[str, str]:
        """The Authorization header of RFC 6750."""
        return {"Authorization": f"Bearer {self.access}"}


def environ(url: str, data_folder: Path, overrides: Mapping[str, str]) -> dict[str, str]:
    """The variables that a service under test is started with."""
    return {
        "TOKEN_SERVICE_ENVIRONMENT": "test",
        "TOKEN_SERVICE_CONFIG_FOLDER": str(REPOSITORY / "config"),
        "TOKEN_SERVICE_DATABASE_URL": url,
        "TOKEN_SERVICE_DATA_FOLDER": str(data_folder),
        "TOKEN_SERVICE_ISSUER": ISSUER,
        "TOKEN_SERVICE_ARGON2_MEMORY_KIB": "64",
        "TOKEN_SERVICE_ARGON2_ITERATIONS": "1",
        "TOKEN_SERVICE_LOGGING_LEVEL": "warning",
        **SECRETS,
        **overrides,
    }


class World:
    """Acts on one service through its public interfaces, and looks behind it where a test must."""

    def __init__(self, url: str, folder: Path, overrides: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.folder = folder
        self.environ = environ(url, folder, overrides or {})
        self.app: Flask = create_app(configured.load(self.environ))
        self.parts: Parts = self.app.extensions[EXTENSION]
        self.http: FlaskClient = self.app.test_client()
        self._numbers = itertools.count(1)

    @property
    def database(self) -> Any:
        """The service's database."""
        return self.parts.database

    def second_worker(self, overrides: Mapping[str, str] | None = None) -> "World":
        """Another worker of the same service, with caches of its own."""
        return World(self.url, self.folder, overrides)

    def sql(self, statement: str, **values: object) -> list[Any]:
        """Do what no interface does, to the database; answers the rows, if there are any."""
        with self.database.transaction() as tx:
            result = tx.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def tenant(self, name: str | None = None, **policy: object) -> str:
        """A new tenant; answers its id."""
        now = self.parts.clock.now()
        tenant = Tenant(
            opaque.new_id(now), name or f"Tenant {next(self._numbers)}", True, 1, policy
        )
        with self.database.transaction() as tx:
            configuration.insert_tenant(tx, tenant, now)
        return tenant.tenant_id

    def person(self, *tenant_ids: str, default: str | None = None) -> Person:
        """A new account that is a member of the tenants."""
        now, number = self.parts.clock.now(), next(self._numbers)
        person = Person(
            opaque.new_id(now),
            f"Person{number}@Example.test",
            f"person{number}",
            f"+4179{number:07d}",
            f"a long password {number}",
        )
        names = [
            sign_in_name(NameKind.EMAIL, person.email),
            sign_in_name(NameKind.USERNAME, person.username),
            sign_in_name(NameKind.PHONE, person.phone),
        ]
        account = Account(
            account_id=person.account_id,
            enabled=True,
            epoch=1,
            password_hash=self.parts.gate.passwords.hash(person.password),
            default_tenant_id=default,
            memberships=tuple(
                Membership(tenant_id, index, ())
                for index, tenant_id in enumerate(tenant_ids, start=1)
            ),
        )
        with self.database.transaction() as tx:
            accounts.insert_account(tx, account, [one for one in names if one], now)
        return person

    def client(self, kind: str = "app", **changes: Any) -> App:
        """A new client of a kind, with that kind's defaults but for the changes."""
        now, number = self.parts.clock.now(), next(self._numbers)
        defaults = DEFAULTS[ClientKind(kind)]
        secret = (
            None
            if defaults.authentication is AuthenticationMethod.NONE
            else opaque.new_secret("tss_")
        )
        stored = (
            (StoredSecret(client_services.secret_hash(self.parts.gate.throttle.pepper, secret)),)
            if secret
            else ()
        )
        values: dict[str, Any] = {
            "client_id": f"{kind}-{number}",
            "name": f"{kind} {number}",
            "kind": ClientKind(kind),
            "tenant_id": None,
            "authentication": defaults.authentication,
            "secrets": stored,
            "grant_types": defaults.grant_types,
            "scope": defaults.scope,
            "default_scope": defaults.default_scope,
            "audiences": (),
            "resource_identifier": None,
            "permissions": defaults.permissions,
            "first_party": defaults.first_party,
            "signing_algorithm": None,
            "enabled": True,
            "epoch": 1,
            "policy": {},
        }
        client = Client(**(values | changes))
        with self.database.transaction() as tx:
            configuration.insert_client(tx, client, now)
        return App(client.client_id, secret)

    def sign_in(self, person: Person, app: App, **fields: object) -> Tokens:
        """Sign in and expect tokens."""
        answer = self.try_sign_in(person, app, **fields)
        assert answer.status_code == 200, answer.text
        return tokens_of(answer)

    def try_sign_in(self, person: Person, app: App, **fields: object) -> TestResponse:
        """Sign in and answer what came back."""
        body = {
            "identifier": person.email,
            "password": person.password,
            "client_id": app.client_id,
        } | fields
        headers = app.basic if app.secret else {}
        return self.http.post("/v1/sign-in", json=body, headers=headers)

    def token(
        self, app: App, headers: Mapping[str, str] | None = None, **form: str
    ) -> TestResponse:
        """Ask the token endpoint."""
        sent = dict(app.basic) if app.secret else {}
        if not app.secret:
            form.setdefault("client_id", app.client_id)
        return self.http.post("/oauth2/token", data=form, headers=sent | dict(headers or {}))

    def try_refresh(self, app: App, refresh_token: str, **form: str) -> TestResponse:
        """Use a refresh token and answer what came back."""
        return self.token(app, grant_type="refresh_token", refresh_token=refresh_token, **form)

    def try_json_refresh(self, app: App, refresh_token: str, **fields: object) -> TestResponse:
        """The same at `/v1`."""
        body = {"client_id": app.client_id, "refresh_token": refresh_token} | fields
        headers = app.basic if app.secret else {}
        return self.http.post("/v1/token/refresh", json=body, headers=headers)

    def refresh(self, app: App, refresh_token: str, **form: str) -> Tokens:
        """Use a refresh token and expect a successor."""
        answer = self.try_refresh(app, refresh_token, **form)
        assert answer.status_code == 200, answer.text
        return tokens_of(answer)

    def client_token(self, app: App, **form: str) -> str:
        """A client-credentials token."""
        answer = self.token(app, grant_type="client_credentials", **form)
        assert answer.status_code == 200, answer.text
        return str(answer.get_json()["access_token"])

    def validate(self, access_token: str, **fields: object) -> dict[str, Any]:
        """What the service says of an access token."""
        answer = self.http.post("/v1/token/validate", json={"token": access_token} | fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def introspect(self, app: App, token: str) -> dict[str, Any]:
        """What the service says of a token to one of its clients."""
        answer = self.http.post("/oauth2/introspect", data={"token": token}, headers=app.basic)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def revoke(self, app: App, token: str, **form: str) -> TestResponse:
        """Give a token back, as a client, and expect 200."""
        answer = self.http.post("/oauth2/revoke", data={"token": token, **form}, headers=app.basic)
        assert answer.status_code == 200, answer.text
        return answer

    def try_invalidate(
        self, headers: Mapping[str, str] | None = None, **body: object
    ) -> TestResponse:
        """End a session by a token or its id and answer what came back."""
        return self.http.post("/v1/token/invalidate", json=body, headers=headers)

    def invalidate(self, headers: Mapping[str, str] | None = None, **body: object) -> None:
        """End a session and expect that it is done."""
        answer = self.try_invalidate(headers, **body)
        assert answer.status_code == 204, answer.text

    def is_live(self, tokens: Tokens) -> bool:
        """Whether the access token is live, asked online."""
        return bool(self.validate(tokens.access)["active"])

    def events(self, account_id: str) -> list[AuditEvent]:
        """The audit log of an account, oldest first."""
        with self.database.reading() as tx:
            return [one.event for one in audit.events_of(tx, account_id)]

    def event_names(self, account_id: str) -> list[str]:
        """The kinds of event in the audit log of an account."""
        return [str(one.event) for one in self.events(account_id)]


def tokens_of(answer: TestResponse) -> Tokens:
    """The tokens in an answer."""
    body = answer.get_json()
    return Tokens(body["access_token"], body["refresh_token"], body)


def prepare(url: str) -> None:
    """Make the schema and the first keys, at the start of the frozen time."""
    with freeze_time(START):
        prepare_now(url)


def prepare_now(url: str) -> None:
    """The same in real time, for services with processes of their own."""
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    world = World(url, folder)
    metadata.create_all(world.database.engine)
    with world.database.transaction() as tx:
        configuration.create_environment(tx)
    keys.ensure(world.parts.database, world.parts.clock, world.parts.keys)
    world.close()


class Time:
    """The frozen clock of a test."""

    def __init__(self, frozen: FrozenDateTimeFactory) -> None:
        self._frozen = frozen

    def pass_(self, **duration: float) -> None:
        """Let some time go by: `pass_(minutes=3)`."""
        self._frozen.tick(timedelta(**duration))
