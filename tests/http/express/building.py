"""Requests as a server hands them over, sent by the short way and by the long way."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from wsgiref.types import WSGIEnvironment

import jwt
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.http.clocks.node import rows
from tests.world.world import App, World
from token_service.services.configuration import Snapshot, prove_current
from token_service.waits import Apart, Ready, done, is_ready
from token_service.web.express import Answered

TOKEN, INTROSPECT, VALIDATE = "/oauth2/token", "/oauth2/introspect", "/v1/token/validate"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
_LONG_WAY = "token_service.long_way"
_OF_ONE_ANSWER = {"x-request-id", "content-length"}
_OF_ONE_TOKEN = {"jti", "sid", "at_hash"}


@dataclass(frozen=True)
class Request:
    """One request; None takes a header or a variable of the environ away."""

    path: str
    body: bytes
    headers: Mapping[str, str | None]
    method: str = "POST"
    environ: Mapping[str, str | None] = field(default_factory=dict)

    def at(self, world: World) -> WSGIEnvironment:
        """What a server hands over, to this worker."""
        path, _, query = self.path.partition("?")
        built = EnvironBuilder(
            path,
            method=self.method,
            query_string=query,
            data=self.body,
            headers={name: one for name, one in self.headers.items() if one is not None},
            environ_base=world.http.environ_base,
        ).get_environ()
        built |= {name: one for name, one in self.environ.items() if one is not None}
        for name in (name for name, one in self.environ.items() if one is None):
            built.pop(name, None)
        return built

    def but(self, headers: Mapping[str, str | None] | None = None, **changes: Any) -> "Request":
        """The same with other headers, and whatever else is said."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Request(**values | changes | {"headers": {**self.headers, **(headers or {})}})


@dataclass(frozen=True)
class Answer:
    """What came back, by whichever way."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def members(self) -> dict[str, Any]:
        """The JSON object in it."""
        return dict(json.loads(self.body))

    @property
    def code(self) -> str:
        """The stable code of a refusal, or "" of what is none."""
        members = self.members if self.body[:1] == b"{" else {}
        return str(members.get("error", members.get("code", "")))

    @property
    def heading(self) -> list[tuple[str, str]]:
        """Its headers but for those of this one answer."""
        found = [(name.lower(), value) for name, value in self.headers]
        return sorted(one for one in found if one[0] not in _OF_ONE_ANSWER)

    def header(self, name: str) -> str:
        """A header that is there once."""
        [found] = [value for known, value in self.headers if known.lower() == name.lower()]
        return found


def form(path: str, app: App | None = None, **parameters: str) -> Request:
    """A form, from a client that proves itself by Basic or only names itself."""
    headers = {"Content-Type": FORM}
    if app is not None and app.secret:
        headers |= app.basic
    elif app is not None:
        parameters["client_id"] = app.client_id
    return Request(path, urlencode(parameters).encode(), headers)


def refresh(app: App, refresh_token: str, **parameters: str) -> Request:
    """A use of a refresh token."""
    return form(TOKEN, app, grant_type="refresh_token", refresh_token=refresh_token, **parameters)


def client_credentials(app: App, **parameters: str) -> Request:
    """A request for a client's own token."""
    return form(TOKEN, app, grant_type="client_credentials", **parameters)


def introspect(app: App, token: str, **parameters: str) -> Request:
    """A client's question about a token."""
    return form(INTROSPECT, app, token=token, **parameters)


def validate(token: object, **members: object) -> Request:
    """Anybody's question about an access token."""
    body = json.dumps({"token": token} | members).encode()
    return Request(VALIDATE, body, {"Content-Type": JSON})


def by_short_way(world: World, *requests: Request) -> list[Answer | None]:
    """What several requests that wait together get there; None for those that are given back."""
    return answered(world, [one.at(world) for one in requests])


def answered(world: World, environs: list[WSGIEnvironment]) -> list[Answer | None]:
    """The same of requests as the server holds them."""
    found: list[Answer | None] = [None] * len(environs)
    express = world.app.express  # type: ignore[attr-defined]
    driven = without_waiting(world, environs) if WAY.get() == "steps" else express.answers(environs)
    for place, answer in driven:
        assert found[place] is None
        found[place] = Answer(int(answer.status), answer.headers, answer.body)
    return found


WAY: ContextVar[str] = ContextVar("WAY", default="answers")
"""How the short way is run: `answers` by a thread that may wait, `steps` as the server does."""


def without_waiting(world: World, environs: list[WSGIEnvironment]) -> Iterator[Answered]:
    """The steps of a group, where what they wait for is waited for out here."""
    if world.database._line is not None and world.database._line._session is None:
        world.database._line.open_here()
    steps, found = world.app.express.steps(environs), None  # type: ignore[attr-defined]
    with suppress(StopIteration):
        while True:
            step = steps.send(found)
            found = done(step) if isinstance(step, Apart) else None
            if isinstance(step, Ready):
                is_ready(step, None)
            elif isinstance(step, Answered):
                yield step


def by_long_way(world: World, request: Request) -> Answer:
    """What it gets there alone."""
    return passed_on(world, request.at(world) | {_LONG_WAY: True})


def passed_on(world: World, environ: WSGIEnvironment) -> Answer:
    """What a request gets that the short way has given back."""
    assert _LONG_WAY in environ
    pieces, status, headers = run_wsgi_app(world.app, environ, buffered=True)
    return Answer(int(status[:3]), list(headers), b"".join(pieces))


def short(world: World, request: Request) -> Answer:
    """What a plain request gets by the short way alone."""
    [answer] = by_short_way(world, request)
    assert answer is not None, request
    return answer


def all_short(world: World, *requests: Request) -> list[Answer]:
    """What several plain requests get together."""
    return [answer for answer in by_short_way(world, *requests) if answer is not None]


def both_ways(world: World, requests: Sequence[Request]) -> list[Answer | None]:
    """As a server does it: together, and whatever is left over by the long way, in order."""
    environs = [one.at(world) for one in requests]
    found = answered(world, environs)
    return [
        passed_on(world, environ) if answer is None else answer
        for environ, answer in zip(environs, found, strict=True)
    ]


def given_back(world: World, request: Request) -> Answer:
    """What the long way says to a request that the short way has left as it was, body and all."""
    environ, before = request.at(world), rows(world)
    if answered(world, [environ]) != [None]:
        return Answer(0, [], b'{"error": "the short way answers"}')
    assert rows(world) == before
    return passed_on(world, environ)


@contextmanager
def nothing_stored(world: World) -> Iterator[None]:
    """Whatever is asked meanwhile leaves no trace in the database."""
    before = rows(world)
    yield
    assert rows(world) == before


def known_to(world: World, *apps: App) -> None:
    """A worker that has served these clients and all tenants before: those of no worker's memory go
    the long way."""
    here = world.parts
    tenants = [
        str(tenant_id).replace("-", "")
        for [tenant_id] in world.sql("SELECT tenant_id FROM tenants")
    ]

    def meet(snapshot: Snapshot) -> None:
        prove_current(here.database, here.clock, snapshot)
        assert all(snapshot.client(app.client_id) for app in apps)
        assert all(map(snapshot.tenant, tenants))

    here.configuration.on_current(meet)


def said(token: str) -> dict[str, Any]:
    """The claims of a token but for those that no other token has."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return {name: value for name, value in claims.items() if name not in _OF_ONE_TOKEN}


def alike(members: Mapping[str, Any]) -> dict[str, Any]:
    """A token answer as it is but for what no other one has: what its tokens say instead of them,
    and of its refresh token that there is one."""
    return {
        name: said(value)
        if name in ("access_token", "id_token")
        else value[:4]
        if name == "refresh_token"
        else value
        for name, value in members.items()
        if name != "sid"
    }
