"""When a letter is tried again, and when no more."""

from datetime import UTC, datetime, timedelta

import pytest

from token_service.domain.letters import LetterKind, QueuedLetter, is_given_up, next_attempt

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (6, 30), (1_000, 30)]
)
def test_each_attempt_waits_longer_up_to_half_an_hour(attempts, minutes):
    assert next_attempt(attempts, NOW) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("kind", "hours"),
    [
        (LetterKind.PASSWORD_RESET, 1),
        (LetterKind.PASSWORD_CHANGED, 12),
        (LetterKind.PASSWORD_WAS_RESET, 12),
        (LetterKind.NEW_DEVICE, 12),
    ],
)
def test_every_letter_is_given_up_in_the_end(kind, hours):
    letter = QueuedLetter("1" * 32, "2" * 32, kind, "ada@example.test", {}, 9, NOW)
    end = NOW + timedelta(hours=hours)
    assert not is_given_up(letter, end - SECOND)
    assert is_given_up(letter, end)
