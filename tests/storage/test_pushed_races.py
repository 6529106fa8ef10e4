"""Pushed requests under contention, each made certain by lock-hold on PostgreSQL."""

from functools import partial

from tests.http.pushed.building import page_with, push
from tests.storage.holding import holding
from tests.world.browser import Browser, web_app

TABS = 4


def row_of(world):
    [found] = world.sql("SELECT request_id FROM pushed_requests")
    return "SELECT 1 FROM pushed_requests WHERE request_id = %s FOR UPDATE", found.request_id


def codes(world):
    return world.sql("SELECT count(*) FROM authorization_codes")[0][0]


def test_of_many_browsers_that_are_signed_in_one_gets_a_code(on_postgres):
    world = on_postgres
    app, first = web_app(world), web_app(world)
    browsers = [Browser(world) for _ in range(TABS)]
    for one in browsers:
        one.sign_in(first, world.person(world.tenant()))
    before = codes(world)
    named = {"client_id": app.client_id, "request_uri": push(world, app)}
    with holding(world) as hold:
        uses = [partial(one.get, "/oauth2/authorize", **named) for one in browsers]
        answers = hold.at_once(row_of(world), *uses)
    assert sorted(one.status_code for one in answers) == [303] + [400] * (TABS - 1)
    [good] = [one for one in answers if one.status_code == 303]
    assert "code=" in good.headers["Location"]
    assert codes(world) == before + 1


def test_of_many_pages_that_began_with_it_one_gets_a_code(on_postgres):
    world = on_postgres
    app = web_app(world)
    request_uri = push(world, app)
    waiting = []
    for _ in range(TABS):
        browser, person = Browser(world), world.person(world.tenant())
        page = page_with(browser, app, request_uri)
        fields = page.hidden | {"identifier": person.email, "password": person.password}
        browser.post("/sign-in", fields)
        go_on = f"/oauth2/authorize/continue?interaction={page.interaction}"
        waiting.append(partial(browser.get, go_on))
    with holding(world) as hold:
        answers = hold.at_once(row_of(world), *waiting)
    assert sorted(one.status_code for one in answers) == [303] + [400] * (TABS - 1)
    assert codes(world) == 1
    # Whoever lost can still look at the page that says so, and nothing is left over.
    assert world.sql("SELECT count(*) FROM pushed_requests")[0][0] == 0


def test_of_many_silent_refusals_one_is_an_answer(on_postgres):
    world = on_postgres
    app = web_app(world)
    named = {"client_id": app.client_id, "request_uri": push(world, app, prompt="none")}
    with holding(world) as hold:
        uses = [partial(Browser(world).get, "/oauth2/authorize", **named) for _ in range(TABS)]
        answers = hold.at_once(row_of(world), *uses)
    assert sorted(one.status_code for one in answers) == [303] + [400] * (TABS - 1)


def test_allowing_and_denying_at_once(on_postgres):
    world = on_postgres
    app = web_app(world, metadata={"consent_required": True})
    request_uri, person = push(world, app), world.person(world.tenant())
    uses = []
    for decision in ("allow", "cancel"):
        browser = Browser(world)
        shown = browser.sign_in_at(page_with(browser, app, request_uri), person)
        assert shown.path == "/consent"
        uses.append(partial(browser.send, shown, decision=decision))
    with holding(world) as hold:
        answers = hold.at_once(row_of(world), *uses)
    told = [one for one in answers if hasattr(one, "parameters")]
    assert len(told) == 1
    assert codes(world) == (1 if "code" in told[0].parameters else 0)
