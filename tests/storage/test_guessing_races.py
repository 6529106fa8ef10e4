"""Guesses that race each other on PostgreSQL, made certain by lock-hold: the limit is the limit."""

from concurrent.futures import Future
from dataclasses import replace
from functools import partial

import pytest

from tests.storage.building import AUTHOR, HERE, reason_of, sign_in, signed_in, tokens_of
from tests.storage.holding import Hold, holding
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.services import lock_outs
from token_service.services.issuing import IssuedTokens
from token_service.storage import failure_counts

FREE = 10
THREADS = 32


@pytest.fixture
def world(world_on, postgres):
    """With room for many who wait for a lock."""
    return world_on(
        postgres,
        TOKEN_SERVICE_DATABASE_POOL_SIZE=str(THREADS + 4),
        TOKEN_SERVICE_ARGON2_WAITING="100",
    )


@pytest.fixture
def signed(world):
    return signed_in(world)


def right(signed):
    return partial(sign_in, signed.world, signed.person, signed.app)


def wrong(signed):
    return partial(sign_in, signed.world, replace(signed.person, password="wrong"), signed.app)


def subject(signed) -> str:
    return signed.world.parts.gate.throttle.account_subject(signed.person.account_id)


def count_of(signed):
    with signed.world.database.reading() as tx:
        return failure_counts.read(tx, subject(signed))


def fail(signed, times: int) -> None:
    for _ in range(times):
        assert isinstance(wrong(signed)(), Refused)


def hold_account(hold: Hold, signed) -> None:
    hold.run("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", signed.person.account_id)


def hold_count(hold: Hold, signed) -> None:
    hold.run("SELECT 1 FROM failure_counts WHERE subject = %s FOR UPDATE", subject(signed))


def answers(futures: list[Future]) -> list:
    return [future.result(timeout=60) for future in futures]


def reasons(answered: list) -> list[Refusal]:
    return sorted(reason_of(one) for one in answered)


def sessions_of(signed) -> int:
    return signed.world.event_names(signed.person.account_id).count(Event.SIGNED_IN)


class TestTheLimit:
    def test_parallel_guesses_get_no_more_than_it(self, signed):
        """All of them saw one failure before they hashed; only nine more are looked at."""
        fail(signed, 1)
        with holding(signed.world) as hold:
            hold_count(hold, signed)
            waiting = hold.start(*[wrong(signed)] * THREADS)
            hold.release()
            told = answers(waiting)
        free = FREE - 1
        expected = [Refusal.THROTTLED] * (THREADS - free) + [Refusal.WRONG_CREDENTIALS] * free
        assert reasons(told) == sorted(expected)
        assert count_of(signed).failures == FREE
        names = signed.world.event_names(signed.person.account_id)
        assert names.count("sign_in_failed") == FREE
        assert names.count("account_locked") == 1

    def test_nor_do_first_guesses_that_find_no_count_yet(self, world):
        """A row that is not there cannot be locked, so the first one writes it."""
        signed = signed_in(world, lockout_failures=1)
        with holding(world) as hold:
            hold.run(
                "INSERT INTO failure_counts (subject, failures, first_failure_at, last_failure_at)"
                " VALUES (%s, 0, 0, 0)",
                subject(signed),
            )
            waiting = hold.start(wrong(signed), wrong(signed))
            hold.run("DELETE FROM failure_counts")
            hold.release()
            told = answers(waiting)
        assert reasons(told) == [Refusal.LOCKED_OUT, Refusal.WRONG_CREDENTIALS]

    @pytest.mark.parametrize(
        ("policy", "failures", "reason"),
        [({}, FREE, Refusal.THROTTLED), ({"lockout_failures": 3}, 3, Refusal.LOCKED_OUT)],
        ids=["environment's", "tenant's"],
    )
    def test_a_right_password_that_was_verified_in_time_comes_too_late(
        self, world, policy, failures, reason
    ):
        signed = signed_in(world, **policy)
        with holding(world) as hold:
            hold_account(hold, signed)
            (waiting,) = hold.start(right(signed))
            fail(signed, failures)
            hold.release()
            assert reason_of(waiting.result(timeout=60)) is reason
        assert sessions_of(signed) == 1

    def test_nor_does_it_learn_that_a_tenant_must_be_named(self, world):
        person, app = world.person(world.tenant(), world.tenant()), world.client()
        signed = replace(signed_in(world), person=person, app=app)
        assert reason_of(right(signed)()) is Refusal.TENANT_REQUIRED
        with holding(world) as hold:
            hold_account(hold, signed)
            (waiting,) = hold.start(right(signed))
            fail(signed, FREE)
            hold.release()
            assert reason_of(waiting.result(timeout=60)) is Refusal.THROTTLED

    def test_a_wrong_guess_that_is_being_counted_comes_first(self, signed):
        fail(signed, FREE - 1)
        with holding(signed.world) as hold:
            hold_count(hold, signed)
            last, late = hold.start(wrong(signed), right(signed))
            hold.release()
            assert reason_of(last.result(timeout=60)) is Refusal.WRONG_CREDENTIALS
            assert reason_of(late.result(timeout=60)) is Refusal.THROTTLED
        assert sessions_of(signed) == 1

    def test_a_right_password_that_came_first_clears_what_was_counted_before(self, signed):
        fail(signed, FREE - 1)
        with holding(signed.world) as hold:
            hold_count(hold, signed)
            first, second = hold.start(right(signed), wrong(signed))
            hold.release()
            tokens_of(first.result(timeout=60))
            assert reason_of(second.result(timeout=60)) is Refusal.WRONG_CREDENTIALS
        assert count_of(signed).failures == 1

    def test_so_does_a_source_that_reached_its_limit_meanwhile(self, world_on, postgres):
        world = world_on(postgres, TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES="2")
        signed = signed_in(world)
        other = replace(signed, person=world.person(signed.tenant))
        with holding(world) as hold:
            hold_account(hold, signed)
            (waiting,) = hold.start(right(signed))
            fail(other, 2)
            hold.release()
            assert reason_of(waiting.result(timeout=60)) is Refusal.SOURCE_THROTTLED


class TestNobodyElseWaits:
    def test_the_right_password_at_once_many_times_is_never_refused(self, world):
        signed = signed_in(world, lockout_failures=1)
        with holding(world) as hold:
            hold_account(hold, signed)
            waiting = hold.start(*[right(signed)] * THREADS)
            hold.release()
            told = answers(waiting)
        assert all(isinstance(one, IssuedTokens) for one in told)

    def test_who_signs_in_correctly_does_not_queue_behind_a_source(self, signed):
        """Everybody behind one address shares that row."""
        fail(replace(signed, person=signed.world.person(signed.tenant)), 1)
        of_source = signed.world.parts.gate.throttle.source_subject(HERE.address)
        with holding(signed.world) as hold:
            hold.run("SELECT 1 FROM failure_counts WHERE subject = %s FOR UPDATE", of_source)
            tokens_of(right(signed)())
            # Whoever waits too long is ended by the database, and with it what it holds.
            hold.run("SELECT 1")

    def test_unlocking_waits_for_a_failure_that_is_being_counted(self, signed):
        fail(signed, FREE - 1)
        world, account_id = signed.world, signed.person.account_id
        unlocking = partial(
            lock_outs.unlock,
            world.database,
            world.parts.clock,
            world.parts.gate.throttle,
            account_id,
            None,
            AUTHOR,
        )
        with holding(world) as hold:
            hold_count(hold, signed)
            last, unlocked = hold.start(wrong(signed), unlocking)
            hold.release()
            assert reason_of(last.result(timeout=60)) is Refusal.WRONG_CREDENTIALS
            assert unlocked.result(timeout=60) is None
        assert count_of(signed) is None
        event = signed.world.events(account_id)[-1]
        assert event.details == {"failures": FREE, "was_locked": True}
        tokens_of(right(signed)())
