"""Tokens of every kind, in every state that one can be in, for who asks about many at once."""

import base64
import json
from dataclasses import dataclass

from tests.http import administration as admin
from tests.http.building import SignedIn
from tests.http.dpop.proving import Key, sign_in
from tests.http.impersonation.building import act
from tests.http.openid.building import metadata
from tests.world.world import App, Time, World, tokens_of

GARBAGE = ("tsr_", "..", "a.b.c", "garbage", "ö", "x" * 9_000, "tsr_" + "A" * 200)


@dataclass(frozen=True)
class Mixture:
    """The tokens by what they are, and clients that are told of different ones among them."""

    tokens: dict[str, str]
    callers: tuple[App, ...]


class _Cast:
    """Two tenants with people who sign in to one application."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.here, self.elsewhere = world.tenant(), world.tenant()
        self.api = world.client("resource_server", tenant_id=self.here)
        self.app = self._client()
        self.pairwise = self._client(
            metadata=metadata(subject_type="pairwise", redirect_uris=("https://one.example/cb",))
        )
        self.service = self._client("service")

    def signed_in(self, tenant_id: str | None = None, app: App | None = None) -> SignedIn:
        """Somebody new."""
        tenant_id, app = tenant_id or self.here, app or self.app
        person = self.world.person(tenant_id)
        tokens = self.world.sign_in(person, app)
        backend = self.world.client("backend")
        return SignedIn(self.world, tenant_id, person, app, backend, tokens)

    def _client(self, kind: str = "app", **changes: object) -> App:
        return self.world.client(kind, audiences=(self.api.client_id,), **changes)


def mixture(world: World, time: Time) -> Mixture:
    """All of them, as they are now."""
    cast = _Cast(world)
    found = _over_by_time(cast, time)
    for name, who in _sessions(cast).items():
        found[f"access token, {name}"] = who.tokens.access
        found[f"refresh token, {name}"] = who.tokens.refresh
    first, second, third = cast.signed_in().chain(2)
    found |= {"first of a chain": first.tokens.access, "second of a chain": second.tokens.access}
    found |= {"third of a chain": third.tokens.access, "spent": second.tokens.refresh}
    found |= {"newest of a chain": third.tokens.refresh}
    found |= _clients_own(cast) | _of_unknown_keys(first) | _bound(cast)
    found["of a backend that acts"] = act(cast.signed_in()).tokens.access
    found |= {f"garbage {number}": one for number, one in enumerate(GARBAGE)}
    return Mixture(found, (cast.app, cast.api, cast.pairwise, cast.service))


def _over_by_time(cast: _Cast, time: Time) -> dict[str, str]:
    world = cast.world
    idle = cast.signed_in(world.tenant(idle_timeout=60))
    expired = cast.signed_in()
    time.pass_(minutes=20)
    return {
        "expired": expired.tokens.access,
        "of a session with an expired token": expired.tokens.refresh,
        "idle": idle.tokens.refresh,
    }


def _sessions(cast: _Cast) -> dict[str, SignedIn]:
    world = cast.world
    found = {
        "live": cast.signed_in(),
        "of another tenant": cast.signed_in(cast.elsewhere),
        "of another client": cast.signed_in(app=world.client()),
        "of a pairwise": cast.signed_in(app=cast.pairwise),
        "ended": cast.signed_in(),
        "revoked": cast.signed_in(),
        "of a disabled account": cast.signed_in(),
        "of who left the tenant": cast.signed_in(),
        "of a disabled tenant": cast.signed_in(world.tenant()),
        "of a disabled client": cast.signed_in(app=world.client()),
        "without a session": cast.signed_in(),
        "without a grant": cast.signed_in(),
    }
    world.invalidate(token=found["ended"].tokens.access)
    world.revoke(cast.app, found["revoked"].tokens.refresh)
    admin.disable_account(world, found["of a disabled account"].person)
    admin.leave(world, found["of who left the tenant"].person, cast.here)
    admin.disable_tenant(world, found["of a disabled tenant"].tenant_id)
    admin.disable_client(world, found["of a disabled client"].app)
    for table, name in (("sessions", "without a session"), ("grants", "without a grant")):
        world.sql(f"DELETE FROM {table} WHERE sid = :sid", sid=found[name].tokens.sid)
    return found


def _clients_own(cast: _Cast) -> dict[str, str]:
    world, disabled = cast.world, cast.world.client("service")
    revoked = world.client_token(cast.service)
    world.revoke(cast.service, revoked)
    found = {
        "a client's own": world.client_token(cast.service),
        "a client's own, another": world.client_token(cast.service),
        "a client's own, revoked": revoked,
        "a client's own, of a disabled client": world.client_token(disabled),
        "a client's own, of another client": world.client_token(world.client("service")),
    }
    admin.disable_client(world, disabled)
    return found


def _of_unknown_keys(who: SignedIn) -> dict[str, str]:
    header, payload, signature = who.tokens.access.split(".")
    members = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    unknown = base64.urlsafe_b64encode(json.dumps(members | {"kid": "unknown"}).encode()).decode()
    body = who.tokens.refresh[4:]
    data = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    data[1:3] = b"\xff\xff"
    renumbered = base64.urlsafe_b64encode(data).decode().rstrip("=")
    return {
        "of an unknown key": f"{unknown.rstrip('=')}.{payload}.{signature}",
        "refresh token of an unknown key": f"tsr_{renumbered}",
        "access token that was changed": f"{header}.{payload}.{signature[::-1]}",
    }


def _bound(cast: _Cast) -> dict[str, str]:
    person = cast.world.person(cast.here)
    tokens = tokens_of(sign_in(cast.world, person, cast.app, Key()))
    return {"bound to a key": tokens.access, "refresh token beside it": tokens.refresh}
