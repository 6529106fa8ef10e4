"""A client proves who it is, in one way, at every endpoint that asks."""

import base64
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from tests.http.administration import rotate_secret
from tests.http.building import assert_refused, signed_in
from tests.world.world import App, Time, World
from token_service.domain.events import NO_ACCOUNT, Event

CREDENTIALS = {"grant_type": "client_credentials"}
CHALLENGE = 'Basic realm="token-service", charset="UTF-8"'
ENDPOINTS = ("/oauth2/token", "/oauth2/introspect", "/oauth2/revoke")


def ask(world: World, header: str | None = None, **form: str) -> TestResponse:
    """The token endpoint, with whatever header."""
    headers = {} if header is None else {"Authorization": header}
    return world.http.post("/oauth2/token", data=CREDENTIALS | form, headers=headers)


def basic(pair: str | bytes) -> str:
    """The header of RFC 7617."""
    data = pair if isinstance(pair, bytes) else pair.encode()
    return "Basic " + base64.b64encode(data).decode()


def reasons(world: World) -> list[str]:
    """Why clients were not believed."""
    events = world.events(NO_ACCOUNT)
    return [one.reason for one in events if one.event is Event.CLIENT_AUTHENTICATION_FAILED]


# The three ways.


def test_basic_and_body_are_equally_good(world: World) -> None:
    service = world.client("service")
    in_header = ask(world, service.basic["Authorization"])
    in_body = ask(world, client_id=service.client_id, client_secret=str(service.secret))
    agreeing = ask(world, service.basic["Authorization"], client_id=service.client_id)
    assert {in_header.status_code, in_body.status_code, agreeing.status_code} == {200}


def test_basic_credentials_are_form_urlencoded_inside(world: World) -> None:
    """RFC 6749 section 2.3.1: encoded and plain are the same where nothing needs encoding."""
    service = world.client("service")
    everything = "".join(f"%{byte:02X}" for byte in service.client_id.encode())
    for pair in (
        f"{everything}:{quote(str(service.secret), safe='')}",
        f"{service.client_id}:{service.secret}",
    ):
        assert ask(world, basic(pair)).status_code == 200


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic "])
def test_the_scheme_is_read_in_any_case(world: World, scheme: str) -> None:
    header = world.client("service").basic["Authorization"]
    assert ask(world, header.replace("Basic", scheme)).status_code == 200


# What is refused.


def test_a_wrong_secret_and_an_unknown_client_look_the_same(world: World) -> None:
    service = world.client("service")
    answers = [
        ask(world, App(service.client_id, "wrong").basic["Authorization"]),
        ask(world, App("unknown", service.secret).basic["Authorization"]),
        ask(world, client_id=service.client_id, client_secret="wrong"),
        ask(world, client_id="unknown", client_secret="wrong"),
        ask(world, client_id=service.client_id),
        ask(world, client_id="unknown"),
    ]
    for answer in answers:
        assert_refused(answer, 401, "invalid_client")
        assert answer.headers["WWW-Authenticate"] == CHALLENGE
        assert answer.headers["Content-Type"] == "application/json"
    assert len({answer.data for answer in answers}) == 1


def test_the_audit_log_knows_which_client_failed_and_why(world: World) -> None:
    service, public = world.client("service"), world.client("public")
    ask(world, App(service.client_id, "wrong").basic["Authorization"])
    ask(world, client_id=public.client_id, client_secret="anything")
    assert reasons(world) == ["wrong_client_secret", "wrong_authentication_method"]


MALFORMED = (
    "",
    " ",
    "Basic",
    "Basic ",
    "Basic !!!",
    "Basic Og==",
    basic("no colon"),
    basic(":secret only"),
    basic(b"\xff\xfe:\xff"),
    basic("id%00:secret"),
    basic("id%FF:secret"),
    basic("x" * 50_000),
    "Bearer abc",
    "Bearer",
    "Digest username=x",
    "\x7f\x01",
    "\xc3\xb6",
)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_malformed_header_is_401_and_never_an_error_of_ours(world: World, path: str) -> None:
    form = {"token": "x", **CREDENTIALS}
    for header in MALFORMED:
        answer = world.http.post(path, data=form, headers={"Authorization": header})
        assert_refused(answer, 401, "invalid_client")
        assert answer.headers["WWW-Authenticate"] == CHALLENGE


def test_nobody_comes_in_two_ways(world: World) -> None:
    service, other = world.client("service"), world.client("service")
    header = service.basic["Authorization"]
    for answer in (
        ask(world, header, client_secret=str(service.secret)),
        ask(world, header, client_id=service.client_id, client_secret=str(service.secret)),
        ask(world, header, client_id=other.client_id),
        ask(world, f"{header}, {header}"),
    ):
        assert_refused(answer, 400, "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_request_that_names_no_client_is_refused(world: World, path: str) -> None:
    token = signed_in(world).tokens.refresh
    answer = world.http.post(path, data={"token": token, **CREDENTIALS})
    assert_refused(answer, 401, "invalid_client")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_credentials_in_the_address_are_refused_even_if_they_are_right(
    world: World, path: str
) -> None:
    who = signed_in(world)
    form = {"grant_type": "refresh_token", "refresh_token": who.tokens.refresh, "token": "x"}
    for query in (
        {"client_id": who.app.client_id, "client_secret": who.app.secret},
        {"client_secret": who.app.secret},
        {"refresh_token": who.tokens.refresh},
    ):
        answer = world.http.post(path, query_string=query, data=form, headers=who.app.basic)
        assert_refused(answer, 400, "invalid_request")
    assert who.refreshed()


def test_a_public_client_cannot_pass_for_a_confidential_one_nor_the_reverse(world: World) -> None:
    public, service = world.client("public"), world.client("service")
    for form in (
        {"client_id": public.client_id, "client_secret": "anything"},
        {"client_id": service.client_id},
    ):
        assert_refused(ask(world, **form), 401, "invalid_client")
    empty = basic(f"{public.client_id}:")
    assert_refused(ask(world, empty), 401, "invalid_client")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_only_post(world: World, path: str) -> None:
    headers = world.client("service").basic
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"):
        answer = world.http.open(path, method=method, headers=headers)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_only_forms(world: World, path: str) -> None:
    headers, body = world.client("service").basic, b"grant_type=client_credentials&token=x"
    form = "application/x-www-form-urlencoded"
    for content_type in (
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        f"{form}2",
        f"{form}; charset=iso-8859-1",
        f"{form}; charset=utf-16",
        f"{form}; charset=utf-7",
    ):
        answer = world.http.post(path, data=body, content_type=content_type, headers=headers)
        assert_refused(answer, 415, "invalid_request")


def test_no_description_repeats_what_was_sent(world: World) -> None:
    """RFC 6749 section 5.2: only these characters, and nothing of the sender's."""
    service = world.client("service")
    evil = 'scope\n<b>x"\\'
    answers = [
        world.token(service, grant_type=evil),
        world.token(service, grant_type="client_credentials", scope=evil),
        world.token(service, grant_type="client_credentials", **{evil: "x" * 9_000}),
        world.http.post(f"/oauth2/{quote(evil)}"),
        ask(world, client_id=evil, client_secret=evil),
    ]
    for answer in answers:
        body = answer.get_json()
        assert set(body) == {"error", "error_description"}
        described = body["error_description"]
        assert all(char in " !" or ("#" <= char <= "~" and char != "\\") for char in described)
        assert "<b>" not in answer.text


# Secrets that are replaced.


def test_an_old_secret_works_until_its_deadline_and_not_after(
    world: World, second_worker: World, time: Time
) -> None:
    old = world.client("service")
    second_worker.client_token(old)
    new = rotate_secret(world, old, hours=1)
    time.pass_(minutes=59, seconds=59)
    for worker in (world, second_worker):
        assert worker.client_token(old)
        assert worker.client_token(new)
    time.pass_(seconds=1)
    for worker in (world, second_worker):
        assert_refused(ask(worker, old.basic["Authorization"]), 401, "invalid_client")
        assert worker.client_token(new)
    assert reasons(world) == ["wrong_client_secret"] * 2


def test_a_secret_can_end_at_once(world: World, second_worker: World) -> None:
    old = world.client("service")
    second_worker.client_token(old)
    new = rotate_secret(world, old)
    for worker in (second_worker, world):
        assert_refused(ask(worker, old.basic["Authorization"]), 401, "invalid_client")
        assert worker.client_token(new)


def test_at_most_two_secrets_are_live(world: World) -> None:
    first = world.client("service")
    second = rotate_secret(world, first, hours=1)
    third = rotate_secret(world, second, hours=1)
    assert_refused(ask(world, first.basic["Authorization"]), 401, "invalid_client")
    assert world.client_token(second)
    assert world.client_token(third)


def test_no_secret_is_stored(world: World) -> None:
    app = world.client()
    (row,) = world.sql("SELECT secrets FROM clients WHERE client_id = :id", id=app.client_id)
    assert str(app.secret) not in str(row.secrets)
    assert len(str(app.secret)) >= 43


def test_a_part_of_a_secret_is_no_secret(world: World) -> None:
    service = world.client("service")
    secret = str(service.secret)
    for wrong in (secret[:-1], secret + "A", secret.upper(), secret[:20], "", secret + "\u0301"):
        app = App(service.client_id, wrong)
        assert_refused(ask(world, app.basic["Authorization"]), 401, "invalid_client")
