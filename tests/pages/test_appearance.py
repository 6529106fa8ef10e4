"""Each page on a phone and on a desk: for everybody (axe), in one piece, and light."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.journeys import node
from tests.journeys.service import Service
from tests.pages.letters import mailed_link
from tests.pages.visit import Visit
from tests.world.world import World

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
LONG = "Gesellschaft für Donaudampfschifffahrtsvermögensverwaltungsangelegenheiten"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
FIRST_VISIT = 20 * 1024
"""Bytes on the wire."""

pytestmark = [
    # What a page looks like does not depend on the database.
    pytest.mark.parametrize("service", ["sqlite"], indirect=True),
    pytest.mark.parametrize(
        "visit",
        [
            pytest.param(
                {"java_script_enabled": True, "viewport": size, "color_scheme": scheme},
                id=scheme,
            )
            # Colours do not depend on the size, nor the layout on the colours.
            for size, scheme in ((PHONE, "light"), (DESK, "dark"))
        ],
        indirect=True,
    ),
]

FAULTS = """async () => {
    const found = (await axe.run(document, { resultTypes: ['violations'] })).violations
    return found.map((one) => `${one.id}: ${one.nodes.map((node) => node.html)}`)
}"""
"""axe is there only in the test's own world: a page lets no script in."""

SHIFT = """() => new Promise((done) => {
    let sum = 0
    const seen = (entries) => entries.forEach((one) => { sum += one.value })
    const watch = new PerformanceObserver((list) => seen(list.getEntries()))
    watch.observe({ type: 'layout-shift', buffered: true })
    requestAnimationFrame(() => requestAnimationFrame(() => {
        seen(watch.takeRecords())
        done(sum)
    }))
})"""


def pages(visit: Visit, world: World, service: Service) -> Iterator[str]:
    """Come to every page that there is, one after the other; answers what it shows."""
    limits = {"max_sessions": 2, "max_sessions_action": "ask"}
    short = world.tenant(**limits)
    tenants = [short, world.tenant(f"{LONG} {short}", **limits)]
    person = world.person(*tenants)
    app = visit.client(metadata={"consent_required": True}, name=LONG)
    yield from before_sign_in(visit, app, person, service)
    for _ in range(2):
        world.sign_in(person, app, tenant_id=tenants[0])
    visit.come(app, scope="openid profile email phone address offline_access")
    visit.sign_in(person)
    yield "session limit"
    visit.send("Sign out there and continue")
    yield "tenant"
    visit.page.get_by_role("radio").last.check()
    visit.send("Continue")
    yield "consent"
    visit.send("Allow")
    visit.page.goto(f"{visit.issuer}/consents")
    yield "consents"
    visit.send("Take it back")
    yield "consents, none left"
    yield from of_a_device(visit)
    visit.page.goto(f"{visit.issuer}/oauth2/logout?client_id={app.client_id}")
    yield "sign-out"
    visit.send("Sign out")
    yield "signed out"


def of_a_device(visit: Visit) -> Iterator[str]:
    """The pages that let a device in."""
    app = visit.client("public", name=LONG, grant_types=frozenset({DEVICE}))
    form = {"client_id": app.client_id, "scope": "openid profile"}
    asked = requests.post(f"{visit.issuer}/oauth2/device_authorization", data=form, timeout=10)
    visit.page.goto(asked.json()["verification_uri_complete"])
    yield "device"
    visit.send("Continue")
    visit.page.get_by_role("radio").last.check()
    visit.send("Continue")
    yield "device, confirmation"
    visit.send("Let it in")
    yield "device, let in"


def before_sign_in(visit: Visit, app: Any, person: Any, service: Service) -> Iterator[str]:
    """The pages for whoever is nobody yet."""
    visit.page.goto(visit.issuer)
    yield "front"
    visit.come(app)
    yield "sign-in"
    visit.sign_in(person, password="not this one")
    yield "sign-in, refused"
    visit.page.goto(f"{visit.issuer}/oauth2/authorize?client_id=nobody")
    yield "unknown application"
    visit.page.goto(
        f"{visit.issuer}/oauth2/logout?client_id={app.client_id}&post_logout_redirect_uri=x:y"
    )
    yield "sign-out, refused"
    visit.page.goto(f"{visit.issuer}/consents")
    yield "consents, not signed in"
    visit.page.goto(f"{visit.issuer}/forgot-password")
    yield "forgotten password"
    visit.page.fill("#identifier", person.username)
    visit.send("Send the link")
    yield "link sent"
    visit.page.goto(mailed_link(service, person.email))
    yield "new password"
    visit.page.fill("#new_password", "short")
    visit.page.fill("#repeated", "short")
    visit.send("Set password")
    yield "new password, refused"


def test_every_page_is_for_everybody(visit: Visit, world: World, service: Service) -> None:
    axe = (node.installed() / "node_modules" / "axe-core" / "axe.min.js").read_text()
    faults: dict[str, Any] = {}
    shown = 0
    for name in pages(visit, world, service):
        shown += 1
        visit.page.evaluate(axe)
        wide, has = visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        found = {
            "axe": visit.page.evaluate(FAULTS),
            "too wide": wide - has if wide > has else 0,
            "shift": visit.page.evaluate(SHIFT),
        }
        if any(found.values()):
            faults[name] = found
    assert faults == {}
    assert shown == 20


def test_a_first_visit_is_one_small_answer(visit: Visit) -> None:
    wire = visit.context.new_cdp_session(visit.page)
    wire.send("Network.enable")
    asked: list[str] = []
    sizes: list[float] = []
    wire.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    app = visit.client()
    visit.come(app)
    visit.page.wait_for_load_state("networkidle")
    ours = [one for one in asked if one.startswith(visit.issuer)]
    # The application's own page, the way here, and the page: nothing is asked for beside them.
    assert [one.partition("?")[0] for one in ours] == [
        f"{visit.issuer}/oauth2/authorize",
        f"{visit.issuer}/sign-in",
    ]
    assert 0 < sizes[-1] <= FIRST_VISIT
