"""The outbox of log-outs under contention: one carrier a notice, and no end that is lost."""

from concurrent.futures import ThreadPoolExecutor

from tests.storage.holding import holding
from tests.world.messengers import PATIENCE, Listener, Messenger, listener, round_of, sids_told
from tests.world.world import World
from token_service.domain.events import Origin
from token_service.domain.logout_notices import REST, LogoutNotice
from token_service.domain.refusals import Refusal
from token_service.services import account_sessions
from token_service.services.endings import Cause
from token_service.storage import logout_notices

LATER = 4_000_000_000_000_000


def due(world: World) -> LogoutNotice | None:
    with world.database.transaction() as tx:
        return logout_notices.lock_due(tx, world.parts.clock.now(), frozenset())


def end(who: Listener, world: World) -> None:
    world.invalidate(token=who.tokens.access)


def test_a_notice_that_somebody_takes_is_skipped(on_postgres: World) -> None:
    world = on_postgres
    first = listener(world)
    end(first, world)
    with world.database.transaction() as tx:
        taken = logout_notices.lock_due(tx, world.parts.clock.now(), frozenset())
        assert taken is not None
        with ThreadPoolExecutor(1) as beside:
            assert beside.submit(due, world).result(PATIENCE) is None
        second = listener(world)
        end(second, world)
        other = due(world)
    assert other is not None
    assert (taken.sid, other.sid) == (first.tokens.sid, second.tokens.sid)


def test_only_one_strikes_a_notice_off(world: World) -> None:
    end(listener(world), world)
    notice = due(world)
    assert notice is not None
    with world.database.transaction() as tx:
        assert logout_notices.drop(tx, notice)
        assert not logout_notices.drop(tx, notice)


def test_an_end_is_told_though_the_session_was_just_found_live(on_postgres: World) -> None:
    """Who looks and finds it live puts the notice off; an end that waited for it comes after."""
    world, messenger = on_postgres, Messenger()
    who = listener(world)
    with holding(world) as hold:
        hold.run("UPDATE logout_notices SET next_attempt_at = %s", LATER)
        [ended] = hold.start(lambda: end(who, world))
        hold.release()
        ended.result()
    round_of(world, messenger)
    assert sids_told(world, messenger) == {who.tokens.sid}


def test_one_session_and_all_of_them_end_at_the_same_time(on_postgres: World) -> None:
    """Both wait for the same rows, in the same order, and neither for the other."""
    world, messenger = on_postgres, Messenger()
    who = listener(world)
    sids = {who.tokens.sid, *(world.sign_in(who.person, who.app).sid for _ in range(5))}
    cause = Cause(Refusal.ENDED_BY_USER, "cli", Origin())
    database, clock, account_id = world.database, world.parts.clock, who.person.account_id
    with holding(world) as hold:
        hold.run("UPDATE logout_notices SET attempts = 0")
        both = hold.start(
            lambda: account_sessions.end_all(database, clock, account_id, cause),
            lambda: account_sessions.end_one(database, clock, account_id, who.tokens.sid, cause),
        )
        hold.release()
        assert [one.result() for one in both] == [True, True]
    round_of(world, messenger)
    assert sids_told(world, messenger) == sids
    assert len(messenger.heard["https://rp.example/logout"]) == 6


def test_a_client_at_rest_keeps_nobody_else_waiting(world: World) -> None:
    """Also where the notices of its own were due for longer."""
    down, up = listener(world, "down"), listener(world, "up")
    end(down, world)
    end(up, world)
    now = world.parts.clock.now()
    with world.database.transaction() as tx:
        logout_notices.rest(tx, down.app.client_id, now, now + REST)
    found = due(world)
    assert found is not None
    assert found.client_id == up.app.client_id
    assert found.attempts == 1


def test_a_client_that_is_spared_is_passed_over(world: World) -> None:
    busy = listener(world)
    end(busy, world)
    now = world.parts.clock.now()
    with world.database.transaction() as tx:
        assert logout_notices.lock_due(tx, now, {busy.app.client_id}) is None
        assert logout_notices.lock_due(tx, now, {"another"}) is not None
