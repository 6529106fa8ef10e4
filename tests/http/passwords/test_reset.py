"""A new password without the old one: by a mailed link, good once, and by nothing else."""

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from werkzeug.test import TestResponse

from tests.http.administration import disable_account, enable_account, tell_workers
from tests.http.building import (
    EVERYWHERE,
    assert_dead,
    assert_refused,
    live_at,
    signed_in,
)
from tests.http.passwords.building import (
    NEW,
    ask,
    complete,
    letters,
    subjects,
    token_for,
    token_of,
)
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import ISSUER, Time, World
from token_service.domain.events import NO_ACCOUNT

REQUESTED = ("password_reset_requested", "")
RESET = ("password_reset", "password_reset")
DAY = 86_400


def told(answer: TestResponse) -> tuple[object, ...]:
    """All of an answer that could tell two of them apart."""
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    return answer.status_code, answer.data, headers


# Asking for a link.


def test_the_answer_is_the_same_for_every_name(world: World) -> None:
    tenant = world.tenant()
    known, disabled, addressless = (world.person(tenant) for _ in range(3))
    disable_account(world, disabled)
    world.sql(
        "DELETE FROM account_names WHERE account_id = :id AND kind = 'email'",
        id=addressless.account_id,
    )
    names = (
        known.email,
        known.username,
        known.phone,
        disabled.email,
        addressless.username,
        "nobody@example.test",
        "no name at all \u200b\u0007",
        "x" * 5_000,
    )
    answers = [told(ask(world, name)) for name in names]
    assert answers[0][:2] == (202, b"")
    assert answers == [answers[0]] * len(names)


def test_the_same_is_written_for_every_name(world: World) -> None:
    """Who watches how long it takes, or how much is stored, learns nothing either."""
    person = world.person(world.tenant())

    def stored() -> list[int]:
        tables = ("letters", "audit_events", "failure_counts")
        return [world.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]

    ask(world, "somebody.else@example.test")
    written = []
    for name in (person.email, "nobody@example.test"):
        before = stored()
        ask(world, name)
        written.append([after - one for after, one in zip(stored(), before, strict=True)])
    assert written == [[1, 1, 1], [1, 1, 1]]


def test_who_has_an_address_gets_a_link(world: World) -> None:
    person = world.person(world.tenant())
    for name in (person.email.upper(), person.username, person.phone):
        ask(world, name)
        [*_, letter] = letters(world)
        assert letter["To"] == person.email
        assert f"{ISSUER}/password-reset?token=tsp_" in letter.get_content()
        assert "within 10 minutes" in letter.get_content()
    assert [(str(one.event), one.reason) for one in world.events(person.account_id)] == (
        [REQUESTED] * 3
    )


def test_of_several_addresses_the_one_that_was_named_gets_it(world: World) -> None:
    person = world.person(world.tenant())
    world.sql(
        "INSERT INTO account_names VALUES ('a@other.test', :id, 'email', 'A@other.test', NULL)",
        id=person.account_id,
    )
    ask(world, person.email)
    ask(world, "a@other.test")
    assert [to for to, _ in subjects(world)] == ["A@other.test"]
    ask(world, person.email)
    assert [to for to, _ in subjects(world)] == ["A@other.test", person.email]


def test_nobody_else_gets_one(world: World) -> None:
    person = world.person(world.tenant())
    disable_account(world, person)
    for name in (person.email, "nobody@example.test"):
        ask(world, name)
    assert letters(world) == []
    assert world.sql("SELECT 1 FROM letters") == world.sql("SELECT 1 FROM password_resets") == []
    [event] = [one for one in world.events(NO_ACCOUNT) if one.event == "password_reset_requested"]
    assert event.origin.address == "127.0.0.1"
    assert event.details == {}


def test_one_name_gets_few_letters(world: World, time: Time) -> None:
    """Nobody can fill somebody's mailbox, and the answer does not say that none was sent."""
    person = world.person(world.tenant())
    for name in (person.email, person.username, person.phone, person.email, person.email.upper()):
        assert ask(world, name).status_code == 202
        world.parts.postman.do_round()
        time.pass_(seconds=1)
    assert len(letters(world)) == 3
    time.pass_(seconds=56)
    ask(world, person.email)
    assert len(letters(world)) == 3
    time.pass_(seconds=1)
    ask(world, person.email)
    assert len(letters(world)) == 4
    reasons = [one.reason for one in world.events(person.account_id)]
    assert reasons == ["", "", "", "throttled", "throttled", "throttled", ""]


def test_a_source_that_asks_too_often_waits(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles, time: Time
) -> None:
    world = world_on(databases, TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES="3")
    who = signed_in(world)
    for number in range(3):
        assert ask(world, f"n{number}@example.test").status_code == 202
    for name in (who.person.email, "nobody@example.test"):
        answer = ask(world, name)
        assert_refused(answer, 429, "throttled")
        assert answer.headers["Retry-After"] == "1"
    assert world.sign_in(who.person, who.app)
    time.pass_(seconds=1)
    assert ask(world, who.person.email).status_code == 202


def test_asking_ends_and_changes_nothing(world: World) -> None:
    who = signed_in(world)
    for _ in range(5):
        ask(world, who.person.email)
    assert live_at(who) == EVERYWHERE
    assert world.sign_in(who.person, who.app)


# Using it.


def test_the_link_sets_a_password_and_ends_every_session(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    other = who.again()
    token = token_for(world, who.person.email)
    answer = complete(second_worker, token)
    assert (answer.status_code, answer.data) == (204, b"")
    for one in (who, other):
        assert_dead(one, second_worker)
    assert_refused(world.try_sign_in(who.person, who.app), 401, "invalid_credentials")
    assert world.sign_in(who.person, who.app, password=NEW)
    assert who.happened[:3] == [("signed_in", ""), REQUESTED, RESET]
    event = next(one for one in world.events(who.account_id) if one.event == "password_reset")
    assert event.actor == f"account:{who.account_id}"
    assert subjects(world)[-1] == (who.person.email, "Your password was set anew")


def test_it_works_once(world: World) -> None:
    person = world.person(world.tenant())
    token = token_for(world, person.email)
    assert complete(world, token).status_code == 204
    assert_refused(complete(world, token, "another good password"), 400, "void_link")
    assert world.try_sign_in(person, world.client(), password=NEW).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(599, 204), (600, 400), (601, 400), (DAY, 400)])
def test_it_expires_by_the_clock_and_by_no_cleaner(
    world: World, time: Time, seconds: int, status: int
) -> None:
    token = token_for(world, world.person(world.tenant()).email)
    time.pass_(seconds=seconds)
    assert complete(world, token).status_code == status


def test_how_long_it_is_good_is_a_setting(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles, time: Time
) -> None:
    world = world_on(databases, TOKEN_SERVICE_PASSWORDS_RESET_SECONDS="1800")
    person = world.person(world.tenant())
    token = token_for(world, person.email)
    assert "within 30 minutes" in letters(world)[-1].get_content()
    time.pass_(seconds=1799)
    assert complete(world, token).status_code == 204


def test_a_newer_one_takes_its_place(world: World, time: Time) -> None:
    person = world.person(world.tenant())
    first = token_for(world, person.email)
    time.pass_(seconds=1)
    second = token_for(world, person.email)
    assert_refused(complete(world, first), 400, "void_link")
    assert complete(world, second).status_code == 204


def test_an_unsuitable_password_does_not_spend_it(world: World) -> None:
    person = world.person(world.tenant())
    token = token_for(world, person.email)
    for new in ("short", "passwordpassword", "x7" * 129, person.email):
        answer = complete(world, token, new)
        assert_refused(answer, 400, "unsuitable_password")
        assert answer.get_json()["errors"]["new_password"]
    assert complete(world, token).status_code == 204


def test_every_link_that_is_not_good_looks_alike(world: World, time: Time) -> None:
    """Unknown, used, replaced, expired, of a disabled account, cut, of another service."""
    tenant = world.tenant()
    used, replaced, disabled, expired = (world.person(tenant) for _ in range(4))
    old = token_for(world, expired.email)
    time.pass_(seconds=600)
    tokens = [token_for(world, one.email) for one in (used, disabled, replaced)]
    complete(world, tokens[0])
    disable_account(world, disabled)
    time.pass_(seconds=1)
    token_for(world, replaced.email)
    bad = [*tokens, old, tokens[2][:-1], tokens[2] + "A", "tsp_", "x", "\u00e9" * 94]
    answers = [complete(world, token) for token in bad]
    for answer in answers:
        assert_refused(answer, 400, "void_link")
    bodies = [{**one.get_json(), "request_id": ""} for one in answers]
    assert bodies == [bodies[0]] * len(bodies)


def test_a_link_of_an_account_that_was_disabled_stays_void_until_it_expires(world: World) -> None:
    person = world.person(world.tenant())
    token = token_for(world, person.email)
    disable_account(world, person)
    assert_refused(complete(world, token), 400, "void_link")
    enable_account(world, person)
    assert complete(world, token).status_code == 204


def test_it_ends_the_wait_of_a_locked_account(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    for _ in range(11):
        world.try_sign_in(person, app, password="wrong")
    assert_refused(world.try_sign_in(person, app), 429, "throttled")
    complete(world, token_for(world, person.email))
    assert world.sign_in(person, app, password=NEW)


def test_a_link_is_for_its_own_account_only(world: World) -> None:
    """Bound to the account: the secret of one is none of another's."""
    tenant = world.tenant()
    first, second = world.person(tenant), world.person(tenant)
    token_for(world, first.email)
    token = token_for(world, second.email)
    [row] = world.sql(
        "SELECT secret_hash FROM password_resets WHERE account_id = :id", id=second.account_id
    )
    world.sql(
        "UPDATE password_resets SET secret_hash = :hash WHERE account_id = :id",
        hash=row[0],
        id=first.account_id,
    )
    assert complete(world, token).status_code == 204
    app = world.client()
    assert world.sign_in(first, app)
    assert world.sign_in(second, app, password=NEW)


def test_a_worker_that_is_behind_refuses_nobody(world: World, second_worker: World) -> None:
    from token_service.services import keys

    person = world.person(world.tenant())
    assert_refused(complete(second_worker, "tsp_x"), 400, "void_link")
    parts = world.parts
    keys.rotate(parts.database, parts.clock, parts.keys, "opaque", "cli")
    tell_workers(world)
    token = token_for(world, person.email)
    assert complete(second_worker, token).status_code == 204


@pytest.mark.parametrize("right_for", [0, 1])
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_wrong_decides_about_no_link(
    world: World, monkeypatch: pytest.MonkeyPatch, right_for: int, hours: int
) -> None:
    """Neither at the first look nor when the link is about to be used."""
    token = token_for(world, world.person(world.tenant()).email)
    now = world.parts.clock.now()
    readings = itertools.chain([now] * right_for, itertools.repeat(now + timedelta(hours=hours)))
    with monkeypatch.context() as patch:
        patch.setattr(world.database, "_database_clock", ReadsOff(readings))
        assert_refused(complete(world, token), 503, "unavailable")
    assert complete(world, token).status_code == 204


class ReadsOff:
    """A clock that reads what it is given."""

    def __init__(self, readings: Iterator[datetime]) -> None:
        self._readings = readings

    def now(self) -> datetime:
        return next(self._readings)


def test_without_any_proof_of_the_mail_nothing_is_set(world: World) -> None:
    """I19: the step with the mail cannot be skipped by any other field or endpoint."""
    person = world.person(world.tenant())
    ask(world, person.email)
    for body in (
        {"identifier": person.email, "new_password": NEW},
        {"account_id": person.account_id, "new_password": NEW},
        {"token": person.account_id, "new_password": NEW, "identifier": person.email},
        {"token": None, "new_password": NEW},
        {"new_password": NEW},
        {"token": ["x"], "new_password": NEW},
    ):
        answer = world.http.post("/v1/password-resets/complete", json=body)
        assert_refused(answer, 400, "invalid_request")
    assert world.sign_in(person, world.client())


# By an administrator.


def send(world: World, account_id: str, headers: dict[str, str]) -> TestResponse:
    """Have a link sent to somebody else."""
    return world.http.post(f"/v1/accounts/{account_id}/password-reset", headers=headers)


def admin(world: World, **changes: object) -> tuple[str, dict[str, str]]:
    """An administrator: the client, and its bearer token."""
    client = world.client("admin", **changes)
    return client.client_id, {"Authorization": f"Bearer {world.client_token(client)}"}


def test_an_administrator_has_a_link_sent_and_sees_nothing_of_it(world: World) -> None:
    who = signed_in(world)
    client_id, bearer = admin(world)
    answer = send(world, who.account_id, bearer)
    assert (answer.status_code, answer.data) == (202, b"")
    assert live_at(who) == EVERYWHERE
    assert who.happened == [REQUESTED]
    assert world.events(who.account_id)[-1].actor == f"client:{client_id}"
    assert complete(world, token_of(letters(world)[-1])).status_code == 204


def test_an_administrator_chooses_no_password(world: World) -> None:
    who = signed_in(world)
    _, bearer = admin(world)
    address = f"/v1/accounts/{who.account_id}/password-reset"
    answer = world.http.post(address, json={"new_password": NEW}, headers=bearer)
    assert_refused(answer, 400, "invalid_request")
    assert world.http.post(address, json={}, headers=bearer).status_code == 202
    assert world.sign_in(who.person, who.app)


def test_who_may_not_have_one_sent(world: World) -> None:
    who = signed_in(world)
    _, of_tenant = admin(world, tenant_id=world.tenant())
    for headers, status, code in (
        ({}, 401, "invalid_token"),
        (who.backend.basic, 401, "invalid_token"),
        (who.tokens.bearer, 403, "insufficient_scope"),
        (of_tenant, 404, "not_found"),
    ):
        assert_refused(send(world, who.account_id, headers), status, code)
    assert who.happened == []


def test_who_cannot_get_one(world: World) -> None:
    tenant = world.tenant()
    disabled, addressless = world.person(tenant), world.person(tenant)
    disable_account(world, disabled)
    world.sql(
        "DELETE FROM account_names WHERE account_id = :id AND kind = 'email'",
        id=addressless.account_id,
    )
    _, bearer = admin(world)
    assert_refused(send(world, disabled.account_id, bearer), 409, "account_disabled")
    assert_refused(send(world, addressless.account_id, bearer), 409, "no_address")
    for unknown in ("0" * 32, "x", "%00", "' OR 1=1"):
        assert_refused(send(world, unknown, bearer), 404, "not_found")
    assert letters(world) == []
