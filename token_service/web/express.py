"""The short way of the busiest requests: without Flask, and those that wait together at once.

Only what is plain goes it, and only what succeeds: a request with anything special about it (a
proof, an origin, a certificate, another form), and one that might be refused, is given back
untouched, and the long way decides and answers alone. So the two cannot disagree: here are the same
functions for form, client, token and answer, and nothing that says no.

Requests that wait together are looked up by one statement. It begins when all of them are here, so
each learns what the database knows now.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypeGuard, TypeVar, cast

import orjson

from token_service.crypto.drafts import Drafting, signed, signed_together
from token_service.domain.clients import AuthenticationMethod, Client
from token_service.domain.confirmations import UNBOUND
from token_service.domain.events import Origin
from token_service.domain.failures import NoKey, StaleConfiguration, Unavailable
from token_service.domain.refusals import Refused
from token_service.oauth.credentials import OF_CREDENTIALS, Given, Method, Misuse, presented
from token_service.services import (
    clients,
    inspection,
    issuing,
    named_tokens,
    refreshing,
    refreshing_together,
)
from token_service.services.configuration import Snapshot
from token_service.services.inspection import Asked, Look
from token_service.services.refreshing import Attempt, Refresh
from token_service.services.refreshing_together import Used
from token_service.storage.database import Asks
from token_service.waits import Apart, Wait, Waiting, done
from token_service.web import answers, metrics, plain_bodies
from token_service.web.every_request import Headers, always_of, told
from token_service.web.headers import NOT_A_PAGE, NOT_STORED
from token_service.web.origin import origin_of
from token_service.web.parts import Parts
from token_service.web.refusing import Refuse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TOKEN, INTROSPECT, VALIDATE = "/oauth2/token", "/oauth2/introspect", "/v1/token/validate"
_ANY_JSON = frozenset({"", "*/*", answers.JSON})
_BY_SECRET = frozenset({Method.BASIC, Method.POST, Method.NONE})
_CREDENTIALS = frozenset({"client_id", *OF_CREDENTIALS})
_OTHER_REFRESH = frozenset({"scope", "tenant_id"})
_FOUND_OUT = (StaleConfiguration, NoKey, Unavailable)
"""What the long way deals with: it reads the configuration again, or says what is the matter."""
_GIVEN_BACK = "token_service.long_way"
"""In the environ of a request that has been here."""

_FAILED = "the short way failed"
_REFRESH, _CLIENT_CREDENTIALS = "refresh_token", "client_credentials"
"""Grants, as they are counted."""

Members: TypeAlias = Mapping[str, Any]
"""Those of an answer in JSON."""

Made = TypeVar("Made")

_Drafting: TypeAlias = Drafting[Members | None]

_logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """A whole answer."""

    status: HTTPStatus
    headers: Headers
    body: bytes


class Answered(NamedTuple):
    """The answer of the request in a place of its group."""

    place: int
    answer: Answer


Steps: TypeAlias = Generator[Answered | Wait, Any, None]


class _Run(Protocol):
    """Asks the database what is to be asked."""

    def __call__(self, asks: Asks[Made], /) -> Waiting[Made]: ...


@dataclass(slots=True)
class _Question:
    """What is asked about a token: one look at the database answers it."""

    token: Asked
    answer: Callable[[Look], Members]


@dataclass(slots=True)
class _Own:
    """A client that wants a token of its own: the look only proves the configuration current."""

    make: Callable[[Look], _Drafting]


_Plain: TypeAlias = _Question | _Own | Attempt


class Express:
    """The short way of one worker."""

    paths = frozenset({TOKEN, INTROSPECT, VALIDATE})

    def __init__(self, parts: Parts) -> None:
        server = parts.settings.server
        self._parts = parts
        self._trusted = server.trusted_proxies
        self._longest = server.max_body_bytes
        special = filter(None, ("DPoP", "Origin", server.client_certificate_header))
        self._special = frozenset(f"HTTP_{name.upper().replace('-', '_')}" for name in special)
        always = [*NOT_STORED, *always_of(parts.settings.issuer), *NOT_A_PAGE]
        self._ways: Mapping[str, tuple[_Reader, Headers]] = {
            TOKEN: (self._token, [("Vary", "Origin"), *always]),
            INTROSPECT: (self._introspection, [("Vary", "Accept"), *always]),
            VALIDATE: (self._validation, always),
        }

    def before(self, long_way: "WSGIApplication") -> "WSGIApplication":
        """Both ways as one application, for a server that brings requests one by one."""

        def application(
            environ: "WSGIEnvironment", start_response: "StartResponse"
        ) -> Iterable[bytes]:
            if environ["PATH_INFO"] in self.paths and _GIVEN_BACK not in environ:
                for _, answer in self.answers([environ]):
                    start_response(f"{answer.status.value} {answer.status.phrase}", answer.headers)
                    return [answer.body]
            return long_way(environ, start_response)

        return application

    def steps(self, environs: "Sequence[WSGIEnvironment]") -> Steps:
        """The answers as they come, and what is waited for in between; a request that gets none is
        for the long way. For one thread of the worker, which must not wait."""
        database = self._parts.database
        return database.unwaiting(self._guarded(environs, database.without_waiting))

    def answers(self, environs: "Sequence[WSGIEnvironment]") -> Iterator[Answered]:
        """The same without waits, for any thread that may wait."""
        found: object = None
        with closing(self._guarded(environs, self._at_once)) as steps, suppress(StopIteration):
            while True:
                step = steps.send(found)
                found = done(step) if isinstance(step, Apart) else None
                if isinstance(step, Answered):
                    yield step

    def _at_once(self, asks: Asks[Made]) -> Waiting[Made]:
        yield from ()
        return self._parts.database.at_once(asks)

    def _guarded(self, environs: "Sequence[WSGIEnvironment]", run: _Run) -> Steps:
        for environ in environs:
            environ[_GIVEN_BACK] = True
        try:
            yield from self._steps(environs, run)
        except _FOUND_OUT:
            return
        except Exception:
            _logger.exception(_FAILED)

    def _steps(self, environs: "Sequence[WSGIEnvironment]", run: _Run) -> Steps:
        begun = perf_counter()
        here = self._parts
        snapshot = here.configuration.at_hand()
        if snapshot is None:
            return
        origins = [origin_of(environ, self._trusted, here.clock) for environ in environs]
        plain = [
            _unless_it_fails(partial(self._read, snapshot, environ, origin))
            for environ, origin in zip(environs, origins, strict=True)
        ]

        def answered(
            place: int, step: Callable[[], Members | None], grant: str | None = None
        ) -> Iterator[Answered]:
            members = _unless_it_fails(step)
            if members is not None:
                if grant is not None:
                    metrics.issued(grant)
                answer = self._answer(environs[place], origins[place], members, begun)
                yield Answered(place, answer)

        def all_answered(draftings: Mapping[int, _Drafting], grant: str) -> Iterator[Answered]:
            outcomes = signed_together(draftings.values())
            for place, outcome in zip(draftings, outcomes, strict=True):
                yield from answered(place, outcome.result, grant)

        questions = {at: one for at, one in enumerate(plain) if isinstance(one, _Question)}
        own = {at: one for at, one in enumerate(plain) if isinstance(one, _Own)}
        if questions or own:
            asked = [one.token for one in questions.values()]
            looking = inspection.looking(here.database, here.clock, snapshot, asked)
            seen = yield from run(looking)
            for place, question in questions.items():
                yield from answered(place, partial(question.answer, seen))
            made = {at: one.make(seen) for at, one in own.items()}
            yield from all_answered(made, _CLIENT_CREDENTIALS)
        attempts = {at: one for at, one in enumerate(plain) if isinstance(one, Attempt)}
        if attempts:
            using = refreshing_together.using_together([*attempts.values()], here.clock)
            found = zip(attempts, (yield from run(using)), strict=True)
            all_used = {place: used for place, used in found if used is not None}
            quick = {at: _refreshed(one) for at, one in all_used.items() if not one.takes_time}
            yield from all_answered(quick, _REFRESH)
            slow = {at: _refreshed(one) for at, one in all_used.items() if one.takes_time}
            for place, drafting in slow.items():
                done_apart = yield Apart(partial(signed, drafting))
                yield from answered(place, done_apart.result, _REFRESH)

    def _answer(
        self, environ: "WSGIEnvironment", origin: Origin, members: Members, begun: float
    ) -> Answer:
        path, body = environ["PATH_INFO"], orjson.dumps(members)
        headers = [
            ("Content-Type", answers.JSON),
            ("Content-Length", str(len(body))),
            *self._ways[path][1],
            ("X-Request-Id", origin.request_id),
        ]
        told(path, "POST", HTTPStatus.OK, perf_counter() - begun, origin.request_id)
        return Answer(HTTPStatus.OK, headers, body)

    def _read(
        self, snapshot: Snapshot, environ: "WSGIEnvironment", origin: Origin
    ) -> _Plain | None:
        """What a plain request asks for."""
        if environ["REQUEST_METHOD"] != "POST" or environ.get("QUERY_STRING"):
            return None
        if not environ.keys().isdisjoint(self._special):
            return None
        body = plain_bodies.body(environ, self._longest)
        if body is None:
            return None
        read, _ = self._ways[environ["PATH_INFO"]]
        return read(snapshot, environ, origin, body)

    def _token(
        self, snapshot: Snapshot, environ: "WSGIEnvironment", origin: Origin, body: bytes
    ) -> _Plain | None:
        form = plain_bodies.form(environ, body)
        client = self._client(snapshot, environ, form)
        if client is None or client.metadata.binds_access_tokens:
            return None
        if issuing.signs_slowly(snapshot, client):
            return None
        match form.get("grant_type"):
            case "client_credentials":
                return _client_credentials(snapshot, client, form.get("scope"))
            case "refresh_token" if form.keys().isdisjoint(_OTHER_REFRESH):
                command = Refresh(client, form.get("refresh_token", ""), None, origin)
                here = self._parts
                attempt = refreshing.prepared(here.database, here.clock, snapshot, command)
                return attempt if _may_be_repeated(attempt) else None
        return None

    def _introspection(
        self, snapshot: Snapshot, environ: "WSGIEnvironment", _origin: Origin, body: bytes
    ) -> _Question | None:
        form = plain_bodies.form(environ, body)
        client, token = self._client(snapshot, environ, form), form.get("token")
        if client is None or client.is_public or token is None:
            return None
        if environ.get("HTTP_ACCEPT", "") not in _ANY_JSON:
            return None
        asked = named_tokens.any_token(snapshot, token, self._parts.clock.now())
        if isinstance(asked, Refused):
            return None

        def answer(seen: Look) -> Members:
            found = inspection.decided(snapshot, asked, seen)
            return answers.told(inspection.as_told_to(client, snapshot, found))

        return _Question(asked, answer)

    def _validation(
        self, snapshot: Snapshot, environ: "WSGIEnvironment", _origin: Origin, body: bytes
    ) -> _Question | None:
        token = plain_bodies.token_alone(environ, body)
        if token is None:
            return None
        asked = named_tokens.access_token(snapshot, token, self._parts.clock.now())
        if isinstance(asked, Refused):
            return None
        return _Question(
            asked, lambda seen: answers.told(inspection.decided(snapshot, asked, seen))
        )

    def _client(
        self, snapshot: Snapshot, environ: "WSGIEnvironment", form: Mapping[str, str]
    ) -> Client | None:
        authorization = environ.get("HTTP_AUTHORIZATION")
        if authorization is None or not form.keys().isdisjoint(_CREDENTIALS):
            return self._proved_client(snapshot, authorization, form, self._parts.clock.now())
        now = self._parts.clock.now()
        client = clients.known_by(snapshot, authorization, now)
        if client is None:
            client = self._proved_client(snapshot, authorization, form, now)
            if client is not None:
                clients.know_by(snapshot, authorization, client, now)
        return client

    def _proved_client(
        self,
        snapshot: Snapshot,
        authorization: str | None,
        form: Mapping[str, str],
        now: datetime,
    ) -> Client | None:
        given = Given(
            authorization,
            form.get("client_id"),
            form.get("client_secret"),
            form.get("client_assertion_type"),
            form.get("client_assertion"),
        )
        shown = presented(given)
        if isinstance(shown, Misuse) or shown.method not in _BY_SECRET:
            return None
        return clients.remembered(
            snapshot,
            self._parts.proofs.pepper,
            shown.client_id,
            AuthenticationMethod(shown.method),
            cast("str | None", shown.proof),
            now,
        )


def _unless_it_fails(step: Callable[[], Made]) -> Made | None:
    """What a step for one request makes: where it fails, the others go on."""
    try:
        return step()
    except (Refuse, *_FOUND_OUT):
        return None
    except Exception:
        _logger.exception(_FAILED)
        return None


_Reader: TypeAlias = Callable[[Snapshot, "WSGIEnvironment", Origin, bytes], _Plain | None]


def _client_credentials(snapshot: Snapshot, client: Client, scope: str | None) -> _Own:
    def make(seen: Look) -> _Drafting:
        issued = yield from clients.making_client_token(snapshot, client, scope, UNBOUND, seen.now)
        if isinstance(issued, Refused):
            return None
        return answers.token_members(issued)

    return _Own(make)


def _may_be_repeated(attempt: Attempt | Refused) -> TypeGuard[Attempt]:
    """Whether the long way may use the token once more where what came of it here is lost after the
    commit. With no retry window that would be a replay, and end a session for a fault of ours."""
    return isinstance(attempt, Attempt) and attempt.rules.policy.retry_window > 0


def _refreshed(used: Used) -> _Drafting:
    return answers.token_members((yield from used.making_tokens()))
