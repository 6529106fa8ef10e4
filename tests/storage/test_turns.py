"""Turns of SQLite's writers: in their order, one at a time, and never waited for without end.

Two `Database` objects on one file are to each other as two processes: each has its own lock on the
file beside it, and its own connections. Where a process is to end, there is a real one.
"""

import fcntl
import multiprocessing
import os
import subprocess
import sys
import time as real_time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.storage.building import is_live, refresh, sign_in, signed_in, state_of, tokens_of
from tests.world.databases import SqliteFiles
from tests.world.world import REPOSITORY, World, prepare
from token_service.clock import SystemClock
from token_service.domain.failures import Unavailable
from token_service.storage import configuration, pinned, turns
from token_service.storage.database import Database
from token_service.storage.turns import Turns

HOLDER = """
import pathlib, sys
from token_service.storage.turns import Turns
with Turns(pathlib.Path(sys.argv[1])).taken():
    print("taken", flush=True)
    sys.stdin.readline()
"""
SOON = 0.05
WRITERS = 8
WRITES = 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a database may be."""
    path = tmp_path / "service.sqlite3"
    path.touch(mode=0o640)
    return path


@contextmanager
def impatient() -> Iterator[None]:
    """Writers give up at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "TURN_SECONDS", SOON)
        yield


@contextmanager
def another_process(file: Path) -> Iterator[subprocess.Popen[str]]:
    """One that has its turn, until a line is sent to it or it is killed."""
    command = [sys.executable, "-c", HOLDER, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        yield process
        process.kill()


def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        real_time.sleep(0.01)
    raise AssertionError("it never came to that")


def file_of(world: World) -> Path:
    return Path(world.database.engine.url.database)


class TestOrder:
    def test_who_came_first_is_first(self, file: Path) -> None:
        ours, served = Turns(file), []

        def write(number: int) -> None:
            with ours.taken():
                served.append(number)

        with ThreadPoolExecutor(WRITERS) as pool, ours.taken():
            for number in range(WRITERS):
                pool.submit(write, number)
                until(lambda: ours._places.qsize() == number + 1)  # noqa: B023
        assert served == list(range(WRITERS))
        ours.close()

    def test_another_process_is_waited_for(self, file: Path) -> None:
        ours, served = Turns(file), []

        def write() -> None:
            with ours.taken():
                served.append("ours")

        with another_process(file) as holder, ThreadPoolExecutor() as pool:
            writing = pool.submit(write)
            with pytest.raises(TimeoutError):
                writing.result(SOON)
            served.append("theirs")
            holder.communicate("end\n")
            writing.result()
        assert served == ["theirs", "ours"]
        ours.close()

    def test_a_turn_ends_with_an_exception_too(self, file: Path) -> None:
        ours, theirs = Turns(file), Turns(file)
        with pytest.raises(ZeroDivisionError), ours.taken():
            raise ZeroDivisionError
        for each in (theirs, ours):
            with each.taken():
                pass
        for each in (theirs, ours):
            each.close()

    def test_nobody_who_has_a_turn_meets_a_lock_of_sqlite(
        self, on_sqlite: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SQLite is told to refuse at once whoever would have to wait, in both ways to write."""
        monkeypatch.setattr(pinned, "SQLITE_BUSY_SECONDS", 0)
        one, two = (Database(create_engine(on_sqlite.url), SystemClock(), None) for _ in range(2))

        def write(number: int) -> None:
            database = (one, two)[number % 2]
            for _ in range(WRITES):
                with database.transaction() as tx:
                    tx.execute(text("UPDATE environment SET epoch = epoch + 1"))
                with database.statement() as tx:
                    configuration.version(database, tx)

        (before,) = on_sqlite.sql("SELECT epoch FROM environment")
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))
        (after,) = on_sqlite.sql("SELECT epoch FROM environment")
        assert after.epoch - before.epoch == WRITERS * WRITES
        one.close()
        two.close()


class TestGivingUp:
    def test_a_writer_that_does_not_end_is_a_database_that_is_away(self, on_sqlite: World) -> None:
        signed = signed_in(on_sqlite)
        app = signed.app
        with another_process(file_of(on_sqlite)):
            for use in (
                lambda: refresh(on_sqlite, app, signed.tokens.refresh_token),
                lambda: sign_in(on_sqlite, signed.person, app),
            ):
                with impatient(), pytest.raises(Unavailable, match="do not come to an end"):
                    use()
            assert is_live(on_sqlite, signed.tokens)
            assert state_of(signed).generation == 0
        tokens_of(refresh(on_sqlite, app, signed.tokens.refresh_token))
        assert on_sqlite.event_names(signed.person.account_id).count("signed_in") == 1

    def test_over_http_it_is_503_and_the_same_token_works_later(self, on_sqlite: World) -> None:
        app = on_sqlite.client("app")
        tokens = on_sqlite.sign_in(on_sqlite.person(on_sqlite.tenant()), app)
        with another_process(file_of(on_sqlite)), impatient():
            answer = on_sqlite.try_refresh(app, tokens.refresh)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        on_sqlite.refresh(app, tokens.refresh)

    def test_who_gave_up_gets_no_turn_later(self, file: Path) -> None:
        ours = Turns(file)
        with ours.taken(), ThreadPoolExecutor() as pool, impatient(), pytest.raises(Unavailable):
            pool.submit(ours.taken().__enter__).result()
        with ours.taken():
            pass
        ours.close()

    def test_and_had_waited_as_long_as_is_said_and_keeps_no_process_waiting(
        self, file: Path
    ) -> None:
        ours, theirs, third = Turns(file), Turns(file), Turns(file)
        began = real_time.monotonic()
        with theirs.taken(), pytest.raises(Unavailable), ours.taken():
            pass
        assert turns.TURN_SECONDS <= real_time.monotonic() - began < turns.TURN_SECONDS + 1
        with third.taken():
            pass
        for each in (ours, theirs, third):
            each.close()


def test_nobody_is_kept_for_longer_than_two_seconds() -> None:
    """Even if the turn comes at the last moment, and another program keeps SQLite's lock then."""
    assert turns.TURN_SECONDS + pinned.SQLITE_BUSY_SECONDS <= 2


class TestFile:
    def test_it_has_the_mode_of_the_database_and_nothing_in_it(self, file: Path) -> None:
        ours = Turns(file)
        with ours.taken():
            pass
        ours.close()
        (beside,) = set(file.parent.iterdir()) - {file}
        assert beside.name == "service.sqlite3-turn"
        assert beside.stat().st_size == 0
        assert beside.stat().st_mode & 0o777 == 0o640
        assert (beside.stat().st_uid, beside.stat().st_gid) == (os.getuid(), os.getgid())

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
    def test_what_root_makes_belongs_to_whom_the_database_belongs(self, file: Path) -> None:
        os.chown(file, 1234, 1235)
        ours = Turns(file)
        with ours.taken():
            pass
        ours.close()
        beside = Path(f"{file}-turn").stat()
        assert (beside.st_uid, beside.st_gid) == (1234, 1235)

    def test_without_it_there_are_the_turns_of_the_process(self, file: Path) -> None:
        Path(f"{file}-turn").mkdir(mode=0)
        assert_in_turn(Turns(file))

    def test_where_files_cannot_be_locked_too(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unsupported(*_: object) -> None:
            raise OSError("no locks here")

        monkeypatch.setattr(fcntl, "flock", unsupported)
        assert_in_turn(Turns(file))

    @pytest.mark.parametrize(
        "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:a?uri=true"]
    )
    def test_and_for_a_database_in_memory(self, url: str) -> None:
        database = Database(create_engine(url), SystemClock(), None)
        assert database.file is None
        assert_in_turn(database._turns)


def assert_in_turn(ours: Turns | None) -> None:
    """One writer at a time, and each has its turn."""
    assert ours is not None
    inside, most = [], []

    def write(number: int) -> None:
        with ours.taken():
            inside.append(number)
            most.append(len(inside))
            real_time.sleep(0)
            inside.remove(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS * 4)))
    assert most == [1] * WRITERS * 4
    ours.close()


def forked(use: Callable[[], None]) -> int:
    """A fork that does it; 0 where it could."""

    def child() -> None:
        with suppress(Unavailable):
            use()
            os._exit(0)
        os._exit(1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def test_a_process_forked_after_a_write_waits_for_turns_of_its_own(file: Path) -> None:
    ours = Turns(file)

    def write() -> None:
        with ours.taken():
            pass

    with ours.taken(), impatient():
        assert forked(write) == 1
    assert forked(write) == 0
    ours.close()


def test_closed_turns_leave_no_thread_and_can_be_taken_again(
    sqlite_files: SqliteFiles, time: object
) -> None:
    database = Database(create_engine(sqlite_files.create(prepare)), SystemClock(), None)
    for _ in range(2):
        with database.transaction() as tx:
            tx.execute(text("UPDATE environment SET epoch = epoch"))
        thread = database._turns._thread
        assert thread.is_alive()
        database.close()
        assert not thread.is_alive()
