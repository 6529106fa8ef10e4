"""How much garbage may be asked about: what comes in place of tokens, and no key of ours made."""

from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class GarbageCount:
    """What one caller asked about since its window began."""

    begun: datetime
    number: int = 0

    def after(self, more: int, now: datetime) -> "GarbageCount":
        """The count with so many more; a window ends by the clock, whatever happens in it."""
        if self.begun <= now < self.begun + WINDOW:
            return GarbageCount(self.begun, self.number + more)
        return GarbageCount(now, more)

    def passes(self, limit: int, more: int) -> bool:
        """Whether the last `more` of them were those that passed the limit."""
        return self.number - more <= limit < self.number

    def wait(self, limit: int, now: datetime) -> int:
        """Whole seconds until the window ends, rounded up; 0 within the limit."""
        if self.number <= limit:
            return 0
        return -(-(self.begun + WINDOW - now) // timedelta(seconds=1))
