"""What operators see of a request: the same line and the same numbers, whichever way it went."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from tests.http.building import SignedIn, signed_in
from tests.http.express.building import (
    Answer,
    Request,
    by_long_way,
    by_short_way,
    client_credentials,
    introspect,
    known_to,
    passed_on,
    refresh,
    short,
    validate,
)
from tests.world.world import App, World
from token_service.web import every_request, logs

OF_A_REQUEST = "token_service_request", "token_service_tokens", "token_service_refused"
_OF_ONE = {"timestamp", "milliseconds", "request_id"}


@pytest.fixture
def lines(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What was logged since, as objects."""
    assert world  # It has said how much is logged.
    logs.configure("info")
    # A logger keeps the level that it had at its first use.
    monkeypatch.setattr(every_request, "_logger", structlog.get_logger())
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    logs.configure("warning")


def counted(world: World) -> dict[tuple[str, ...], float]:
    """What is counted of requests, but for how long they took."""
    text = world.http.get("/metrics").get_data(as_text=True)
    return {
        (one.name, *sorted(one.labels.values())): one.value
        for family in text_string_to_metric_families(text)
        if family.name.startswith(OF_A_REQUEST)
        for one in family.samples
        if one.name.endswith(("_total", "_count")) and "/metrics" not in one.labels.values()
    }


def more(world: World, ask: Callable[[], Answer]) -> dict[tuple[str, ...], float]:
    """What one request adds."""
    before = counted(world)
    assert ask().status == 200
    after = counted(world)
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0)
    }


Pair = tuple[Request, Request]


@pytest.fixture
def pairs(world: World) -> dict[str, Pair]:
    """Each kind of request twice, for either way one."""
    who, service = signed_in(world), world.client("service")
    known_to(world, who.app, service)
    twin = who.again()
    return {
        "/oauth2/token": (using(who), using(twin)),
        "/oauth2/introspect": (introspect(who.app, who.tokens.access),) * 2,
        "/v1/token/validate": (validate(who.tokens.access),) * 2,
        "client credentials": (client_credentials(service),) * 2,
    }


def using(who: SignedIn) -> Request:
    return refresh(who.app, who.tokens.refresh)


def test_a_request_is_counted_alike(world: World, pairs: dict[str, Pair]) -> None:
    for name, (one, twin) in pairs.items():
        quick = more(world, partial(short, world, one))
        slow = more(world, partial(by_long_way, world, twin))
        assert (name, quick) == (name, slow)
        route = one.path
        assert quick[("token_service_requests_total", *sorted(["2xx", "POST", route]))] == 1
        assert quick[("token_service_request_seconds_count", route)] == 1


def test_what_is_issued_is_counted_by_its_grant(world: World, pairs: dict[str, Pair]) -> None:
    for name, grant in (
        ("/oauth2/token", "refresh_token"),
        ("client credentials", "client_credentials"),
    ):
        added = more(world, partial(short, world, pairs[name][0]))
        assert added[("token_service_tokens_issued_total", grant)] == 1
    added = more(world, partial(short, world, pairs["/v1/token/validate"][0]))
    assert not any(name.startswith("token_service_tokens_issued") for name, *_ in added)


def test_a_request_is_logged_alike(
    world: World, pairs: dict[str, Pair], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    for one, twin in pairs.values():
        lines()
        answers = short(world, one), by_long_way(world, twin)
        quick, slow = told = lines()
        assert [line.pop("request_id") for line in told] == [
            answer.header("X-Request-Id") for answer in answers
        ]
        assert quick.keys() == slow.keys() > {"milliseconds", "timestamp"}
        assert quick["milliseconds"] >= 0
        assert {name: quick[name] for name in quick.keys() - _OF_ONE} == {
            name: slow[name] for name in slow.keys() - _OF_ONE
        }
        assert (quick["event"], quick["route"], quick["status"]) == ("request", one.path, 200)


def test_each_of_a_group_is_counted_and_logged_once(
    world: World, pairs: dict[str, Pair], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    asked = [one for one, _ in pairs.values()]
    before = counted(world)
    lines()
    answers = [answer for answer in by_short_way(world, *asked) if answer]
    told = lines()
    assert len(told) == len(answers) == 4
    assert {line["request_id"] for line in told} == {
        answer.header("X-Request-Id") for answer in answers
    }
    name = "token_service_requests_total"
    for route, number in (("/oauth2/token", 2), ("/v1/token/validate", 1)):
        key = (name, *sorted(["2xx", "POST", route]))
        assert counted(world)[key] - before.get(key, 0) == number


def test_what_is_given_back_is_told_once_and_by_the_long_way(
    world: World, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    service = world.client("service")
    known_to(world, service)
    asked = client_credentials(App(service.client_id, "tss_wrong"))
    environ = asked.at(world)
    before = counted(world)
    lines()
    for _ in world.app.express.answers([environ]):  # type: ignore[attr-defined]
        raise AssertionError
    assert (lines(), counted(world)) == ([], before)
    lines()
    answer = passed_on(world, environ)
    [line] = lines()
    assert (line["status"], line["request_id"]) == (401, answer.header("X-Request-Id"))
