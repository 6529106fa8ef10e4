"""`POST /v1/me/sessions/ping` says that a person is there, and extends nothing."""

from werkzeug.test import TestResponse

from tests.http.building import SignedIn, assert_dead, assert_refused, live_at, signed_in
from tests.world.world import Time, World

SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


def ping(who: SignedIn) -> TestResponse:
    """The person is there."""
    return who.world.http.post("/v1/me/sessions/ping", headers=who.tokens.bearer)


def test_a_ping_answers_with_the_session_as_it_is_now(world: World, time: Time) -> None:
    who = signed_in(world)
    time.pass_(minutes=5)
    world.http.environ_base |= {"REMOTE_ADDR": "203.0.113.7", "HTTP_USER_AGENT": SAFARI}
    answer = ping(who)
    assert answer.status_code == 200
    item = answer.get_json()
    assert (item["sid"], item["isCurrent"]) == (who.tokens.sid, True)
    assert item["last_active_at"] == "2026-03-01T12:05:00.000Z"
    assert (item["ip"], item["os"], item["device"]) == ("203.0.113.7", "iOS", "iPhone")
    listed = world.http.get("/v1/me/sessions", headers=who.tokens.bearer)
    assert listed.get_json()["items"] == [item]


def test_pings_extend_nothing(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=900)
    ends = ping(who).get_json()["ends_at"]
    for _ in range(9):
        time.pass_(minutes=1)
        assert ping(who).get_json()["ends_at"] == ends == "2026-03-01T12:15:00.000Z"
    time.pass_(minutes=6)
    assert_dead(who)


def test_a_ping_may_be_repeated_and_leaves_no_event(world: World) -> None:
    who = signed_in(world)
    assert ping(who).data == ping(who).data
    assert who.happened == []


def test_a_session_that_ended_cannot_be_pinged_back(world: World) -> None:
    who = signed_in(world)
    world.invalidate(token=who.tokens.access)
    assert_refused(ping(who), 401, "invalid_token")
    assert live_at(who) == set()


def test_a_user_agent_can_be_anything(world: World) -> None:
    who = signed_in(world)
    for agent in ("", "\x7f\x01", "x" * 4_000, "ö\xff", "'; DROP TABLE sessions", "{{7*7}}\t"):
        world.http.environ_base["HTTP_USER_AGENT"] = agent
        assert ping(who).status_code == 200
