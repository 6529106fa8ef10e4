"""One page of a list of sessions, or one session, for whoever may see it."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Response

from token_service.domain.session_ends import EndedSession
from token_service.domain.sessions import LiveSession
from token_service.services import account_sessions, session_history
from token_service.services.account_sessions import Page
from token_service.services.configuration import Snapshot
from token_service.services.session_history import Asked
from token_service.web import answers, errors, parsing
from token_service.web.cursors import cursor, key_in
from token_service.web.parts import parts
from token_service.web.refusing import Refuse
from token_service.web.schemas.answers import SessionsSchema
from token_service.web.schemas.session_ends import (
    ENDED,
    LIVE,
    EndedSessionsSchema,
    SessionPageRequest,
    SessionWithEndSchema,
    ToldSession,
    told,
)

_SCHEMAS = {LIVE: SessionsSchema(), ENDED: EndedSessionsSchema()}
_SESSION = SessionWithEndSchema()


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at whose sessions.

    `name` says whose cursors these are, `tenant_id` what bounds what is seen (None: nothing),
    `current_sid` which session asks, and `sees_actors` whether it learns who ended one.
    """

    name: str
    account_id: str
    tenant_id: str | None = None
    current_sid: str | None = None
    sees_actors: bool = False

    def told(self, found: LiveSession | EndedSession) -> ToldSession:
        """A session as this reader may see it."""
        is_current = found.session.sid == self.current_sid
        return told(found, is_current=is_current, with_actor=self.sees_actors)


def page(snapshot: Snapshot, asked: SessionPageRequest, reader: Reader) -> Response:
    """The page that is asked for."""
    owner = f"{asked.state} sessions {reader.account_id} {reader.name} {reader.tenant_id or ''}"
    before = key_in(owner, asked.cursor)
    found = _found(snapshot, asked, reader, before)
    if found is None:
        raise Refuse(errors.NOT_FOUND)
    items = [reader.told(one) for one in found.items]
    next_cursor = found.next_sid and cursor(owner, found.next_sid)
    body = {"items": items, "next_cursor": next_cursor}
    return answers.json(_SCHEMAS[asked.state].dump(body))


def one(snapshot: Snapshot, sid: str, reader: Reader) -> Response:
    """One session, live or ended and not yet forgotten."""
    here = parts()
    found = parsing.is_identifier(sid) and session_history.show(
        here.database, here.clock, snapshot, _asked(reader), sid
    )
    if not found:
        raise Refuse(errors.NOT_FOUND)
    return answers.json(_SESSION.dump(reader.told(found)))


def _found(
    snapshot: Snapshot, asked: SessionPageRequest, reader: Reader, before: str | None
) -> Page[LiveSession] | Page[EndedSession] | None:
    here = parts()
    if asked.state == ENDED:
        return session_history.list_ended(
            here.database, here.clock, snapshot, _asked(reader), before, asked.limit
        )
    return account_sessions.list_live(
        here.database,
        here.clock,
        snapshot,
        reader.account_id,
        before,
        asked.limit,
        reader.tenant_id,
    )


def _asked(reader: Reader) -> Asked:
    kept = timedelta(seconds=parts().settings.housekeeping.retention_seconds)
    return Asked(reader.account_id, reader.tenant_id, kept)
