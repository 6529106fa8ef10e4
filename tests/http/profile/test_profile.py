"""One's own account, and the profile that is one's own to change."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.http import administration
from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.errors import corpus
from tests.http.faults import failing
from tests.world.world import World


def show(who: SignedIn) -> dict[str, Any]:
    """The account as its owner sees it."""
    answer = who.world.http.get("/v1/me", headers=who.tokens.bearer)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.get_json())


def patch(who: SignedIn, **body: object) -> TestResponse:
    """Send a change and answer what came back."""
    return who.world.http.patch("/v1/me", json=body, headers=who.tokens.bearer)


def profile_after(who: SignedIn, change: object) -> Any:
    """The profile after a change that is to succeed."""
    answer = patch(who, profile=change)
    assert answer.status_code == 200, answer.text
    assert answer.get_json() == show(who)
    return answer.get_json()["profile"]


def test_a_person_sees_their_account(world: World) -> None:
    who = signed_in(world)
    other = world.tenant()
    administration.join(world, who.person, other)
    assert show(who) == {
        "account_id": who.account_id,
        "names": [
            {"kind": "email", "name": who.person.email},
            {"kind": "phone", "name": who.person.phone},
            {"kind": "username", "name": who.person.username},
        ],
        "tenants": [who.tenant_id, other],
        "profile": {},
    }
    assert who.happened == [("membership_changed", "")]


def test_a_patch_adds_replaces_and_removes(world: World) -> None:
    who = signed_in(world)
    assert profile_after(who, {"theme": "dark", "mail": {"weekly": True, "address": "x"}})
    assert profile_after(
        who, {"mail": {"address": None}, "size": 12.5, "list": [1, None, "a"]}
    ) == {
        "theme": "dark",
        "mail": {"weekly": True},
        "size": 12.5,
        "list": [1, None, "a"],
    }
    assert profile_after(who, {"theme": None, "mail": "none", "never": None}) == {
        "mail": "none",
        "size": 12.5,
        "list": [1, None, "a"],
    }


def test_what_is_written_is_read(world: World) -> None:
    who = signed_in(world)
    written = {
        "ünïcode 東京": "\U0001f600 \u202e \u2028",
        "": "empty name",
        "empty": ["", {}, []],
        "numbers": [0, -1, 2**53, -(2**63), 2**64 - 1, 1e300, 5e-324, 0.1],
        "truth": [True, False],
        "SQL": "' OR 1=1; --",
    }
    assert profile_after(who, written) == written


def test_it_is_on_the_record_without_its_contents(world: World) -> None:
    who = signed_in(world)
    for change in ({"secret thing": "a secret"}, {"secret thing": "a secret"}, {}, {"none": None}):
        profile_after(who, change)
    (event,) = [one for one in world.events(who.account_id) if str(one.event) == "profile_changed"]
    assert (event.actor, event.details) == (f"account:{who.account_id}", {})
    assert "secret" not in str(world.sql("SELECT * FROM audit_events"))


def test_true_in_place_of_one_is_a_change(world: World) -> None:
    who = signed_in(world)
    profile_after(who, {"a": 1})
    assert profile_after(who, {"a": True})["a"] is True
    assert who.happened == [("profile_changed", "")] * 2


def test_no_record_no_change(world: World) -> None:
    who = signed_in(world)
    with failing("storage.audit.record"):
        assert_refused(patch(who, profile={"a": 1}), 503, "unavailable")
    assert show(who)["profile"] == {}


@pytest.mark.parametrize(
    "field",
    [
        "account_id",
        "sub",
        "names",
        "email",
        "email_verified",
        "tenants",
        "tenantId",
        "roles",
        "permissions",
        "is_admin",
        "enabled",
        "epoch",
        "password_hash",
        "session_limit",
        "created_at",
    ],
)
def test_nothing_else_is_theirs_to_write(world: World, field: str) -> None:
    who = signed_in(world)
    before = world.sql("SELECT * FROM accounts")
    for body in (
        {field: "x"},
        {field: None, "profile": {"a": 1}},
        {field: [1], "profile": {"a": 1}},
    ):
        answer = patch(who, **body)
        if body[field] is None:
            assert answer.status_code == 200
            assert profile_after(who, {"a": None}) == {}
            continue
        assert_refused(answer, 400, "invalid_request")
        assert field in answer.get_json()["errors"]
    assert world.sql("SELECT * FROM accounts") == before


def nested(depth: int) -> dict[str, Any]:
    return {} if depth == 1 else {"a": nested(depth - 1)}


@pytest.mark.parametrize(
    "change",
    [
        nested(9),
        {"a": {"b": {"c": nested(7)}}},
        {"a": ["x" * 8_000, "y" * 200]},
        {"a": "x\0"},
        {"a": [{"b\0": 1}]},
    ],
)
def test_what_cannot_be_kept_is_refused_whole(world: World, change: object) -> None:
    who = signed_in(world)
    profile_after(who, {"kept": 1})
    answer = patch(who, profile=change)
    assert_refused(answer, 400, "invalid_request")
    assert len(answer.get_json()["errors"]["profile"]) == 1
    assert show(who)["profile"] == {"kept": 1}


def test_what_grows_too_large_bit_by_bit_is_refused(world: World) -> None:
    who = signed_in(world)
    for number in range(8):
        profile_after(who, {f"part {number}": "x" * 1_000})
    assert_refused(patch(who, profile={"part 8": "x" * 1_000}), 400, "invalid_request")
    assert len(profile_after(who, {"part 0": None, "part 8": "x" * 1_000})) == 8


@pytest.mark.parametrize("profile", [None, "", "x", 1, True, [], [{"a": 1}]])
def test_a_profile_is_an_object(world: World, profile: object) -> None:
    who = signed_in(world)
    answer = patch(who, profile=profile)
    assert_refused(answer, 400, "invalid_request")
    assert set(answer.get_json()["errors"]) == {"profile"}


def test_bad_input_is_never_worse_than_that(world: World) -> None:
    who = signed_in(world)
    good = {"profile": {"a": "b"}}
    bodies = corpus.json_bodies(good) | {
        "beyond a float": b'{"profile": {"a": 1e999}}',
        "not a number": b'{"profile": {"a": NaN}}',
        "lone surrogate": b'{"profile": {"a": "\\ud800"}}',
        "lone surrogate in a name": b'{"profile": {"\\ud800": 1}}',
        "a name twice": b'{"profile": {"a": 1, "a": 2}}',
    }
    for what, body in bodies.items():
        headers = who.tokens.bearer | {"Content-Type": "application/json"}
        answer = world.http.patch("/v1/me", data=body, headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request"), what
    assert show(who)["profile"] == {}


def test_only_the_account_itself_has_it(world: World) -> None:
    who = signed_in(world)
    admin = {"Authorization": f"Bearer {world.client_token(world.client('admin'))}"}
    for headers, status, code in (
        ({}, 401, "invalid_token"),
        (who.backend.basic, 401, "invalid_token"),
        (admin, 403, "insufficient_scope"),
    ):
        assert_refused(world.http.get("/v1/me", headers=headers), status, code)
        answer = world.http.patch("/v1/me", json={"profile": {}}, headers=headers)
        assert_refused(answer, status, code)


def test_each_has_their_own(world: World) -> None:
    who, other = signed_in(world), signed_in(world)
    profile_after(who, {"a": 1})
    profile_after(other, {"b": 2})
    assert (show(who)["profile"], show(other)["profile"]) == ({"a": 1}, {"b": 2})


def test_it_goes_no_further_than_the_session(world: World) -> None:
    who = signed_in(world)
    world.invalidate(token=who.tokens.access)
    assert_refused(patch(who, profile={"a": 1}), 401, "invalid_token")
    assert show(who.again())["profile"] == {}
