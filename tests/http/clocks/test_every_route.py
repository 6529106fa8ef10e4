"""A node whose clock is an hour off: every route answers 503 and changes nothing."""

from tests.http.authorization.callers import Caller, Cast
from tests.http.authorization.outcomes import EXPECTED
from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.clocks.node import HOURS, Node, rows
from tests.http.passwords.building import token_for
from tests.http.routes import AT_PAGES, Route, ask, every_route
from tests.world.world import Time, World

EXEMPT: dict[Route, str] = {
    ("GET", "/"): "says what this is",
    ("GET", "/.well-known/oauth-authorization-server"): "the same at every time",
    ("GET", "/.well-known/openid-configuration"): "the same at every time",
    ("GET", "/livez"): "the process answers; it must not be restarted for its clock",
    ("GET", "/metrics"): "counts of this process",
    ("GET", "/pages/<path:filename>"): "a file",
    ("POST", "/oauth2/register"): "off; where it is on, see tests/http/registration",
    ("GET", "/v1/openapi.json"): "the same at every time",
}


def entitled(route: Route) -> str:
    """Somebody who may do it."""
    if route == ("POST", "/v1/sign-in/continue"):
        return "app"
    told = {name for told, who in EXPECTED[route].items() if told[0] == "2" for name in who}
    return next(one for one in ("owner", "app", "backend", "admin") if one in (told or {"owner"}))


def named(cast: Cast, route: Route, target: SignedIn, caller: Caller) -> dict[str, str]:
    """What the request names, a link and a ticket that are good among it."""
    names = cast.names_of(target, caller)
    if "password-reset" in route[1]:
        names["link"] = token_for(cast.world, target.person.email)
    if route == ("POST", "/v1/sign-in/continue"):
        answer = cast.world.try_sign_in(target.person, cast.app)
        names["ticket"] = answer.get_json()["ticket"]
    return names


def test_with_a_wrong_clock_nothing_is_answered_and_nothing_changes(
    world: World, node: Node
) -> None:
    cast = Cast(world)
    narrow = world.tenant(max_sessions=1, max_sessions_action="ask")
    # The pages and devices have a walk of their own (`test_pages.py`), and nobody has registered
    # itself here.
    elsewhere = ("/oauth2/register", "/oauth2/device_authorization")
    walked = {one for one in every_route(world.app) if one[1].startswith(elsewhere)} | set(AT_PAGES)
    for route in every_route(world.app):
        if route in walked:
            continue
        target = cast.target(narrow if route[1] == "/v1/sign-in/continue" else None)
        caller = cast.caller(entitled(route), target)
        names = named(cast, route, target, caller)
        in_path = {"client_id": cast.app.client_id} if "/clients/" in route[1] else {}
        before = rows(world)
        for shift in HOURS:
            node.is_off_by(shift)
            answer = ask(node.world, route, names, caller.headers, in_path)
            if route in EXEMPT:
                assert answer.status_code == 200, route
            else:
                assert answer.status_code == 503, (route, shift, answer.text)
                assert int(answer.headers["Retry-After"]) > 0, route
        assert rows(world) == before, route
        node.is_off_by("+0")
        answer = ask(node.world, route, names, caller.headers, in_path)
        assert answer.status_code < 300, (route, answer.text)


def test_a_node_with_a_wrong_clock_is_not_ready_until_it_agrees(node: Node) -> None:
    for shift in HOURS:
        node.is_off_by(shift)
        answer = node.world.http.get("/readyz")
        assert (answer.status_code, answer.get_json()["obstacles"]) == (503, ["clock"])
        node.is_off_by("+0")
        assert node.world.http.get("/readyz").status_code == 200


def test_a_session_outlives_a_wrong_clock_and_no_session_gains_by_it(
    world: World, node: Node, time: Time
) -> None:
    who = signed_in(world, idle_timeout=7200, refresh_token_lifetime=7200)
    time.pass_(hours=1, minutes=59)
    node.is_off_by("-3600")
    assert node.world.try_refresh(who.app, who.tokens.refresh).status_code == 503
    node.is_off_by("+3600")
    assert node.world.try_refresh(who.app, who.tokens.refresh).status_code == 503
    node.is_off_by("+0")
    assert node.world.try_refresh(who.app, who.tokens.refresh).status_code == 200
    late = signed_in(world, idle_timeout=7200, refresh_token_lifetime=7200)
    time.pass_(hours=2, seconds=1)
    node.is_off_by("+3600")
    assert node.world.try_refresh(late.app, late.tokens.refresh).status_code == 503
    node.is_off_by("+0")
    assert_refused(node.world.try_refresh(late.app, late.tokens.refresh), 400, "invalid_grant")
    assert late.happened[-1][1] in ("idle_timeout", "refresh_expired")
