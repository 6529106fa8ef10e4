"""Refreshes that are asked for at the same time: each as in `refreshing`, under one commit."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from token_service.clock import Clock
from token_service.domain.sessions import GrantState
from token_service.services import refreshing
from token_service.services.issuing import IssuedTokens
from token_service.services.refreshing import Attempt
from token_service.storage import grants


class Used(NamedTuple):
    """A token that was used just now, and its grant since then."""

    attempt: Attempt
    state: GrantState
    now: datetime

    @property
    def tokens(self) -> IssuedTokens:
        """What comes of it."""
        return refreshing.successor(self.attempt, self.state, self.now)


def used_together(attempts: Sequence[Attempt], clock: Clock) -> list[Used | None]:
    """Use several tokens, each as `used_once` does, and commit that at once; None as there.

    Raises `Unavailable`: then nobody knows whether they were used, and each may be asked for once
    more, as after a lost answer.
    """
    now = clock.now()
    rotations = [attempt.rotation(now) for attempt in attempts]
    states = grants.rotate_all(attempts[0].database, rotations)
    return [
        None if state is None else Used(attempt, state, now)
        for attempt, state in zip(attempts, states, strict=True)
    ]
