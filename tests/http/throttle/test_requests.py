"""What anybody can leave waiting here: requests at the pages, pushed ones, and devices."""

from collections.abc import Callable

import pytest

from tests.http.building import assert_refused
from tests.http.device.building import device_app, entry, try_begin, waiting
from tests.http.pushed.building import try_push
from tests.world.browser import Browser, Shown, web_app
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Time, World

ELSEWHERE = "192.0.2.7"


@pytest.fixture
def narrow(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """Three requests a minute may be left waiting by one source for one client."""
    return world_on(databases, TOKEN_SERVICE_THROTTLE_REQUESTS_PER_MINUTE="3")


def rows(world: World, table: str) -> int:
    """How many there are."""
    return int(world.sql(f"SELECT count(*) FROM {table}")[0][0])


def statuses(world: World, app: App, times: int) -> list[int]:
    """What as many browsers are answered that nobody is signed in with."""
    return [Browser(world).authorize(app).status_code for _ in range(times)]


def refusals(world: World) -> float:
    """How many requests were refused so far because a source had left too many, by the metrics."""
    lines = world.http.get("/metrics").text.splitlines()
    series = 'token_service_refused_total{reason="source_throttled",route="/oauth2/authorize"}'
    found = [one for one in lines if one.startswith(series)]
    return sum(float(one.rpartition(" ")[2]) for one in found)


def test_a_source_cannot_fill_the_table_of_interactions(narrow: World) -> None:
    app, before = web_app(narrow), refusals(narrow)
    assert statuses(narrow, app, 6) == [303] * 3 + [429] * 3
    assert rows(narrow, "interactions") == 3
    assert refusals(narrow) - before == 3


def test_the_person_reads_when_to_come_back(narrow: World) -> None:
    app = web_app(narrow)
    statuses(narrow, app, 3)
    shown = Browser(narrow).page(app)
    assert shown.answer.status_code == 429
    assert shown.title == "Too many at once"
    assert shown.answer.headers["Retry-After"] == "60"
    assert shown.answer.headers["Cache-Control"] == "no-store"
    assert "Location" not in shown.answer.headers


def test_the_wait_ends_by_the_clock_whatever_is_tried_meanwhile(narrow: World, time: Time) -> None:
    app = web_app(narrow)
    statuses(narrow, app, 3)
    for _ in range(59):
        time.pass_(seconds=1)
        assert statuses(narrow, app, 1) == [429]
    time.pass_(seconds=1)
    assert statuses(narrow, app, 1) == [303]


def test_other_clients_and_other_sources_go_on(narrow: World) -> None:
    app, other = web_app(narrow), web_app(narrow)
    assert statuses(narrow, app, 4)[-1] == 429
    assert statuses(narrow, other, 1) == [303]
    browser = Browser(narrow)
    browser.http.environ_base["REMOTE_ADDR"] = ELSEWHERE
    assert browser.authorize(app).status_code == 303


def test_whoever_is_signed_in_is_answered_silently_all_the_same(narrow: World) -> None:
    person, app, browser = narrow.person(narrow.tenant()), web_app(narrow), Browser(narrow)
    browser.sign_in(app, person)
    assert statuses(narrow, app, 3)[-1] == 429
    for _ in range(5):
        assert browser.back(app).code
        assert browser.back(app, prompt="none").code


def test_a_silent_no_is_not_counted(narrow: World) -> None:
    app = web_app(narrow)
    for _ in range(5):
        back = Browser(narrow).back(app, prompt="none")
        assert back.parameters["error"] == "login_required"
    assert statuses(narrow, app, 1) == [303]


def test_whoever_is_at_a_page_goes_on(narrow: World) -> None:
    person, app, browser = narrow.person(narrow.tenant()), web_app(narrow), Browser(narrow)
    page = browser.page(app)
    assert statuses(narrow, app, 3)[-1] == 429
    assert not isinstance(browser.sign_in_at(page, person), Shown)


@pytest.mark.parametrize("kind", ["public", "dynamic"])
def test_devices_in_anybodys_name_are_limited(narrow: World, kind: str) -> None:
    dynamic = {"dynamic": kind == "dynamic"}
    app = device_app(narrow, "public" if kind == "public" else "app", metadata=dynamic)
    assert [try_begin(narrow, app).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = try_begin(narrow, app)
    assert_refused(refused, 429, "temporarily_unavailable")
    assert refused.headers["Retry-After"] == "60"
    assert rows(narrow, "device_authorizations") == 3


def test_a_client_that_proves_who_it_is_is_not_limited(narrow: World) -> None:
    app = device_app(narrow, "app")
    assert {try_begin(narrow, app).status_code for _ in range(8)} == {200}
    assert {try_push(narrow, app).status_code for _ in range(8)} == {201}


def test_one_code_that_is_typed_in_again_and_again_fills_no_table(narrow: World) -> None:
    device = waiting(narrow, device_app(narrow, "app"))
    answers = []
    for _ in range(5):
        browser = Browser(narrow)
        fields = entry(browser).hidden | {"user_code": device.user_code}
        answers.append(browser.post("/device", fields))
    assert [one.status_code for one in answers] == [303] * 3 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "60"
    assert rows(narrow, "interactions") == 3


def test_all_ways_to_leave_something_are_one_count(narrow: World) -> None:
    app = device_app(narrow)
    assert try_begin(narrow, app).status_code == 200
    assert try_push(narrow, app).status_code == 201
    assert statuses(narrow, app, 2) == [303, 429]
    assert try_begin(narrow, app).status_code == 429
    assert try_push(narrow, app).status_code == 429
