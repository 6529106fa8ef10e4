"""What to make of a refresh token that the guarded statement did not accept."""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantState, Rules, grant_refusal, session_refusal


class Presentation(NamedTuple):
    """A genuine refresh token as it was presented, and by whom.

    `confirmation` is what the presenter has proved to hold, as a grant's row would keep it.
    """

    client_id: str
    tenant_id: str
    generation: int
    key_number: int
    secret_hash: str
    confirmation: str | None = None


class Verdict(Enum):
    """What happens next; a `Refusal` instead is a plain no."""

    RETRY = auto()
    """The successor's owner asks again: give the same successor."""
    REPLAY = auto()
    """An old token: end the session."""
    AHEAD = auto()
    """The database lost its tail: accept the token's word and record it."""
    FAULTLESS = auto()
    """Nothing is wrong with it now: run the statement once more."""


def explain(
    presented: Presentation, state: GrantState, rules: Rules, now: datetime
) -> Verdict | Refusal:
    """Explain zero rows from the guarded statement; `state` was read after it.

    The order matters. Whose token it is comes first, so that another client's attempt ends nothing
    (RFC 9700 section 4.14.2 is about replays by whoever holds the chain, and a foreign client has
    not proved that it ever did). So does the key of a bound chain, but only while the token is the
    newest: an older one without the key is a thief's, and may be its owner's, whose chain the thief
    has bound to a key of his own. A replay comes before "already over by time", so that a thief's
    replay is recorded even then; a session that has ended already stays ended as it was.
    """
    if presented.client_id != state.client_id:
        return Refusal.FOREIGN_CLIENT
    if presented.secret_hash != state.secret_hash or presented.tenant_id != state.tenant_id:
        return Refusal.UNKNOWN_TOKEN
    if state.session_ended_at is not None or state.ended_at is not None:
        return grant_refusal(state, rules, now) or Refusal.REVOKED
    if presented.generation < state.generation:
        return _older(presented, state, rules, now)
    if not _holds_key(presented, state):
        return Refusal.WRONG_KEY
    if refusal := grant_refusal(state, rules, now):
        return refusal
    if presented.generation > state.generation:
        return Verdict.AHEAD
    if presented.key_number != state.key_number:
        return Refusal.UNKNOWN_TOKEN
    return Verdict.FAULTLESS


def proves_possession(
    presented: Presentation, state: GrantState, rules: Rules, now: datetime
) -> bool:
    """Whether the token is the newest of its chain, or asks for a lost answer inside the window.

    Whoever presents it is, as far as anybody can tell, the device that the chain belongs to: it may
    learn why its session ended. An older token may be a thief's, and learns nothing.
    """
    if presented.client_id != state.client_id or presented.tenant_id != state.tenant_id:
        return False
    if presented.secret_hash != state.secret_hash or not _holds_key(presented, state):
        return False
    if presented.generation == state.generation:
        return presented.key_number == state.key_number
    return presented.generation > state.generation or _is_retry(presented, state, rules, now)


def _holds_key(presented: Presentation, state: GrantState) -> bool:
    """Whether the presenter holds what the chain is bound to, if it is bound at all."""
    return state.terms.confirmation in (None, presented.confirmation)


def _is_retry(presented: Presentation, state: GrantState, rules: Rules, now: datetime) -> bool:
    """Whether this is the token just spent, inside the retry window.

    The window closes at the successor's first use, because then the generation is two ahead.
    A window of 0 is decided as 0: two requests in the same microsecond must not slip through.
    """
    window = rules.policy.retry_window
    inside = window > 0 and now - state.used_at < timedelta(seconds=window)
    return presented.generation == state.generation - 1 and inside


def _older(
    presented: Presentation, state: GrantState, rules: Rules, now: datetime
) -> Verdict | Refusal:
    """A superseded token: a lost answer's retry, inside the window by the key, else a replay."""
    if _is_retry(presented, state, rules, now) and _holds_key(presented, state):
        return grant_refusal(state, rules, now) or Verdict.RETRY
    refusal = session_refusal(state, now)
    return Verdict.REPLAY if refusal in (None, Refusal.ABSOLUTE_TIMEOUT) else refusal
