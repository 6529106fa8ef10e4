"""Everybody who may call, and somebody in the first tenant whom the calls are about."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.http.building import SignedIn
from tests.http.impersonation.building import act
from tests.http.roles.building import ALL, POLICY, READ, REVOKE, administrator
from tests.world.browser import web_app
from tests.world.world import Person, World
from token_service.domain.clients import Permission

UNKNOWN = "0" * 32
_POLICY_ONLY = frozenset({Permission.SESSION_POLICY_WRITE})
NAMES = (
    "nobody",
    "owner",
    "acting",
    "person",
    "reader",
    "revoker",
    "policy_writer",
    "stranger",
    "app",
    "public",
    "service",
    "service_token",
    "resource_server",
    "backend",
    "backend_here",
    "backend_elsewhere",
    "policy_backend",
    "admin",
    "admin_here",
    "admin_elsewhere",
)
"""`here` is the tenant that the calls are about. `owner` is the person whom they are about,
`acting` a backend that acts as them; `stranger` has every permission, elsewhere."""


@dataclass(frozen=True)
class Caller:
    """Who asks: what is sent along, and the client that it says to be."""

    name: str
    headers: Mapping[str, str]
    client_id: str


class Cast:
    """Two tenants, and one of every kind of caller."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.here, self.elsewhere = world.tenant(), world.tenant()
        self.app = web_app(world)
        self.app_here = world.client("app", tenant_id=self.here)
        self.clients = {
            "public": world.client("public"),
            "service": world.client("service", scope="api admin", default_scope="api admin"),
            "resource_server": world.client("resource_server"),
            "backend": world.client("backend"),
            "backend_here": world.client("backend", tenant_id=self.here),
            "backend_elsewhere": world.client("backend", tenant_id=self.elsewhere),
            "policy_backend": world.client("backend", permissions=_POLICY_ONLY),
            "app": self.app,
        }
        self._tokens = {
            "admin": administrator(world).bearer,
            "admin_here": administrator(world, self.here).bearer,
            "admin_elsewhere": administrator(world, self.elsewhere).bearer,
        }
        token = world.client_token(self.clients["service"])
        self._tokens["service_token"] = {"Authorization": f"Bearer {token}"}
        self._people = {
            "person": self._member(self.here),
            "reader": self._member(self.here, READ),
            "revoker": self._member(self.here, REVOKE),
            "policy_writer": self._member(self.here, POLICY),
            "stranger": self._member(self.elsewhere, *ALL),
        }

    def target(self, tenant_id: str | None = None) -> SignedIn:
        """Somebody new in the first tenant (or another), signed in through the application."""
        tenant_id = tenant_id or self.here
        person = self.world.person(tenant_id)
        tokens = self.world.sign_in(person, self.app)
        backend = self.clients["backend"]
        return SignedIn(self.world, tenant_id, person, self.app, backend, tokens)

    def caller(self, name: str, target: SignedIn) -> Caller:
        """One of them; people sign in anew, because some of what they ask ends their session."""
        if name == "owner":
            return Caller(name, target.tokens.bearer, self.app.client_id)
        if name == "acting":
            return Caller(name, act(target).bearer, self.app.client_id)
        if name in self._people:
            tokens = self.world.sign_in(self._people[name], self.app)
            return Caller(name, tokens.bearer, self.app.client_id)
        if name in self._tokens:
            return Caller(name, self._tokens[name], self.app.client_id)
        if name == "nobody":
            return Caller(name, {}, self.app.client_id)
        client = self.clients[name]
        return Caller(name, client.basic if client.secret else {}, client.client_id)

    def names_of(self, target: SignedIn, caller: Caller) -> dict[str, str]:
        """What a request names, when the caller asks about the target."""
        return {
            "account_id": target.account_id,
            "tenant_id": target.tenant_id,
            "sid": target.tokens.sid,
            "access": target.tokens.access,
            "refresh": target.tokens.refresh,
            "email": target.person.email,
            "password": target.person.password,
            "client_id": caller.client_id,
            "app_id": self.app.client_id,
            "app_secret": self.app.secret or "",
            "ticket": "no such ticket",
            "link": "no such link",
        }

    def _member(self, tenant_id: str, *permissions: str) -> Person:
        person = self.world.person(tenant_id)
        if permissions:
            role = "_".join(one.replace(":", "_").replace("-", "_") for one in permissions)
            admin = administrator(self.world)
            admin.define(tenant_id, **{role: list(permissions)})
            admin.put(tenant_id, person.account_id, role)
        return person
