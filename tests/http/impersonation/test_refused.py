"""Who may not act as somebody, as whom nobody may, and requests that say it wrongly."""

import json

import pytest

from tests.http import administration
from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.errors import corpus
from tests.http.impersonation.building import (
    HELPER,
    REASON,
    act,
    asked,
    define_roles,
    give_roles,
    own_list,
    try_to_act,
)
from tests.world.world import World
from token_service.domain.clients import Permission
from token_service.domain.events import NO_ACCOUNT

NOT_ALLOWED = (403, "impersonation_not_allowed")
UNKNOWN = "0" * 32


def assert_nothing_but_the_record(who: SignedIn, reason: str) -> None:
    """That no session was opened, and the log knows who wanted what and why not."""
    assert [item["sid"] for item in own_list(who)] == [who.tokens.sid]
    event = who.world.events(who.account_id)[-1]
    assert (str(event.event), event.reason) == ("impersonation_refused", reason)
    assert event.details == {"reason": REASON}


# Which client.


@pytest.mark.parametrize("kind", ["app", "service", "resource_server", "admin"])
def test_no_other_kind_of_client_may_not_even_with_the_permission(world: World, kind: str) -> None:
    who = signed_in(world)
    for permissions in (frozenset(), frozenset(Permission)):
        client = world.client(kind, permissions=permissions)
        assert_refused(try_to_act(who, client.basic), 403, "forbidden")
    assert who.happened == []


def test_a_backend_without_the_permission_may_not(world: World) -> None:
    who = signed_in(world)
    backend = world.client("backend", permissions=frozenset(Permission) - {Permission.IMPERSONATE})
    assert_refused(try_to_act(who, backend.basic), 403, "forbidden")


def test_the_permission_is_looked_for_in_the_configuration_in_force(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    backend = second_worker.client("backend", permissions=frozenset())
    assert_refused(try_to_act(who, backend.basic), 403, "forbidden")
    administration.change_client(
        second_worker, backend, permissions=json.dumps([str(Permission.IMPERSONATE)])
    )
    assert try_to_act(who, backend.basic).status_code == 201
    administration.change_client(second_worker, backend, permissions="[]")
    assert_refused(try_to_act(who, backend.basic), 403, "forbidden")


def test_a_client_proves_who_it_is_by_basic(world: World) -> None:
    who = signed_in(world)
    public, backend = world.client("public"), who.backend
    wrong = type(backend)(backend.client_id, "tss_wrong")
    for headers in ({}, wrong.basic, public.basic):
        assert_refused(try_to_act(who, headers), 401, "invalid_client")
    own = {"Authorization": f"Bearer {world.client_token(backend)}"}
    admin = {"Authorization": f"Bearer {world.client_token(world.client('admin'))}"}
    for bearer in (own, admin, who.tokens.bearer):
        assert_refused(try_to_act(who, bearer), 403, "insufficient_scope")
    for text in (who.account_id, f"Basic {who.account_id}"):
        assert_refused(try_to_act(who, {"Authorization": text}), 401, "invalid_client")
    garbage = {"Authorization": f"Bearer {who.account_id}"}
    assert_refused(try_to_act(who, garbage), 401, "invalid_token")
    secret = {"client_id": backend.client_id, "client_secret": backend.secret}
    assert_refused(try_to_act(who, {}, **secret), 400, "invalid_request")


def test_naming_an_account_is_no_way_in_anywhere(world: World) -> None:
    """CVE-2026-27960: an id in a header that some proxy might set must not count."""
    who = signed_in(world)
    for name in ("X-User", "X-Token-Subject", "X-Forwarded-User", "X-Token-Actor"):
        answer = world.http.get("/v1/me", headers={name: who.account_id})
        assert_refused(answer, 401, "invalid_token")
    for text in (who.account_id, who.tokens.sid):
        answer = world.http.get("/v1/me", headers={"Authorization": f"Bearer {text}"})
        assert_refused(answer, 401, "invalid_token")


# As whom.


def test_what_the_backend_may_not_know_of_looks_like_nothing(world: World) -> None:
    who, stranger = signed_in(world), signed_in(world)
    bound = world.client("backend", tenant_id=who.tenant_id)
    answers = [
        try_to_act(who, account_id=UNKNOWN),
        try_to_act(who, tenant_id=UNKNOWN),
        try_to_act(who, tenant_id=stranger.tenant_id),
        try_to_act(who, account_id=stranger.account_id),
        try_to_act(stranger, bound.basic),
        try_to_act(who, bound.basic, account_id=stranger.account_id),
        try_to_act(who, account_id="x"),
        try_to_act(who, tenant_id="x"),
        try_to_act(who, account_id=who.account_id.upper()),
        try_to_act(who, account_id=who.person.email),
    ]
    bodies = []
    for answer in answers:
        assert_refused(answer, 404, "not_found")
        bodies.append({**answer.get_json(), "request_id": ""})
    assert all(body == bodies[0] for body in bodies)
    assert own_list(who)
    reasons = [event.reason for event in world.events(NO_ACCOUNT) if event.reason]
    assert reasons == ["not_found"] * 4
    assert [reason for _, reason in stranger.happened] == ["not_a_member"] * 3


def test_a_backend_of_a_tenant_learns_nothing_of_the_others(world: World) -> None:
    """Not even of an account that is a member of both."""
    who, other = signed_in(world), world.tenant()
    administration.join(world, who.person, other)
    bound = world.client("backend", tenant_id=who.tenant_id)
    assert_refused(try_to_act(who, bound.basic, tenant_id=other), 404, "not_found")
    assert try_to_act(who, bound.basic).status_code == 201


def test_who_has_left_is_not_there(world: World) -> None:
    who, other = signed_in(world), world.tenant()
    administration.join(world, who.person, other)
    administration.leave(world, who.person, who.tenant_id)
    assert_refused(try_to_act(who), 404, "not_found")
    assert try_to_act(who, tenant_id=other).status_code == 201


def test_a_disabled_tenant_is_not_there(world: World) -> None:
    who = signed_in(world)
    administration.disable_tenant(world, who.tenant_id)
    assert_refused(try_to_act(who), 404, "not_found")


def test_nobody_acts_as_a_disabled_account(world: World) -> None:
    who = signed_in(world)
    administration.disable_account(world, who.person)
    assert_refused(try_to_act(who), *NOT_ALLOWED)
    event = world.events(who.account_id)[-1]
    assert (str(event.event), event.reason) == ("impersonation_refused", "account_disabled")
    administration.enable_account(world, who.person)
    act(who)


def test_a_tenant_can_forbid_it(world: World) -> None:
    who = signed_in(world, impersonation=False)
    assert_refused(try_to_act(who), *NOT_ALLOWED)
    assert_nothing_but_the_record(who, "impersonation_not_allowed")
    administration.change_policy(world, who.tenant_id, impersonation=True)
    act(who)


def test_the_environment_can_forbid_it_where_no_tenant_allows_it(world: World) -> None:
    who, liberal = signed_in(world), signed_in(world, impersonation=True)
    world.sql("""UPDATE environment SET policy = '{"impersonation": false}'""")
    administration.tell_workers(world)
    assert_refused(try_to_act(who), *NOT_ALLOWED)
    act(liberal)


def test_nobody_acts_as_an_administrator_of_whatever_tenant(world: World) -> None:
    who, elsewhere = signed_in(world), world.tenant()
    administration.join(world, who.person, elsewhere)
    define_roles(world, elsewhere, HELPER)
    for roles, refused in ((("helper",), True), (("guest",), False), (("unknown",), False)):
        give_roles(who, elsewhere, *roles)
        if refused:
            assert_refused(try_to_act(who), *NOT_ALLOWED)
            assert_nothing_but_the_record(who, "privileged_account")
        else:
            act(who)


def test_it_is_not_said_which_of_these_it_was(world: World) -> None:
    forbidding, disabled = signed_in(world, impersonation=False), signed_in(world)
    administration.disable_account(world, disabled.person)
    privileged = signed_in(world)
    define_roles(world, privileged.tenant_id, HELPER)
    give_roles(privileged, privileged.tenant_id, "helper")
    told = [try_to_act(one).get_json() for one in (forbidding, disabled, privileged)]
    assert len({json.dumps({**one, "request_id": ""}) for one in told}) == 1


# Requests that say it wrongly.


@pytest.mark.parametrize(
    "reason", [None, "", " ", "\t\n", "\u200b", "...", "x" * 401, "\0", "a\0", 7, True, [], {}]
)
def test_a_reason_is_required(world: World, reason: object) -> None:
    who = signed_in(world)
    answer = try_to_act(who, reason=reason)
    assert_refused(answer, 400, "invalid_request")
    assert set(answer.get_json()["errors"]) == {"reason"}
    assert who.happened == []


@pytest.mark.parametrize(
    "lifetime", [0, -1, 3601, 2**31, 2**64, 1.5, 60.0, "60", True, False, [60], {}]
)
def test_a_lifetime_out_of_range_is_refused(world: World, lifetime: object) -> None:
    who = signed_in(world)
    answer = try_to_act(who, lifetime=lifetime)
    assert_refused(answer, 400, "invalid_request")
    assert set(answer.get_json()["errors"]) == {"lifetime"}
    assert who.happened == []


def test_every_fault_is_named(world: World) -> None:
    who = signed_in(world)
    answer = try_to_act(who, reason=" ", lifetime=0, account_id=1, act={"sub": "me"}, sub="x")
    assert_refused(answer, 400, "invalid_request")
    expected = {"reason", "lifetime", "account_id", "act", "sub"}
    assert set(answer.get_json()["errors"]) == expected


def test_bad_input_is_never_worse_than_that(world: World) -> None:
    who = signed_in(world)
    good = asked(who, scope="read")
    bodies = corpus.json_bodies(good) | corpus.json_values(good)
    for what, body in bodies.items():
        headers = who.backend.basic | {"Content-Type": "application/json"}
        answer = world.http.post("/v1/impersonations", data=body, headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request"), what
    for field, status in (("account_id", 404), ("tenant_id", 404), ("scope", 400)):
        for what, text in corpus.ODD_TEXTS.items():
            assert try_to_act(who, **{field: text}).status_code == status, (field, what)
    for what, text in corpus.ODD_TEXTS.items():
        assert try_to_act(who, reason=text).status_code in {201, 400}, what
