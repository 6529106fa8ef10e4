"""What ends an impersonated session, whenever it comes about: at every endpoint at once."""

import json
from collections.abc import Callable

import pytest

from tests.http import administration
from tests.http.building import assert_refused, signed_in
from tests.http.impersonation.building import (
    HELPER,
    Acting,
    act,
    acting,
    define_roles,
    last_event,
    own_list,
    try_to_act,
)
from tests.http.roles.building import administrator
from tests.world.world import World
from token_service.services import accounts
from token_service.services.changes import Author


def assert_over(one: Acting, *workers: World) -> None:
    """Nothing of it works anywhere, and nobody lists it."""
    tokens, who = one.tokens, one.who
    for worker in (one.world, *workers):
        assert worker.validate(tokens.access) == {"active": False}
        assert worker.http.get("/v1/token/validate", headers=one.bearer).status_code == 401
        assert worker.http.get("/v1/me", headers=one.bearer).status_code == 401
    listed = one.world.http.get(
        f"/v1/accounts/{who.account_id}/sessions", headers=one.world.client("backend").basic
    )
    assert tokens.sid not in {item["sid"] for item in listed.get_json()["items"]}


def assert_refresh_refused(one: Acting) -> None:
    answer = one.world.try_refresh(one.who.backend, one.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")


def without_the_permission(one: Acting) -> None:
    kept = json.dumps(["sessions:read", "sessions:revoke"])
    administration.change_client(one.world, one.who.backend, permissions=kept)


def as_another_kind(one: Acting) -> None:
    administration.change_client(one.world, one.who.backend, kind="app")


def forbidden_by_the_tenant(one: Acting) -> None:
    administration.change_policy(one.world, one.who.tenant_id, impersonation=False)


def forbidden_by_the_environment(one: Acting) -> None:
    one.world.sql("""UPDATE environment SET policy = '{"impersonation": false}'""")
    administration.tell_workers(one.world)


@pytest.mark.parametrize(
    "change",
    [
        without_the_permission,
        as_another_kind,
        forbidden_by_the_tenant,
        forbidden_by_the_environment,
    ],
)
def test_what_allowed_it_and_does_no_more(
    world: World, second_worker: World, change: Callable[[Acting], None]
) -> None:
    one = acting(world)
    assert second_worker.validate(one.tokens.access)["active"]
    change(one)
    assert_over(one, second_worker)
    assert_refresh_refused(one)
    event = last_event(one.who)
    assert (str(event.event), event.reason) == ("session_ended", "impersonation_not_allowed")
    assert world.is_live(one.who.tokens)
    assert one.who.refreshed()


def test_an_end_that_nobody_met_is_void_when_it_is_allowed_again(world: World) -> None:
    one = acting(world)
    administration.change_policy(world, one.who.tenant_id, impersonation=False)
    assert not world.is_live(one.tokens)
    administration.change_policy(world, one.who.tenant_id, impersonation=True)
    assert world.is_live(one.tokens)


def test_an_end_that_a_refresh_has_met_is_final(world: World) -> None:
    one = acting(world)
    administration.change_policy(world, one.who.tenant_id, impersonation=False)
    assert_refresh_refused(one)
    administration.change_policy(world, one.who.tenant_id, impersonation=True)
    assert_over(one)
    assert_refresh_refused(one)


def test_a_backend_that_is_disabled(world: World, second_worker: World) -> None:
    one = acting(world)
    administration.disable_client(world, one.who.backend)
    assert_over(one, second_worker)
    administration.enable_client(world, one.who.backend)
    assert_over(one, second_worker)
    assert_refresh_refused(one)
    assert last_event(one.who).reason == "client_disabled"


def test_an_account_that_is_disabled(world: World, second_worker: World) -> None:
    one = acting(world)
    administration.disable_account(world, one.who.person)
    assert_over(one, second_worker)
    administration.enable_account(world, one.who.person)
    assert_over(one)
    assert_refresh_refused(one)
    assert last_event(one.who).reason == "account_disabled"


def test_a_tenant_that_is_disabled_or_left(world: World) -> None:
    one = acting(world)
    administration.disable_tenant(world, one.who.tenant_id)
    assert_over(one)
    other = acting(world)
    administration.leave(world, other.who.person, other.who.tenant_id)
    assert_over(other)


def test_the_person_in_their_own_list(world: World, second_worker: World) -> None:
    one = acting(world)
    path = f"/v1/me/sessions/{one.tokens.sid}"
    assert world.http.delete(path, headers=one.who.tokens.bearer).status_code == 204
    assert_over(one, second_worker)
    assert_refresh_refused(one)
    event = last_event(one.who)
    assert (event.reason, event.actor) == ("ended_by_user", f"account:{one.who.account_id}")


@pytest.mark.parametrize("query", ["", "?keep_current=true"])
def test_the_person_by_signing_out_everywhere(world: World, query: str) -> None:
    one = acting(world)
    answer = world.http.delete(f"/v1/me/sessions{query}", headers=one.who.tokens.bearer)
    assert answer.status_code == 204
    assert_over(one)
    assert_refresh_refused(one)


def test_a_password_that_is_reset(world: World) -> None:
    one = acting(world)
    administration.reset_password(world, one.who.person)
    assert_over(one)


def test_a_restored_backup(world: World) -> None:
    one = acting(world)
    administration.restored_from_backup(world)
    assert_over(one)


def join_as(one: Acting, tenant_id: str, *roles: str) -> None:
    """Make the account a member of another tenant too, with some roles."""
    parts, author = one.world.parts, Author("cli")
    refused = accounts.join(
        parts.database, parts.clock, one.who.account_id, tenant_id, roles, author
    )
    assert refused is None


def test_an_account_that_becomes_an_administrator(world: World, second_worker: World) -> None:
    one = acting(world)
    other = act(one.who)
    stranger = acting(world)
    elsewhere = world.tenant()
    define_roles(world, elsewhere, HELPER)
    join_as(one, elsewhere, "guest", "helper")
    for each in (one, other):
        assert_over(each, second_worker)
        assert_refresh_refused(each)
    ended = {
        (event.sid, event.reason, event.actor)
        for event in world.events(one.who.account_id)
        if str(event.event) == "session_ended"
    }
    assert ended == {(each.tokens.sid, "privileged_account", "cli") for each in (one, other)}
    assert world.is_live(one.who.tokens)
    assert world.is_live(stranger.tokens)
    assert_refused(try_to_act(one.who), 403, "impersonation_not_allowed")


def test_roles_without_power_end_nothing(world: World) -> None:
    one = acting(world)
    elsewhere = world.tenant()
    define_roles(world, elsewhere, HELPER)
    join_as(one, elsewhere, "guest", "unknown")
    assert world.is_live(one.tokens)
    assert one.refreshed()


def test_a_member_who_is_given_a_role_with_power(world: World, second_worker: World) -> None:
    one, admin = acting(world), administrator(world)
    admin.define(one.who.tenant_id, helper=["sessions:read"], guest=[])
    admin.put(one.who.tenant_id, one.who.account_id, "guest")
    assert world.is_live(one.tokens)
    admin.put(one.who.tenant_id, one.who.account_id, "guest", "helper")
    assert_over(one, second_worker)
    assert_refresh_refused(one)
    assert world.is_live(one.who.tokens)


def test_a_role_that_is_given_power(world: World, second_worker: World) -> None:
    one, stranger, admin = acting(world), acting(world), administrator(world)
    admin.put(one.who.tenant_id, one.who.account_id, "helper")
    admin.define(one.who.tenant_id, guest=["sessions:read"])
    assert world.is_live(one.tokens)
    admin.define(one.who.tenant_id, helper=["sessions:read"])
    assert_over(one, second_worker)
    assert_refresh_refused(one)
    assert world.is_live(one.who.tokens)
    assert world.is_live(stranger.tokens)


def test_the_persons_own_sign_out_ends_only_their_own(world: World) -> None:
    who = signed_in(world)
    one = act(who)
    world.invalidate(token=who.tokens.access)
    assert world.is_live(one.tokens)
    assert one.tokens.sid in {item["sid"] for item in own_list(who.again())}
