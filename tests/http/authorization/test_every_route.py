"""Every route, asked by every caller."""

from werkzeug.test import TestResponse

from tests.http.authorization.callers import NAMES, Cast
from tests.http.authorization.outcomes import EXPECTED
from tests.http.building import SignedIn
from tests.http.routes import REQUESTS, Route, ask, described_routes, every_route, stamp
from tests.world.world import World


def outcome(world: World, answer: TestResponse, target: SignedIn) -> str:
    """The answer as the table writes it."""
    body = answer.get_json(silent=True)
    told = body if isinstance(body, dict) else {}
    found = [str(answer.status_code)]
    if answer.status_code >= 400:
        found.append(str(told.get("code") or told.get("error") or ""))
    for one in told.get("items") or [told]:
        if "active" in one:
            found.append("active" if one["active"] else "inactive")
    if not world.is_live(target.tokens):
        found.append("ended")
    return " ".join(one for one in found if one)


def in_path(route: Route, cast: Cast) -> dict[str, str]:
    """What the path names, where the body means something else by the same name."""
    return {"client_id": cast.app.client_id} if "/clients/" in route[1] else {}


def asked(cast: Cast, route: Route, name: str) -> tuple[TestResponse, SignedIn]:
    """Somebody new is asked about."""
    target = cast.target()
    caller = cast.caller(name, target)
    names = cast.names_of(target, caller)
    answer = ask(cast.world, route, names, caller.headers, in_path(route, cast))
    return answer, target


def test_each_caller_is_answered_what_the_table_says(world: World) -> None:
    stamp(world)
    cast, wrong = Cast(world), {}
    for route in every_route(world.app):
        for name in NAMES:
            answer, target = asked(cast, route, name)
            told = outcome(world, answer, target)
            if name not in EXPECTED[route].get(told, set()):
                wrong[route, name] = told
    assert wrong == {}


def test_each_caller_stands_once_in_each_row() -> None:
    for route, row in EXPECTED.items():
        told = sorted(name for who in row.values() for name in who)
        assert told == sorted(NAMES), route


def test_what_is_described_is_served_and_what_is_served_is_described(world: World) -> None:
    served = {route for route in every_route(world.app) if route[1].startswith("/v1/")}
    assert described_routes(world) == served - {("GET", "/v1/openapi.json")}
    assert set(REQUESTS) == set(EXPECTED) == set(every_route(world.app))
