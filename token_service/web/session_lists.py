"""One page of a list of sessions."""

from flask import Response

from token_service.services import account_sessions
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors
from token_service.web.cursors import cursor, key_in
from token_service.web.parts import parts
from token_service.web.refusing import Refuse
from token_service.web.schemas.answers import ListedSession, SessionsSchema
from token_service.web.schemas.requests import PageRequest

_SESSIONS = SessionsSchema()


def page(
    snapshot: Snapshot,
    asked: PageRequest,
    account_id: str,
    *,
    bound_to: str,
    current_sid: str | None,
    tenant_id: str | None,
) -> Response:
    """The page; `bound_to` says whose cursors these are, `tenant_id` what bounds their reach."""
    here = parts()
    owner = f"sessions {account_id} {bound_to}"
    before = key_in(owner, asked.cursor)
    found = account_sessions.list_live(
        here.database, here.clock, snapshot, account_id, before, asked.limit, tenant_id
    )
    if found is None:
        raise Refuse(errors.NOT_FOUND)
    items = [ListedSession(live, live.session.sid == current_sid) for live in found.items]
    next_cursor = found.next_sid and cursor(owner, found.next_sid)
    return answers.json(_SESSIONS.dump({"items": items, "next_cursor": next_cursor}))
