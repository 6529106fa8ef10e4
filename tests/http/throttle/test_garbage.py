"""Asking about garbage: no oracle, no cost for others, and no way to get anybody locked out."""

from collections.abc import Callable

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from tests.http.building import assert_refused
from tests.http.express.building import introspect as introspection
from tests.http.express.building import short
from tests.http.express.building import validate as validation
from tests.http.faults import failing
from tests.storage.counting import first_words, statements
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Time, World
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event

FREE = 5
INACTIVE = {"active": False}
Ask = Callable[[World, App, str], TestResponse]


@pytest.fixture
def narrow(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """A few tokens of garbage a minute are free."""
    return world_on(databases, TOKEN_SERVICE_THROTTLE_GARBAGE_PER_MINUTE=str(FREE))


def by_form(world: World, caller: App, token: str) -> TestResponse:
    """RFC 7662."""
    return world.http.post("/oauth2/introspect", data={"token": token}, headers=caller.basic)


def by_json(world: World, caller: App, token: str) -> TestResponse:
    """The same in JSON."""
    return world.http.post("/v1/token/introspect", json={"token": token}, headers=caller.basic)


def by_holder(world: World, caller: App, token: str) -> TestResponse:
    """Without authentication."""
    return world.http.post("/v1/token/validate", json={"token": token})


def in_batch(what: str, *beside: str) -> Ask:
    """Together with others."""

    def ask(world: World, caller: App, token: str) -> TestResponse:
        body = {"tokens": [token, *beside]}
        return world.http.post(f"/v1/token/{what}/batch", json=body, headers=caller.basic)

    return ask


EACH = pytest.mark.parametrize(
    "ask",
    [by_form, by_json, by_holder, in_batch("introspect"), in_batch("validate")],
    ids=["form", "json", "holder", "introspect-batch", "validate-batch"],
)


def told(world: World) -> list[AuditEvent]:
    """What the audit log has of garbage."""
    events = world.events(NO_ACCOUNT)
    return [one for one in events if one.event is Event.GARBAGE_THROTTLED]


def flood(world: World, ask: Ask, caller: App, times: int = FREE + 3) -> list[TestResponse]:
    """The answers to so many tokens of garbage."""
    return [ask(world, caller, f"garbage.{number}.x") for number in range(times)]


@EACH
def test_too_much_garbage_is_refused_until_the_minute_is_over(
    narrow: World, time: Time, ask: Ask
) -> None:
    caller = narrow.client("service")
    answers = flood(narrow, ask, caller)
    assert [one.status_code for one in answers] == [200] * FREE + [429] * 3
    assert_refused(answers[-1], 429, "temporarily_unavailable" if ask is by_form else "throttled")
    assert answers[-1].headers["Retry-After"] == "60"
    (only,) = told(narrow)
    assert only.client_id == (None if ask is by_holder else caller.client_id)
    assert only.details == {"tokens": FREE + 1, "source": "127.0.0.1"}
    time.pass_(seconds=60)
    assert ask(narrow, caller, "garbage").status_code == 200


@EACH
def test_good_tokens_are_answered_however_much_garbage_comes(narrow: World, ask: Ask) -> None:
    caller = narrow.client("service")
    good = narrow.client_token(caller)
    assert flood(narrow, ask, caller)[-1].status_code == 429
    for _ in range(FREE * 2):
        answer = ask(narrow, caller, good).get_json()
        assert answer.get("items", [answer])[0]["active"]
    assert short(narrow, introspection(caller, good)).status == 200
    assert short(narrow, validation(good)).status == 200
    for what in ("validate", "introspect"):
        mixed = in_batch(what, good)(narrow, caller, "garbage").get_json()["items"]
        assert [one["active"] for one in mixed] == [False, True]


@EACH
def test_nobody_waits_for_the_garbage_of_others(narrow: World, ask: Ask) -> None:
    flood(narrow, ask, narrow.client("service"))
    narrow.http.environ_base["REMOTE_ADDR"] = "203.0.113.8"
    assert ask(narrow, narrow.client("service"), "garbage").get_json() in (
        INACTIVE,
        {"items": [INACTIVE]},
    )


@pytest.mark.parametrize("what", ["validate", "introspect"])
def test_each_entry_of_a_batch_counts(narrow: World, what: str) -> None:
    caller = narrow.client("service")
    assert in_batch(what, *"abcd")(narrow, caller, "e").status_code == 200
    assert in_batch(what)(narrow, caller, "f").status_code == 429


def test_garbage_costs_the_database_one_event(narrow: World) -> None:
    caller = narrow.client("service")
    by_holder(narrow, caller, "garbage")
    pooled: list[str] = []

    def hearing(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        pooled.append(first_words(sql))

    event.listen(narrow.database.engine, "before_cursor_execute", hearing)
    with statements(narrow) as heard:
        flood(narrow, by_holder, caller, 100)
    event.remove(narrow.database.engine, "before_cursor_execute", hearing)
    said = pooled if narrow.database.is_sqlite else heard
    assert [one for one in said if one not in ("BEGIN", "COMMIT")] == ["INSERT INTO"]
    assert len(told(narrow)) == 1


def test_without_a_database_garbage_is_refused_all_the_same(
    narrow: World, caplog: pytest.LogCaptureFixture
) -> None:
    with failing("services.garbage.record"):
        answers = flood(narrow, by_holder, narrow.client("service"))
    assert [one.status_code for one in answers] == [200] * FREE + [429] * 3
    assert "garbage_not_recorded" in caplog.text
    assert told(narrow) == []


def test_an_ipv6_network_is_one_source(narrow: World) -> None:
    caller = narrow.client("service")
    for number in range(FREE + 1):
        narrow.http.environ_base["REMOTE_ADDR"] = f"2001:db8::{number + 1}"
        answer = by_holder(narrow, caller, "garbage")
    assert answer.status_code == 429
