"""Sessions are ended one by one or all at once, by their owner or by who may do it for them."""

from werkzeug.test import TestResponse

from tests.http.building import (
    EVERYWHERE,
    SignedIn,
    assert_dead,
    assert_refused,
    live_at,
    sids,
    signed_in,
)
from tests.world.world import World

UNKNOWN_SESSION = "0" * 32


def delete_own(who: SignedIn, path: str = "", **query: object) -> TestResponse:
    """End one's own sessions."""
    headers = who.tokens.bearer
    return who.world.http.delete(f"/v1/me/sessions{path}", query_string=query, headers=headers)


def delete_of_account(who: SignedIn, headers: dict[str, str], path: str = "") -> TestResponse:
    """End somebody else's sessions."""
    address = f"/v1/accounts/{who.account_id}/sessions{path}"
    return who.world.http.delete(address, headers=headers)


def test_a_person_ends_one_session_of_their_own_on_every_worker(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    other = who.again()
    assert live_at(other, second_worker) == EVERYWHERE
    for _ in range(2):
        answer = delete_own(who, f"/{other.tokens.sid}")
        assert (answer.status_code, answer.data) == (204, b"")
    assert_dead(other, second_worker)
    assert live_at(who) == EVERYWHERE
    event = world.events(who.account_id)[-1]
    assert (str(event.event), event.reason) == ("session_ended", "ended_by_user")
    assert (event.actor, event.sid) == (f"account:{who.account_id}", other.tokens.sid)
    assert len(who.happened) == 2


def test_a_person_may_end_the_session_that_asks(world: World) -> None:
    who = signed_in(world)
    assert delete_own(who, f"/{who.tokens.sid}").status_code == 204
    assert_dead(who)


def test_somebody_elses_session_looks_like_none(world: World) -> None:
    who, other = signed_in(world), signed_in(world)
    for sid in (other.tokens.sid, UNKNOWN_SESSION, "x", "%00", "' OR 1=1", who.tokens.sid.upper()):
        assert_refused(delete_own(who, f"/{sid}"), 404, "not_found")
    assert live_at(other) == EVERYWHERE


def test_signing_out_everywhere_leaves_nothing(world: World, second_worker: World) -> None:
    who = signed_in(world)
    other = who.again()
    assert delete_own(who).status_code == 204
    assert_dead(who, second_worker)
    assert_dead(other, second_worker)
    assert ("epoch_raised", "ended_by_user") in who.happened


def test_signing_out_everywhere_else_leaves_exactly_this_one(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    others = [who.again(), who.again()]
    for _ in range(2):
        assert delete_own(who, keep_current="true").status_code == 204
    for other in others:
        assert_dead(other, second_worker)
    assert live_at(who, second_worker) == EVERYWHERE
    assert live_at(who.refreshed()) == EVERYWHERE
    listed = world.http.get("/v1/me/sessions", headers=who.tokens.bearer)
    assert sids(listed) == [who.tokens.sid]


def test_after_signing_out_everywhere_one_can_sign_in_again(world: World) -> None:
    who = signed_in(world)
    delete_own(who)
    assert live_at(who.again()) == EVERYWHERE


def test_keep_current_is_true_or_false(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    for value in ("yes", "1", "TRUE", "null"):
        assert_refused(delete_own(who, keep_current=value), 400, "invalid_request")
    assert live_at(who) == live_at(other) == EVERYWHERE
    assert delete_own(who, keep_current="false").status_code == 204
    assert_dead(who)


def test_a_backend_ends_one_or_all(world: World, second_worker: World) -> None:
    who = signed_in(world)
    one, rest = who.again(), who.again()
    by_backend = who.backend.basic
    for _ in range(2):
        assert delete_of_account(who, by_backend, f"/{one.tokens.sid}").status_code == 204
    assert_dead(one, second_worker)
    assert live_at(who) == live_at(rest) == EVERYWHERE
    for _ in range(2):
        assert delete_of_account(who, by_backend).status_code == 204
    assert_dead(who, second_worker)
    assert_dead(rest, second_worker)
    event = next(one for one in world.events(who.account_id) if one.reason == "ended_by_backend")
    assert event.actor == f"client:{who.backend.client_id}"


def test_an_administrator_ends_all(world: World) -> None:
    who = signed_in(world)
    bearer = {"Authorization": f"Bearer {world.client_token(world.client('admin'))}"}
    assert delete_of_account(who, bearer).status_code == 204
    assert_dead(who)
    assert who.happened[-1] == ("session_ended", "ended_by_admin")


def test_nobody_else_ends_anything(world: World) -> None:
    who, other = signed_in(world), signed_in(world)
    outsider = world.client("backend", tenant_id=world.tenant())
    for path in ("", f"/{who.tokens.sid}"):
        for headers, status, code in (
            ({}, 401, "invalid_client"),
            (who.app.basic, 403, "forbidden"),
            (outsider.basic, 404, "not_found"),
            (other.tokens.bearer, 403, "insufficient_scope"),
            (who.tokens.bearer, 403, "insufficient_scope"),
        ):
            assert_refused(delete_of_account(who, headers, path), status, code)
    assert live_at(who) == EVERYWHERE
    assert who.happened == []


def test_a_session_is_ended_under_its_own_account_only(world: World) -> None:
    who, other = signed_in(world), signed_in(world)
    answer = delete_of_account(who, who.backend.basic, f"/{other.tokens.sid}")
    assert_refused(answer, 404, "not_found")
    assert live_at(other) == EVERYWHERE


def test_the_account_of_somebody_who_is_not_there_is_not_found(world: World) -> None:
    backend = world.client("backend")
    answer = world.http.delete(f"/v1/accounts/{'0' * 32}/sessions", headers=backend.basic)
    assert_refused(answer, 404, "not_found")
