"""Refreshes that are asked for at the same time: each as in `refreshing`, under one commit."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from token_service.clock import Clock
from token_service.crypto.drafts import Drafting
from token_service.domain.sessions import GrantState
from token_service.services import issuing, refreshing
from token_service.services.issuing import IssuedTokens
from token_service.services.refreshing import Attempt
from token_service.storage import rotations
from token_service.storage.database import Asks


class Used(NamedTuple):
    """A token that was used just now, and its grant since then."""

    attempt: Attempt
    state: GrantState
    now: datetime

    @property
    def takes_time(self) -> bool:
        """Whether they are not for a thread that must not wait: an ID token may tell what has to be
        read, or have a slow signature."""
        terms, client = self.state.terms, self.attempt.command.client
        algorithm = client.metadata.id_token_signed_response_alg
        return terms.openid and (bool(terms.requested_claims) or issuing.is_slow(algorithm))

    def making_tokens(self) -> Drafting[IssuedTokens]:
        """What comes of it, to be signed."""
        return refreshing.making_successor(self.attempt, self.state, self.now)


def using_together(attempts: Sequence[Attempt], clock: Clock) -> Asks[list[Used | None]]:
    """Use several tokens, each as `used_once` does, and commit that at once; None as there.

    Raises `Unavailable`: then nobody knows whether they were used, and each may be asked for once
    more, as after a lost answer.
    """
    now = clock.now()
    asked = [attempt.rotation(now) for attempt in attempts]
    states = yield from rotations.rotating_all(attempts[0].database, asked)
    return [
        None if state is None else Used(attempt, state, now)
        for attempt, state in zip(attempts, states, strict=True)
    ]
