"""Telling clients that a session has ended (OpenID Connect Back-Channel Logout 1.0).

What a notice says, when it is tried again, and when it is given up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from token_service.domain import claims

TYPE = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
TAKEN_AS_DONE = frozenset({200, 204})
"""Statuses of a client that has signed its user out (section 2.8)."""

LIFETIME = timedelta(minutes=2)
"""Of a logout token: as short as section 2.4 recommends. Each attempt makes one anew."""

REST = timedelta(seconds=30)
"""How long a client that has failed is left alone, with all that is to be told to it."""

_FIRST_DELAY = timedelta(seconds=30)
"""Longer than a delivery can take: whoever took a notice is through with it, or gone."""
_LONGEST_DELAY = timedelta(hours=1)
_TOLD_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class LogoutNotice:
    """What one client is to be told of one session, when it ends.

    `ended_at` None: no end is known. `attempts` counts the one that is made now.
    """

    account_id: str
    notice_id: str
    sid: str
    client_id: str
    ended_at: datetime | None
    attempts: int


class NotTold(Exception):
    """The client did not take the notice now; the text is for the log."""


class Messenger(Protocol):
    """Takes logout tokens to clients."""

    def deliver(self, uri: str, logout_token: str) -> None:
        """POST it there (section 2.5), within a few seconds; raises `NotTold`."""
        ...


def logout_claims(
    notice: LogoutNotice, *, issuer: str, audience: str, subject: str, now: datetime
) -> dict[str, object]:
    """The claims of the logout token (section 2.4).

    `jti` stays the same however often the notice is tried, so that a client that has seen it knows
    it again. There is never a `nonce`, or it could pass for an ID token.
    """
    issued_at = claims.instant(now)
    return {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
        "jti": notice.notice_id,
        "sid": notice.sid,
        "events": {EVENT: {}},
    }


def next_attempt(attempts: int, now: datetime) -> datetime:
    """When a notice is tried again if this attempt, the first one being 1, does not succeed."""
    return now + min(_FIRST_DELAY * (1 << min(attempts - 1, 10)), _LONGEST_DELAY)


def is_given_up(ended_at: datetime, now: datetime) -> bool:
    """Whether the end is so long ago that a client that is still away will not be told."""
    return now >= ended_at + _TOLD_WITHIN
