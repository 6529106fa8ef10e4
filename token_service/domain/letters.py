"""Letters to people: which there are, when one is tried again, and when it is given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

_FIRST_DELAY = timedelta(minutes=2)
"""Longer than a delivery can take: whoever took a letter is through with it, or gone."""
_LONGEST_DELAY = timedelta(minutes=30)


class LetterKind(StrEnum):
    """What a letter is about; the value is stable and names its text."""

    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_WAS_RESET = "password_was_reset"
    NEW_DEVICE = "new_device"


_TRIED_FOR = {
    # Whoever waits for a link asks for another one, or has given up.
    LetterKind.PASSWORD_RESET: timedelta(hours=1),
    LetterKind.PASSWORD_CHANGED: timedelta(hours=12),
    LetterKind.PASSWORD_WAS_RESET: timedelta(hours=12),
    LetterKind.NEW_DEVICE: timedelta(hours=12),
}


@dataclass(frozen=True, slots=True)
class QueuedLetter:
    """A letter that is still to be sent; there is no secret in it. `attempts` counts this one."""

    account_id: str
    letter_id: str
    kind: LetterKind
    recipient: str
    details: Mapping[str, str]
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter on its way: `values` stand in its text, a secret link perhaps among them."""

    reference: str
    kind: LetterKind
    recipient: str
    values: Mapping[str, str]
    written_at: datetime


class NotDelivered(Exception):
    """The letter did not get away now; the text is for the log and tells no address."""


class Undeliverable(Exception):
    """The letter will never get away, however often it is tried."""


class Carrier(Protocol):
    """Takes letters to where people read them."""

    def deliver(self, letter: Letter) -> None:
        """Take it there; raises `NotDelivered` or `Undeliverable`."""
        ...


def next_attempt(attempts: int, now: datetime) -> datetime:
    """When a letter is tried again if this attempt, the first one being 1, does not succeed."""
    return now + min(_FIRST_DELAY * (1 << min(attempts - 1, 10)), _LONGEST_DELAY)


def is_given_up(letter: QueuedLetter, now: datetime) -> bool:
    """Whether the letter is too old to be of use."""
    return now >= letter.created_at + _TRIED_FOR[letter.kind]
