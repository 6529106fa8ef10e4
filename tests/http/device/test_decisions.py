"""Whoever enters a code decides, and nobody else; guessing codes is stopped."""

import pytest

from tests.http import administration as admin
from tests.http.building import assert_refused
from tests.http.device.building import (
    Waiting,
    decide,
    device_app,
    enter,
    entry,
    is_over,
    last,
    let_in,
    question,
    waiting,
)
from tests.http.session_limits.crowd import limit_account
from tests.world.browser import Browser, Shown
from tests.world.world import App, Person, Time, World

WRONG = "This code is not good, or not any more"


@pytest.fixture
def person(world: World) -> Person:
    """Somebody."""
    return world.person(world.tenant())


@pytest.fixture
def device(world: World) -> Waiting:
    """A device that waits."""
    return waiting(world, device_app(world))


def confirm_url(page: Shown) -> str:
    """Where the question is."""
    return f"/device/confirmation?interaction={page.interaction}"


def test_another_browser_cannot_open_the_question(
    world: World, device: Waiting, person: Person
) -> None:
    mine, theirs = Browser(world), Browser(world)
    page = question(mine, device, person)
    theirs.sign_in(device_app(world, "app"), world.person(world.tenant()))
    assert is_over(theirs.http.get(confirm_url(page)))
    for decision in ("approve", "deny"):
        fields = page.hidden | {"decision": decision}
        assert is_over(theirs.post("/device/confirmation", fields))
    assert_refused(device.poll(), 400, "authorization_pending")
    decide(mine, page)
    assert device.tokens()


def test_whoever_signs_in_elsewhere_in_the_browser_does_not_decide(
    world: World, device: Waiting, person: Person
) -> None:
    """The first person leaves, and the second one signs in to something else."""
    browser, other, app = Browser(world), world.person(world.tenant()), device_app(world, "app")
    browser.sign_in(app, person)
    page = enter(browser, device.user_code)
    browser.sign_in(app, other, prompt="login")
    opened = browser.follow(confirm_url(page), browser.http.get(confirm_url(page)))
    assert isinstance(opened, Shown)
    assert opened.path == "/sign-in"
    sent = browser.send(page, "/device/confirmation", decision="approve")
    assert isinstance(sent, Shown)
    assert sent.path == "/sign-in"
    assert_refused(device.poll(), 400, "authorization_pending")


def test_whoever_signs_in_to_decide_decides(world: World, device: Waiting, person: Person) -> None:
    browser, other = Browser(world), world.person(world.tenant())
    browser.sign_in(device_app(world, "app"), other)
    page = enter(browser, device.user_code)
    assert page.path == "/device/confirmation"
    named = browser.http.get(f"/sign-in?interaction={page.interaction}&other=1")
    asked = browser.sign_in_at(Shown(page.url, named), person)
    assert isinstance(asked, Shown)
    old = browser.send(page, "/device/confirmation", decision="approve")
    assert isinstance(old, Shown)
    assert person.email in old.answer.text
    assert_refused(device.poll(), 400, "authorization_pending")
    decide(browser, asked)
    assert world.validate(device.tokens().access)["active"]
    assert last(world, person).event in ("signed_in", "new_device")


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_a_form_from_another_site_does_nothing(
    world: World, device: Waiting, person: Person, headers: dict[str, str]
) -> None:
    browser = Browser(world)
    fields = entry(browser).hidden | {"user_code": device.user_code}
    assert is_over(browser.post("/device", fields, **headers))
    page = question(browser, device, person)
    fields = page.hidden | {"decision": "approve"}
    assert is_over(browser.post("/device/confirmation", fields, **headers))
    assert_refused(device.poll(), 400, "authorization_pending")


def test_a_form_needs_its_own_token(world: World, device: Waiting, person: Person) -> None:
    browser, other = Browser(world), Browser(world)
    entry(browser)
    for token in ("", "x", entry(other).hidden["form_token"]):
        assert is_over(
            browser.post("/device", {"form_token": token, "user_code": device.user_code})
        )
    assert is_over(Browser(world).post("/device", {"user_code": device.user_code}))
    assert world.sql("SELECT * FROM interactions") == []
    page = question(browser, device, person)
    for name in ("form_token", "shown"):
        fields = page.hidden | {"decision": "approve", name: "x"}
        assert browser.post("/device/confirmation", fields).status_code in (303, 400)
    assert_refused(device.poll(), 400, "authorization_pending")


def test_the_question_is_asked_after_the_steps_before_it(
    world: World, device: Waiting, person: Person
) -> None:
    browser = Browser(world)
    page = enter(browser, device.user_code)
    assert page.path == "/sign-in"
    early = browser.post("/device/confirmation", page.hidden | {"decision": "approve"})
    assert early.status_code == 303
    asked = question(browser, device, person)
    for path in ("/consent", "/tenant"):
        fields = asked.hidden | {"decision": "allow", "tenant_id": "x"}
        assert browser.post(path, fields).status_code in (303, 400)
    assert_refused(device.poll(), 400, "authorization_pending")
    assert decide(browser, asked, "perhaps").path == "/device/confirmation"
    assert_refused(device.poll(), 400, "slow_down")


def test_a_decision_is_made_once(world: World, device: Waiting, person: Person) -> None:
    browser = Browser(world)
    first, second = question(browser, device, person), enter(browser, device.user_code)
    decide(browser, first)
    assert is_over(browser.post("/device/confirmation", first.hidden | {"decision": "deny"}))
    assert is_over(browser.post("/device/confirmation", second.hidden | {"decision": "deny"}))
    assert is_over(browser.get("/device/confirmation", interaction=second.interaction))
    assert device.tokens()
    assert world.event_names(person.account_id).count("device_approved") == 1


def test_a_decision_that_comes_too_late(
    world: World, device: Waiting, person: Person, time: Time
) -> None:
    browser = Browser(world)
    page = question(browser, device, person)
    time.pass_(minutes=15)
    assert is_over(browser.post("/device/confirmation", page.hidden | {"decision": "approve"}))
    assert_refused(device.poll(), 400, "expired_token")


def test_giving_up_leaves_the_device_as_it_is(
    world: World, device: Waiting, person: Person
) -> None:
    browser = Browser(world)
    page = enter(browser, device.user_code)
    left = browser.send(page, "/sign-in", decision="cancel")
    assert isinstance(left, Shown)
    assert left.title == "Nothing was done"
    assert_refused(device.poll(), 400, "authorization_pending")
    let_in(browser, device, person)
    assert device.tokens()


def test_whoever_cannot_be_there_lets_nothing_in(world: World, person: Person) -> None:
    """A client of a tenant is for its members alone (CVE-2024-38371)."""
    device = waiting(world, device_app(world, tenant_id=world.tenant("Elsewhere")))
    browser = Browser(world)
    page = browser.sign_in_at(enter(browser, device.user_code), person)
    assert isinstance(page, Shown)
    assert "This account cannot be used here" in page.answer.text
    browser.sign_in(device_app(world, "app"), person)
    page = enter(browser, device.user_code)
    assert page.path == "/sign-in"
    assert_refused(device.poll(), 400, "authorization_pending")


@pytest.mark.parametrize("action", ["deny", "ask"])
def test_where_there_is_no_room_the_person_is_told(world: World, time: Time, action: str) -> None:
    person = world.person(world.tenant(max_sessions_action=action))
    device, browser = waiting(world, device_app(world)), Browser(world)
    page = question(browser, device, person)
    other = world.sign_in(person, world.client())
    limit_account(world, person, 2)
    answer = browser.post("/device/confirmation", page.hidden | {"decision": "approve"})
    assert answer.status_code == 409
    assert "You are signed in on as many devices" in answer.text
    assert_refused(device.poll(), 400, "authorization_pending")
    world.invalidate(token=other.access)
    decide(browser, page)
    assert device.tokens()


def test_unknown_expired_and_decided_codes_look_alike(
    world: World, device: Waiting, person: Person, time: Time
) -> None:
    browser, app = Browser(world), device_app(world)
    let_in(browser, decided := waiting(world, app), person)
    disabled_app = device_app(world)
    disabled = waiting(world, disabled_app)
    disable(world, disabled_app)
    pages = [enter(browser, one) for one in ("BBBB-BBBB", "AEIOUYAE", "x", "")]
    pages += [enter(browser, one.user_code) for one in (decided, disabled)]
    time.pass_(minutes=15)
    pages.append(enter(browser, device.user_code))
    assert {one.answer.status_code for one in pages} == {400}
    assert len({one.answer.text for one in pages}) == 1
    assert WRONG in pages[0].answer.text


def disable(world: World, app: App) -> None:
    """Switch a client off, for every worker."""
    world.sql("UPDATE clients SET enabled = :no WHERE client_id = :id", no=False, id=app.client_id)
    admin.tell_workers(world)


def test_guessing_codes_is_stopped(world: World, device: Waiting, time: Time) -> None:
    """Even the right code waits, in whatever browser it is entered at the source."""
    browser, free = Browser(world), world.parts.settings.throttle.source_failures
    statuses = [enter(browser, "BBBB-BBBB").answer.status_code for _ in range(free + 2)]
    assert statuses == [400] * free + [429] * 2
    for one in (browser, Browser(world)):
        page = enter(one, device.user_code)
        assert page.answer.status_code == 429
        assert int(page.answer.headers["Retry-After"]) > 0
        assert "too many attempts" in page.answer.text
    time.pass_(seconds=int(page.answer.headers["Retry-After"]))
    assert enter(browser, device.user_code).path == "/sign-in"


def test_guesses_of_codes_and_of_passwords_count_together(world: World, person: Person) -> None:
    browser, free = Browser(world), world.parts.settings.throttle.source_failures
    for _ in range(free):
        enter(browser, "BBBB-BBBB")
    answer = world.try_sign_in(person, world.client())
    assert_refused(answer, 429, "throttled")
