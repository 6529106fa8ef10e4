"""Credentials become a session with its first tokens."""

from dataclasses import replace

import pytest

from tests.http.administration import disable_account, disable_tenant, reset_password
from tests.http.building import EVERYWHERE, assert_refused, live_at, sids, signed_in
from tests.world.world import Person, Tokens, World
from token_service.crypto.passwords import HashingBusy
from token_service.domain.events import NO_ACCOUNT, Event

UNKNOWN_TENANT = "0" * 32


def failures(world: World, account_id: str) -> list[str]:
    """The reasons of the account's failed sign-ins."""
    events = world.events(account_id)
    return [one.reason for one in events if one.event is Event.SIGN_IN_FAILED]


def test_a_sign_in_answers_with_tokens_and_their_session(world: World) -> None:
    who = signed_in(world)
    body = who.tokens.body
    assert set(body) == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "scope",
        "device_token",
        "sid",
        "tenantId",
    }
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert (body["scope"], body["tenantId"]) == ("openid profile", who.tenant_id)
    assert body["refresh_token"].startswith("tsr_")


def test_an_acknowledged_session_is_there_on_every_worker(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    assert second_worker.refresh(who.app, who.tokens.refresh)


def test_a_sign_in_is_on_the_record_with_where_it_came_from(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    world.http.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    world.http.environ_base["HTTP_USER_AGENT"] = "Browser/1.0"
    answer = world.try_sign_in(person, app)
    (event,) = world.events(person.account_id)
    assert (str(event.event), event.actor) == ("signed_in", f"account:{person.account_id}")
    assert (event.client_id, event.sid) == (app.client_id, answer.get_json()["sid"])
    assert event.tenant_id == answer.get_json()["tenantId"]
    assert (event.origin.address, event.origin.user_agent) == ("203.0.113.7", "Browser/1.0")
    assert event.origin.request_id == answer.headers["X-Request-Id"]


def test_every_name_and_every_spelling_of_it_signs_in(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    spellings = (
        person.email,
        person.email.upper(),
        f"  {person.email} ",
        person.username,
        person.username.title(),
        person.phone,
        f"{person.phone[:3]} {person.phone[3:5]}-{person.phone[5:]}",
    )
    for identifier in spellings:
        assert world.try_sign_in(person, app, identifier=identifier).status_code == 200, identifier


def test_a_name_of_mixed_scripts_that_was_given_once_goes_on_signing_in(world: World) -> None:
    """No new one is given: it could pass for somebody else's."""
    person, app = world.person(world.tenant()), world.client()
    world.sql(
        "UPDATE account_names SET name = :mixed WHERE name = :username",
        mixed="\u0430dmin",
        username=person.username,
    )
    assert world.sign_in(person, app, identifier="\u0430DMIN")


def test_a_public_client_signs_people_in_by_its_name_alone(world: World) -> None:
    assert signed_in(world, "public").refreshed()


def test_each_sign_in_opens_a_session_of_its_own(world: World) -> None:
    who = signed_in(world)
    assert len({who.tokens.sid, who.again().tokens.sid, who.again().tokens.sid}) == 3


# Who is refused, and what they learn.


def test_wrong_password_unknown_name_and_disabled_account_look_the_same(world: World) -> None:
    tenant, app = world.tenant(), world.client()
    person, disabled = world.person(tenant), world.person(tenant)
    disable_account(world, disabled)
    answers = [
        world.try_sign_in(person, app, password="wrong"),
        world.try_sign_in(person, app, identifier="nobody@example.test"),
        world.try_sign_in(person, app, identifier="\u0007 no name at all"),
        world.try_sign_in(disabled, app),
    ]
    for answer in answers:
        assert_refused(answer, 401, "invalid_credentials")
    told = [{**answer.get_json(), "request_id": ""} for answer in answers]
    assert told == [told[0]] * len(told)


def test_the_audit_log_can_tell_them_apart(world: World) -> None:
    tenant, app = world.tenant(), world.client()
    person, disabled = world.person(tenant), world.person(tenant)
    disable_account(world, disabled)
    world.try_sign_in(person, app, password="wrong")
    world.try_sign_in(person, app, identifier="nobody@example.test")
    world.try_sign_in(disabled, app)
    assert failures(world, person.account_id) == ["wrong_credentials"]
    assert failures(world, NO_ACCOUNT) == ["wrong_credentials"]
    assert failures(world, disabled.account_id) == ["account_disabled"]


def test_a_password_is_exact(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    for wrong in (person.password.upper(), person.password + " ", person.password[:-1], " "):
        answer = world.try_sign_in(person, app, password=wrong)
        assert_refused(answer, 401, "invalid_credentials")


def test_after_a_reset_only_the_new_password_signs_in(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    reset_password(world, person)
    assert_refused(world.try_sign_in(person, app), 401, "invalid_credentials")
    assert world.sign_in(person, app, password="another password")


# Which tenant.


def test_with_several_tenants_and_no_default_one_must_be_named(world: World) -> None:
    north, south, app = world.tenant(), world.tenant(), world.client()
    person = world.person(north, south)
    assert_refused(world.try_sign_in(person, app), 400, "tenant_required")
    assert world.sign_in(person, app, tenant_id=south).body["tenantId"] == south
    assert world.events(person.account_id)[0].tenant_id == south


def test_only_the_right_password_learns_that_there_are_several_tenants(world: World) -> None:
    person, app = world.person(world.tenant(), world.tenant()), world.client()
    answer = world.try_sign_in(person, app, password="wrong")
    assert_refused(answer, 401, "invalid_credentials")


def test_the_default_tenant_is_used_unless_another_is_named(world: World) -> None:
    north, south, app = world.tenant(), world.tenant(), world.client()
    person = world.person(north, south, default=south)
    assert world.sign_in(person, app).body["tenantId"] == south
    assert world.sign_in(person, app, tenant_id=north).body["tenantId"] == north


def test_a_tenant_that_is_not_ones_own_looks_like_one_that_is_not_there(world: World) -> None:
    own, other, closed, app = world.tenant(), world.tenant(), world.tenant(), world.client()
    person = world.person(own, closed)
    disable_tenant(world, closed)
    answers = [
        world.try_sign_in(person, app, tenant_id=tenant_id)
        for tenant_id in (other, closed, UNKNOWN_TENANT, own.upper(), "' OR 1=1")
    ]
    for answer in answers:
        assert_refused(answer, 403, "tenant_not_allowed")
    assert len({answer.get_json()["detail"] for answer in answers}) == 1
    assert world.event_names(person.account_id) == []


def test_a_client_of_a_tenant_signs_in_to_that_tenant_only(world: World) -> None:
    north, south = world.tenant(), world.tenant()
    app, person = world.client(tenant_id=north), world.person(north, south, default=south)
    assert world.sign_in(person, app).body["tenantId"] == north
    assert_refused(world.try_sign_in(person, app, tenant_id=south), 403, "tenant_not_allowed")
    stranger = world.person(south)
    assert_refused(world.try_sign_in(stranger, app), 403, "tenant_not_allowed")


# Which client, and for what.


def test_only_first_party_clients_see_passwords(world: World) -> None:
    person = world.person(world.tenant())
    for kind in ("service", "resource_server", "backend", "admin"):
        answer = world.try_sign_in(person, world.client(kind))
        assert_refused(answer, 403, "client_not_allowed")
    assert world.event_names(person.account_id) == []


def test_a_scope_can_be_asked_for_within_what_the_client_may_have(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    assert world.sign_in(person, app, scope="profile email").body["scope"] == "email profile"


def test_a_scope_beyond_the_clients_own_opens_nothing(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    for scope in ("admin", "openid admin", "openid\n", '"', "a" * 200):
        assert_refused(world.try_sign_in(person, app, scope=scope), 400, "invalid_scope")
    assert world.event_names(person.account_id) == []


def test_a_confidential_client_may_send_its_secret_in_the_body(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    body = {
        "identifier": person.email,
        "password": person.password,
        "client_id": app.client_id,
        "client_secret": app.secret,
    }
    assert world.http.post("/v1/sign-in", json=body).status_code == 200


def test_without_its_credentials_a_client_signs_nobody_in(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    for change in ({"secret": None}, {"secret": "wrong"}, {"client_id": "unknown"}):
        answer = world.try_sign_in(person, replace(app, **change))
        assert_refused(answer, 401, "invalid_client")
    assert world.event_names(person.account_id) == []


def test_header_and_body_must_name_the_same_client(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    answer = world.try_sign_in(person, app, client_id=world.client().client_id)
    assert_refused(answer, 400, "invalid_request")


# The stored password.


def password_hash(world: World, person: Person) -> str:
    """What is stored."""
    (row,) = world.sql(
        "SELECT password_hash FROM accounts WHERE account_id = :id", id=person.account_id
    )
    return str(row.password_hash)


def test_a_password_is_hashed_anew_when_the_cost_has_changed(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    costlier = world.second_worker({"TOKEN_SERVICE_ARGON2_ITERATIONS": "2"})
    assert "t=1" in password_hash(world, person)
    tokens = costlier.sign_in(person, app)
    costlier.close()
    assert "t=2" in password_hash(world, person)
    assert world.is_live(tokens)
    assert world.sign_in(person, app)


def test_a_wrong_password_is_never_hashed_anew(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    before = password_hash(world, person)
    costlier = world.second_worker({"TOKEN_SERVICE_ARGON2_ITERATIONS": "2"})
    costlier.try_sign_in(person, app, password="wrong")
    costlier.close()
    assert password_hash(world, person) == before


def test_a_sign_in_from_before_a_reset_that_ends_after_it_opens_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password was right when it was looked at, and is another one when the session opens."""
    person, app = world.person(world.tenant()), world.client()
    passwords = world.parts.gate.passwords
    right = passwords.verify(password_hash(world, person), person.password)

    def verify_slowly(*_: object) -> object:
        monkeypatch.undo()
        reset_password(world, person)
        return right

    monkeypatch.setattr(type(passwords), "verify", verify_slowly)
    assert_refused(world.try_sign_in(person, app), 401, "invalid_credentials")
    own = world.sign_in(person, app, password="another password")
    listed = world.http.get("/v1/me/sessions", headers=own.bearer)
    assert sids(listed) == [own.sid]


def test_a_flood_of_sign_ins_is_told_to_come_back_and_refreshes_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = signed_in(world)

    def busy(*_: object) -> None:
        raise HashingBusy

    monkeypatch.setattr(type(world.parts.gate.passwords), "verify", busy)
    answer = world.try_sign_in(who.person, who.app)
    assert_refused(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert who.refreshed()
    assert who.happened == []


def test_tokens_are_never_twice_the_same(world: World) -> None:
    who = signed_in(world)
    many: list[Tokens] = [who.tokens, *(who.again().tokens for _ in range(5))]
    assert len({one.access for one in many} | {one.refresh for one in many}) == 12
