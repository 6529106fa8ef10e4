"""Password hashes: Argon2id (RFC 9106) with a pepper, a few at a time. Nothing else imports argon2.

Each hash takes some 20 MiB and 20 ms on purpose. So a bounded number runs at once, a bounded number
of callers waits, and each waits a bounded time: a flood of sign-ins is told to come back and takes
neither the memory nor the threads that refreshes need.
"""

import hmac
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from token_service.crypto import opaque
from token_service.domain.passwords import LONGEST, normalised

_MIN_PEPPER_LENGTH = 32
_SALT_LENGTH = 16
_HASH_LENGTH = 32
_PURPOSE = b"token-service password v1\0"
_NICER = 10
_RESTS = 4.0
"""So many times as long as a hash was kept from the processors by others, the next one waits."""
_LONGEST_REST_SECONDS = 0.25
"""Else nobody could sign in where the processors are never free."""

Result = TypeVar("Result")


class HashingBusy(Exception):
    """Too many passwords are being hashed: try again in a moment (503 with Retry-After)."""


@dataclass(frozen=True, slots=True)
class Verification:
    """`outdated`: the password is right, but its hash should be made anew with the parameters of
    today. Never true of a wrong password."""

    right: bool
    outdated: bool


class HashingPool:
    """Runs at most `threads` pieces of work at once, while at most `waiting` callers wait.

    `queue_seconds` is how long a caller waits for its work to begin; once begun it is awaited.

    A thread that had to wait for a processor rests before it takes the next work, if `rests`: to be
    nice is not enough. Linux may share the processors among sessions (autogroups, sched(7)) or
    containers first, and by niceness only within each; then a hash takes from the database as much
    as the whole service is due. Where nobody else wants a processor, nothing is waited for.
    """

    def __init__(
        self, threads: int, queue_seconds: float, waiting: int, *, rests: bool = True
    ) -> None:
        self._queue_seconds = queue_seconds
        self._rests = rests
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="hashing", initializer=_stand_back
        )

    def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises, or HashingBusy: then it did not run and never will."""
        if not self._places.acquire(blocking=False):
            raise HashingBusy("too many callers wait for a password hash")
        try:
            return self._run_in_turn(work)
        finally:
            self._places.release()

    def _run_in_turn(self, work: Callable[[], Result]) -> Result:
        begun, settled = threading.Event(), threading.Lock()
        answer: Future[Result] = Future()

        def begin() -> None:
            if settled.acquire(blocking=False):
                begun.set()
                kept_waiting = _kept_waiting_while(lambda: _give(answer, work))
                if self._rests:
                    time.sleep(_rest_after(kept_waiting))

        self._executor.submit(begin)
        try:
            # It may have begun after all: then its answer is worth having.
            if not begun.wait(self._queue_seconds) and settled.acquire(blocking=False):
                raise HashingBusy("a password hash did not get its turn in time")
            return answer.result()
        finally:
            # A caller that is torn out of its wait (a stopping worker) leaves no work behind.
            settled.acquire(blocking=False)


def _give(answer: "Future[Result]", work: Callable[[], Result]) -> None:
    try:
        answer.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
        answer.set_exception(error)


def _kept_waiting_while(work: Callable[[], None]) -> float:
    """Do it; the seconds that it took beyond the processor time of this thread."""
    began, worked = time.perf_counter(), time.thread_time()
    work()
    return time.perf_counter() - began - (time.thread_time() - worked)


def _rest_after(kept_waiting: float) -> float:
    """Seconds. What is less than a thousandth of one is the measurement's own."""
    if kept_waiting < 0.001:
        return 0.0
    return min(_RESTS * kept_waiting, _LONGEST_REST_SECONDS)


def _stand_back() -> None:
    """Have this thread leave the processors to other threads first, as far as Linux goes: with
    sign-ins that never end beside them, refreshes keep most of their rate."""
    if sys.platform == "linux":
        here = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, here) + _NICER
        os.setpriority(os.PRIO_PROCESS, here, min(19, niceness))


class Passwords:
    """Hashes and verifies passwords.

    A password counts whole and exactly, spaces included, after one normalisation. An HMAC under the
    pepper goes into Argon2id, so that length and NUL do not matter and a leaked database alone
    cannot be searched. Hashes are PHC strings.
    """

    def __init__(
        self,
        memory_kib: int,
        iterations: int,
        parallelism: int,
        pepper: bytes,
        threads: int,
        queue_seconds: float,
        waiting: int,
    ) -> None:
        if len(pepper) < _MIN_PEPPER_LENGTH:
            raise ValueError(f"the pepper of passwords has at least {_MIN_PEPPER_LENGTH} bytes")
        self._pepper = pepper
        # Lanes are threads of Argon2's own, whose processor time would seem to be others'.
        self._pool = HashingPool(threads, queue_seconds, waiting, rests=parallelism == 1)
        self._hasher = PasswordHasher(
            time_cost=iterations,
            memory_cost=memory_kib,
            parallelism=parallelism,
            hash_len=_HASH_LENGTH,
            salt_len=_SALT_LENGTH,
        )
        # Nobody's hash, all zeros: verifying against it costs what verifying a real one costs.
        self._nobody = (
            f"$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${'A' * 22}${'A' * 43}"
        )

    def hash(self, password: str) -> str:
        """A new hash for storage. Raises ValueError for a password of more than 256 code points
        after normalisation, HashingBusy if its turn does not come."""
        secret = self._secret(password)
        if secret is None:
            raise ValueError(f"a password has at most {LONGEST} characters")
        salt = opaque.new_bytes(_SALT_LENGTH)
        return self._pool.run(lambda: self._hasher.hash(secret, salt=salt))

    def verify(self, stored: str | None, password: str) -> Verification:
        """Whether the password is the one of `stored`; None stands for a name that nobody has.

        An unknown name, and a password that is too long to be anybody's, cost the same work as a
        wrong password, so that the time does not tell them apart. Raises HashingBusy if its turn
        does not come. A stored hash that is no hash raises argon2's own error: that is neither a
        yes nor a no.
        """
        secret = self._secret(password)
        if stored is None or secret is None:
            self._pool.run(lambda: self._matches(self._nobody, secret or b""))
            return Verification(right=False, outdated=False)
        right = self._pool.run(lambda: self._matches(stored, secret))
        return Verification(right, right and self._hasher.check_needs_rehash(stored))

    def _matches(self, stored: str, secret: bytes) -> bool:
        try:
            return self._hasher.verify(stored, secret)
        except VerifyMismatchError:
            return False

    def _secret(self, password: str) -> bytes | None:
        """What Argon2 hashes, 32 bytes; None if the password is too long."""
        text = normalised(password)
        if text is None:
            return None
        return hmac.digest(self._pepper, _PURPOSE + text.encode("utf-8", "surrogatepass"), "sha256")
