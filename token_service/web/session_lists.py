"""One page of a list of sessions, with a cursor that only its receiver can use."""

from flask import Response

from token_service.crypto import opaque
from token_service.services import account_sessions
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors, parsing
from token_service.web.parts import parts
from token_service.web.refusing import Refuse
from token_service.web.schemas.answers import ListedSession, SessionsSchema
from token_service.web.schemas.requests import PageRequest

_PURPOSE = "cursor of a list of sessions"
_SID_LENGTH = 32
_SESSIONS = SessionsSchema()


def page(
    snapshot: Snapshot,
    asked: PageRequest,
    account_id: str,
    *,
    bound_to: str,
    current_sid: str | None,
) -> Response:
    """The page; `bound_to` says whose cursors these are."""
    here = parts()
    owner = f"{bound_to} {account_id}"
    before = (
        None if asked.cursor is None else _sid_in(here.settings.secrets.pepper, owner, asked.cursor)
    )
    found = account_sessions.list_live(
        here.database, here.clock, snapshot, account_id, before, asked.limit
    )
    if found is None:
        raise Refuse(errors.NOT_FOUND)
    items = [ListedSession(live, live.session.sid == current_sid) for live in found.items]
    next_cursor = found.next_sid and cursor(here.settings.secrets.pepper, owner, found.next_sid)
    return answers.json(_SESSIONS.dump({"items": items, "next_cursor": next_cursor}))


def cursor(pepper: bytes, owner: str, sid: str) -> str:
    """Where the next page of this owner's list begins, with a keyed hash of both."""
    return sid + opaque.keyed_hash(pepper, _PURPOSE, f"{owner} {sid}")


def _sid_in(pepper: bytes, owner: str, given: str) -> str:
    sid = given[:_SID_LENGTH]
    if not parsing.is_identifier(sid) or not opaque.same(cursor(pepper, owner, sid), given):
        raise Refuse(errors.INVALID_CURSOR)
    return sid
