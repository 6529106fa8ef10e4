"""A browser at a node whose clock is an hour off: nothing is begun, ended or handed out."""

from collections.abc import Callable

from werkzeug.test import TestResponse

from tests.http.clocks.node import HOURS, Node, rows
from tests.http.device.building import (
    decide,
    device_app,
    entry,
    question,
    try_begin,
    waiting,
)
from tests.world.browser import Browser, Returned, Shown, asking, redeem, web_app
from tests.world.world import World

Ask = Callable[[], TestResponse]


def with_a_wrong_clock(world: World, node: Node, ask: Ask) -> None:
    """Nothing is answered and nothing changes, an hour ahead and an hour behind."""
    before = rows(world)
    for shift in HOURS:
        node.is_off_by(shift)
        answer = ask()
        assert answer.status_code == 503, (shift, answer.text)
        assert int(answer.headers["Retry-After"]) > 0
        assert "code=" not in answer.headers.get("Location", "")
    node.is_off_by("+0")
    assert rows(world) == before


def test_each_step_of_a_sign_in_waits_for_the_clock(world: World, node: Node) -> None:
    person, app = world.person(world.tenant(), world.tenant()), web_app(world)
    app_asks = {**asking(app), "prompt": "consent"}
    browser = Browser(node.world)

    with_a_wrong_clock(world, node, lambda: browser.get("/oauth2/authorize", **app_asks))
    sign_in = browser.page(app, prompt="consent")
    fields = {"identifier": person.email, "password": person.password}
    for path in ("/sign-in", "/oauth2/authorize/continue"):
        query = {"interaction": sign_in.interaction}
        with_a_wrong_clock(world, node, lambda path=path, query=query: browser.get(path, **query))
    with_a_wrong_clock(world, node, lambda: browser.post("/sign-in", sign_in.hidden | fields))

    tenant = browser.sign_in_at(sign_in, person)
    assert isinstance(tenant, Shown)
    assert tenant.path == "/tenant"
    chosen = tenant.hidden | {"tenant_id": tenant.values("tenant_id")[0]}
    with_a_wrong_clock(world, node, lambda: browser.post("/tenant", chosen))

    consent = browser.send(tenant, tenant_id=chosen["tenant_id"])
    assert isinstance(consent, Shown)
    assert consent.path == "/consent"
    allowed = consent.hidden | {"decision": "allow"}
    with_a_wrong_clock(world, node, lambda: browser.post("/consent", allowed))

    back = browser.send(consent, decision="allow")
    assert isinstance(back, Returned)
    with_a_wrong_clock(world, node, lambda: redeem(node.world, app, back.code))
    assert redeem(node.world, app, back.code).status_code == 200


def test_who_is_signed_in_is_neither_let_through_nor_signed_out(world: World, node: Node) -> None:
    person, app = world.person(world.tenant()), web_app(world)
    browser = Browser(node.world)
    browser.sign_in(app, person)
    with_a_wrong_clock(world, node, lambda: browser.authorize(app))
    with_a_wrong_clock(world, node, lambda: browser.authorize(app, prompt="none"))
    asked = Shown("/oauth2/logout", browser.get("/oauth2/logout"))
    confirmed = asked.hidden
    with_a_wrong_clock(world, node, lambda: browser.post("/oauth2/logout-confirmation", confirmed))
    assert "code" in browser.back(app, prompt="none").parameters


def test_each_step_of_a_device_waits_for_the_clock(world: World, node: Node) -> None:
    person, app = world.person(world.tenant()), device_app(world)
    browser = Browser(node.world)
    with_a_wrong_clock(world, node, lambda: try_begin(node.world, app))
    device = waiting(node.world, app)
    with_a_wrong_clock(world, node, device.poll)
    typed = entry(browser).hidden | {"user_code": device.user_code}
    with_a_wrong_clock(world, node, lambda: browser.post("/device", typed))
    asked = question(browser, device, person)
    query = {"interaction": asked.interaction}
    with_a_wrong_clock(world, node, lambda: browser.get("/device/confirmation", **query))
    for decision in ("approve", "deny"):
        fields = asked.hidden | {"decision": decision}
        with_a_wrong_clock(
            world, node, lambda fields=fields: browser.post("/device/confirmation", fields)
        )
    decide(browser, asked)
    with_a_wrong_clock(world, node, device.poll)
    assert device.tokens()
