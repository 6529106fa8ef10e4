"""Counts of garbage."""

from datetime import UTC, datetime, timedelta

from token_service.domain.garbage import GarbageCount

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_window_ends_by_the_clock() -> None:
    count = GarbageCount(NOW).after(3, NOW + timedelta(seconds=59))
    assert count == GarbageCount(NOW, 3)
    later = NOW + timedelta(seconds=60)
    assert count.after(1, later) == GarbageCount(later, 1)


def test_a_clock_that_was_put_back_begins_a_window() -> None:
    before = NOW - timedelta(hours=1)
    assert GarbageCount(NOW, 9).after(1, before) == GarbageCount(before, 1)


def test_the_limit_is_passed_once() -> None:
    assert not GarbageCount(NOW, 5).passes(5, 1)
    assert GarbageCount(NOW, 6).passes(5, 1)
    assert GarbageCount(NOW, 9).passes(5, 9)
    assert not GarbageCount(NOW, 7).passes(5, 1)


def test_the_wait_is_the_rest_of_the_window() -> None:
    assert GarbageCount(NOW, 5).wait(5, NOW) == 0
    assert GarbageCount(NOW, 6).wait(5, NOW + timedelta(seconds=59.5)) == 1
