"""What others have named is shown as it is written, and never run."""

import pytest

from tests.pages.visit import Visit
from tests.world.world import World

POLYGLOTS = [
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)>",
    "jaVasCript:/*-/*`/*'/*\"/**/(/* */oNcliCk=alert(3) )//</stYle/--!><sVg/oNloAd=alert(4)//>",
    "{{ 7 * 7 }}${7*7}<%= 7 %></p><iframe src=//evil.example></iframe><base href=//evil.example>",
]
FOREIGN = "main :is(script, img, svg, iframe, base, style, [onclick], [onerror], [onload])"

pytestmark = [
    pytest.mark.parametrize("service", ["sqlite"], indirect=True),
    pytest.mark.parametrize(
        "visit", [{"java_script_enabled": True}], indirect=True, ids=["scripts"]
    ),
]


def assert_harmless(visit: Visit, text: str, where: str = "main") -> None:
    """The text is there for the eyes and nothing came of it; the fixture hears the rest."""
    assert " ".join(text.split()) in " ".join(visit.page.inner_text(where).split())
    assert visit.page.locator(FOREIGN).count() == 0


@pytest.mark.parametrize("text", POLYGLOTS)
def test_names_of_applications_and_tenants(visit: Visit, world: World, text: str) -> None:
    tenants = [world.tenant(), world.tenant(f"{text} {world.tenant()}")]
    person = world.person(*tenants)
    app = visit.client(name=text, metadata={"consent_required": True})
    visit.come(app, login_hint=text, ui_locales=text[:20])
    assert_harmless(visit, text)
    assert visit.page.input_value("#identifier") == text
    visit.sign_in(person, identifier=text, password=text)
    assert visit.page.input_value("#identifier") == text
    visit.sign_in(person)
    assert_harmless(visit, text, "fieldset")
    visit.page.get_by_role("radio").last.check()
    visit.send("Continue")
    assert visit.path == "/consent"
    assert_harmless(visit, text)
    visit.page.goto(f"{visit.issuer}/oauth2/logout?client_id={app.client_id}")
    assert_harmless(visit, text)


@pytest.mark.parametrize("text", POLYGLOTS)
def test_names_of_devices(visit: Visit, world: World, text: str) -> None:
    person = world.person(world.tenant(max_sessions=1, max_sessions_action="ask"))
    app = visit.client()
    body = {
        "identifier": person.email,
        "password": person.password,
        "client_id": app.client_id,
    }
    agent = {"User-Agent": f"Mozilla/5.0 (Linux; Android 14; {text}) Mobile {text}"}
    opened = world.http.post("/v1/sign-in", json=body, headers=app.basic | agent)
    assert opened.status_code == 200
    visit.come(app)
    visit.sign_in(person)
    assert visit.title == "Too many devices"
    assert_harmless(visit, "Sign out on")


@pytest.mark.parametrize("text", POLYGLOTS)
def test_links_that_lie(visit: Visit, text: str) -> None:
    app, before = visit.client(), len(visit.application.returns)
    for changes in (
        {"redirect_uri": f"javascript:{text}"},
        {"client_id": text},
        {"redirect_uri": f"{visit.application.redirect_uri}?{text}"},
    ):
        visit.come(app, **changes)
        assert visit.page.locator("h1").count() == 1
        assert visit.page.locator(FOREIGN).count() == 0
        assert visit.page.url.startswith(visit.issuer)
    assert len(visit.application.returns) == before
