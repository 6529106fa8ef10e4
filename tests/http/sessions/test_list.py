"""Lists of sessions: complete, fresh, paged, and only for whom they concern."""

from werkzeug.test import TestResponse

from tests.http.building import SignedIn, assert_refused, sids, signed_in
from tests.world.world import App, Time, World

FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
FIELDS = {
    "sid",
    "created_at",
    "authenticated_at",
    "last_active_at",
    "ends_at",
    "isCurrent",
    "ip",
    "browser",
    "os",
    "device",
    "city",
    "country",
    "latitude",
    "longitude",
    "clients",
    "tenants",
    "remembered",
    "impersonator",
}


def own(who: SignedIn, **query: object) -> TestResponse:
    """The person's own list."""
    headers = who.tokens.bearer
    return who.world.http.get("/v1/me/sessions", query_string=query, headers=headers)


def of_account(who: SignedIn, caller: App, **query: object) -> TestResponse:
    """The list that a backend gets."""
    path = f"/v1/accounts/{who.account_id}/sessions"
    return who.world.http.get(path, query_string=query, headers=caller.basic)


def pages(who: SignedIn, limit: int) -> list[list[str]]:
    """All pages of the person's own list."""
    found, cursor = [], None
    while True:
        answer = own(who, limit=limit, **({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        found.append(sids(answer))
        if (cursor := answer.get_json()["next_cursor"]) is None:
            return found


# What is in it.


def test_an_item_tells_who_when_and_where(world: World, time: Time) -> None:
    world.http.environ_base |= {"REMOTE_ADDR": "203.0.113.7", "HTTP_USER_AGENT": FIREFOX}
    who = signed_in(world)
    time.pass_(minutes=10)
    who.refreshed()
    (item,) = own(who).get_json()["items"]
    assert set(item) == FIELDS
    assert item == {
        "sid": who.tokens.sid,
        "created_at": "2026-03-01T12:00:00.000Z",
        "authenticated_at": "2026-03-01T12:00:00.000Z",
        "last_active_at": "2026-03-01T12:10:00.000Z",
        "ends_at": "2026-03-02T12:10:00.000Z",
        "isCurrent": True,
        "ip": "203.0.113.7",
        "browser": "Firefox",
        "os": "Ubuntu",
        "device": "",
        "city": None,
        "country": None,
        "latitude": None,
        "longitude": None,
        "clients": [who.app.client_id],
        "tenants": [who.tenant_id],
        "remembered": False,
        "impersonator": None,
    }


def test_only_the_session_that_asks_is_current(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    for asks in (who, other):
        items = own(asks).get_json()["items"]
        assert [one["sid"] for one in items if one["isCurrent"]] == [asks.tokens.sid]
    listed = of_account(who, who.backend).get_json()["items"]
    assert [one["isCurrent"] for one in listed] == [False, False]


def test_every_live_session_is_listed_and_no_other(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=3600)
    idle, ended, replayed, kept = (who.again() for _ in range(4))
    time.pass_(minutes=59)
    who, kept = who.refreshed(), kept.refreshed()
    world.invalidate(token=ended.tokens.refresh)
    replayed.chain(2)
    world.try_refresh(replayed.app, replayed.tokens.refresh)
    time.pass_(minutes=1)
    assert idle.tokens.sid not in sids(own(who))
    assert set(sids(own(who))) == {who.tokens.sid, kept.tokens.sid}
    assert sids(of_account(who, who.backend)) == sids(own(who))


def test_a_session_is_in_the_list_of_every_worker_at_once(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    other = who.again()
    answer = second_worker.http.get("/v1/me/sessions", headers=who.tokens.bearer)
    assert set(sids(answer)) == {who.tokens.sid, other.tokens.sid}


def test_no_list_contains_anything_that_is_a_credential(world: World) -> None:
    who = signed_in(world)
    for answer in (own(who), of_account(who, who.backend)):
        assert "tsr_" not in answer.text
        assert "eyJ" not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


# Pages.


def test_pages_are_complete_newest_first_and_without_doubles(world: World, time: Time) -> None:
    who = signed_in(world)
    expected = [who.tokens.sid]
    for _ in range(6):
        time.pass_(seconds=1)
        expected.insert(0, who.again().tokens.sid)
    assert pages(who, 3) == [expected[0:3], expected[3:6], expected[6:]]
    assert pages(who, 7) == [expected]
    assert pages(who, 100) == [expected]


def test_sessions_that_end_between_two_pages_disturb_nothing(world: World, time: Time) -> None:
    who = signed_in(world)
    others = []
    for _ in range(4):
        time.pass_(seconds=1)
        others.append(who.again())
    first = own(who, limit=2)
    for one in others[1:3]:
        world.invalidate(token=one.tokens.access)
    rest = own(who, limit=2, cursor=first.get_json()["next_cursor"])
    assert sids(rest) == [others[0].tokens.sid, who.tokens.sid]


def test_a_limit_is_a_number_from_1_to_100(world: World) -> None:
    who = signed_in(world)
    for limit in ("0", "-1", "101", "x", "1.5", "1e3", "9" * 30, "\0"):
        assert_refused(own(who, limit=limit), 400, "invalid_request")
    for limit in ("1", "100"):
        assert own(who, limit=limit).status_code == 200


def test_what_the_address_says_twice_or_nobody_knows_is_refused(world: World) -> None:
    who = signed_in(world)
    for query in ("limit=1&limit=2", "unknown=1", "cursor=a&cursor=b"):
        answer = world.http.get(f"/v1/me/sessions?{query}", headers=who.tokens.bearer)
        assert_refused(answer, 400, "invalid_request")


# Cursors are for whom they were made.


def cursor_of(answer: TestResponse) -> str:
    """Where the next page begins."""
    cursor = answer.get_json()["next_cursor"]
    assert cursor
    return str(cursor)


def test_a_cursor_that_was_changed_or_made_up_is_refused(world: World) -> None:
    who = signed_in(world)
    who.again()
    cursor = cursor_of(own(who, limit=1))
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    other_sid = "f" * 32 + cursor[32:]
    for wrong in (flipped, other_sid, cursor[:32], cursor + "A", "' OR 1=1--", "0" * 75, "ö"):
        assert_refused(own(who, limit=1, cursor=wrong), 400, "invalid_cursor")


def test_a_cursor_works_for_its_receiver_and_its_account_only(world: World) -> None:
    who, stranger = signed_in(world), signed_in(world)
    who.again()
    mine = cursor_of(own(who, limit=1))
    backends = cursor_of(of_account(who, who.backend, limit=1))
    foreign = [
        own(who, cursor=backends),
        own(stranger, cursor=mine),
        of_account(who, who.backend, cursor=mine),
        of_account(stranger, who.backend, cursor=backends),
        of_account(who, world.client("backend"), cursor=backends),
    ]
    for answer in foreign:
        assert_refused(answer, 400, "invalid_cursor")
    assert own(who, cursor=mine).status_code == 200
    assert of_account(who, who.backend, cursor=backends).status_code == 200


def test_a_cursor_works_on_every_worker(world: World, second_worker: World) -> None:
    who = signed_in(world)
    who.again()
    query = {"cursor": cursor_of(own(who, limit=1))}
    headers = who.tokens.bearer
    answer = second_worker.http.get("/v1/me/sessions", query_string=query, headers=headers)
    assert len(sids(answer)) == 1


# Who may see it.


def test_a_backend_and_an_administrator_see_every_account(world: World) -> None:
    who, admin = signed_in(world), world.client("admin")
    bearer = {"Authorization": f"Bearer {world.client_token(admin)}"}
    path = f"/v1/accounts/{who.account_id}/sessions"
    assert sids(of_account(who, who.backend)) == [who.tokens.sid]
    assert sids(world.http.get(path, headers=bearer)) == [who.tokens.sid]


def test_nobody_else_does(world: World) -> None:
    who, other = signed_in(world), signed_in(world)
    service = {"Authorization": f"Bearer {world.client_token(world.client('service'))}"}
    path = f"/v1/accounts/{who.account_id}/sessions"
    for headers, status, code in (
        ({}, 401, "invalid_client"),
        (who.app.basic, 403, "forbidden"),
        (world.client("service").basic, 403, "forbidden"),
        (world.client("resource_server").basic, 403, "forbidden"),
        (world.client("admin").basic, 403, "forbidden"),
        (App(who.backend.client_id, "wrong").basic, 401, "invalid_client"),
        (who.tokens.bearer, 403, "insufficient_scope"),
        (other.tokens.bearer, 403, "insufficient_scope"),
        (service, 403, "insufficient_scope"),
        ({"Authorization": f"Bearer {who.tokens.refresh}"}, 401, "invalid_token"),
    ):
        answer = world.http.get(path, headers=headers)
        assert_refused(answer, status, code)
        if status == 401 or code == "insufficient_scope":
            assert answer.headers["WWW-Authenticate"]


def test_the_scope_of_an_administrator_gives_a_person_no_power(world: World) -> None:
    """Scopes are granted to clients: an application with `admin` must not raise its users."""
    app = world.client(scope="admin openid", default_scope="openid")
    tokens = world.sign_in(world.person(world.tenant()), app, scope="admin")
    other = signed_in(world)
    path = f"/v1/accounts/{other.account_id}/sessions"
    answer = world.http.get(path, headers=tokens.bearer)
    assert_refused(answer, 403, "insufficient_scope")


def test_a_backend_of_a_tenant_sees_members_of_that_tenant_only(world: World) -> None:
    who = signed_in(world)
    insider = world.client("backend", tenant_id=who.tenant_id)
    outsider = world.client("backend", tenant_id=world.tenant())
    assert sids(of_account(who, insider)) == [who.tokens.sid]
    assert_refused(of_account(who, outsider), 404, "not_found")


def test_an_account_that_is_not_there_is_not_found(world: World) -> None:
    backend = world.client("backend")
    for account_id in ("0" * 32, "x", "0" * 31, "A" * 32, "' OR 1=1", "%00", "..", "%ff"):
        answer = world.http.get(f"/v1/accounts/{account_id}/sessions", headers=backend.basic)
        assert_refused(answer, 404, "not_found")


def test_a_client_has_no_sessions_of_its_own(world: World) -> None:
    bearer = {"Authorization": f"Bearer {world.client_token(world.client('service'))}"}
    for method, path in (
        ("GET", "/v1/me/sessions"),
        ("DELETE", "/v1/me/sessions"),
        ("POST", "/v1/me/sessions/ping"),
    ):
        answer = world.http.open(path, method=method, headers=bearer)
        assert_refused(answer, 403, "insufficient_scope")


def test_without_a_live_token_there_is_no_list_of_ones_own(world: World) -> None:
    who = signed_in(world)
    world.invalidate(token=who.tokens.access)
    for headers in ({}, who.tokens.bearer, who.app.basic, {"Authorization": "Bearer x"}):
        assert_refused(world.http.get("/v1/me/sessions", headers=headers), 401, "invalid_token")
