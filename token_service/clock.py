"""The only reader of the wall clock; all others are told the time, timezone-aware and in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

_SHIFT = re.compile(r"[+-][0-9]+(\.[0-9]+)?", re.ASCII)
_EPOCH_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present instant, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock, or what freezegun makes of it."""

    def now(self) -> datetime:
        # Not time.time(): freezegun lets that one run on in threads and pools, so that half of a
        # threaded test would live in another year.
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FileClock:
    """Follows a file, so that tests can move the time of a server in another process.

    The file is read again at each call and holds one of:

    - an ISO 8601 instant (`2026-02-28T23:59:59Z`; without an offset it is UTC) or seconds since
      the epoch: the time stands still there;
    - `+N` or `-N` seconds: the machine's time, shifted;
    - nothing, or there is no file: the machine's time.

    Anything else raises ValueError: a test that believes to have moved the time must not go on
    with another one.
    """

    path: Path

    def now(self) -> datetime:
        text = self._text()
        try:
            return _instant(text)
        except (ValueError, OverflowError, OSError) as error:
            raise ValueError(
                f"{self.path}: a test clock holds an ISO 8601 instant, seconds since the epoch, "
                f"+seconds or -seconds, not {text[:80]!r}"
            ) from error

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return ""


def _instant(text: str) -> datetime:
    if not text:
        return SystemClock().now()
    if _SHIFT.fullmatch(text):
        return SystemClock().now() + timedelta(seconds=float(text))
    if _EPOCH_SECONDS.fullmatch(text):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
