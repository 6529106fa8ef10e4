"""Why a session is over, since when and by whom, also where nothing of it was written down.

An end that was written is final. Of what nobody wrote down (time went by, an epoch was raised, a
client, tenant or membership was lost) the first is the end: a session that was idle for a month is
not ended by whoever signs out everywhere today.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantState, Rules, Session, first_limit, grant_refusal

SERVICE = "service"
"""The actor of what nobody in particular does."""


class EndedBy(StrEnum):
    """What kind of actor ended something, for whoever is not to learn which one."""

    USER = "user"
    ADMINISTRATOR = "administrator"
    BACKEND = "backend"
    APPLICATION = "application"
    SERVICE = "service"


_BY_APPLICATIONS = frozenset({Refusal.REVOKED, Refusal.REPLAYED, Refusal.SIGNED_OUT})


@dataclass(frozen=True, slots=True)
class End:
    """One end: why, when, and by whom, as the audit log names them.

    `device` is what kind of device it was ended from, where that is known.
    """

    reason: Refusal
    at: datetime
    actor: str
    device: str | None = None

    def kind_for(self, account_id: str) -> EndedBy:
        """Who ended a session of the account."""
        kind, _, identifier = self.actor.partition(":")
        if kind == "account":
            return EndedBy.USER if identifier == account_id else EndedBy.ADMINISTRATOR
        if kind != "client":
            return EndedBy.SERVICE if self.actor == SERVICE else EndedBy.ADMINISTRATOR
        if self.reason is Refusal.ENDED_BY_BACKEND:
            return EndedBy.BACKEND
        is_application = self.reason in _BY_APPLICATIONS
        return EndedBy.APPLICATION if is_application else EndedBy.ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that is over: what is stored of it, and its end."""

    session: Session
    end: End
    last_active_at: datetime
    clients: tuple[str, ...]
    tenants: tuple[str, ...]

    @property
    def ends_at(self) -> datetime:
        """When it ended."""
        return self.end.at


def grant_ending(
    state: GrantState,
    rules: Rules | None,
    written: Sequence[End],
    recorded: Sequence[End],
    now: datetime,
) -> End | None:
    """The end of a grant; None while it lives.

    `written` are the stored ends of the grant and its session, `recorded` what was recorded about
    each epoch and membership that it no longer matches. `rules` None: its client is gone.
    """
    ends = list(recorded)
    if rules is not None:
        at, reason = first_limit(state, rules.policy_for(remembered=state.remembered))
        if now >= at:
            ends.append(End(reason, at, SERVICE))
    if written:
        return _cause_of(min(written, key=attrgetter("at")), ends)
    refusal = grant_refusal(state, rules, now) if rules else Refusal.CLIENT_DISABLED
    if refusal is None:
        return None
    if not ends:
        # It is over, and all that is known of the time is that it was used then.
        return End(refusal, state.used_at, SERVICE)
    return min(ends, key=attrgetter("at"))


def _cause_of(written: End, ends: Sequence[End]) -> End:
    """What a written end was brought about by.

    The service writes down an end when somebody meets it; since when and by whom it was is what
    was recorded, as long as that still says the same.
    """
    if written.actor != SERVICE:
        return written
    same = [end for end in ends if end.reason is written.reason and end.at <= written.at]
    return min(same, key=attrgetter("at"), default=written)


def session_ending(grants: Sequence[End | None]) -> End | None:
    """The end of a session by those of its grants: the last one's, None while one lives."""
    ends = [end for end in grants if end is not None]
    if len(ends) < len(grants) or not ends:
        return None
    return max(ends, key=attrgetter("at"))
