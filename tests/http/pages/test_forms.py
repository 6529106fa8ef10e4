"""Forms: each belongs to one browser, one interaction and one step, and is taken once."""

from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from tests.http.administration import disable_client
from tests.http.faults import failing
from tests.world.browser import Browser, Returned, Shown, redeemed, web_app
from tests.world.world import ISSUER, Person, Time, World

TABLES = ("sessions", "grants", "consents", "interactions", "authorization_codes", "audit_events")


def state(world: World) -> list[object]:
    """All that a step could have changed."""
    return [world.sql(f"SELECT * FROM {table}") for table in TABLES]


def filled_in(page: Shown, person: Person) -> dict[str, str]:
    """What a person sends from the sign-in page."""
    return page.hidden | {"identifier": person.email, "password": person.password}


def is_over(answer: TestResponse) -> bool:
    """Whether the page is not, or no longer, good."""
    return answer.status_code == 400 and "no longer good" in answer.text


@pytest.fixture
def person(world: World) -> Person:
    """Somebody with two tenants."""
    return world.person(world.tenant("North"), world.tenant("South"))


def test_an_interaction_is_of_the_browser_that_began_it(world: World, person: Person) -> None:
    """At each step the link is opened, and the form sent, in another browser."""
    app = web_app(world, metadata={"consent_required": True})
    mine, theirs = Browser(world), Browser(world)
    theirs.sign_in(web_app(world), world.person(world.tenant()))
    page = mine.page(app)
    pages = [page, tenants := mine.sign_in_at(page, person)]
    pages.append(mine.send(tenants, tenant_id=tenants.values("tenant_id")[0]))
    assert [one.path for one in pages] == ["/sign-in", "/tenant", "/consent"]
    before = state(world)
    for one in pages:
        path, query = urlsplit(one.url).path, f"interaction={one.interaction}"
        assert is_over(theirs.http.get(f"{path}?{query}"))
        assert is_over(theirs.http.get(f"/oauth2/authorize/continue?{query}"))
        fields = filled_in(one, person) | {"decision": "allow"}
        assert is_over(theirs.post(path, fields))
        assert is_over(theirs.post(path, fields | {"decision": "cancel"}))
    assert state(world) == before
    assert mine.send(pages[-1], decision="allow").code


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ISSUER, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ISSUER + ".evil.example"},
    ],
)
def test_a_form_from_another_site_does_nothing(
    world: World, person: Person, headers: dict[str, str]
) -> None:
    app, browser = web_app(world), Browser(world)
    page = browser.page(app)
    before = state(world)
    assert is_over(browser.post("/sign-in", filled_in(page, person), **headers))
    assert state(world) == before
    for fine in ({"Origin": ISSUER}, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}):
        assert browser.post("/sign-in", filled_in(page, person), **fine).status_code == 303


def test_a_form_needs_its_own_token(world: World, person: Person) -> None:
    app, browser, other = web_app(world), Browser(world), Browser(world)
    page, foreign, second = browser.page(app), other.page(app), browser.page(app)
    right = filled_in(page, person)
    before = state(world)
    for wrong in (
        {"form_token": ""},
        {"form_token": "x"},
        {"form_token": foreign.hidden["form_token"]},
        {"form_token": second.hidden["form_token"]},
        {"interaction": second.interaction},
        {"interaction": "x"},
        {"interaction": ""},
        {"interaction": "0" * 32},
    ):
        assert is_over(browser.post("/sign-in", right | wrong)), wrong
    assert is_over(browser.post("/sign-in", {"decision": "cancel"}))
    assert state(world) == before
    assert browser.post("/sign-in", right).status_code == 303


def test_a_step_is_taken_once_and_in_its_order(world: World, person: Person) -> None:
    app = web_app(world, metadata={"consent_required": True})
    browser = Browser(world)
    page = browser.page(app)
    for path in ("/tenant", "/consent"):
        early = browser.post(path, page.hidden | {"decision": "allow", "tenant_id": "x"})
        assert early.status_code == 400
    tenants = browser.sign_in_at(page, person)
    signed_in = world.event_names(person.account_id).count("signed_in")
    again = browser.sign_in_at(page, person)
    assert (again.path, world.event_names(person.account_id).count("signed_in")) == (
        "/tenant",
        signed_in,
    )
    consent = browser.send(tenants, tenant_id=tenants.values("tenant_id")[0])
    assert consent.path == "/consent"
    assert browser.send(tenants, tenant_id=tenants.values("tenant_id")[1]).path == "/consent"
    assert browser.send(consent).path == "/consent"
    assert browser.send(consent, decision="x").path == "/consent"
    assert world.sql("SELECT count(*) FROM consents")[0][0] == 0
    back = browser.send(consent, decision="allow")
    assert isinstance(back, Returned)
    assert redeemed(world, app, back.code)
    assert is_over(browser.post("/consent", consent.hidden | {"decision": "allow"}))
    assert is_over(browser.get("/oauth2/authorize/continue", interaction=page.interaction))


def test_what_was_shown_to_one_person_is_not_done_by_another(world: World) -> None:
    """Ada's page to allow something stays open while Eve signs in in another tab."""
    tenant_id = world.tenant()
    ada, eve = world.person(tenant_id), world.person(tenant_id)
    app, browser = web_app(world, metadata={"consent_required": True}), Browser(world)
    consent = browser.sign_in_at(browser.page(app), ada)
    browser.sign_in_at(browser.page(web_app(world), prompt="login"), eve)
    shown = browser.send(consent, decision="allow")
    assert isinstance(shown, Shown)
    assert (shown.path, eve.email in shown.answer.text) == ("/consent", True)
    assert world.sql("SELECT count(*) FROM consents")[0][0] == 0


def test_looking_changes_nothing(world: World, person: Person) -> None:
    app = web_app(world, metadata={"consent_required": True})
    browser = Browser(world)
    page = browser.page(app)
    before = state(world)
    for path in ("/sign-in", "/tenant", "/consent"):
        for method in (browser.http.get, browser.http.head):
            answer = method(f"{path}?interaction={page.interaction}")
            assert answer.status_code in {200, 303}
    assert state(world) == before
    browser.sign_in_at(page, person)
    before = state(world)
    for path in ("/sign-in", "/tenant", "/consent"):
        browser.get(path, interaction=page.interaction)
    assert state(world) == before


def test_a_sign_in_makes_a_new_cookie(world: World) -> None:
    """A cookie that was planted before is nobody's after (session fixation)."""
    tenant_id = world.tenant()
    app, attacker, victim = web_app(world), Browser(world), Browser(world)
    attacker.sign_in(app, world.person(tenant_id))
    planted = attacker.cookie
    victim.cookie = planted
    person = world.person(tenant_id)
    page = victim.page(app, prompt="login")
    tokens = redeemed(world, app, victim.sign_in_at(page, person).code)
    assert victim.cookie not in ("", planted)
    assert world.validate(tokens.access)["sub"] == person.account_id
    assert attacker.back(app, prompt="none").parameters["error"] == "login_required"


@pytest.mark.parametrize("cookie", ["x", "tsb_", "tsb_" + "A" * 143, "tsr_" + "A" * 143])
def test_a_cookie_that_is_none_is_nobody(world: World, cookie: str) -> None:
    browser = Browser(world)
    browser.cookie = cookie
    assert browser.page(web_app(world)).path == "/sign-in"


def test_many_tabs_share_one_mark(world: World, person: Person) -> None:
    app, browser = web_app(world), Browser(world)
    pages = [browser.page(app) for _ in range(20)]
    assert len({one.interaction for one in pages}) == 20
    mark = browser.http.get_cookie("__Host-browser", "localhost")
    assert mark is not None
    assert (mark.secure, mark.http_only, mark.path, mark.same_site) == (True, True, "/", "Lax")
    assert browser.sign_in_at(pages[3], person).path == "/tenant"
    later = browser.get("/sign-in", interaction=pages[7].interaction)
    assert later.status_code == 303


def test_a_wrong_password_stays_on_the_page(world: World, person: Person) -> None:
    app, browser = web_app(world), Browser(world)
    page = browser.page(app, login_hint='"><b>' + person.email)
    assert "<b>" not in page.answer.text
    wrong = browser.sign_in_at(page, person, password="wrong one")
    assert (wrong.answer.status_code, wrong.path) == (400, "/sign-in")
    assert "name or the password is wrong" in wrong.answer.text
    assert "wrong one" not in wrong.answer.text
    assert f'value="{person.email}"' in wrong.answer.text
    assert world.events(person.account_id)[-1].reason == "wrong_credentials"
    empty = browser.send(page, "/sign-in", identifier="", password="")
    assert empty.answer.text.count("Is missing.") == 2
    assert browser.sign_in_at(wrong, person).path == "/tenant"


def test_guesses_wait_as_everywhere(world: World, person: Person) -> None:
    app, browser = web_app(world), Browser(world)
    page = browser.page(app)
    for _ in range(10):
        browser.sign_in_at(page, person, password="wrong")
    waits = browser.post("/sign-in", filled_in(page, person))
    assert waits.status_code == 429
    assert int(waits.headers["Retry-After"]) > 0
    assert "Try again in" in waits.text
    assert world.try_sign_in(person, app).status_code == 429


def test_a_full_account_chooses_what_ends(world: World, time: Time) -> None:
    tenant_id = world.tenant(max_sessions=2, max_sessions_action="ask")
    app, person, browser = web_app(world), world.person(tenant_id), Browser(world)
    first = world.sign_in(person, app)
    time.pass_(seconds=1)
    second = world.sign_in(person, app)
    limit = browser.sign_in_at(browser.page(app), person)
    assert limit.title == "Too many devices"
    assert limit.values("end_sid") == [second.sid, first.sid]
    stays = browser.send(limit, "/session-limit", end_sid="0" * 32)
    assert "Sign in once more" in stays.answer.text
    back = browser.send(limit, "/session-limit", end_sid=first.sid)
    assert isinstance(back, Returned)
    tokens = redeemed(world, app, back.code)
    assert [world.is_live(one) for one in (first, second, tokens)] == [False, True, True]
    assert ("session_ended", "evicted") in [
        (str(one.event), one.reason) for one in world.events(person.account_id)
    ]
    again = browser.post("/session-limit", limit.hidden | {"end_sid": second.sid})
    assert is_over(again)


def test_a_denied_sign_in_says_so(world: World) -> None:
    tenant_id = world.tenant(max_sessions=1, max_sessions_action="deny")
    app, person, browser = web_app(world), world.person(tenant_id), Browser(world)
    kept = world.sign_in(person, app)
    shown = browser.sign_in_at(browser.page(app), person)
    assert "as many devices" in shown.answer.text
    assert world.is_live(kept)


def test_an_interaction_waits_for_half_an_hour(world: World, person: Person, time: Time) -> None:
    app, browser = web_app(world), Browser(world)
    page = browser.page(app)
    time.pass_(seconds=1799)
    assert browser.get("/sign-in", interaction=page.interaction).status_code == 200
    time.pass_(seconds=1)
    assert is_over(browser.get("/sign-in", interaction=page.interaction))
    assert is_over(browser.post("/sign-in", filled_in(page, person)))


def test_a_client_that_was_disabled_has_no_pages(world: World, person: Person) -> None:
    app, browser = web_app(world), Browser(world)
    page = browser.page(app)
    disable_client(world, app)
    for path in ("/sign-in", "/tenant", "/oauth2/authorize/continue"):
        assert is_over(browser.get(path, interaction=page.interaction))
    assert is_over(browser.post("/sign-in", filled_in(page, person)))


def test_no_page_runs_anything_or_tells_anybody(world: World, person: Person) -> None:
    app = web_app(world, metadata={"consent_required": True})
    browser = Browser(world)
    page = browser.page(app)
    tenants = browser.sign_in_at(page, person)
    consent = browser.send(tenants, tenant_id=tenants.values("tenant_id")[0])
    wrong = browser.get("/consent", interaction="0" * 32)
    for answer in (page.answer, tenants.answer, consent.answer, wrong):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Frame-Options"] == "DENY"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "<script" not in answer.text
        assert 'src="' not in answer.text
        assert "style=" not in answer.text
        for link in ("href", "action"):
            assert f'{link}="http' not in answer.text
            assert f'{link}="//' not in answer.text
    policy = page.answer.headers["Content-Security-Policy"]
    assert "form-action 'self' https://app.example" in policy


def test_a_form_leads_where_it_began_after_a_post(world: World, person: Person) -> None:
    app, browser = web_app(world), Browser(world)
    answer = browser.post("/sign-in", filled_in(browser.page(app), person))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("oauth2/authorize/continue?interaction=")


def test_names_are_text(world: World) -> None:
    nasty = '"><script>alert(1)</script>'
    app = web_app(world, name=nasty, metadata={"consent_required": True})
    person, browser = world.person(world.tenant(nasty)), Browser(world)
    page = browser.page(app)
    consent = browser.sign_in_at(page, person)
    for one in (page, consent):
        assert "<script" not in one.answer.text
        assert "&lt;script&gt;" in one.answer.text


@pytest.mark.parametrize(
    ("locales", "accepted", "title"),
    [
        ("de", "en", "Anmelden"),
        ("fr de-CH", "en", "Anmelden"),
        (None, "de-CH, en;q=0.5", "Anmelden"),
        (None, "fr", "Sign in"),
        ("x", "en", "Sign in"),
        (None, "", "Sign in"),
    ],
)
def test_a_page_speaks_the_language_that_is_wanted(
    world: World, locales: str | None, accepted: str, title: str
) -> None:
    browser = Browser(world)
    browser.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = accepted
    page = browser.page(web_app(world), ui_locales=locales)
    assert page.title == title
    assert f'lang="{"de" if title == "Anmelden" else "en"}"' in page.answer.text


def test_what_cannot_be_known_is_no_verdict(world: World, person: Person) -> None:
    app, browser = web_app(world), Browser(world)
    page = browser.page(app)
    browser.sign_in(app, world.person(world.tenant()))
    with failing("storage.grants.read"):
        answer = browser.authorize(app, prompt="none")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "Try again" in answer.text
        assert "Location" not in answer.headers
        assert browser.post("/sign-in", filled_in(page, person)).status_code == 503


def test_a_forgotten_password_is_asked_for_alike(world: World, person: Person) -> None:
    browser = Browser(world)
    assert browser.get("/forgot-password").status_code == 200
    shown = [
        browser.post("/forgot-password", {"identifier": name}).text
        for name in (person.email, "nobody@example.test")
    ]
    assert shown[0] == shown[1]
    assert "a link is on its way" in shown[0]
    assert "password_reset_requested" in world.event_names(person.account_id)
    assert browser.post("/forgot-password", {"x": "y"}).status_code == 400
    cross = {"Sec-Fetch-Site": "cross-site"}
    foreign = browser.post("/forgot-password", {"identifier": person.email}, **cross)
    assert is_over(foreign)


@pytest.mark.parametrize("path", ["/sign-in", "/tenant", "/consent", "/device/confirmation"])
def test_a_page_of_no_interaction_is_counted_by_its_reason(world: World, path: str) -> None:
    def counted() -> float:
        line = f'token_service_refused_total{{reason="not_found",route="{path}"}} '
        told = world.http.get("/metrics").get_data(as_text=True).splitlines()
        return sum(float(one.removeprefix(line)) for one in told if one.startswith(line))

    before = counted()
    assert is_over(world.http.get(f"{path}?interaction={'0' * 32}"))
    assert counted() == before + 1
