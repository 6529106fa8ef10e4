"""The edges of each limit by itself, at every endpoint, and whatever the calendar says."""

import time as real_time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from werkzeug.test import TestResponse

from tests.http.administration import change_client, change_policy, keep_keys
from tests.http.building import (
    EVERYWHERE,
    SignedIn,
    assert_dead,
    live_at,
    signed_in,
)
from tests.http.policies.test_limits import IDLE_END, expires_in
from tests.world.world import START, Time, World

ABSOLUTE_END = [("session_ended", "absolute_timeout")]


def ends_at(who: SignedIn) -> str:
    """As the list of one's own sessions tells it."""
    listed = who.world.http.get("/v1/me/sessions", headers=who.tokens.bearer)
    return str(next(one["ends_at"] for one in listed.get_json()["items"] if one["isCurrent"]))


def move_to(world: World, time: Time, moment: str) -> None:
    """To a moment after the start; housekeeping has made the keys that are due by then."""
    seconds = (datetime.fromisoformat(moment) - datetime.fromisoformat(START)).total_seconds()
    time.pass_(seconds=seconds)
    keep_keys(world)


# Every endpoint that takes a token.


def by_bearer(method: str, path: str) -> Callable[[SignedIn], TestResponse]:
    def use(who: SignedIn) -> TestResponse:
        return who.world.http.open(
            path.format(sid=who.tokens.sid), method=method, headers=who.tokens.bearer
        )

    return use


USES: dict[str, tuple[Callable[[SignedIn], TestResponse], int, int]] = {
    "refresh": (lambda who: who.world.try_refresh(who.app, who.tokens.refresh), 200, 400),
    "refresh in JSON": (
        lambda who: who.world.try_json_refresh(who.app, who.tokens.refresh),
        200,
        400,
    ),
    "gateway": (by_bearer("GET", "/v1/token/validate"), 200, 401),
    "own list": (by_bearer("GET", "/v1/me/sessions"), 200, 401),
    "ping": (by_bearer("POST", "/v1/me/sessions/ping"), 200, 401),
    "end one": (by_bearer("DELETE", "/v1/me/sessions/{sid}"), 204, 401),
    "end all": (by_bearer("DELETE", "/v1/me/sessions"), 204, 401),
}
"""What it answers in the last second of a session, and after it."""


@pytest.mark.parametrize("name", USES)
def test_each_use_works_in_the_last_second_and_not_in_the_next(
    world: World, time: Time, name: str
) -> None:
    use, live, dead = USES[name]
    who = signed_in(world, force_relogin=3_600, access_token_lifetime=3_600)
    other = who.again()
    time.pass_(seconds=3_599)
    assert use(who).status_code == live
    time.pass_(seconds=1)
    assert use(other).status_code == dead
    assert_dead(other)


# Which limit ends a session, and when.


@pytest.mark.parametrize(
    ("policy", "lives", "end", "reason"),
    [
        ({"idle_timeout": 600, "refresh_token_lifetime": 900}, 600, "12:18:20", "idle_timeout"),
        ({"idle_timeout": 900, "refresh_token_lifetime": 600}, 600, "12:18:20", "refresh_expired"),
        ({"idle_timeout": 600, "refresh_token_lifetime": 600}, 600, "12:18:20", "idle_timeout"),
        (
            {"idle_timeout": "off", "refresh_token_lifetime": 600},
            600,
            "12:18:20",
            "refresh_expired",
        ),
        (
            {"idle_timeout": 900, "access_token_lifetime": 300, "refresh_token_lifetime": "auto"},
            450,
            "12:15:50",
            "refresh_expired",
        ),
        ({"idle_timeout": 600, "force_relogin": 1_000}, 500, "12:16:40", "absolute_timeout"),
        ({"idle_timeout": 500, "force_relogin": 1_000}, 500, "12:16:40", "absolute_timeout"),
        ({"idle_timeout": 499, "force_relogin": 1_000}, 499, "12:16:39", "idle_timeout"),
    ],
)
def test_a_use_moves_the_end_to_the_first_of_all_limits(
    world: World, time: Time, policy: dict[str, object], lives: int, end: str, reason: str
) -> None:
    if policy.get("refresh_token_lifetime") != "auto":
        policy = {"access_token_lifetime": 60} | policy
    first = signed_in(world, **policy)
    time.pass_(seconds=300)
    first = first.refreshed()
    time.pass_(seconds=200)
    who = first.refreshed()
    assert ends_at(who) == f"2026-03-01T{end}.000Z"
    time.pass_(seconds=lives - 1)
    assert "list of the account" in live_at(who)
    time.pass_(seconds=1)
    assert_dead(who)
    ended = [event for event in who.happened if event[0] == "session_ended"]
    assert ended == [("session_ended", reason)]


def test_the_idle_timeout_is_that_of_the_tenant_in_the_token(world: World, time: Time) -> None:
    strict, mild = world.tenant(idle_timeout=600), world.tenant(idle_timeout=7_200)
    who = signed_in(world)
    person = world.person(strict, mild)
    in_strict, in_mild = (
        SignedIn(
            world,
            tenant_id,
            person,
            who.app,
            who.backend,
            world.sign_in(person, who.app, tenant_id=tenant_id),
        )
        for tenant_id in (strict, mild)
    )
    time.pass_(seconds=599)
    assert live_at(in_strict) == {
        "introspect the refresh token",
        "introspect the refresh token in a batch",
        "list of the account",
    }
    time.pass_(seconds=1)
    assert_dead(in_strict)
    assert live_at(in_mild) == EVERYWHERE
    time.pass_(seconds=6_599)
    assert live_at(in_mild.refreshed()) == EVERYWHERE
    ended = [one for one in world.events(person.account_id) if one.reason == "idle_timeout"]
    assert {one.sid for one in ended} == {in_strict.tokens.sid}


@pytest.mark.parametrize(
    ("limits", "events"),
    [
        ({"idle_timeout": 600}, IDLE_END),
        ({"refresh_token_lifetime": 600}, [("grant_ended", "refresh_expired")]),
        ({"force_relogin": 600}, [("grant_ended", "client_timeout")]),
    ],
)
def test_a_client_may_be_stricter_for_its_own_grants(
    world: World, time: Time, limits: dict[str, object], events: list[tuple[str, str]]
) -> None:
    other = signed_in(world)
    app = world.client(policy=limits)
    tokens = world.sign_in(other.person, app)
    who = SignedIn(world, other.tenant_id, other.person, app, other.backend, tokens)
    time.pass_(seconds=599)
    assert "list of the account" in live_at(who)
    time.pass_(seconds=1)
    assert_dead(who)
    assert live_at(other) == EVERYWHERE
    ended = [event for event in who.happened if event[1]]
    assert ended[: len(events)] == events


def test_a_client_that_becomes_stricter_bites_at_once(
    world: World, second_worker: World, time: Time
) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    time.pass_(seconds=600)
    change_client(world, who.app, policy='{"force_relogin": 601}')
    who = who.refreshed()
    assert expires_in(who) == 1
    time.pass_(seconds=1)
    assert_dead(who, second_worker)


def test_a_client_makes_nothing_longer(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    change_client(world, who.app, policy='{"idle_timeout": 7200, "force_relogin": "off"}')
    time.pass_(seconds=600)
    assert_dead(who)


def test_a_policy_may_go_to_and_fro_and_each_use_goes_by_the_one_of_its_moment(
    world: World, time: Time
) -> None:
    who = signed_in(world, idle_timeout=600)
    for idle in (7_200, 60, 3_600):
        change_policy(world, who.tenant_id, idle_timeout=idle)
        time.pass_(seconds=59)
        who = who.refreshed()
    assert ends_at(who) == "2026-03-01T13:02:57.000Z"


# The calendar is nobody's limit: an hour is 3,600 seconds, a day 86,400.


@pytest.fixture(params=["Europe/Zurich", "America/New_York"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the machine believes to be."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        real_time.tzset()
        yield request.param
    real_time.tzset()


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        pytest.param("2026-03-08T06:30:00Z", "2026-03-09T06:30:00.000Z", id="summer-in-new-york"),
        pytest.param("2026-03-29T00:30:00Z", "2026-03-30T00:30:00.000Z", id="summer-in-zurich"),
        pytest.param("2026-10-25T00:30:00Z", "2026-10-26T00:30:00.000Z", id="winter-in-zurich"),
        pytest.param("2026-12-31T23:30:00Z", "2027-01-01T23:30:00.000Z", id="new-year"),
        pytest.param("2027-02-28T23:30:00Z", "2027-03-01T23:30:00.000Z", id="no-leap-day"),
        pytest.param("2028-02-28T23:30:00Z", "2028-02-29T23:30:00.000Z", id="before-a-leap-day"),
        pytest.param("2028-02-29T23:30:00Z", "2028-03-01T23:30:00.000Z", id="on-a-leap-day"),
    ],
)
def test_neither_leap_days_nor_summer_time_move_a_limit(
    world: World, time: Time, zone: str, begins: str, ends: str
) -> None:
    move_to(world, time, begins)
    unused = signed_in(world, idle_timeout=86_400)
    used = signed_in(world, force_relogin=86_400, idle_timeout="off")
    assert ends_at(unused) == ends_at(used) == ends
    time.pass_(seconds=86_399)
    assert "list of the account" in live_at(unused)
    used = used.refreshed()
    assert live_at(used) == EVERYWHERE
    assert expires_in(used) == 1
    time.pass_(seconds=1)
    assert_dead(unused)
    assert_dead(used)
    assert (unused.happened, used.happened) == (IDLE_END, ABSOLUTE_END)


def test_a_year_is_365_days_also_over_a_leap_day(world: World, time: Time) -> None:
    move_to(world, time, "2027-06-01T00:00:00Z")
    year = {
        "force_relogin": 31_536_000,
        "idle_timeout": "off",
        "refresh_token_lifetime": 31_536_000,
    }
    who = signed_in(world, **year)
    assert ends_at(who) == "2028-05-31T00:00:00.000Z"
    time.pass_(days=365, seconds=-1)
    keep_keys(world)
    who = who.refreshed()
    assert expires_in(who) == 1
    time.pass_(seconds=1)
    assert_dead(who)
