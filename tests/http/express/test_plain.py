"""Plain requests: the short way answers them, and says what the long way says."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from tests.http import administration as admin
from tests.http.building import SignedIn, signed_in
from tests.http.dpop.proving import Key, signed_in_with
from tests.http.express.building import (
    FORM,
    INTROSPECT,
    TOKEN,
    Request,
    alike,
    by_long_way,
    client_credentials,
    form,
    introspect,
    known_to,
    nothing_stored,
    refresh,
    short,
    validate,
)
from tests.http.impersonation.building import act
from tests.http.openid.building import by_openid, keep_profile, metadata
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Time, World

Questions = Mapping[str, Request]


def _questions(world: World, time: Time) -> Questions:
    """About tokens in every state that they can be in."""
    ended, expired = signed_in(world), signed_in(world, access_token_lifetime=60)
    time.pass_(seconds=60)
    who, bound = signed_in(world), signed_in_with(world, Key())
    acting = act(signed_in(world))
    service, revoked, disabled = (world.client("service") for _ in range(3))
    api = world.client("resource_server", resource_identifier="https://api.example")
    for_api = world.client(audiences=("https://api.example",))
    meant = world.sign_in(who.person, for_api)
    pairwise = world.client(
        metadata=metadata(subject_type="pairwise", redirect_uris=("https://one.example/cb",))
    )
    to_pairwise = world.sign_in(who.person, pairwise)
    of_tenant = world.client("resource_server", tenant_id=world.tenant())
    of_service = world.client_token(service)
    of_revoked, of_disabled = world.client_token(revoked), world.client_token(disabled)
    world.revoke(revoked, of_revoked)
    admin.disable_client(world, disabled)
    world.invalidate(token=ended.tokens.access)
    newer = who.refreshed().tokens
    known_to(world, who.app, service, api, pairwise, of_tenant, ended.app, expired.app, bound.app)
    known_to(world, acting.who.backend, revoked, disabled, for_api)
    tokens = {
        "live": newer.access,
        "of the generation before": who.tokens.access,
        "ended": ended.tokens.access,
        "expired": expired.tokens.access,
        "bound to a key": bound.tokens.access,
        "of somebody who is acted as": acting.tokens.access,
        "of a client itself": of_service,
        "revoked": of_revoked,
        "of a disabled client": of_disabled,
        "meant for somebody": meant.access,
    }
    validated = {f"validate: {name}": validate(token) for name, token in tokens.items()}
    introspected = {
        f"introspect as its client: {name}": introspect(who.app, token)
        for name, token in tokens.items()
    }
    basic = introspect(who.app, newer.access)
    in_body = {"client_id": who.app.client_id, "client_secret": who.app.secret or ""}
    others = {
        "a refresh token": introspect(who.app, newer.refresh),
        "a refresh token that was used": introspect(who.app, who.tokens.refresh),
        "a refresh token of an ended session": introspect(ended.app, ended.tokens.refresh),
        "a refresh token of somebody else": introspect(api, newer.refresh),
        "its own by itself": introspect(service, of_service),
        "an expired one by its client": introspect(expired.app, expired.tokens.access),
        "one that it acts by": introspect(acting.who.backend, acting.tokens.access),
        "as the one whom it is meant for": introspect(api, meant.access),
        "as one whom it is not meant for": introspect(api, newer.access),
        "as one of another tenant": introspect(of_tenant, newer.access),
        "under the subject of its client": introspect(pairwise, to_pairwise.access),
        "the secret in the body": form(INTROSPECT, token=newer.access, **in_body),
        "anything as JSON": basic.but({"Accept": "*/*"}),
        "JSON": basic.but({"Accept": "application/json"}),
        "the charset": basic.but({"Content-Type": f"{FORM}; charset=UTF-8"}),
        "capitals": basic.but({"Content-Type": FORM.upper()}),
        "a hint": introspect(who.app, newer.access, token_type_hint="refresh_token"),
        "a parameter of nobody's": introspect(who.app, newer.access, nobodys="x"),
        "an empty parameter": introspect(who.app, newer.access, scope=""),
        "cookies": basic.but({"Cookie": "__Host-browser=x"}),
        "JSON with a charset": validate(newer.access).but(
            {"Content-Type": "application/json; charset=utf-8"}
        ),
    }
    return validated | introspected | others


def test_a_question_gets_the_very_same_answer(world: World, time: Time) -> None:
    questions = _questions(world, time)
    live = set()
    for name, question in questions.items():
        with nothing_stored(world):
            quick, slow = short(world, question), by_long_way(world, question)
        assert (name, quick.status, quick.body) == (name, slow.status, slow.body)
        assert (name, quick.heading) == (name, slow.heading)
        assert quick.header("Content-Length") == str(len(quick.body))
        live |= {name} if quick.members["active"] else set()
    # Both kinds of answers were there to be compared.
    assert {"validate: live", "its own by itself", "a refresh token"} <= live
    assert {"validate: revoked", "as one of another tenant"} & live == set()


def _openid(who: SignedIn) -> None:
    keep_profile(who.world, who.person, who.app, {"name": "Ada King"})
    by_openid(who, {"id_token": {"name": None}})


SESSIONS: dict[str, Callable[[World], SignedIn]] = {
    "an application's": signed_in,
    "a public client's": lambda world: signed_in(world, "public"),
    "with its own limits": lambda world: signed_in(world, idle_timeout=600, retry_window=5),
    "after some refreshes": lambda world: signed_in(world).chain(3)[-1],
}


@pytest.mark.parametrize("name", SESSIONS)
def test_a_refresh_gives_what_it_gives_there(world: World, name: str) -> None:
    who = SESSIONS[name](world)
    known_to(world, who.app)
    _compare(world, who.app, who.tokens.refresh, who.again().tokens.refresh)
    assert who.happened == [("signed_in", "")]


def test_so_does_one_with_an_id_token(world: World) -> None:
    who = signed_in(world)
    twin = who.again()
    _openid(who)
    by_openid(twin, {"id_token": {"name": None}})
    known_to(world, who.app)
    members = _compare(world, who.app, who.tokens.refresh, twin.tokens.refresh)
    assert members["id_token"]["name"] == "Ada King"


def test_so_does_one_of_a_session_that_is_remembered(world: World) -> None:
    who = signed_in(world)
    fields = {"remember_me": True, "scope": "openid offline_access"}
    one, twin = (world.sign_in(who.person, who.app, **fields) for _ in range(2))
    known_to(world, who.app)
    _compare(world, who.app, one.refresh, twin.refresh)


def test_so_does_one_of_a_backend_that_acts_as_somebody(world: World) -> None:
    who = signed_in(world)
    one, twin = act(who), act(who)
    known_to(world, who.backend)
    members = _compare(world, who.backend, one.tokens.refresh, twin.tokens.refresh)
    assert members["access_token"]["act"]


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_so_does_one_that_is_signed_by_another_algorithm(world: World, algorithm: str) -> None:
    who = signed_in(world)
    app = world.client(signing_algorithm=algorithm)
    one, twin = (world.sign_in(who.person, app) for _ in range(2))
    known_to(world, app)
    _compare(world, app, one.refresh, twin.refresh)


def _compare(world: World, app: App, one: str, twin: str) -> dict[str, object]:
    """Use a refresh token by the short way, and its twin by the long way; what was said."""
    quick, slow = short(world, refresh(app, one)), by_long_way(world, refresh(app, twin))
    assert (quick.status, slow.status) == (200, 200)
    assert quick.heading == slow.heading
    assert list(quick.members) == list(slow.members)
    assert alike(quick.members) == alike(slow.members)
    assert all(world.validate(each.members["access_token"])["active"] for each in (quick, slow))
    # Both have moved their chains by one, and what comes after is the same again.
    first, second = quick.members["refresh_token"], slow.members["refresh_token"]
    assert by_long_way(world, refresh(app, first)).status == 200
    assert short(world, refresh(app, second)).status == 200
    return alike(quick.members)


def test_the_long_way_repeats_what_the_short_way_gave(world: World) -> None:
    """One chain, whichever way it is walked: an answer that was lost is given again."""
    who = signed_in(world)
    known_to(world, who.app)
    asked = refresh(who.app, who.tokens.refresh)
    quick, slow = short(world, asked), by_long_way(world, asked)
    assert quick.members["refresh_token"] == slow.members["refresh_token"]
    assert alike(quick.members) == alike(slow.members)
    assert who.happened == []


def test_a_client_that_proves_itself_in_the_body_is_answered_too(world: World) -> None:
    who, twin = (signed_in(world) for _ in range(2))
    known_to(world, who.app, twin.app)
    for one, ask in ((who, short), (twin, by_long_way)):
        credentials = {"client_id": one.app.client_id, "client_secret": one.app.secret or ""}
        use = {"grant_type": "refresh_token", "refresh_token": one.tokens.refresh}
        assert ask(world, form(TOKEN, **credentials, **use)).status == 200


def test_a_client_gets_for_itself_what_it_gets_there(world: World) -> None:
    tenant = world.tenant()
    clients = {
        "plain": world.client("service"),
        "of a tenant": world.client("service", tenant_id=tenant),
        "with an audience": world.client("service", audiences=("https://api.example",)),
        "signed by another algorithm": world.client("service", signing_algorithm="EdDSA"),
        "of a backend": world.client("backend"),
    }
    known_to(world, *clients.values())
    asked = {name: client_credentials(one) for name, one in clients.items()}
    asked["with less scope"] = client_credentials(clients["plain"], scope="read")
    asked["with more scope"] = client_credentials(clients["plain"], scope="write read")
    for name, request in asked.items():
        with nothing_stored(world):
            quick, slow = short(world, request), by_long_way(world, request)
        assert (name, quick.status, quick.heading) == (name, slow.status, slow.heading)
        assert list(quick.members) == list(slow.members)
        assert (name, alike(quick.members)) == (name, alike(slow.members))
        assert world.validate(quick.members["access_token"])["active"]


def test_nobody_may_keep_an_answer_or_show_it_as_a_page(world: World) -> None:
    service = world.client("service")
    known_to(world, service)
    token = world.client_token(service)
    for request in (client_credentials(service), introspect(service, token), validate(token)):
        answer = short(world, request)
        assert answer.header("Cache-Control") == "no-store"
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Content-Type") == "application/json"


@pytest.fixture
def behind(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """A service behind a proxy that it trusts."""
    return world_on(
        databases,
        TOKEN_SERVICE_SERVER_TRUSTED_PROXIES="127.0.0.1",
        TOKEN_SERVICE_SERVER_CLIENT_CERTIFICATE_HEADER="Client-Cert",
    )


def test_the_id_that_a_proxy_of_ours_gave_is_that_of_the_answer(behind: World) -> None:
    service = behind.client("service")
    known_to(behind, service)
    asked = client_credentials(service).but({"X-Request-Id": "given-7"})
    assert short(behind, asked).header("X-Request-Id") == "given-7"
    assert by_long_way(behind, asked).header("X-Request-Id") == "given-7"
    strange = replace(asked, environ={"REMOTE_ADDR": "198.51.100.7"})
    assert short(behind, strange).header("X-Request-Id") != "given-7"


def test_a_use_is_noted_with_the_address_behind_the_proxy(behind: World) -> None:
    """A retry from elsewhere is told as one, whichever way its use has gone."""
    who = signed_in(behind)
    known_to(behind, who.app)
    asked = refresh(who.app, who.tokens.refresh).but({"X-Forwarded-For": "203.0.113.7"})
    assert short(behind, asked).status == 200
    assert by_long_way(behind, asked).status == 200
    assert who.happened == []
    elsewhere = asked.but({"X-Forwarded-For": "203.0.113.8"})
    assert by_long_way(behind, elsewhere).status == 200
    assert who.happened == [("refresh_retried_elsewhere", "")]


def test_each_answer_has_an_id_of_its_own(world: World) -> None:
    service = world.client("service")
    known_to(world, service)
    ids = {short(world, client_credentials(service)).header("X-Request-Id") for _ in range(5)}
    assert len(ids) == 5
