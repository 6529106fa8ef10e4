"""`/oauth2/revoke` (RFC 7009): a client gives a token back, and its grant ends."""

import pytest

from tests.http.building import (
    EVERYWHERE,
    assert_dead,
    assert_refused,
    live_at,
    signed_in,
)
from tests.http.faults import failing
from tests.world.world import App, Time, World
from token_service.domain.events import NO_ACCOUNT, Event

PATH = "/oauth2/revoke"
REVOKED = [("grant_ended", "revoked"), ("session_ended", "revoked")]


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_either_token_ends_the_grant_and_the_session_that_has_no_other(
    world: World, second_worker: World, kind: str
) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    answer = world.revoke(who.app, getattr(who.tokens, kind))
    assert answer.headers["Cache-Control"] == "no-store"
    assert_dead(who, second_worker)
    assert who.happened == REVOKED
    assert world.events(who.account_id)[-1].actor == f"client:{who.app.client_id}"


def test_the_whole_chain_is_over_whichever_of_its_tokens_is_given_back(world: World) -> None:
    who, _, latest = signed_in(world).chain(2)
    world.revoke(who.app, who.tokens.refresh)
    assert_dead(latest)
    assert who.happened == REVOKED


def test_an_expired_access_token_still_ends_its_grant(world: World, time: Time) -> None:
    """Or somebody who signs out late would be told that it is done while the chain lives on."""
    who = signed_in(world)
    time.pass_(hours=1)
    world.revoke(who.app, who.tokens.access)
    assert_dead(who)


def test_saying_it_again_is_fine_and_told_once(world: World) -> None:
    who = signed_in(world)
    for token in (who.tokens.refresh, who.tokens.refresh, who.tokens.access):
        world.revoke(who.app, token)
    assert who.happened == REVOKED


def test_a_wrong_hint_does_no_harm(world: World) -> None:
    for hint in ("access_token", "refresh_token", "something_else"):
        one, other = signed_in(world), signed_in(world)
        world.revoke(one.app, one.tokens.access, token_type_hint=hint)
        world.revoke(other.app, other.tokens.refresh, token_type_hint=hint)
        assert_dead(one)
        assert_dead(other)


def test_a_foreign_or_unknown_token_is_answered_alike_and_nothing_happens(world: World) -> None:
    who, stranger = signed_in(world), world.client()
    tokens = (who.tokens.access, who.tokens.refresh, "garbage", "tsr_", "x.y.z", who.tokens.sid)
    assert {world.revoke(stranger, token).data for token in tokens} == {b"{}"}
    assert live_at(who) == EVERYWHERE
    assert who.happened == []


def test_another_session_of_the_same_client_goes_on(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    world.revoke(who.app, who.tokens.refresh)
    assert live_at(other.refreshed()) == EVERYWHERE


def test_a_public_client_gives_its_token_back_by_its_name(world: World) -> None:
    who = signed_in(world, "public")
    form = {"token": who.tokens.refresh, "client_id": who.app.client_id}
    assert world.http.post(PATH, data=form).status_code == 200
    assert not world.is_live(who.tokens)


def test_a_confidential_client_must_prove_who_it_is(world: World) -> None:
    who = signed_in(world)
    form = {"token": who.tokens.refresh}
    by_name = form | {"client_id": who.app.client_id}
    assert_refused(world.http.post(PATH, data=form), 401, "invalid_client")
    assert_refused(world.http.post(PATH, data=by_name), 401, "invalid_client")
    wrong = App(who.app.client_id, "wrong").basic
    assert_refused(world.http.post(PATH, data=form, headers=wrong), 401, "invalid_client")
    assert live_at(who) == EVERYWHERE


def test_a_token_for_the_client_itself_dies_on_every_worker(
    world: World, second_worker: World
) -> None:
    service = world.client("service")
    token, other = world.client_token(service), world.client_token(service)
    assert second_worker.validate(token)["active"]
    world.revoke(service, token)
    for worker in (world, second_worker):
        assert not worker.validate(token)["active"]
        assert not worker.introspect(service, token)["active"]
        assert worker.validate(other)["active"]
    revoked = [one for one in world.events(NO_ACCOUNT) if one.event is Event.TOKEN_REVOKED]
    assert [(one.reason, one.client_id) for one in revoked] == [("revoked", service.client_id)]


def test_a_token_for_the_client_itself_is_not_anothers_to_give_back(world: World) -> None:
    token = world.client_token(world.client("service"))
    world.revoke(world.client("service"), token)
    assert world.validate(token)["active"]


def test_a_revocation_that_was_not_written_is_never_a_200(world: World) -> None:
    """RFC 7009 section 2.2.1: 503, and the same request again does it."""
    who = signed_in(world)
    with failing("storage.audit.record"):
        form = {"token": who.tokens.refresh}
        answer = world.http.post(PATH, data=form, headers=who.app.basic)
    assert_refused(answer, 503, "temporarily_unavailable")
    assert live_at(who) == EVERYWHERE
    world.revoke(who.app, who.tokens.refresh)
    assert_dead(who)
