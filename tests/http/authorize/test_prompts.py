"""Who is asked what: prompts, ages, tenants, consent, and two people at one browser."""

import pytest

from tests.http import administration as admin
from tests.world.browser import Browser, Returned, redeemed, web_app
from tests.world.world import Time, World


def error(back: object) -> str:
    """The error that an application is told."""
    assert isinstance(back, Returned), back
    return back.parameters["error"]


def test_a_demanded_sign_in_renews_the_session(world: World, time: Time) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    first = redeemed(world, app, browser.sign_in(app, person).code)
    old = browser.cookie
    before = world.validate(first.access)["auth_time"]
    time.pass_(minutes=5)
    page = browser.page(app, prompt="login")
    assert page.path == "/sign-in"
    second = redeemed(world, app, browser.sign_in_at(page, person).code)
    assert second.sid == first.sid
    assert world.validate(second.access)["auth_time"] == before + 300
    refreshed = world.refresh(app, first.refresh)
    assert world.validate(refreshed.access)["auth_time"] == before
    assert browser.cookie not in ("", old)
    thief = Browser(world)
    thief.cookie = old
    assert error(thief.back(app, prompt="none")) == "login_required"
    assert world.event_names(person.account_id).count("signed_in") == 2


def test_somebody_else_gets_a_session_of_their_own(world: World) -> None:
    tenant_id, app, browser = world.tenant(), web_app(world), Browser(world)
    ada, eve = world.person(tenant_id), world.person(tenant_id)
    hers = redeemed(world, app, browser.sign_in(app, ada).code)
    old = browser.cookie
    page = browser.page(app, prompt="login")
    assert ada.email not in page.answer.text
    eves = redeemed(world, app, browser.sign_in_at(page, eve).code)
    assert eves.sid != hers.sid
    assert world.validate(eves.access)["sub"] == eve.account_id
    assert world.validate(world.refresh(app, hers.refresh).access)["sub"] == ada.account_id
    thief = Browser(world)
    thief.cookie = old
    assert error(thief.back(app, prompt="none")) == "login_required"
    ends = [(str(one.event), one.reason) for one in world.events(ada.account_id)][-1]
    assert ends == ("grant_ended", "superseded")
    silently = redeemed(world, app, browser.back(app, prompt="none").code)
    assert silently.sid == eves.sid


def test_giving_up_changes_nothing_for_who_is_signed_in(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    cookie = browser.cookie
    page = browser.page(app, prompt="login")
    assert error(browser.send(page, decision="cancel")) == "access_denied"
    assert browser.cookie == cookie
    assert browser.back(app, prompt="none").code
    again = browser.post("/sign-in", page.hidden | {"decision": "cancel"})
    assert again.status_code == 400


@pytest.mark.parametrize(("age", "is_asked"), [(59, False), (60, True), (3600, True)])
def test_max_age(world: World, time: Time, age: int, is_asked: bool) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    time.pass_(seconds=age)
    came = browser.come(app, max_age="60")
    assert isinstance(came, Returned) is not is_asked
    if is_asked:
        assert error(browser.back(app, max_age="60", prompt="none")) == "login_required"
        assert browser.sign_in_at(came, person).code


def test_max_age_of_nothing_is_a_sign_in_each_time(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person, max_age="0")
    assert browser.page(app, max_age="0").path == "/sign-in"


def test_one_of_several_tenants_is_chosen(world: World) -> None:
    north, south = world.tenant("North"), world.tenant("South")
    person, app, browser = world.person(north, south), web_app(world), Browser(world)
    page = browser.sign_in_at(browser.page(app), person)
    assert page.path == "/tenant"
    assert page.values("tenant_id") == [north, south]
    assert person.email in page.answer.text
    back = browser.send(page, tenant_id=south)
    assert redeemed(world, app, back.code).body["tenantId"] == south
    assert error(browser.back(app, prompt="none")) == "interaction_required"
    assert redeemed(world, app, browser.back(app, tenant_id=north).code).body["tenantId"] == north


def test_only_a_tenant_that_is_offered_can_be_chosen(world: World) -> None:
    north, south, other = world.tenant(), world.tenant(), world.tenant()
    person, app, browser = world.person(north, south), web_app(world), Browser(world)
    page = browser.sign_in_at(browser.page(app), person)
    for wrong in (other, "x", ""):
        sent = browser.post("/tenant", page.hidden | {"tenant_id": wrong})
        assert sent.status_code == 400
    assert browser.send(page, tenant_id=north).code


def test_a_client_of_a_tenant_is_for_its_members(world: World) -> None:
    north, south = world.tenant(), world.tenant()
    app, stranger, browser = web_app(world, tenant_id=north), world.person(south), Browser(world)
    browser.sign_in(web_app(world), stranger)
    assert error(browser.back(app, prompt="none")) == "interaction_required"
    page = browser.page(app)
    assert page.path == "/sign-in"
    again = browser.sign_in_at(page, stranger)
    assert (again.answer.status_code, again.path) == (400, "/sign-in")
    assert "cannot be used here" in again.answer.text
    assert browser.sign_in_at(again, world.person(north)).code


def test_a_stricter_tenant_wants_a_fresher_sign_in(world: World, time: Time) -> None:
    north, south = world.tenant(), world.tenant(idle_timeout=600)
    person, app = world.person(north, south, default=north), web_app(world)
    browser = Browser(world)
    browser.sign_in(app, person)
    time.pass_(seconds=599)
    assert browser.back(app, tenant_id=south).code
    time.pass_(seconds=600)
    assert error(browser.back(app, tenant_id=south, prompt="none")) == "login_required"
    assert browser.page(app, tenant_id=south).path == "/sign-in"
    assert browser.back(app, tenant_id=north).code


def test_an_idle_browser_signs_in_again(world: World, time: Time) -> None:
    app, person = web_app(world), world.person(world.tenant(idle_timeout=600))
    browser = Browser(world)
    first = redeemed(world, app, browser.sign_in(app, person).code)
    for _ in range(3):
        time.pass_(seconds=500)
        assert browser.back(app).code
    time.pass_(seconds=600)
    assert error(browser.back(app, prompt="none")) == "login_required"
    second = redeemed(world, app, browser.sign_in(app, person).code)
    assert second.sid != first.sid


def test_a_forced_sign_in_comes_however_much_the_browser_is_used(world: World, time: Time) -> None:
    app, person = web_app(world), world.person(world.tenant(force_relogin=1000))
    browser = Browser(world)
    browser.sign_in(app, person)
    time.pass_(seconds=999)
    assert browser.back(app).code
    time.pass_(seconds=1)
    assert error(browser.back(app, prompt="none")) == "login_required"


def test_an_application_of_others_is_allowed_once(world: World) -> None:
    app = web_app(world, metadata={"consent_required": True})
    person, browser = world.person(world.tenant("North")), Browser(world)
    page = browser.sign_in_at(browser.page(app, scope="openid email"), person)
    assert page.path == "/consent"
    for told in ("see your e-mail address", "North", person.email, "https://app.example/cb"):
        assert told in page.answer.text
    assert error(browser.back(app, prompt="none")) == "consent_required"
    tokens = redeemed(world, app, browser.send(page, decision="allow").code)
    assert tokens.body["scope"] == "email openid"
    assert "consent_given" in world.event_names(person.account_id)
    assert browser.back(app, scope="openid", prompt="none").code
    more = browser.page(app, scope="openid email phone")
    assert more.path == "/consent"
    claims = '{"userinfo": {"birthdate": null}}'
    assert "birthdate" in browser.page(app, scope="openid", claims=claims).answer.text
    assert browser.send(more, decision="allow").code
    assert browser.back(app, scope="openid phone email", prompt="none").code


def test_what_is_not_allowed_is_told_the_application(world: World) -> None:
    app = web_app(world, metadata={"consent_required": True})
    person, browser = world.person(world.tenant()), Browser(world)
    page = browser.sign_in_at(browser.page(app), person)
    assert error(browser.send(page, decision="cancel")) == "access_denied"
    assert world.sql("SELECT count(*) FROM consents")[0][0] == 0
    assert browser.page(app).path == "/consent"


def test_offline_access_needs_consent_where_any_is_needed(world: World) -> None:
    person, browser = world.person(world.tenant()), Browser(world)
    own = web_app(world)
    assert browser.sign_in(own, person, scope="openid offline_access").code
    others = web_app(world, metadata={"consent_required": True})
    browser.send(browser.page(others, scope="openid"), decision="allow")
    page = browser.page(others, scope="openid offline_access")
    assert "while you are away" in page.answer.text


def test_consent_is_asked_for_again_on_demand(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    page = browser.page(app, prompt="consent")
    assert page.path == "/consent"
    assert browser.send(page, decision="allow").code
    assert browser.back(app).code


def test_remembering_is_offered_where_it_is_allowed(world: World, time: Time) -> None:
    app = web_app(world)
    for remember, lasts in ((False, 0), (True, 1)):
        tenant_id = world.tenant(remember_me=remember, remember_me_lifetime=864_000)
        person, browser = world.person(tenant_id), Browser(world)
        page = browser.page(app, tenant_id=tenant_id)
        assert ("remember_me" in page.answer.text) is remember
        sent = page.hidden | {"identifier": person.email, "password": person.password}
        answer = browser.post("/sign-in", sent | {"remember_me": "true"})
        [cookie] = [one for one in answer.headers.getlist("Set-Cookie") if "session=" in one]
        assert ("Max-Age=864000" in cookie) is bool(lasts)
        for flag in ("__Host-session=tsb_", "Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
            assert flag in cookie
        assert "Domain" not in cookie
        time.pass_(days=2)
        assert ("code" in browser.back(app, tenant_id=tenant_id, prompt="none").parameters) is (
            remember
        )


def test_a_changed_account_is_signed_in_nowhere(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    admin.reset_password(world, person)
    assert error(browser.back(app, prompt="none")) == "login_required"
