"""Counts, in one worker's memory, the garbage that callers ask about (RFC 7662 section 4)."""

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from token_service.clock import Clock
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.garbage import GarbageCount
from token_service.domain.refusals import Refusal, Refused
from token_service.services.recording import record
from token_service.services.throttling import network
from token_service.storage.database import Database

MOST_CALLERS = 10_000

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks about tokens: a client that has authenticated, or else a source."""

    origin: Origin
    client_id: str | None = None

    @property
    def subject(self) -> str:
        """Whose garbage is counted together."""
        if self.client_id is not None:
            return f"client {self.client_id}"
        return f"source {network(self.origin.address)}"


@dataclass(frozen=True, slots=True)
class Garbage:
    """The counts of one worker: so many a minute are free. Beyond `most_callers` the one that was
    silent longest is forgotten, so that many sources cannot fill the memory."""

    database: Database
    clock: Clock
    limit: int
    most_callers: int = MOST_CALLERS
    _counts: OrderedDict[str, GarbageCount] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, asker: Asker, more: int) -> Refused | None:
        """Count so many more; `Refused`: they are too many, and the audit log has it once."""
        now = self.clock.now()
        with self._lock:
            before = self._counts.pop(asker.subject, GarbageCount(now))
            count = self._counts[asker.subject] = before.after(more, now)
            if len(self._counts) > self.most_callers:
                self._counts.popitem(last=False)
        if count.passes(self.limit, more):
            self._tell(asker, count, now)
        wait = count.wait(self.limit, now)
        return Refused(Refusal.SOURCE_THROTTLED, retry_after=wait) if wait else None

    def _tell(self, asker: Asker, count: GarbageCount, now: datetime) -> None:
        """The only thing that is written. Whoever asks is answered, written or not."""
        event = AuditEvent(
            Event.GARBAGE_THROTTLED,
            asker.origin,
            actor="service",
            client_id=asker.client_id,
            reason=Refusal.SOURCE_THROTTLED,
            details={"tokens": count.number, "source": network(asker.origin.address)},
        )
        try:
            with self.database.transaction() as tx:
                record(tx, event, now)
        except Unavailable as unavailable:
            _logger.warning("garbage_not_recorded", extra={"reason": unavailable.private})


@dataclass(frozen=True, slots=True)
class Watch:
    """The counts, and who asks now."""

    garbage: Garbage
    asker: Asker

    def count(self, more: int) -> Refused | None:
        """Count so many more of who asks; `Refused`: they are too many."""
        return self.garbage.count(self.asker, more)
