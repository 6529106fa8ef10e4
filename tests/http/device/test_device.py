"""Devices get tokens once a person has let them in (RFC 8628)."""

import re

import jwt
import pytest

from tests.http.building import assert_refused
from tests.http.device.building import (
    EVERY_GRANT,
    TELEVISION,
    device_app,
    enter,
    entry,
    last,
    let_in,
    question,
    try_begin,
    waiting,
)
from tests.http.dpop.proving import Key
from tests.world.browser import Browser
from tests.world.world import ISSUER, Time, World
from token_service.crypto.user_codes import LETTERS


@pytest.mark.parametrize("kind", ["public", "app"])
def test_a_device_gets_tokens_of_a_session_of_its_own(world: World, time: Time, kind: str) -> None:
    app, person = device_app(world, kind), world.person(world.tenant())
    browser, device = Browser(world), waiting(world, app, scope="openid profile offline_access")
    assert_refused(device.poll(), 400, "authorization_pending")
    let_in(browser, device, person)
    time.pass_(seconds=5)
    tokens = device.tokens()
    assert tokens.body["scope"] == "offline_access openid profile"
    assert world.is_live(tokens)
    events = world.events(person.account_id)
    approved = next(one for one in events if one.event == "device_approved")
    assert approved.sid != tokens.sid
    opened = [one for one in events if one.event == "signed_in"][-1]
    assert (opened.sid, opened.client_id) == (tokens.sid, app.client_id)
    assert world.is_live(world.refresh(app, tokens.refresh))
    backend = world.client("backend")
    path = f"/v1/accounts/{person.account_id}/sessions/{tokens.sid}"
    shown = world.http.get(path, headers=backend.basic).get_json()
    assert (shown["browser"], shown["clients"]) == ("Chrome", [app.client_id])


def test_the_answer_to_a_device(world: World) -> None:
    body = waiting(world, device_app(world)).body
    assert set(body) == {
        "device_code",
        "user_code",
        "verification_uri",
        "verification_uri_complete",
        "expires_in",
        "interval",
    }
    assert re.fullmatch(rf"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", body["user_code"])
    assert body["verification_uri"] == f"{ISSUER}/device"
    assert body["verification_uri_complete"] == f"{ISSUER}/device?user_code={body['user_code']}"
    assert (body["expires_in"], body["interval"]) == (900, 5)
    assert body["device_code"].startswith("tsd_")


def test_neither_code_is_in_the_database(world: World) -> None:
    device = waiting(world, device_app(world))
    text = str(world.sql("SELECT * FROM device_authorizations"))
    secret = device.body["device_code"].removeprefix("tsd_")
    for one in (device.user_code, device.user_code.replace("-", ""), secret[-40:]):
        assert one not in text


def test_the_tokens_tell_the_sign_in_that_let_it_in(world: World, time: Time) -> None:
    app, person, browser = device_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(device_app(world, "app"), person)
    signed_in_at = int(
        jwt.decode(
            world.sign_in(person, world.client()).access, options={"verify_signature": False}
        )["auth_time"]
    )
    time.pass_(minutes=30)
    device = waiting(world, app, scope="openid")
    let_in(browser, device, person)
    tokens = device.tokens()
    for token in (tokens.access, tokens.body["id_token"]):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["auth_time"] == signed_in_at
        assert claims["amr"] == ["pwd"]
    assert claims["aud"] == app.client_id
    assert "nonce" not in claims


def test_a_forced_re_login_counts_from_the_sign_in(world: World, time: Time) -> None:
    """Letting devices in is no way to stay signed in for longer."""
    person = world.person(world.tenant(force_relogin=7200))
    app, browser = device_app(world), Browser(world)
    browser.sign_in(device_app(world, "app"), person)
    time.pass_(minutes=100)
    device = waiting(world, app)
    let_in(browser, device, person)
    tokens = device.tokens()
    assert tokens.body["expires_in"] <= 20 * 60
    time.pass_(minutes=19)
    tokens = world.refresh(app, tokens.refresh)
    time.pass_(minutes=1)
    assert_refused(world.try_refresh(app, tokens.refresh), 400, "invalid_grant")


def test_without_the_scope_openid_there_is_no_id_token(world: World) -> None:
    app, person = device_app(world), world.person(world.tenant())
    device = waiting(world, app, scope="profile")
    let_in(Browser(world), device, person)
    assert "id_token" not in device.tokens().body


def test_a_client_without_refresh_tokens_gets_none(world: World) -> None:
    app, person = (
        device_app(world),
        world.person(world.tenant()),
    )
    world.sql(
        "UPDATE clients SET grant_types = :types WHERE client_id = :client_id",
        types='["urn:ietf:params:oauth:grant-type:device_code"]',
        client_id=app.client_id,
    )
    device = waiting(world, app)
    let_in(Browser(world), device, person)
    assert "refresh_token" not in device.poll().get_json()


def test_tokens_are_bound_to_the_key_that_the_device_proves(world: World) -> None:
    app, person, key = device_app(world), world.person(world.tenant()), Key()
    device = waiting(world, app)
    let_in(Browser(world), device, person)
    answer = device.poll(DPoP=key.proof())
    body = answer.get_json()
    assert (answer.status_code, body["token_type"]) == (200, "DPoP")
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims["cnf"] == {"jkt": key.thumbprint}
    assert world.try_refresh(app, body["refresh_token"]).status_code == 400
    proof = {"DPoP": key.proof()}
    form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert world.token(app, proof, **form).status_code == 200


def test_a_resource_is_the_audience(world: World) -> None:
    app = device_app(world, audiences=("api", "other"))
    person = world.person(world.tenant())
    device = waiting(world, app, resource="api")
    let_in(Browser(world), device, person)
    claims = jwt.decode(device.tokens().access, options={"verify_signature": False})
    assert claims["aud"] == "api"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"resource": "elsewhere"}, "invalid_target"),
        ({"tenant_id": "x"}, "invalid_request"),
    ],
)
def test_what_a_device_cannot_ask_for(world: World, form: dict[str, str], error: str) -> None:
    assert_refused(try_begin(world, device_app(world), **form), 400, error)
    assert world.sql("SELECT * FROM device_authorizations") == []


def test_a_client_needs_the_grant_type(world: World) -> None:
    app = world.client("app")
    assert_refused(try_begin(world, app), 400, "unauthorized_client")
    device = waiting(world, device_app(world))
    assert_refused(device.poll(app), 400, "unauthorized_client")


def test_a_client_authenticates_as_at_the_token_endpoint(world: World) -> None:
    app = device_app(world, "app")
    path = "/oauth2/device_authorization"
    assert_refused(world.http.post(path, data={"client_id": app.client_id}), 401, "invalid_client")
    wrong = {"client_id": app.client_id, "client_secret": "wrong"}
    assert_refused(world.http.post(path, data=wrong), 401, "invalid_client")
    assert_refused(world.http.post(path, data={"scope": "openid"}), 401, "invalid_client")
    right = {"client_id": app.client_id, "client_secret": app.secret}
    answer = world.http.post(path, data=right)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_it_is_in_the_metadata(world: World) -> None:
    for path in ("oauth-authorization-server", "openid-configuration"):
        facts = world.http.get(f"/.well-known/{path}").get_json()
        assert facts["device_authorization_endpoint"] == f"{ISSUER}/oauth2/device_authorization"
        assert set(facts["grant_types_supported"]) >= EVERY_GRANT


def test_a_code_may_be_typed_as_people_do(world: World) -> None:
    device, browser = waiting(world, device_app(world)), Browser(world)
    plain = device.user_code.replace("-", "")
    for typed in (plain, plain.lower(), f" {plain[:3]} {plain[3:]} ", "-".join(plain)):
        assert enter(browser, typed).path == "/sign-in"


def test_a_link_with_the_code_still_asks(world: World) -> None:
    """`verification_uri_complete` fills the form in, and nothing else (section 3.3.1)."""
    device, person, browser = (
        waiting(world, device_app(world)),
        world.person(world.tenant()),
        Browser(world),
    )
    browser.sign_in(device_app(world, "app"), person)
    page = entry(browser, user_code=device.user_code)
    assert f'value="{device.user_code}"' in page.answer.text
    assert "Check that your device shows this very code" in page.answer.text
    assert world.sql("SELECT * FROM interactions") == []
    asked = enter(browser, device.user_code)
    assert (asked.path, asked.title) == ("/device/confirmation", "Let this device in?")
    assert_refused(device.poll(), 400, "authorization_pending")


@pytest.mark.parametrize("code", ['"><script>alert(1)</script>', "AAAA-AAAA", "WDJBMJH", "ß" * 4])
def test_what_is_no_code_is_not_shown(world: World, code: str) -> None:
    page = entry(Browser(world), user_code=code)
    assert 'name="user_code" value=""' in page.answer.text
    assert code not in page.answer.text


def test_the_question_tells_who_asks_for_what_from_where_and_when(world: World) -> None:
    app = device_app(world, name="Television <b>")
    device, person = waiting(world, app, scope="openid email"), world.person(world.tenant("North"))
    text = question(Browser(world), device, person).answer.text
    for one in (
        "Television &lt;b&gt;",
        "see your e-mail address",
        "know who you are",
        "2026-03-01 12:00 UTC",
        "127.0.0.1",
        "Chrome",
        "North",
        person.email,
    ):
        assert one in text, one
    assert TELEVISION not in text


def test_the_pages_speak_german(world: World) -> None:
    browser, device = Browser(world), waiting(world, device_app(world))
    browser.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert entry(browser).title == "Ein Gerät verbinden"
    person = world.person(world.tenant())
    assert question(browser, device, person).title == "Dieses Gerät zulassen?"


def test_the_tenant_is_chosen_among_several(world: World) -> None:
    north, south = world.tenant("North"), world.tenant("South")
    person, browser = world.person(north, south), Browser(world)
    device = waiting(world, device_app(world))
    page = question(browser, device, person)
    assert page.path == "/tenant"
    page = browser.send(page, tenant_id=south)
    assert page.path == "/device/confirmation"
    browser.send(page, decision="approve")
    assert device.tokens().body["tenantId"] == south
    assert last(world, person).tenant_id == south


def test_the_device_may_name_the_tenant(world: World) -> None:
    north, south = world.tenant("North"), world.tenant("South")
    person, browser = world.person(north, south), Browser(world)
    device = waiting(world, device_app(world), tenant_id=south)
    let_in(browser, device, person)
    assert device.tokens().body["tenantId"] == south
