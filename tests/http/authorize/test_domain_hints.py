"""`domain_hint`: an application names the tenant by its domain (ADR 0027)."""

import pytest

from tests.http.faults import failing
from tests.http.pushed.building import page_with
from tests.http.request_objects.signing import signer
from tests.world.browser import Browser, Returned, Shown, asking, redeemed, web_app
from tests.world.world import Person, World
from token_service.services import tenant_domains
from token_service.services.changes import Author


def domain(world: World, tenant_id: str, name: str = "north.example") -> None:
    """Give a tenant a domain."""
    given = tenant_domains.add(world.database, world.parts.clock, tenant_id, name, Author("cli"))
    assert given == [name]


@pytest.fixture
def north(world: World) -> str:
    """A tenant with a domain."""
    tenant_id = world.tenant("North")
    domain(world, tenant_id)
    return tenant_id


@pytest.fixture
def person(world: World, north: str) -> Person:
    """Somebody with two tenants, who would have to choose."""
    return world.person(world.tenant("South"), north)


@pytest.mark.parametrize("hint", ["north.example", "NORTH.Example"])
def test_the_person_is_not_asked_where_they_want_to_be(
    world: World, north: str, person: Person, hint: str
) -> None:
    app, browser = web_app(world), Browser(world)
    page = browser.page(app, domain_hint=hint)
    assert "(North)" in page.answer.text
    tokens = redeemed(world, app, browser.sign_in_at(page, person).code)
    assert tokens.body["tenantId"] == north
    silently = redeemed(world, app, browser.back(app, domain_hint=hint, prompt="none").code)
    assert silently.body["tenantId"] == north


@pytest.mark.parametrize("hint", ["south.example", "x", "", "North", "ö", "a@north.example"])
def test_a_domain_of_nobody_is_ignored(world: World, person: Person, hint: str) -> None:
    app, browser = web_app(world), Browser(world)
    page = browser.page(app, domain_hint=hint)
    assert "North" not in page.answer.text
    assert browser.sign_in_at(page, person).path == "/tenant"


def test_a_domain_that_was_taken_away_names_nobody_at_once(
    world: World, second_worker: World, north: str, person: Person
) -> None:
    app, browser = web_app(world), Browser(second_worker)
    assert "North" in browser.page(app, domain_hint="north.example").answer.text
    tenant_domains.remove(world.database, world.parts.clock, north, "north.example", Author("cli"))
    assert "North" not in browser.page(app, domain_hint="north.example").answer.text


def test_who_is_no_member_does_not_get_in(world: World, north: str) -> None:
    app, browser, stranger = web_app(world), Browser(world), world.person(world.tenant())
    browser.sign_in(app, stranger)
    refused = browser.back(app, domain_hint="north.example", prompt="none")
    assert refused.parameters["error"] == "interaction_required"
    page = browser.page(app, domain_hint="north.example")
    shown = browser.sign_in_at(page, stranger)
    assert isinstance(shown, Shown)
    assert "cannot be used here" in shown.answer.text


def test_whatever_says_more_comes_first(world: World, north: str, person: Person) -> None:
    app, browser = web_app(world), Browser(world)
    south = world.tenant()
    other = world.person(south, north)
    page = browser.page(app, domain_hint="north.example", tenant_id=south)
    assert redeemed(world, app, browser.sign_in_at(page, other).code).body["tenantId"] == south
    own = web_app(world, tenant_id=south)
    back = browser.back(own, domain_hint="north.example")
    assert redeemed(world, own, back.code).body["tenantId"] == south


def test_a_pushed_request_may_have_it(world: World, north: str, person: Person) -> None:
    app, browser = web_app(world), Browser(world)
    form = asking(app, domain_hint="north.example")
    pushed = world.http.post("/oauth2/par", data=form, headers=app.basic)
    assert pushed.status_code == 201, pushed.text
    page = page_with(browser, app, pushed.get_json()["request_uri"])
    back = browser.sign_in_at(page, person)
    assert isinstance(back, Returned)
    assert redeemed(world, app, back.code).body["tenantId"] == north


def test_a_signed_request_may_have_it(world: World, north: str, person: Person) -> None:
    one, browser = signer(world), Browser(world)
    page = one.come(browser, one.signed(domain_hint="north.example"))
    assert isinstance(page, Shown)
    assert "(North)" in page.answer.text
    beside = one.come(browser, one.signed(), domain_hint="north.example")
    assert isinstance(beside, Shown)
    assert "North" not in beside.answer.text


def test_what_cannot_be_known_is_no_choice(world: World, north: str) -> None:
    app, browser = web_app(world), Browser(world)
    with failing("storage.tenant_domains.tenant_of"):
        answer = browser.authorize(app, domain_hint="north.example")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
