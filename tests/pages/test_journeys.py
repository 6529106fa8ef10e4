"""The journeys of people, in Chromium with scripts switched off."""

import jwt
import pytest

from tests.journeys.service import Service
from tests.pages.letters import mailed_link
from tests.pages.visit import Visit
from tests.world.world import World

SCRIPTS = {"java_script_enabled": True}


def claims(token: str) -> dict[str, object]:
    """What a token says; who signed it is for other tests."""
    return jwt.decode(token, options={"verify_signature": False})


def test_from_an_application_and_back_with_every_page_on_the_way(
    visit: Visit, world: World
) -> None:
    first, second = world.tenant(), world.tenant("The second one")
    person = world.person(first, second)
    app = visit.client(metadata={"consent_required": True})

    visit.come(app)
    assert visit.title == "Sign in"
    visit.sign_in(person, password="not this one")
    assert "The name or the password is wrong." in visit.page.inner_text("[role=alert]")
    assert visit.page.input_value("#identifier") == person.email
    visit.page.get_by_label("Stay signed in on this device").check()
    visit.sign_in(person)

    assert visit.path == "/tenant"
    visit.page.get_by_label("The second one").check()
    visit.send("Continue")

    assert visit.path == "/consent"
    assert app.client_id.replace("-", " ") in visit.page.inner_text("main")
    visit.send("Allow")

    assert visit.returned()["state"] == "a state"
    assert visit.returned()["iss"] == visit.issuer
    tokens = visit.redeem(app)
    assert claims(tokens["access_token"])["tenantId"] == second
    assert claims(tokens["id_token"])["nonce"] == "a nonce"
    assert visit.cookie["expires"] > 0  # remembered: it outlives the window
    assert {"sign_in_failed", "signed_in", "consent_given"} <= {
        *world.event_names(person.account_id)
    }


def test_no_to_consent_is_told_the_application(visit: Visit, world: World) -> None:
    person = world.person(world.tenant())
    visit.come(visit.client(metadata={"consent_required": True}))
    visit.sign_in(person)
    visit.send("Do not allow")
    assert visit.returned()["error"] == "access_denied"
    assert "code" not in visit.returned()


def test_a_second_application_asks_nothing_until_the_sign_out(visit: Visit, world: World) -> None:
    person, first, second = world.person(world.tenant()), visit.client(), visit.client()
    visit.come(first)
    visit.sign_in(person)
    tokens = visit.redeem(first)
    assert visit.cookie["expires"] == -1  # not remembered: it ends with the window

    visit.come(second, prompt="none")
    silent = visit.redeem(second)
    sids = {claims(one["access_token"])["sid"] for one in (tokens, silent)}
    assert len(sids) == 1

    visit.page.goto(f"{visit.issuer}/oauth2/logout")
    visit.send("Sign out")
    assert visit.title == "You are signed out"
    assert visit.cookie is None
    assert [world.validate(one["access_token"])["active"] for one in (tokens, silent)] == [
        False
    ] * 2

    visit.come(first, prompt="none")
    assert visit.returned()["error"] == "login_required"


def test_a_sign_out_that_the_application_asks_for_leads_back_to_it(
    visit: Visit, world: World
) -> None:
    person, app = world.person(world.tenant()), visit.client()
    visit.come(app)
    visit.sign_in(person)
    visit.redeem(app)
    # Without an ID token it could be anybody's link: the person is asked.
    query = f"client_id={app.client_id}&post_logout_redirect_uri={visit.application.logged_out_uri}"
    visit.page.goto(f"{visit.issuer}/oauth2/logout?{query}")
    assert visit.title == "Sign out"
    visit.send("Sign out")
    assert visit.title == "Bye"


@pytest.mark.parametrize("visit", [{}, SCRIPTS], indirect=True, ids=["by a click", "by itself"])
def test_a_code_travels_in_a_form(
    visit: Visit, world: World, request: pytest.FixtureRequest
) -> None:
    person, app = world.person(world.tenant()), visit.client()
    visit.come(app, response_mode="form_post")
    visit.sign_in(person)
    if "by a click" in request.node.name:
        visit.page.get_by_role("button").click()
    visit.page.wait_for_url(visit.application.redirect_uri)
    assert visit.redeem(app)["token_type"] == "Bearer"


def test_too_many_devices_and_a_choice(visit: Visit, world: World) -> None:
    person = world.person(world.tenant(max_sessions=1, max_sessions_action="ask"))
    app = visit.client()
    elsewhere = world.sign_in(person, app)
    visit.come(app)
    visit.sign_in(person)
    assert visit.title == "Too many devices"
    assert world.is_live(elsewhere)
    visit.page.get_by_role("radio").first.check()
    visit.send("Sign out there and continue")
    assert visit.redeem(app)["sid"] != elsewhere.sid
    assert not world.is_live(elsewhere)


def test_a_new_password_by_a_link_in_a_mail(visit: Visit, world: World, service: Service) -> None:
    person, app = world.person(world.tenant()), visit.client()
    visit.come(app)
    visit.page.get_by_role("link", name="Forgot your password?").click()
    visit.page.fill("#identifier", person.username)
    visit.send("Send the link")
    assert visit.title == "Look at your mail"

    visit.page.goto(mailed_link(service, person.email))
    for field in ("new_password", "repeated"):
        visit.page.fill(f"#{field}", "an entirely different one")
    visit.send("Set password")
    assert visit.title == "Your password is set"

    visit.come(app)
    visit.sign_in(person)
    assert "The name or the password is wrong." in visit.page.inner_text("[role=alert]")
    visit.sign_in(person, password="an entirely different one")
    assert visit.redeem(app)["access_token"]
