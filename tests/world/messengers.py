"""A client that hears of log-outs, and what it was told."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from tests.world.world import App, Person, Tokens, World
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.logout_notices import NotTold
from token_service.services.herald import Herald, NoticeOffice

PATIENCE = 20.0


class Messenger:
    """Keeps what it carries, by where to; or fails as it is told for an address."""

    def __init__(self) -> None:
        self.heard: dict[str, list[str]] = defaultdict(list)
        self.tried: dict[str, list[str]] = defaultdict(list)
        self.fails: dict[str, BaseException] = {}
        self.hangs: dict[str, threading.Event] = {}
        self.arrived = threading.Event()
        self.given_up: list[str] = []

    def deliver(self, uri: str, logout_token: str) -> None:
        self.tried[uri].append(logout_token)
        if (hang := self.hangs.get(uri)) is not None:
            is_released = hang.wait(2 * PATIENCE)
            self.given_up.append(uri)
            assert is_released
            raise NotTold("timed_out")
        if (failure := self.fails.get(uri)) is not None:
            raise failure
        self.heard[uri].append(logout_token)
        self.arrived.set()


def uri_of(name: str) -> str:
    """Where a client hears of log-outs."""
    return f"https://{name}.example/logout"


def listening(world: World, name: str = "rp", **metadata: Any) -> App:
    """A client that wants to be told."""
    return world.client(metadata=ClientMetadata(backchannel_logout_uri=uri_of(name), **metadata))


def office_of(world: World, messenger: Messenger) -> NoticeOffice:
    parts = world.parts
    return NoticeOffice(parts.database, parts.clock, parts.configuration, messenger)


def round_of(world: World, messenger: Messenger) -> None:
    """The rounds of a herald until nothing is due, with everything arrived or failed."""
    tried = -1
    while tried < (now := sum(map(len, messenger.tried.values()))):
        tried = now
        herald = Herald(office_of(world, messenger), 3600)
        herald.do_round()
        herald.settle()


def claims_of(world: World, token: str) -> dict[str, Any]:
    """The claims of a logout token, verified as a client does, with what our JWKS says."""
    keys = jwt.PyJWKSet.from_dict(world.http.get("/.well-known/jwks.json").get_json())
    header = jwt.get_unverified_header(token)
    key = next(one for one in keys.keys if one.key_id == header["kid"])
    return dict(
        jwt.decode(token, key, [header["alg"]], options={"verify_aud": False, "verify_exp": False})
    )


def header_of(token: str) -> Mapping[str, Any]:
    return jwt.get_unverified_header(token)


def sids_told(world: World, messenger: Messenger, name: str = "rp") -> set[str]:
    """The sessions whose end the client has heard of."""
    return {claims_of(world, one)["sid"] for one in messenger.heard[uri_of(name)]}


@dataclass(frozen=True)
class Listener:
    """Somebody who is signed in to a client that wants to be told."""

    person: Person
    app: App
    tokens: Tokens
    tenant_id: str


def listener(world: World, name: str = "rp", **metadata: Any) -> Listener:
    tenant_id = world.tenant()
    person, app = world.person(tenant_id), listening(world, name, **metadata)
    return Listener(person, app, world.sign_in(person, app), tenant_id)
