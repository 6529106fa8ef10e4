"""What belongs to another tenant looks, to every caller of a tenant, like what is nobody's."""

from collections.abc import Iterator, Mapping

import pytest
from werkzeug.test import TestResponse

from tests.http.authorization.callers import UNKNOWN, Caller, Cast
from tests.http.building import SignedIn
from tests.http.routes import REQUESTS, Request, Route, ask
from tests.world.world import World

CALLERS = ("stranger", "backend_elsewhere", "admin_elsewhere")
"""Of the second tenant, each with all the power that there is in it."""

IDS = ("account_id", "tenant_id", "client_id", "sid", "app_id")


def of_objects() -> list[Route]:
    """The routes where an id is named: in the path, the query or the body."""
    return [route for route, request in REQUESTS.items() if names_ids(route, request)]


def names_ids(route: Route, request: Request) -> bool:
    """Whether one is."""
    # A client that names itself proves that it is this one.
    texts = [*request.query.values(), *(request.json or {}).values()]
    in_path = any(f"<{name}>" in route[1] for name in IDS)
    return in_path or any(f"{{{name}}}" in texts for name in ("account_id", "tenant_id", "sid"))


def questions(cast: Cast, target: SignedIn, own: SignedIn) -> Iterator[tuple[dict[str, str], ...]]:
    """Pairs of what is named: something of the first tenant, and in its place what nobody has."""
    app = cast.app_here.client_id
    foreign = {
        "account_id": target.account_id,
        "sid": target.tokens.sid,
        "tenant_id": cast.here,
        "app_id": app,
    }
    unknown = dict.fromkeys(foreign, UNKNOWN) | {"app_id": "no-such-client"}
    yield foreign, unknown
    mine = {"tenant_id": cast.elsewhere}
    yield foreign | mine, unknown | mine
    mine |= {"account_id": own.account_id}
    yield foreign | mine, unknown | mine


def seen(answer: TestResponse) -> tuple[int, object]:
    """All that a caller can tell answers by."""
    body = answer.get_json()
    # Errors of RFC 6749 have none.
    assert "error" in body or body.pop("request_id") == answer.headers["X-Request-Id"]
    headers = {**answer.headers}
    del headers["X-Request-Id"], headers["Content-Length"]
    return answer.status_code, (body, headers)


@pytest.mark.parametrize("name", CALLERS)
def test_ids_of_another_tenant_are_like_ids_that_nobody_has(world: World, name: str) -> None:
    cast = Cast(world)
    target, own = cast.target(), cast.target(cast.elsewhere)
    compared = 0
    for route in of_objects():
        for named, unnamed in questions(cast, target, own):
            caller = cast.caller(name, own)
            answers = [
                sent(world, route, cast.names_of(target, caller) | ids, caller)
                for ids in (named, unnamed)
            ]
            if answers[0].status_code < 300:
                # All that it names is the caller's own, or the same as what a stranger may do.
                assert is_harmless(route, named, cast, own), route
                continue
            assert seen(answers[0]) == seen(answers[1]), route
            compared += 1
    assert world.is_live(target.tokens)
    assert compared > len(of_objects())


def sent(world: World, route: Route, names: Mapping[str, str], caller: Caller) -> TestResponse:
    """The request, with the client's id in the path where that is what it is about."""
    in_path = {"client_id": names["app_id"]} if "/clients/" in route[1] else {}
    return ask(world, route, names, caller.headers, in_path)


def is_harmless(route: Route, named: Mapping[str, str], cast: Cast, own: SignedIn) -> bool:
    """Whether everything that the route names is of the second tenant."""
    mine = {cast.elsewhere, own.account_id}
    texts = [*REQUESTS[route].query.values(), *(REQUESTS[route].json or {}).values()]
    used = [name for name in named if f"<{name}>" in route[1] or f"{{{name}}}" in texts]
    return all(named[name] in mine for name in used)


@pytest.mark.parametrize("path", ["sessions", "audit"])
def test_a_cursor_is_good_for_the_caller_that_it_was_given_to(world: World, path: str) -> None:
    cast = Cast(world)
    target = cast.target()
    target.again()
    url = f"/v1/accounts/{target.account_id}/{path}"
    page = world.http.get(f"{url}?limit=1", headers=cast.caller("admin", target).headers)
    query = {"limit": 1, "cursor": page.get_json()["next_cursor"]}
    assert query["cursor"]
    for name, status in {"admin": 200, "admin_here": 400, "admin_elsewhere": 404}.items():
        headers = cast.caller(name, target).headers
        answer = world.http.get(url, headers=headers, query_string=query)
        assert answer.status_code == status, (name, answer.text)


def test_no_header_and_no_parameter_says_of_which_tenant_a_caller_is(world: World) -> None:
    cast = Cast(world)
    target = cast.target()
    for name in CALLERS:
        headers = cast.caller(name, target).headers | {
            "X-Tenant-Id": cast.here,
            "tenantId": cast.here,
        }
        for query in ({}, {"tenant_id": cast.here}, {"tenantId": cast.here}):
            answer = world.http.get(
                f"/v1/accounts/{target.account_id}/sessions", headers=headers, query_string=query
            )
            assert answer.status_code in (400, 404), (name, query, answer.text)
