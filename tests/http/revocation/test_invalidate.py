"""`POST /v1/token/invalidate`: a session ends with everything under it."""

import pytest

from tests.http.building import EVERYWHERE, assert_dead, assert_refused, live_at, signed_in
from tests.http.faults import failing
from tests.world.world import Time, World

UNKNOWN_SESSION = "0" * 32


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_holding_either_token_is_enough_to_end_the_session(
    world: World, second_worker: World, kind: str
) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    answer = world.try_invalidate(token=getattr(who.tokens, kind))
    assert (answer.status_code, answer.data) == (204, b"")
    assert_dead(who, second_worker)
    assert who.happened == [("session_ended", "signed_out")]


def test_saying_it_twice_is_fine_and_told_once(world: World) -> None:
    who = signed_in(world)
    for token in (who.tokens.access, who.tokens.access, who.tokens.refresh):
        world.invalidate(token=token)
    assert who.happened == [("session_ended", "signed_out")]


def test_old_tokens_of_the_session_end_it_too(world: World, time: Time) -> None:
    """Holding an old token is enough to end its session, never to use it."""
    expired, spent = signed_in(world), signed_in(world)
    latest = spent.chain(3)[-1]
    time.pass_(hours=1)
    world.invalidate(token=expired.tokens.access)
    world.invalidate(token=spent.tokens.refresh)
    assert_dead(expired)
    assert_dead(latest)
    assert spent.happened == [("session_ended", "signed_out")]


def test_another_session_goes_on(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    world.invalidate(token=who.tokens.access)
    assert live_at(other.refreshed()) == EVERYWHERE


def test_what_was_never_a_token_of_ours_ends_nothing_and_is_told_so(world: World) -> None:
    for token in ("garbage", "tsr_", "a.b.c", UNKNOWN_SESSION, "ö", "x" * 9_000):
        assert_refused(world.try_invalidate(token=token), 400, "invalid_token")


def test_a_token_for_a_client_itself_is_over_afterwards(world: World) -> None:
    token = world.client_token(world.client("service"))
    world.invalidate(token=token)
    world.invalidate(token=token)
    assert not world.validate(token)["active"]


# By its id.


def test_a_backend_ends_a_session_by_its_id(world: World, second_worker: World) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    for _ in range(2):
        world.invalidate(who.backend.basic, sid=who.tokens.sid)
    assert_dead(who, second_worker)
    assert who.happened == [("session_ended", "ended_by_backend")]
    assert world.events(who.account_id)[-1].actor == f"client:{who.backend.client_id}"


def test_an_administrator_ends_a_session_by_its_id(world: World) -> None:
    who, admin = signed_in(world), world.client("admin")
    bearer = {"Authorization": f"Bearer {world.client_token(admin)}"}
    world.invalidate(bearer, sid=who.tokens.sid)
    assert_dead(who)
    assert who.happened == [("session_ended", "ended_by_admin")]


def test_a_person_ends_another_session_of_their_own_by_its_id(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    world.invalidate(who.tokens.bearer, sid=other.tokens.sid)
    assert_dead(other)
    assert live_at(who) == EVERYWHERE
    assert who.happened[-1] == ("session_ended", "ended_by_user")


def test_somebody_elses_session_looks_like_none(world: World) -> None:
    who, other = signed_in(world), signed_in(world)
    for sid in (other.tokens.sid, UNKNOWN_SESSION, "x", who.tokens.sid.upper(), "' OR 1=1"):
        assert_refused(world.try_invalidate(who.tokens.bearer, sid=sid), 404, "not_found")
    assert live_at(other) == EVERYWHERE


def test_a_backend_of_a_tenant_reaches_members_of_that_tenant_only(world: World) -> None:
    who = signed_in(world)
    own = world.client("backend", tenant_id=who.tenant_id)
    foreign = world.client("backend", tenant_id=world.tenant())
    answer = world.try_invalidate(foreign.basic, sid=who.tokens.sid)
    assert_refused(answer, 404, "not_found")
    assert live_at(who) == EVERYWHERE
    world.invalidate(own.basic, sid=who.tokens.sid)
    assert_dead(who)


def test_the_id_of_a_session_is_no_credential(world: World) -> None:
    who = signed_in(world)
    assert_refused(world.try_invalidate(sid=who.tokens.sid), 401, "invalid_client")
    assert_refused(world.try_invalidate(who.app.basic, sid=who.tokens.sid), 403, "forbidden")
    service = {"Authorization": f"Bearer {world.client_token(world.client('service'))}"}
    assert_refused(world.try_invalidate(service, sid=who.tokens.sid), 403, "insufficient_scope")
    bearer = {"Authorization": f"Bearer {who.tokens.sid}"}
    assert_refused(world.try_invalidate(bearer, sid=who.tokens.sid), 401, "invalid_token")
    assert live_at(who) == EVERYWHERE


def test_exactly_one_of_token_and_session_is_named(world: World) -> None:
    who = signed_in(world)
    both = {"token": who.tokens.access, "sid": who.tokens.sid}
    for body in ({}, {"token": "", "sid": None}, {"unknown": "x"}, both):
        assert_refused(world.try_invalidate(**body), 400, "invalid_request")
    assert live_at(who) == EVERYWHERE


def test_an_end_that_was_not_written_is_never_a_204(world: World) -> None:
    who = signed_in(world)
    with failing("storage.audit.record"):
        assert_refused(world.try_invalidate(token=who.tokens.access), 503, "unavailable")
    assert live_at(who) == EVERYWHERE
    world.invalidate(token=who.tokens.access)
    assert_dead(who)
