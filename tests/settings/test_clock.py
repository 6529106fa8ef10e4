"""The clock: UTC, frozen by freezegun, moved by a file."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from token_service.clock import Clock, FileClock, SystemClock

NOON = datetime(2026, 2, 28, 12, tzinfo=UTC)


def file_clock(folder: Path, content: str) -> FileClock:
    path = folder / "clock"
    path.write_text(content)
    return FileClock(path)


def test_the_system_clock_tells_the_time_in_utc():
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_freezegun_stops_the_system_clock():
    clock: Clock = SystemClock()
    with freeze_time(NOON) as frozen:
        assert clock.now() == NOON
        frozen.tick(61)
        assert clock.now() == NOON + timedelta(seconds=61)


def test_freezegun_stops_the_system_clock_in_threads_and_pools_as_well():
    seen: list[datetime] = []
    with freeze_time(NOON), ThreadPoolExecutor(1) as pool:
        thread = threading.Thread(target=lambda: seen.append(SystemClock().now()))
        thread.start()
        thread.join()
        seen.append(pool.submit(SystemClock().now).result())
    assert seen == [NOON, NOON]


@pytest.mark.parametrize(
    ("content", "instant"),
    [
        ("2026-02-28T12:00:00Z", NOON),
        ("2026-02-28T12:00:00+00:00\n", NOON),
        ("2026-02-28T13:30:00+01:30", NOON),
        ("2026-02-28T12:00:00.000001Z", NOON + timedelta(microseconds=1)),
        ("2026-02-28 12:00:00", NOON),
        ("1772280000", NOON),
        (" 1772280000.5 \n", NOON + timedelta(milliseconds=500)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_file_with_an_instant_stops_the_time_there(tmp_path, content, instant):
    now = file_clock(tmp_path, content).now()
    assert now == instant
    assert now.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("content", "shift"),
    [
        ("+3600", timedelta(hours=1)),
        ("-3600\n", timedelta(hours=-1)),
        ("+0.25", timedelta(milliseconds=250)),
        ("", timedelta(0)),
        (" \n", timedelta(0)),
    ],
)
@freeze_time(NOON)
def test_a_file_with_a_shift_moves_the_machines_time(tmp_path, content, shift):
    assert file_clock(tmp_path, content).now() == NOON + shift


@freeze_time(NOON)
def test_without_the_file_it_is_the_machines_time(tmp_path):
    assert FileClock(tmp_path / "nothing here").now() == NOON


@freeze_time(NOON)
def test_the_file_is_read_again_at_each_call(tmp_path):
    clock = file_clock(tmp_path, "+60")
    assert clock.now() == NOON + timedelta(seconds=60)
    clock.path.write_text("0")
    assert clock.now().year == 1970
    clock.path.unlink()
    assert clock.now() == NOON


@pytest.mark.parametrize(
    "content",
    [
        "tomorrow",
        "+",
        "+1h",
        "1e9",
        "2026-02-30T00:00:00Z",
        "99999999999999",
        "+99999999999999",
        "0001-01-01T00:00:00+01:00",
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_a_file_with_anything_else_is_an_error_that_names_it(tmp_path, content):
    clock = file_clock(tmp_path, content)
    with pytest.raises(ValueError, match="a test clock holds an ISO 8601 instant") as refused:
        clock.now()
    assert str(clock.path) in str(refused.value)
    assert ascii(content)[1:-1] in ascii(str(refused.value))


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "clock").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="a test clock holds"):
        FileClock(tmp_path / "clock").now()
