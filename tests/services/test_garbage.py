"""How much memory the counts of garbage take."""

from unittest.mock import MagicMock

from tests.http.faults import failing
from token_service.clock import SystemClock
from token_service.domain.events import Origin
from token_service.services.garbage import Asker, Garbage


def test_the_caller_that_was_silent_longest_is_forgotten() -> None:
    garbage = Garbage(MagicMock(), SystemClock(), limit=1, most_callers=3)
    callers = [Asker(Origin(address=f"192.0.2.{number}")) for number in range(50)]
    with failing("services.garbage.record"):
        for caller in callers:
            garbage.count(callers[0], 1)
            garbage.count(caller, 1)
    assert len(garbage) == 3
    assert garbage.count(callers[0], 1)
    assert not garbage.count(callers[1], 1)
