"""`/oauth2/introspect` (RFC 7662): a client asks about its own tokens, and those meant for it."""

from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from tests.http.administration import disable_account, disable_client
from tests.http.building import EVERYWHERE, SignedIn, assert_refused, live_at, signed_in
from tests.world.world import ISSUER, App, Time, World

PATH = "/oauth2/introspect"
INACTIVE = b'{"active":false}'


def asked(world: World, caller: App, token: str, **form: str) -> bytes:
    """The body of the answer, byte by byte."""
    answer = world.http.post(PATH, data={"token": token, **form}, headers=caller.basic)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.data


def asked_in_json(world: World, caller: App, token: str) -> TestResponse:
    """The same question at `/v1`."""
    return world.http.post("/v1/token/introspect", json={"token": token}, headers=caller.basic)


def signed_in_for(world: World, resource_server: App) -> SignedIn:
    """Somebody with tokens that are meant for the resource server."""
    who = signed_in(world)
    app = world.client(audiences=(resource_server.client_id,))
    return replace(who, app=app, tokens=world.sign_in(who.person, app))


# What a caller learns.


def test_an_access_token_is_answered_with_everything_about_it(world: World) -> None:
    who = signed_in(world)
    found = world.introspect(who.app, who.tokens.access)
    now = int(world.parts.clock.now().timestamp())
    assert found.pop("jti")
    assert found == {
        "active": True,
        "token_type": "Bearer",
        "iss": ISSUER,
        "sub": who.account_id,
        "aud": who.app.client_id,
        "client_id": who.app.client_id,
        "scope": "openid profile",
        "iat": now,
        "exp": now + 900,
        "auth_time": now,
        "amr": ["pwd"],
        "sid": who.tokens.sid,
        "tenantId": who.tenant_id,
    }


def test_a_refresh_token_is_answered_with_when_it_ends(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=3600)
    found = world.introspect(who.app, who.tokens.refresh)
    now = int(world.parts.clock.now().timestamp())
    assert (found["token_type"], found["exp"]) == ("refresh_token", now + 3600)
    assert (found["sid"], found["tenantId"]) == (who.tokens.sid, who.tenant_id)
    time.pass_(minutes=30)
    assert world.introspect(who.app, who.tokens.refresh)["exp"] == now + 3600


def test_both_endpoints_say_the_same(world: World) -> None:
    who = signed_in(world)
    for token in (who.tokens.access, who.tokens.refresh, "garbage"):
        assert asked_in_json(world, who.app, token).data == asked(world, who.app, token)


def test_a_resource_server_learns_of_the_tokens_that_are_meant_for_it(world: World) -> None:
    api, other = world.client("resource_server"), world.client("resource_server")
    who = signed_in_for(world, api)
    assert world.introspect(api, who.tokens.access)["aud"] == api.client_id
    assert asked(world, other, who.tokens.access) == INACTIVE


def test_a_resource_server_may_have_another_identifier_than_its_client_id(world: World) -> None:
    address = "https://api.example.test/"
    api = world.client("resource_server", resource_identifier=address)
    who = signed_in_for(world, App(address, None))
    assert world.introspect(api, who.tokens.access)["active"]
    assert asked(world, world.client("resource_server"), who.tokens.access) == INACTIVE


def test_a_resource_server_of_a_tenant_learns_of_no_other_tenants_tokens(world: World) -> None:
    """Whatever audience a client was registered with."""
    here, elsewhere = world.tenant(), world.tenant()
    api = world.client("resource_server", tenant_id=here)
    app = world.client(audiences=(api.client_id,))
    person = world.person(here, elsewhere)
    own = world.sign_in(person, app, tenant_id=here)
    foreign = world.sign_in(person, app, tenant_id=elsewhere)
    assert world.introspect(api, own.access)["active"]
    assert asked(world, api, foreign.access) == INACTIVE
    everybodys = world.client_token(world.client("service", audiences=(api.client_id,)))
    assert world.introspect(api, everybodys)["active"]


def test_nobody_learns_of_tokens_that_are_neither_theirs_nor_for_them(world: World) -> None:
    who = signed_in(world)
    for kind in ("app", "service", "resource_server", "backend", "admin"):
        stranger = world.client(kind)
        for token in (who.tokens.access, who.tokens.refresh):
            assert asked(world, stranger, token) == INACTIVE, kind
            assert asked_in_json(world, stranger, token).data == INACTIVE, kind
    assert who.happened == []


def test_a_refresh_token_is_for_its_own_client_only(world: World) -> None:
    api = world.client("resource_server")
    who = signed_in_for(world, api)
    # Refresh tokens are meant for the issuer; to be called so makes nobody their client.
    issuers = world.client("resource_server", resource_identifier=ISSUER)
    assert asked(world, api, who.tokens.refresh) == INACTIVE
    assert asked(world, issuers, who.tokens.refresh) == INACTIVE
    assert world.introspect(who.app, who.tokens.refresh)["active"]


def test_everything_that_is_not_active_gets_the_very_same_answer(world: World, time: Time) -> None:
    expired = signed_in(world)
    time.pass_(minutes=15)
    spent = signed_in(world)
    spent.refreshed()
    ended, of_a_disabled_account = signed_in(world), signed_in(world)
    world.invalidate(token=ended.tokens.access)
    disable_account(world, of_a_disabled_account.person)
    header, payload, signature = signed_in(world).tokens.access.split(".")
    cases = {
        "expired": (expired.app, expired.tokens.access),
        "spent": (spent.app, spent.tokens.refresh),
        "access token of an ended session": (ended.app, ended.tokens.access),
        "refresh token of an ended session": (ended.app, ended.tokens.refresh),
        "of a disabled account": (of_a_disabled_account.app, of_a_disabled_account.tokens.access),
        "another signature": (ended.app, f"{header}.{payload}.{signature[:-4]}AAAA"),
        "a session id": (spent.app, spent.tokens.sid),
        "almost a refresh token": (spent.app, spent.tokens.refresh[:-1]),
        "a prefix": (spent.app, "tsr_"),
        "garbage": (spent.app, "garbage"),
        "not ASCII": (spent.app, "ö"),
        "long": (spent.app, "x" * 30_000),
    }
    assert {name for name, asks in cases.items() if asked(world, *asks) != INACTIVE} == set()


def test_a_hint_changes_nothing(world: World) -> None:
    who = signed_in(world)
    for token in (who.tokens.access, who.tokens.refresh):
        without = asked(world, who.app, token)
        for hint in ("access_token", "refresh_token", "something_else"):
            assert asked(world, who.app, token, token_type_hint=hint) == without


def test_asking_spends_and_extends_nothing(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    for _ in range(9):
        time.pass_(minutes=1)
        assert asked(world, who.app, who.tokens.refresh) != INACTIVE
    time.pass_(minutes=1)
    assert live_at(who) == set()


def test_a_spent_token_is_inactive_even_where_its_retry_would_be_answered(world: World) -> None:
    who, latest = signed_in(world).chain(1)
    assert asked(world, who.app, who.tokens.refresh) == INACTIVE
    assert live_at(latest) == EVERYWHERE


# Who may ask.


def test_only_by_post_and_only_in_the_body(world: World) -> None:
    who = signed_in(world)
    query = {"token": who.tokens.access}
    answer = world.http.get(PATH, query_string=query, headers=who.app.basic)
    assert_refused(answer, 405, "invalid_request")
    assert answer.headers["Allow"] == "POST"
    answer = world.http.post(PATH, query_string=query, headers=who.app.basic)
    assert answer.status_code in {400, 415}
    form = {"data": {"token": who.tokens.access}, "headers": who.app.basic}
    assert_refused(world.http.post(PATH, query_string="a=b", **form), 400, "invalid_request")


@pytest.mark.parametrize("path", [PATH, "/v1/token/introspect"])
def test_nobody_asks_without_authentication(world: World, path: str) -> None:
    who, public = signed_in(world), signed_in(world, "public")
    sent = {"json" if "v1" in path else "data": {"token": who.tokens.access}}
    callers = (
        {},
        App(who.app.client_id, "wrong").basic,
        App("unknown", "wrong").basic,
        App(public.app.client_id, "").basic,
    )
    for headers in callers:
        answer = world.http.post(path, headers=headers, **sent)
        assert_refused(answer, 401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_nobody_asks_by_a_person_s_token(world: World) -> None:
    who = signed_in(world)
    form = {"data": {"token": who.tokens.access}, "headers": who.tokens.bearer}
    assert_refused(world.http.post(PATH, **form), 401, "invalid_client")
    body = {"json": {"token": who.tokens.access}, "headers": who.tokens.bearer}
    answer = world.http.post("/v1/token/introspect", **body)
    assert_refused(answer, 403, "insufficient_scope")


def test_a_public_client_cannot_ask_by_its_name(world: World) -> None:
    who = signed_in(world, "public")
    form = {"token": who.tokens.access, "client_id": who.app.client_id}
    assert_refused(world.http.post(PATH, data=form), 401, "invalid_client")


def test_a_secret_in_the_body_is_as_good(world: World) -> None:
    who = signed_in(world)
    form = {
        "token": who.tokens.access,
        "client_id": who.app.client_id,
        "client_secret": who.app.secret,
    }
    assert world.http.post(PATH, data=form).get_json()["active"]


def test_a_disabled_caller_learns_nothing_more(world: World, second_worker: World) -> None:
    api = world.client("resource_server")
    who = signed_in_for(world, api)
    assert second_worker.introspect(api, who.tokens.access)["active"]
    disable_client(world, api)
    for worker in (world, second_worker):
        sent = {"data": {"token": who.tokens.access}, "headers": api.basic}
        assert_refused(worker.http.post(PATH, **sent), 401, "invalid_client")
    assert world.is_live(who.tokens)


def test_a_token_is_needed(world: World) -> None:
    app = world.client()
    for form in ({}, {"token": ""}, {"tokens": "x"}):
        answer = world.http.post(PATH, data=form, headers=app.basic)
        assert answer.status_code in {400, 415}
        assert answer.get_json()["error"] == "invalid_request"
