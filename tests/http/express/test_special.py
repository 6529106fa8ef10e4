"""What is special, or might be refused: the short way leaves it alone, and leaves no trace of it.

Then the long way answers, and reads the whole request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.http import administration as admin
from tests.http.building import SignedIn, assert_dead, signed_in
from tests.http.client_authentication.proving import with_key
from tests.http.dpop.proving import BOUND, Key, claims_of, events_of_client, signed_in_with
from tests.http.dpop.test_certificates import METADATA, TRUSTED, Certificate
from tests.http.errors.corpus import ODD_TEXTS, form_bodies, json_bodies, json_values
from tests.http.express.building import (
    FORM,
    INTROSPECT,
    TOKEN,
    VALIDATE,
    Request,
    by_short_way,
    client_credentials,
    form,
    given_back,
    introspect,
    known_to,
    refresh,
    short,
    validate,
)
from tests.http.introspect.test_signed_answers import SIGNED
from tests.world.browser import web_app
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Time, World
from token_service.domain.client_assertions import TYPE
from token_service.domain.clients import AuthenticationMethod
from token_service.domain.pages_client import PAGES


@dataclass(frozen=True)
class Scene:
    """Somebody whose session goes on, whatever is asked; and a client with tokens of its own."""

    who: SignedIn
    service: App

    @property
    def world(self) -> World:
        return self.who.world

    @property
    def refreshing(self) -> Request:
        """The first use of the refresh token of a new session."""
        return refresh(self.who.app, self.who.again().tokens.refresh)

    @property
    def asking(self) -> Request:
        return introspect(self.who.app, self.who.tokens.access)

    @property
    def validating(self) -> Request:
        return validate(self.who.tokens.access)

    @property
    def own(self) -> Request:
        return client_credentials(self.service)

    @property
    def forms(self) -> list[Request]:
        return [self.refreshing, self.own, self.asking]

    def client(self, kind: str = "service", **changes: Any) -> App:
        """Another client that this worker knows."""
        app = self.world.client(kind, **changes)
        known_to(self.world, app)
        return app

    def answer(self, request: Request) -> tuple[int, str]:
        """Status and code of what the long way says to what it was given back."""
        answer = given_back(self.world, request)
        return answer.status, answer.code


def built(world: World) -> Scene:
    """All of it known to the worker: only what is special keeps a request from the short way."""
    scene = Scene(signed_in(world), world.client("service"))
    known_to(world, scene.who.app, scene.service)
    for plain in (scene.asking, scene.validating, scene.own, scene.refreshing):
        assert short(world, plain).status == 200
    return scene


@pytest.fixture
def scene(world: World) -> Scene:
    """On each database."""
    return built(world)


@pytest.fixture
def any_scene(world_on: Callable[..., World], sqlite_files: SqliteFiles) -> Scene:
    """For what is found out before any database is asked."""
    return built(world_on(sqlite_files))


PLAIN = ("refreshing", "own", "asking", "validating")
WRONG = 400, "invalid_request"
NOT_PROVED = 401, "invalid_client"
OTHER_FORM = 415, "unsupported_media_type"
GOOD = 200, ""

Change = Callable[[Request], Request]
Case = tuple[Callable[[Scene], Request], tuple[int, str]]
"""What is asked, and status and code of what the long way says to it."""


def with_(**headers: str | None) -> Change:
    """Other headers; None takes one away."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda plain: plain.but(named)


def adding(text: bytes, **headers: str | None) -> Change:
    """More bytes at the end of the body."""
    return lambda plain: with_(**headers)(plain).but(body=plain.body + text)


def changed(**values: Any) -> Change:
    """Something else of it."""
    return lambda plain: plain.but(**values)


def in_latin_1(plain: Request) -> Request:
    """In another charset."""
    media_type = plain.headers["Content-Type"]
    return plain.but({"Content-Type": f"{media_type}; charset=iso-8859-1"})


def too_large(plain: Request) -> Request:
    """Only too large: nothing else is wrong with it."""
    if plain.path == VALIDATE:
        return plain.but(body=plain.body + b" " * 300_000)
    return adding(b"".join(b"&x%d=" % number + b"y" * 8_000 for number in range(40)))(plain)


ASSERTION = urlencode({"client_assertion_type": TYPE, "client_assertion": "x"}).encode()
MANY = b"".join(b"&x%d=1" % number for number in range(100))

OF_ANY_KIND: dict[str, tuple[Change, int]] = {
    "by PUT": (changed(method="PUT"), 405),
    "of another origin": (with_(Origin="https://elsewhere.example"), 200),
    "of no content type": (with_(Content_Type=None), 415),
    "as text": (with_(Content_Type="text/plain"), 415),
    "in Latin 1": (in_latin_1, 415),
    "without a body": (changed(body=b""), 400),
    "too large": (too_large, 413),
    "not UTF-8": (changed(body=b"token=\xff&x=%FF"), 400),
    "in chunks": (
        changed(environ={"CONTENT_LENGTH": None, "wsgi.input_terminated": True}),
        200,
    ),
    "of a length that is no number": (changed(environ={"CONTENT_LENGTH": "x"}), 400),
    "of a negative length": (changed(environ={"CONTENT_LENGTH": "-1"}), 400),
    "of a length in other digits": (changed(environ={"CONTENT_LENGTH": "\u0661\u0660"}), 400),
}
OF_A_FORM: dict[str, tuple[Change, int]] = {
    "with a query": (lambda plain: plain.but(path=f"{plain.path}?x=y"), 400),
    "by GET": (changed(method="GET"), 405),
    "by HEAD": (changed(method="HEAD"), 405),
    "as JSON": (with_(Content_Type="application/json"), 415),
    "with a repeated parameter": (adding(b"&x=1&x=2"), 400),
    "with NUL": (adding(b"&x=a%00b"), 400),
    "with too many parameters": (adding(MANY), 400),
    "with a value that is too long": (adding(b"&x=" + b"y" * 9_000), 400),
    "proved twice": (adding(b"&client_secret=x"), 400),
    "in two names": (adding(b"&client_id=other"), 400),
    "with no good header": (with_(Authorization="Basic x"), 401),
    "with two headers": (with_(Authorization="Basic eDp5, Basic eDp5"), 400),
    "by a token": (with_(Authorization="Bearer x"), 401),
    "of nobody": (with_(Authorization=None), 401),
    "with a wrong assertion": (adding(b"&" + ASSERTION, Authorization=None), 401),
    "with an assertion beside": (adding(b"&" + ASSERTION), 400),
    "of an unknown client": (with_(**App("unknown", "tss_x").basic), 401),
    "of the pages": (with_(**App(PAGES.client_id, "tss_x").basic), 401),
    "of the pages by name": (
        adding(f"&client_id={PAGES.client_id}".encode(), Authorization=None),
        401,
    ),
}
OF_JSON: dict[str, tuple[Change, int]] = {
    "with a query": (lambda plain: plain.but(path=f"{plain.path}?x=y"), 400),
    "by GET": (changed(method="GET"), 401),
}


@pytest.mark.parametrize("plain", PLAIN)
def test_a_request_in_another_form_goes_the_long_way(any_scene: Scene, plain: str) -> None:
    cases = OF_ANY_KIND | (OF_JSON if plain == "validating" else OF_A_FORM)
    said = {
        name: any_scene.answer(change(getattr(any_scene, plain)))[0]
        for name, (change, _) in cases.items()
    }
    assert said == {name: status for name, (_, status) in cases.items()}


def test_half_a_body_never_passes_for_a_whole_one(any_scene: Scene) -> None:
    asked = {plain: getattr(any_scene, plain) for plain in PLAIN}
    lengths = {plain: {"CONTENT_LENGTH": str(len(one.body) + 1)} for plain, one in asked.items()}
    said = {
        plain: any_scene.answer(one.but(environ=lengths[plain])) for plain, one in asked.items()
    }
    assert said == dict.fromkeys(PLAIN, WRONG)


def test_who_cannot_prove_itself_is_counted_by_the_long_way_alone(scene: Scene) -> None:
    """A wrong secret, and none at all of a client that has one."""
    service = scene.service
    wrong = with_(**App(service.client_id, "tss_wrong").basic)
    nothing = adding(f"&client_id={service.client_id}".encode(), Authorization=None)
    said = {scene.answer(change(one)) for change in (wrong, nothing) for one in scene.forms}
    assert said == {NOT_PROVED}
    told = [one.reason for one in events_of_client(scene.world, service)]
    assert told == ["wrong_client_secret"] * 3 + ["wrong_authentication_method"]


def use(**parameters: str) -> Callable[[Scene], Request]:
    """The same for something else."""
    return lambda scene: refresh(scene.who.app, scene.who.again().tokens.refresh, **parameters)


def the(plain: str, change: Change) -> Callable[[Scene], Request]:
    """One of the scene's requests, changed."""
    return lambda scene: change(getattr(scene, plain))


def spent(use: Request, scene: Scene) -> Request:
    """A request that was answered once."""
    assert short(scene.world, use).status == 200
    return use


AT_TOKEN: dict[str, Case] = {
    "no grant type": (lambda scene: form(TOKEN, scene.service), WRONG),
    "an unknown grant type": (
        lambda scene: form(TOKEN, scene.service, grant_type="password"),
        (400, "unsupported_grant_type"),
    ),
    "a code": (
        lambda scene: form(TOKEN, scene.who.app, grant_type="authorization_code", code="x"),
        (400, "invalid_grant"),
    ),
    "a grant type in capitals": (
        lambda scene: form(TOKEN, scene.service, grant_type="CLIENT_CREDENTIALS"),
        (400, "unsupported_grant_type"),
    ),
    "no refresh token": (
        lambda scene: form(TOKEN, scene.who.app, grant_type="refresh_token"),
        WRONG,
    ),
    "garbage": (lambda scene: refresh(scene.who.app, "tsr_garbage"), (400, "invalid_grant")),
    "an access token": (
        lambda scene: refresh(scene.who.app, scene.who.tokens.access),
        (400, "invalid_grant"),
    ),
    "less scope": (use(scope="openid"), GOOD),
    "more scope": (use(scope="admin"), (400, "invalid_scope")),
    "its tenant": (lambda scene: use(tenant_id=scene.who.tenant_id)(scene), GOOD),
    "a retry": (lambda scene: spent(scene.refreshing, scene), GOOD),
    "by a client that may not refresh": (
        lambda scene: refresh(scene.client(), scene.who.tokens.refresh),
        (400, "unauthorized_client"),
    ),
    "by one that has no tokens of its own": (
        lambda scene: client_credentials(scene.who.app),
        (400, "unauthorized_client"),
    ),
    "by a public one that might have": (
        lambda scene: client_credentials(
            scene.client("public", grant_types=frozenset({"client_credentials"}))
        ),
        NOT_PROVED,
    ),
    "a scope that it may not have": (
        lambda scene: client_credentials(scene.service, scope="admin"),
        (400, "invalid_scope"),
    ),
    "by a client whose tokens are bound": (
        lambda scene: client_credentials(scene.client(metadata=BOUND)),
        (400, "invalid_dpop_proof"),
    ),
    "by one whose tokens are bound to its certificate": (
        lambda scene: client_credentials(scene.client(metadata=METADATA)),
        WRONG,
    ),
    "a proof that is none": (the("own", with_(DPoP="x")), (400, "invalid_dpop_proof")),
    "a proof": (lambda scene: scene.own.but(Key().shown()), GOOD),
    "no proof that somebody is a client": (
        lambda scene: scene.own.but({"DPoP": ""}),
        (400, "invalid_dpop_proof"),
    ),
}
AT_QUESTIONS: dict[str, Case] = {
    "garbage": (lambda scene: introspect(scene.who.app, "garbage"), GOOD),
    "a garbled refresh token": (lambda scene: introspect(scene.who.app, "tsr_garbage"), GOOD),
    "no token": (lambda scene: form(INTROSPECT, scene.who.app), WRONG),
    "by a public client": (
        lambda scene: introspect(scene.client("public"), scene.who.tokens.access),
        NOT_PROVED,
    ),
    "as a signed answer": (the("asking", with_(Accept=SIGNED)), GOOD),
    "in any form": (the("asking", with_(Accept="application/*")), GOOD),
    "as one or the other": (the("asking", with_(Accept=f"application/json, {SIGNED}")), GOOD),
    "validate garbage": (lambda scene: validate("garbage"), GOOD),
    "validate nothing": (lambda scene: validate(""), WRONG),
    "validate null": (lambda scene: validate(None), WRONG),
    "validate a number": (lambda scene: validate(1), WRONG),
    "validate for an audience": (
        lambda scene: validate(scene.who.tokens.access, audience="https://api.example"),
        GOOD,
    ),
    "validate with more": (lambda scene: validate(scene.who.tokens.access, x=1), WRONG),
    "validate NUL": (lambda scene: validate("a\0b"), WRONG),
    "validate an array": (the("validating", changed(body=b"[]")), WRONG),
    "validate half a body": (the("validating", changed(body=b'{"token":')), WRONG),
    "validate twice": (the("validating", changed(body=b'{"token":"x","token":"y"}')), WRONG),
    "validate a form": (the("validating", with_(Content_Type=FORM)), OTHER_FORM),
}


@pytest.mark.parametrize("cases", [AT_TOKEN, AT_QUESTIONS], ids=["tokens", "questions"])
def test_what_needs_more_or_may_be_refused_goes_the_long_way(
    scene: Scene, cases: dict[str, Case]
) -> None:
    said = {name: scene.answer(make(scene)) for name, (make, _) in cases.items()}
    assert said == {name: expected for name, (_, expected) in cases.items()}


# What becomes of it there.


def ended(who: SignedIn) -> None:
    who.world.invalidate(token=who.tokens.access)


def at_a_disabled_client(who: SignedIn) -> None:
    admin.disable_client(who.world, who.app)


def in_a_disabled_tenant(who: SignedIn) -> None:
    admin.disable_tenant(who.world, who.tenant_id)


def of_a_disabled_account(who: SignedIn) -> None:
    admin.disable_account(who.world, who.person)


def of_who_has_left(who: SignedIn) -> None:
    admin.leave(who.world, who.person, who.tenant_id)


def of_a_restored_database(who: SignedIn) -> None:
    admin.restored_from_backup(who.world)


NO_MORE: dict[Callable[[SignedIn], None], tuple[tuple[int, str], set[tuple[str, str]]]] = {
    ended: ((400, "invalid_grant"), {("session_ended", "signed_out")}),
    at_a_disabled_client: ((401, "invalid_client"), set()),
    in_a_disabled_tenant: ((400, "invalid_grant"), {("grant_ended", "tenant_disabled")}),
    of_a_disabled_account: ((400, "invalid_grant"), {("session_ended", "account_disabled")}),
    of_who_has_left: ((400, "invalid_grant"), {("grant_ended", "left_tenant")}),
    of_a_restored_database: ((400, "invalid_grant"), set()),
}


@pytest.mark.parametrize("end", NO_MORE, ids=lambda end: end.__name__)
def test_a_session_that_is_over_is_refused_by_the_long_way(
    world: World, end: Callable[[SignedIn], None]
) -> None:
    who = signed_in(world)
    end(who)
    known_to(world, who.app)
    answer = given_back(world, refresh(who.app, who.tokens.refresh))
    expected, happened = NO_MORE[end]
    assert (answer.status, answer.code) == expected
    assert happened <= set(who.happened)


def test_what_has_run_out_is_ended_by_the_long_way(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    known_to(world, who.app)
    time.pass_(seconds=600)
    answer = given_back(world, refresh(who.app, who.tokens.refresh))
    assert (answer.status, answer.code) == (400, "invalid_grant")
    assert who.happened == [("grant_ended", "idle_timeout"), ("session_ended", "idle_timeout")]


def test_a_replay_is_found_by_the_long_way(world: World) -> None:
    who, *_, latest = signed_in(world).chain(2)
    known_to(world, who.app)
    answer = given_back(world, refresh(who.app, who.tokens.refresh))
    assert (answer.status, answer.code) == (400, "invalid_grant")
    assert who.happened == [("refresh_replayed", "replayed")]
    assert_dead(latest)


def test_a_retry_from_elsewhere_is_told_by_the_long_way(world: World) -> None:
    who = signed_in(world)
    known_to(world, who.app)
    first = short(world, refresh(who.app, who.tokens.refresh))
    elsewhere = refresh(who.app, who.tokens.refresh).but(environ={"REMOTE_ADDR": "203.0.113.7"})
    again = given_back(world, elsewhere)
    assert again.members["refresh_token"] == first.members["refresh_token"]
    assert who.happened == [("refresh_retried_elsewhere", "")]


def test_another_client_s_token_is_reported_by_the_long_way(world: World) -> None:
    who, thief = signed_in(world), world.client()
    known_to(world, who.app, thief)
    answer = given_back(world, refresh(thief, who.tokens.refresh))
    assert (answer.status, answer.code) == (400, "invalid_grant")
    assert who.happened == [("refresh_foreign_client", "")]
    assert short(world, refresh(who.app, who.tokens.refresh)).status == 200


def test_a_token_ahead_of_the_database_is_taken_by_the_long_way(world: World) -> None:
    who, *_, latest = signed_in(world).chain(3)
    known_to(world, who.app)
    world.sql("UPDATE grants SET generation = 1 WHERE sid = :sid", sid=who.tokens.sid)
    assert given_back(world, refresh(who.app, latest.tokens.refresh)).status == 200
    assert who.happened == [("refresh_ahead", "")]


@pytest.mark.parametrize("proved", [True, False])
def test_a_token_that_is_bound_to_a_key_needs_the_long_way(world: World, proved: bool) -> None:
    key = Key()
    who = signed_in_with(world, key)
    known_to(world, who.app)
    asked = refresh(who.app, who.tokens.refresh).but(key.shown() if proved else {})
    answer = given_back(world, asked)
    expected = (200, "") if proved else (400, "invalid_grant")
    assert (answer.status, answer.code) == expected
    assert who.happened == ([] if proved else [("refresh_wrong_key", "")])


def test_a_client_of_a_disabled_tenant_is_refused_by_the_long_way(world: World) -> None:
    tenant = world.tenant()
    service = world.client("service", tenant_id=tenant)
    token = world.client_token(service)
    admin.disable_tenant(world, tenant)
    known_to(world, service)
    for request in (client_credentials(service), introspect(service, token)):
        answer = given_back(world, request)
        assert (answer.status, answer.code) == NOT_PROVED


def test_a_secret_whose_time_is_over_is_refused_by_the_long_way(world: World, time: Time) -> None:
    service = world.client("service")
    admin.rotate_secret(world, service, hours=1)
    known_to(world, service)
    assert short(world, client_credentials(service)).status == 200
    time.pass_(hours=1)
    answer = given_back(world, client_credentials(service))
    assert (answer.status, answer.code) == NOT_PROVED
    assert [one.reason for one in events_of_client(world, service)] == ["", "wrong_client_secret"]


@pytest.mark.parametrize(
    ("method", "proof"),
    [
        (AuthenticationMethod.SECRET_BASIC, "body"),
        (AuthenticationMethod.SECRET_POST, "header"),
        (AuthenticationMethod.SECRET_JWT, "header"),
        (AuthenticationMethod.PRIVATE_KEY_JWT, "header"),
        (AuthenticationMethod.NONE, "header"),
    ],
)
def test_who_is_registered_for_one_way_to_prove_itself_has_no_other(
    world: World, method: AuthenticationMethod, proof: str
) -> None:
    made = world.client("service")
    world.sql(
        "UPDATE clients SET authentication = :method WHERE client_id = :client_id",
        method=str(method),
        client_id=made.client_id,
    )
    known_to(world, made)
    credentials = {"client_id": made.client_id, "client_secret": made.secret or ""}
    asked = (
        client_credentials(made)
        if proof == "header"
        else form(TOKEN, grant_type="client_credentials", **credentials)
    )
    answer = given_back(world, asked)
    assert (answer.status, answer.code) == NOT_PROVED


def test_an_assertion_is_taken_by_the_long_way_once(world: World) -> None:
    prover = with_key(world)
    known_to(world, App(prover.client_id, None))
    assertion = {"client_assertion_type": TYPE, "client_assertion": prover.assertion()}
    asked = form(TOKEN, grant_type="client_credentials", **assertion)
    assert given_back(world, asked).status == 200
    again = given_back(world, asked)
    assert (again.status, again.code) == NOT_PROVED


@pytest.fixture
def behind(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """A service behind a proxy that hands certificates on."""
    return world_on(databases, **TRUSTED)


def test_a_certificate_is_looked_at_by_the_long_way(behind: World) -> None:
    world, certificate = behind, Certificate()
    service, bound = world.client("service"), world.client("service", metadata=METADATA)
    known_to(world, service, bound)
    for app, members in ((service, set()), (bound, {"cnf"})):
        answer = given_back(world, client_credentials(app).but(certificate.passed_on))
        assert answer.status == 200
        assert claims_of(answer.members["access_token"]).keys() & {"cnf"} == members
    # Of a stranger, too: whose word the header is, only the long way knows.
    strange = client_credentials(service).but(certificate.passed_on)
    answer = given_back(world, strange.but(environ={"REMOTE_ADDR": "198.51.100.7"}))
    assert answer.status == 200


def test_a_proof_is_looked_at_there_too_where_certificates_are_handed_on(behind: World) -> None:
    key, service = Key(), behind.client("service")
    known_to(behind, service)
    answer = given_back(behind, client_credentials(service).but(key.shown()))
    assert answer.members["token_type"] == "DPoP"
    answer = given_back(behind, client_credentials(service).but({"DPoP": "x"}))
    assert (answer.status, answer.code) == (400, "invalid_dpop_proof")


def test_a_proof_binds_what_the_long_way_gives(world: World) -> None:
    key, service = Key(), world.client("service")
    known_to(world, service)
    answer = given_back(world, client_credentials(service).but(key.shown()))
    assert answer.members["token_type"] == "DPoP"


def test_a_registered_origin_is_let_in_by_the_long_way(world: World) -> None:
    origin = "https://app.example"
    service = world.client("service")
    web_app(world, metadata={"allowed_origins": (origin,)})
    known_to(world, service)
    answer = given_back(world, client_credentials(service).but({"Origin": origin}))
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (200, origin)


def test_a_signed_answer_is_made_by_the_long_way(scene: Scene) -> None:
    answer = given_back(scene.world, scene.asking.but({"Accept": SIGNED}))
    assert (answer.status, answer.header("Content-Type")) == (200, SIGNED)


def test_a_client_of_which_the_worker_knows_nothing_is_answered_all_the_same(
    world: World, second_worker: World
) -> None:
    """The long way reads it; from then on the short way knows it."""
    who, service = signed_in(world), world.client("service")
    known_to(second_worker)
    asked = client_credentials(service), refresh(who.app, who.tokens.refresh)
    for request in asked:
        assert given_back(second_worker, request).status == 200
    assert short(second_worker, asked[0]).status == 200


# What somebody makes up.

HEADERS = [text for text in ODD_TEXTS.values() if "\n" not in text]


def test_nothing_that_is_sent_makes_the_short_way_fail(
    any_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of it would cost all who wait together a second look, and the log a line for each."""
    world = any_scene.world
    forms = list(form_bodies({"token": "x"}).values())
    texts = [*json_bodies({"token": "x"}).values(), *json_values({"token": "x"}).values()]
    odd = [one.encode("latin-1", "replace").decode("latin-1") for one in HEADERS]
    asked = [
        *(any_scene.asking.but(body=body) for body in forms),
        *(
            any_scene.own.but(body=b"grant_type=refresh_token&refresh_token=x&" + one)
            for one in forms
        ),
        *(any_scene.validating.but(body=body) for body in texts),
        *(any_scene.own.but({"Authorization": text}) for text in odd),
        *(any_scene.own.but({"Content-Type": text}) for text in odd),
        *(any_scene.asking.but({"Accept": text, "User-Agent": text}) for text in odd),
    ]
    for request in asked:
        by_short_way(world, request)
    assert [record.exc_text for record in caplog.records] == []


def test_nor_does_a_length_beyond_all_bounds(
    any_scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    assert any_scene.answer(any_scene.own.but(environ={"CONTENT_LENGTH": "9" * 5_000})) == WRONG
    assert [record.exc_text for record in caplog.records] == []
