"""Bodies about sessions that are over, and the parameters of lists that may hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, post_load
from marshmallow.validate import OneOf

from token_service.domain.refusals import SENTENCES
from token_service.domain.session_ends import EndedBy, EndedSession
from token_service.domain.sessions import LiveSession
from token_service.web.schemas.answers import Instant, ListedSession, SessionSchema
from token_service.web.schemas.requests import PageRequest, PageSchema

LIVE, ENDED = "live", "ended"


@dataclass(frozen=True, slots=True)
class SessionPageRequest(PageRequest):
    """Which part of which list of sessions."""

    state: str = LIVE


class SessionPageSchema(PageSchema):
    """Paging through sessions that are live, or through those that have ended."""

    state = fields.String(
        validate=OneOf((LIVE, ENDED)),
        metadata={"description": "`live` (the default), or `ended` and not yet forgotten."},
    )

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> SessionPageRequest:
        return SessionPageRequest(**data)


@dataclass(frozen=True, slots=True)
class ToldEnd:
    """What one reader may know of an end; of a live session there is nothing to know."""

    at: datetime | None = None
    reason: str | None = None
    by: str | None = None
    actor: str | None = None
    device: str | None = None
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class ToldSession(ListedSession):
    """A session, live or ended, as one reader may see it."""

    end: ToldEnd


def told(found: LiveSession | EndedSession, *, is_current: bool, with_actor: bool) -> ToldSession:
    """The session; which actor ended it is for readers of the whole audit log only."""
    if isinstance(found, LiveSession):
        return ToldSession(found, is_current, ToldEnd())
    end = found.end
    told_end = ToldEnd(
        at=end.at,
        reason=end.reason,
        by=end.kind_for(found.session.account_id),
        actor=end.actor if with_actor else None,
        device=end.device,
        sentence=SENTENCES.get(end.reason),
    )
    return ToldSession(found, is_current, told_end)


class SessionWithEndSchema(SessionSchema):
    """One session, live or ended. What is said of an end is null while the session lives."""

    ended_at = Instant(attribute="end.at", allow_none=True, metadata={"format": "date-time"})
    end_reason = fields.String(attribute="end.reason", allow_none=True)
    ended_by = fields.String(
        attribute="end.by", allow_none=True, metadata={"enum": [*EndedBy, None]}
    )
    ended_by_actor = fields.String(
        attribute="end.actor",
        allow_none=True,
        metadata={"description": "As the audit log names it; for callers of no single tenant."},
    )
    ended_device = fields.String(attribute="end.device", allow_none=True)
    end_sentence = fields.String(attribute="end.sentence", allow_none=True)


class EndedSessionsSchema(Schema):
    """One page of sessions, those that began last first; of live ones without the end."""

    items = fields.List(fields.Nested(SessionWithEndSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
