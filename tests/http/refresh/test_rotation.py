"""A refresh gives a successor, and the chain knows every token that it has given."""

from collections.abc import Callable

from tests.http.building import EVERYWHERE, assert_dead, assert_refused, live_at, signed_in
from tests.world.databases import SqliteFiles
from tests.world.world import Time, World
from token_service.crypto.refresh_tokens import TOKEN_LENGTH


def test_a_refresh_gives_new_tokens_of_the_same_session(world: World) -> None:
    who = signed_in(world)
    body = who.refreshed().tokens.body
    assert set(body) == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "scope",
        "sid",
        "tenantId",
    }
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert (body["sid"], body["tenantId"]) == (who.tokens.sid, who.tenant_id)
    assert body["refresh_token"] != who.tokens.refresh
    assert body["access_token"] != who.tokens.access


def test_a_refresh_leaves_no_row_in_the_audit_log(world: World) -> None:
    who = signed_in(world)
    who.chain(3)
    assert who.happened == []


def test_tokens_that_were_refreshed_are_live_and_so_is_the_older_access_token(world: World) -> None:
    """The session is what lives; an access token of it is good until it expires."""
    who = signed_in(world)
    after = who.refreshed()
    assert live_at(after) == EVERYWHERE
    assert world.is_live(who.tokens)


def test_a_chain_goes_on_for_as_long_as_it_is_used(world: World, time: Time) -> None:
    who = signed_in(world)
    for _ in range(20):
        time.pass_(hours=20)
        who = who.refreshed()
    assert live_at(who) == EVERYWHERE


def test_both_endpoints_continue_one_chain(world: World) -> None:
    who = signed_in(world)
    in_json = world.try_json_refresh(who.app, who.refreshed().tokens.refresh)
    assert in_json.status_code == 200
    assert in_json.headers["Cache-Control"] == "no-store"
    assert world.refresh(who.app, in_json.get_json()["refresh_token"])


def test_a_chain_continues_on_every_worker(world: World, second_worker: World) -> None:
    """Nothing of a chain lives in a worker: caches lost and processes killed change nothing."""
    who = signed_in(world)
    successor = second_worker.refresh(who.app, who.tokens.refresh)
    assert world.refresh(who.app, successor.refresh)


def test_a_public_client_refreshes_by_its_name_alone(world: World) -> None:
    who = signed_in(world, "public")
    assert world.try_json_refresh(who.app, who.refreshed().tokens.refresh).status_code == 200


def test_a_token_that_is_not_whole_is_refused_and_spends_nothing(world: World) -> None:
    who = signed_in(world)
    token = who.tokens.refresh
    for wrong in (token[:-1], token + "A", token[:-1] + "~", token.upper(), token[4:], "tsr_", "x"):
        assert_refused(world.try_refresh(who.app, wrong), 400, "invalid_grant")
    assert who.refreshed()
    assert who.happened == []


def test_a_token_with_one_changed_character_is_refused_wherever_it_is(world: World) -> None:
    who = signed_in(world)
    token = who.tokens.refresh
    for place in range(4, TOKEN_LENGTH, 7):
        changed = "A" if token[place] != "A" else "B"
        wrong = token[:place] + changed + token[place + 1 :]
        assert_refused(world.try_refresh(who.app, wrong), 400, "invalid_grant")
    assert who.refreshed()


def test_no_other_credential_refreshes(world: World) -> None:
    """`sid` and access token are no refresh tokens, whoever presents them."""
    who = signed_in(world)
    for other in (who.tokens.access, who.tokens.sid, who.app.secret, who.account_id):
        assert_refused(world.try_refresh(who.app, str(other)), 400, "invalid_grant")
    assert who.happened == []


def test_a_token_of_another_database_is_refused(
    world: World, world_on: Callable[..., World], sqlite_files: SqliteFiles
) -> None:
    """Even one with the same keys, as a copy of this one has: there is no such grant here."""
    elsewhere = signed_in(world_on(sqlite_files))
    here = signed_in(world)
    assert_refused(world.try_refresh(here.app, elsewhere.tokens.refresh), 400, "invalid_grant")
    assert not world.is_live(elsewhere.tokens)


def test_two_sessions_of_one_person_have_chains_of_their_own(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    who.chain(3)
    assert live_at(other.refreshed()) == EVERYWHERE


def test_an_ended_session_stays_ended_whatever_is_presented(world: World) -> None:
    who = signed_in(world)
    before, after = who.chain(1)
    world.invalidate(token=after.tokens.access)
    assert_dead(after)
    assert_dead(before)
    assert who.happened == [("session_ended", "signed_out")]
