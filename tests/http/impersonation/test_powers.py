"""What whoever acts as somebody may not do, and the little that they may."""

import pytest

from tests.http import administration
from tests.http.building import assert_refused, signed_in
from tests.http.impersonation.building import (
    HELPER,
    act,
    acting,
    define_roles,
    give_roles,
    last_event,
    own_list,
    try_to_act,
)
from tests.world.world import World

NOT_ALLOWED = (403, "impersonation_not_allowed")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/me/sessions", None),
        ("DELETE", "/v1/me/sessions", None),
        ("DELETE", "/v1/me/sessions?keep_current=true", None),
        ("DELETE", "/v1/me/sessions/{their}", None),
        ("DELETE", "/v1/me/sessions/" + "0" * 32, None),
        ("DELETE", "/v1/me/sessions/x", None),
        ("POST", "/v1/token/invalidate", {"sid": "{their}"}),
        ("POST", "/v1/token/invalidate", {"sid": "0" * 32}),
        ("PATCH", "/v1/me", {"profile": {"theme": "dark"}}),
    ],
)
def test_the_persons_own_matters_are_not_the_backends(
    world: World, method: str, path: str, body: dict[str, object] | None
) -> None:
    one = acting(world)
    their = one.who.tokens.sid
    body = {name: their if value == "{their}" else value for name, value in (body or {}).items()}
    sent = {"json": body} if body else {}
    before = one.who.happened
    answer = world.http.open(path.format(their=their), method=method, headers=one.bearer, **sent)
    assert_refused(answer, *NOT_ALLOWED)
    assert one.who.happened == before
    assert {item["sid"] for item in own_list(one.who)} == {their, one.tokens.sid}


def test_power_over_others_does_not_come_with_it(world: World) -> None:
    """Even if the account came to it past whatever ends such sessions."""
    one = acting(world)
    define_roles(world, one.who.tenant_id, {"all": ["sessions:read", "sessions:revoke"]})
    give_roles(one.who, one.who.tenant_id, "all")
    path = f"/v1/accounts/{one.who.account_id}/sessions"
    assert_refused(world.http.get(path, headers=one.bearer), 403, "insufficient_scope")
    assert_refused(world.http.delete(path, headers=one.bearer), 403, "insufficient_scope")
    assert world.http.get(path, headers=one.who.tokens.bearer).status_code == 200


def test_nobody_acts_further_by_such_a_token(world: World) -> None:
    one = acting(world)
    assert_refused(try_to_act(one.who, one.bearer), 403, "insufficient_scope")


def test_it_sees_the_account_but_not_where_else_it_belongs(world: World) -> None:
    one = acting(world)
    administration.join(world, one.who.person, world.tenant())
    seen = world.http.get("/v1/me", headers=one.bearer).get_json()
    assert seen["tenants"] == [one.who.tenant_id]
    owner = world.http.get("/v1/me", headers=one.who.tokens.bearer).get_json()
    assert len(owner["tenants"]) == 2
    assert seen | {"tenants": ()} == owner | {"tenants": ()}


def test_its_ping_is_about_its_own_session(world: World) -> None:
    one = acting(world)
    answer = world.http.post("/v1/me/sessions/ping", headers=one.bearer)
    assert answer.status_code == 200
    assert answer.get_json()["sid"] == one.tokens.sid
    assert answer.get_json()["impersonator"] == one.who.backend.client_id


@pytest.mark.parametrize("way", ["access token", "refresh token", "sid", "own list", "revoke"])
def test_it_may_stop(world: World, way: str) -> None:
    one = acting(world)
    tokens, backend = one.tokens, one.who.backend
    match way:
        case "access token":
            world.invalidate(token=tokens.access)
        case "refresh token":
            world.invalidate(token=tokens.refresh)
        case "sid":
            world.invalidate(one.bearer, sid=tokens.sid)
        case "own list":
            answer = world.http.delete(f"/v1/me/sessions/{tokens.sid}", headers=one.bearer)
            assert answer.status_code == 204
        case "revoke":
            world.revoke(backend, tokens.refresh)
    assert not world.is_live(tokens)
    assert world.is_live(one.who.tokens)
    event = last_event(one.who)
    assert (str(event.event), event.sid) == ("session_ended", tokens.sid)
    # Never in the person's name: they have done nothing.
    assert event.actor == f"client:{backend.client_id}"
    assert event.reason == ("revoked" if way == "revoke" else "ended_by_backend")


def test_the_person_signs_out_as_ever(world: World) -> None:
    who = signed_in(world)
    act(who)
    world.invalidate(token=who.tokens.access)
    event = last_event(who)
    assert (event.reason, event.actor) == ("signed_out", f"account:{who.account_id}")


def test_a_client_that_signs_people_in_holds_ordinary_sessions(world: World) -> None:
    """What a backend may do by a sign-in of a person is not impersonation."""
    who = signed_in(world)
    define_roles(world, who.tenant_id, HELPER)
    backend = world.client("backend", first_party=True, permissions=frozenset())
    tokens = world.sign_in(who.person, backend)
    assert world.refresh(backend, tokens.refresh)
    assert "act" not in world.validate(tokens.access)
    assert world.http.get("/v1/me/sessions", headers=tokens.bearer).status_code == 200
