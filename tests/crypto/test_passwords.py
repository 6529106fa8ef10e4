import os
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError

from token_service.crypto import passwords as passwords_module
from token_service.crypto.passwords import HashingBusy, HashingPool, Passwords, Verification

PEPPER = b"p" * 32
WRONG = Verification(right=False, outdated=False)
RIGHT = Verification(right=True, outdated=False)


def hasher(*, memory_kib=64, iterations=1, pepper=PEPPER, threads=2, waiting=8):
    """Cheap parameters: what they cost is not tested here."""
    return Passwords(memory_kib, iterations, 1, pepper, threads, 30, waiting)


@pytest.fixture(scope="module")
def passwords():
    return hasher()


class TestHashes:
    def test_the_right_password_is_right_and_others_are_wrong(self, passwords):
        stored = passwords.hash("correct horse")
        assert passwords.verify(stored, "correct horse") == RIGHT
        for other in ("", "Correct horse", "correct horse ", " correct horse", "correct  horse"):
            assert passwords.verify(stored, other) == WRONG

    def test_a_hash_is_argon2id_with_the_given_parameters_and_a_salt(self, passwords):
        stored = passwords.hash("a")
        assert re.fullmatch(
            r"\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", stored
        )
        assert passwords.hash("a") != stored

    def test_a_hash_with_other_parameters_is_right_and_outdated(self):
        old, new = hasher(iterations=1), hasher(iterations=2)
        stored = old.hash("a")
        assert new.verify(stored, "a") == Verification(right=True, outdated=True)
        assert new.verify(stored, "b") == WRONG
        assert new.verify(new.hash("a"), "a") == RIGHT

    def test_a_leaked_hash_cannot_be_searched_without_the_pepper(self, passwords):
        stored = passwords.hash("a")
        assert hasher(pepper=b"q" * 32).verify(stored, "a") == WRONG
        with pytest.raises(Exception, match="does not match"):
            PasswordHasher().verify(stored, "a")

    def test_a_short_pepper_is_refused(self):
        with pytest.raises(ValueError, match="32 bytes"):
            hasher(pepper=b"x" * 31)

    @pytest.mark.parametrize("stored", ["", "x", "$2b$12$abc", "plain"])
    def test_a_stored_value_that_is_no_hash_is_neither_yes_nor_no(self, passwords, stored):
        with pytest.raises(InvalidHashError):
            passwords.verify(stored, "a")


class TestWhatCounts:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("p" * 72 + "a", "p" * 72 + "b"),
            ("p" * 255 + "a", "p" * 255 + "b"),
            ("a\0b", "a\0c"),
            ("\0", ""),
            ("a", "a\0"),
            ("a b", "ab"),
            ("\ud800", "\udc00"),
            ("\ud800", "?"),
        ],
    )
    def test_the_whole_password(self, passwords, one, other):
        stored = passwords.hash(one)
        assert passwords.verify(stored, one) == RIGHT
        assert passwords.verify(stored, other) == WRONG

    @pytest.mark.parametrize(
        ("one", "twin"),
        [
            ("Zo\u00eb", "Zoe\u0308"),
            ("\uac00", "\u1100\u1161"),
            ("\ufb01sh", "fish"),
            ("\uff41", "a"),
            ("a\u00a0b", "a b"),
            ("\u1fa7" * 256, "\u03c9\u0314\u0342\u0345" * 256),
        ],
    )
    def test_twins_of_one_normal_form_are_the_same_password(self, passwords, one, twin):
        assert passwords.verify(passwords.hash(one), twin) == RIGHT
        assert passwords.verify(passwords.hash(twin), one) == RIGHT

    @pytest.mark.parametrize("password", ["a" * 256, "\U0001f600" * 256, "\ud800" * 256])
    def test_the_longest_passwords(self, passwords, password):
        stored = passwords.hash(password)
        assert passwords.verify(stored, password) == RIGHT
        assert passwords.verify(stored, password[:-1]) == WRONG

    @pytest.mark.parametrize("password", ["a" * 257, "\U0001f600" * 257, "\ufdfa" * 15, "a" * 5000])
    def test_a_longer_password_is_not_hashed_and_never_right(self, passwords, password):
        with pytest.raises(ValueError, match="at most 256"):
            passwords.hash(password)
        assert passwords.verify(passwords.hash(password[:3]), password) == WRONG


class TestEqualWork:
    @pytest.fixture
    def verified(self, monkeypatch):
        """The hashes that argon2 is given to verify."""
        seen = []
        genuine = PasswordHasher.verify

        def verify(self, stored, password):
            seen.append(stored)
            return genuine(self, stored, password)

        monkeypatch.setattr(PasswordHasher, "verify", verify)
        return seen

    @pytest.mark.parametrize("password", ["a", "", "a" * 257, "\ud800", "a" * 5000])
    @pytest.mark.parametrize("known", [True, False])
    def test_every_wrong_answer_costs_one_hash_of_the_current_parameters(
        self, passwords, verified, password, known
    ):
        stored = passwords.hash("right") if known else None
        assert passwords.verify(stored, password) == WRONG
        assert len(verified) == 1
        parameters = extract_parameters(passwords.hash("x"))
        assert extract_parameters(verified[0]) == parameters

    def test_an_unknown_name_is_wrong_even_if_argon2_said_yes(self, passwords, monkeypatch):
        monkeypatch.setattr(PasswordHasher, "verify", lambda *_: True)
        assert passwords.verify(None, "a") == WRONG


class Gate:
    """Work that says when it has begun, and ends when the gate is opened."""

    def __init__(self):
        self.begun, self.opened = threading.Event(), threading.Event()

    def work(self):
        self.begun.set()
        assert self.opened.wait(30)
        return "done"


@pytest.fixture
def callers():
    with ThreadPoolExecutor(16) as executor:
        yield executor


class Processor:
    """Tells how long a thread had it, and keeps the rests; nobody rests in truth."""

    def __init__(self):
        self.passed = self.worked = 0.0
        self.rests = []
        self.resting = lambda: None

    def perf_counter(self):
        return self.passed

    def thread_time(self):
        return self.worked

    def sleep(self, seconds):
        if seconds:
            self.rests.append(seconds)
            self.resting()

    def work(self, seconds, kept_waiting):
        self.worked += seconds
        self.passed += seconds + kept_waiting
        return 1


@pytest.fixture
def processor(monkeypatch):
    processor = Processor()
    monkeypatch.setattr(passwords_module, "time", processor)
    return processor


class TestPool:
    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux has niceness by thread")
    def test_the_thread_that_hashes_comes_after_others(self):
        def niceness():
            return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        assert HashingPool(1, 30, 0).run(niceness) == min(19, niceness() + 10)

    def test_no_more_than_its_threads_run_at_once(self, callers):
        pool, lock = HashingPool(2, 30, 30), threading.Lock()
        both_run, running, most = threading.Barrier(2), 0, 0

        def work():
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            both_run.wait(30)
            with lock:
                running -= 1

        for future in [callers.submit(pool.run, work) for _ in range(16)]:
            future.result()
        assert most == 2

    def test_a_caller_beyond_the_waiting_ones_is_refused_at_once(self, callers):
        pool, gate, ran = HashingPool(1, 30, 2), Gate(), []
        first = callers.submit(pool.run, gate.work)
        assert gate.begun.wait(30)
        waiting = [callers.submit(pool.run, lambda: ran.append(1)) for _ in range(3)]
        # Two of the three wait, whichever they are; the third is answered while the gate is shut.
        refused = next(as_completed(waiting, timeout=30))
        assert isinstance(refused.exception(), HashingBusy)
        gate.opened.set()
        assert first.result() == "done"
        assert sorted(type(future.exception()) is HashingBusy for future in waiting) == [
            False,
            False,
            True,
        ]
        assert ran == [1, 1]

    def test_who_waited_too_long_is_refused_and_never_hashed(self, callers):
        pool, gate, ran = HashingPool(1, 30, 8), Gate(), []
        first = callers.submit(pool.run, gate.work)
        assert gate.begun.wait(30)
        pool._queue_seconds = 0
        for _ in range(20):
            with pytest.raises(HashingBusy, match="in time"):
                pool.run(lambda: ran.append(1))
        pool._queue_seconds = 30
        gate.opened.set()
        assert first.result() == "done"
        assert pool.run(lambda: "next") == "next"
        assert ran == []

    def test_work_that_has_begun_is_awaited_however_long_it_takes(self, monkeypatch):
        class LateEvent(threading.Event):
            """Time ran out in the very moment in which the work began."""

            def wait(self, timeout=None):
                super().wait(30)
                return False

        pool = HashingPool(1, 0, 0)
        monkeypatch.setattr(passwords_module.threading, "Event", LateEvent)
        assert pool.run(lambda: "done") == "done"

    def test_who_is_torn_out_of_the_wait_leaves_no_work(self, callers, monkeypatch):
        pool, gate, ran = HashingPool(1, 30, 1), Gate(), []
        first = callers.submit(pool.run, gate.work)
        assert gate.begun.wait(30)

        class TornEvent(threading.Event):
            def wait(self, timeout=None):
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(passwords_module.threading, "Event", TornEvent)
            with pytest.raises(KeyboardInterrupt):
                pool.run(lambda: ran.append(1))
        gate.opened.set()
        assert first.result() == "done"
        assert pool.run(lambda: "next") == "next"
        assert ran == []

    def test_an_error_of_the_work_reaches_its_caller_and_frees_the_place(self):
        pool = HashingPool(1, 30, 0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                pool.run(lambda: 1 // 0)
        assert pool.run(lambda: "done") == "done"

    def test_an_error_does_not_cost_the_rest_or_the_thread(self, processor):
        pool = HashingPool(1, 30, 0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                pool.run(lambda: processor.work(0.02, 0.05) / 0)
        assert pool.run(lambda: processor.work(0.02, 0)) == 1
        assert processor.rests == pytest.approx([0.2, 0.2])

    @pytest.mark.parametrize(
        ("kept_waiting", "rests"),
        [(0, []), (0.0005, []), (0.01, [0.04]), (0.05, [0.2]), (9, [0.25])],
    )
    def test_who_was_kept_waiting_for_a_processor_rests_four_times_as_long(
        self, processor, kept_waiting, rests
    ):
        pool = HashingPool(1, 30, 0)
        pool.run(lambda: processor.work(0.02, kept_waiting))
        pool.run(lambda: processor.work(0.02, 0))
        assert processor.rests == pytest.approx(rests)

    def test_the_answer_is_there_before_the_rest(self, processor):
        pool, gate = HashingPool(1, 30, 0), Gate()
        processor.resting = gate.work
        assert pool.run(lambda: processor.work(0.02, 0.05)) == 1
        assert gate.begun.wait(30)
        gate.opened.set()

    def test_with_lanes_nobody_knows_who_used_the_processors(self, processor):
        for lanes, rests in ((2, 0), (1, 1)):
            passwords = Passwords(64, 1, lanes, PEPPER, 1, 30, 8)
            passwords._pool.run(lambda: processor.work(0.02, 0.05))
            passwords._pool.run(lambda: 0)
            assert len(processor.rests) == rests

    def test_both_uses_of_a_password_go_through_the_pool(self, monkeypatch):
        passwords = hasher()
        stored = passwords.hash("a")

        def busy(self, work):
            raise HashingBusy

        monkeypatch.setattr(HashingPool, "run", busy)
        with pytest.raises(HashingBusy):
            passwords.hash("a")
        for known in (stored, None):
            with pytest.raises(HashingBusy):
                passwords.verify(known, "a")
