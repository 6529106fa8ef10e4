"""The database lost its tail (an asynchronous failover): a token is newer than its row."""

from tests.http.building import EVERYWHERE, assert_dead, assert_refused, live_at, signed_in
from tests.world.world import World


def test_a_token_that_is_ahead_is_accepted_and_told(world: World) -> None:
    *_, latest = signed_in(world).chain(3)
    world.sql("UPDATE grants SET generation = 1")
    after = latest.refreshed()
    assert live_at(after) == EVERYWHERE
    assert latest.happened == [("refresh_ahead", "")]
    assert world.events(latest.account_id)[-1].details == {"generation": 3}


def test_the_chain_goes_on_from_the_token_that_was_ahead(world: World) -> None:
    *_, latest = signed_in(world).chain(3)
    world.sql("UPDATE grants SET generation = 0")
    after = latest.refreshed()
    assert latest.refreshed().tokens.refresh == after.tokens.refresh
    assert after.refreshed()
    assert latest.happened == [("refresh_ahead", "")]


def test_what_is_older_than_the_accepted_token_is_a_replay_again(world: World) -> None:
    first, _, latest = signed_in(world).chain(2)
    world.sql("UPDATE grants SET generation = 0")
    after = latest.refreshed()
    assert_refused(world.try_refresh(first.app, first.tokens.refresh), 400, "invalid_grant")
    assert_dead(after)
    assert first.happened == [("refresh_ahead", ""), ("refresh_replayed", "replayed")]


def test_a_token_that_is_ahead_revives_nothing_that_has_ended(world: World) -> None:
    *_, latest = signed_in(world).chain(2)
    world.invalidate(token=latest.tokens.access)
    world.sql("UPDATE grants SET generation = 0")
    assert_dead(latest)
    assert latest.happened == [("session_ended", "signed_out")]


def test_another_client_gains_nothing_from_a_token_that_is_ahead(world: World) -> None:
    *_, latest = signed_in(world).chain(2)
    world.sql("UPDATE grants SET generation = 0")
    assert_refused(world.try_refresh(world.client(), latest.tokens.refresh), 400, "invalid_grant")
    assert latest.happened == [("refresh_foreign_client", "")]
