"""An old refresh token is used again: somebody has a copy of it, and the session ends."""

from tests.http.administration import keep_keys
from tests.http.building import (
    EVERYWHERE,
    assert_dead,
    assert_refused,
    live_at,
    signed_in,
)
from tests.world.world import Time, World

REPLAYED = ("refresh_replayed", "replayed")


def test_five_rotations_inside_one_frozen_second_leave_five_replays(world: World) -> None:
    """The order of a chain is a number: no clock is asked which token is the newer one."""
    for older in range(5):
        chain = signed_in(world, retry_window=0).chain(5)
        replayed, latest = chain[older], chain[-1]
        answer = world.try_refresh(replayed.app, replayed.tokens.refresh)
        assert_refused(answer, 400, "invalid_grant")
        assert_dead(latest)
        assert latest.happened == [REPLAYED]


def test_a_replay_ends_the_session_on_every_worker(world: World, second_worker: World) -> None:
    who, *_, latest = signed_in(world).chain(3)
    assert live_at(latest, second_worker) == EVERYWHERE
    world.try_refresh(who.app, who.tokens.refresh)
    assert_dead(latest, second_worker)


def test_a_replay_is_noticed_by_a_worker_that_saw_no_rotation(
    world: World, second_worker: World
) -> None:
    who, *_, latest = signed_in(world).chain(2)
    answer = second_worker.try_refresh(who.app, who.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")
    assert_dead(latest, second_worker)


def test_the_one_event_of_a_replay_names_client_source_and_generation(world: World) -> None:
    who, *_, latest = signed_in(world).chain(3)
    world.http.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    answer = world.try_refresh(who.app, who.tokens.refresh)
    event = world.events(who.account_id)[-1]
    assert (str(event.event), event.reason) == REPLAYED
    assert (event.client_id, event.sid) == (who.app.client_id, latest.tokens.sid)
    assert (event.tenant_id, event.actor) == (who.tenant_id, f"client:{who.app.client_id}")
    assert event.origin.address == "203.0.113.7"
    assert event.origin.request_id == answer.headers["X-Request-Id"]
    assert event.details == {"generation": 0, "current_generation": 3}


def test_one_incident_is_told_once(world: World) -> None:
    chain = signed_in(world).chain(3)
    for one in (*chain, *chain):
        assert_refused(world.try_refresh(one.app, one.tokens.refresh), 400, "invalid_grant")
    # The latest one was good for one use: it came after the replay of the oldest.
    assert chain[0].happened == [REPLAYED]


def test_a_replay_looks_like_any_other_token_that_is_no_good(world: World) -> None:
    who, *_ = signed_in(world).chain(2)
    replay = world.try_refresh(who.app, who.tokens.refresh)
    garbage = world.try_refresh(who.app, "tsr_garbage")
    assert (replay.status_code, replay.data) == (garbage.status_code, garbage.data)


def test_a_replay_at_v1_ends_the_session_too(world: World) -> None:
    who, *_, latest = signed_in(world).chain(2)
    assert_refused(world.try_json_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
    assert_dead(latest)
    assert who.happened == [REPLAYED]


def test_a_replay_harms_no_other_session_of_the_account(world: World) -> None:
    who = signed_in(world)
    other = who.again()
    who.chain(2)
    world.try_refresh(who.app, who.tokens.refresh)
    assert live_at(other) == EVERYWHERE
    assert other.refreshed()


def test_a_replay_through_another_client_ends_nothing(world: World) -> None:
    who, *_, latest = signed_in(world).chain(2)
    assert_refused(world.try_refresh(world.client(), who.tokens.refresh), 400, "invalid_grant")
    assert live_at(latest) == EVERYWHERE
    assert who.happened == [("refresh_foreign_client", "")]


def test_a_replay_with_a_wrong_scope_is_a_replay(world: World) -> None:
    """No parameter turns a theft into a typing mistake."""
    who, *_, latest = signed_in(world).chain(2)
    world.try_refresh(who.app, who.tokens.refresh, scope="more than that")
    assert_dead(latest)
    assert who.happened == [REPLAYED]


def test_a_replay_is_recognised_after_the_keys_were_rotated(world: World, time: Time) -> None:
    """Keys of old tokens go on verifying: a replay must never pass for garbage."""
    who = signed_in(world, idle_timeout="off", refresh_token_lifetime=31_536_000)
    latest = who
    for _ in range(3):
        time.pass_(days=179)
        keep_keys(world)
        latest = latest.refreshed()
    world.try_refresh(who.app, who.tokens.refresh)
    assert_dead(latest)
    assert who.happened == [REPLAYED]


def test_a_long_chain_is_ended_as_fast_as_a_short_one(world: World) -> None:
    who, *_, latest = signed_in(world).chain(200)
    world.try_refresh(who.app, who.tokens.refresh)
    assert_dead(latest)
    assert world.events(who.account_id)[-1].details["current_generation"] == 200
