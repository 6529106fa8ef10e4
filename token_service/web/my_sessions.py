"""`/v1/me/sessions`: what a person sees and ends of their own, by their access token."""

from flask import Response

from token_service.services import account_sessions
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors, guards, parsing, session_lists
from token_service.web.api import BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.devices import device
from token_service.web.guards import Person
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import Refuse
from token_service.web.schemas.answers import ListedSession, SessionSchema
from token_service.web.schemas.requests import KeepCurrentSchema
from token_service.web.schemas.session_ends import (
    EndedSessionsSchema,
    SessionPageRequest,
    SessionPageSchema,
    SessionWithEndSchema,
)
from token_service.web.session_lists import Reader

blueprint = Blueprint(
    "my-sessions", __name__, url_prefix="/v1/me/sessions", description="One's own sessions"
)

_PAGE = SessionPageSchema()
_KEEP_CURRENT = KeepCurrentSchema()
_SESSION = SessionSchema()
_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_TOKEN,
    errors.INSUFFICIENT_SCOPE,
    errors.UNAVAILABLE,
)
_OWNER_FAULTS = (*_FAULTS, errors.IMPERSONATION_NOT_ALLOWED)


@blueprint.get("")
@blueprint.described(
    query=SessionPageSchema,
    answer=EndedSessionsSchema,
    faults=(*_OWNER_FAULTS, errors.INVALID_CURSOR),
    security=(BEARER,),
)
@on_current
def list_sessions(snapshot: Snapshot) -> Response:
    """One's own live sessions, newest first; `isCurrent` marks the one that asks.

    With `state=ended` those that are over, each with the reason in words.
    """
    person = guards.owner(snapshot)
    asked: SessionPageRequest = parsing.query(_PAGE)
    return session_lists.page(snapshot, asked, _reader(person))


@blueprint.delete("")
@blueprint.described(query=KeepCurrentSchema, answer=204, faults=_OWNER_FAULTS, security=(BEARER,))
@on_current
def end_all(snapshot: Snapshot) -> Response:
    """Sign out everywhere."""
    here = parts()
    person = guards.owner(snapshot)
    keeps: bool = parsing.query(_KEEP_CURRENT)
    kept = person.sid if keeps else None
    account_sessions.end_all(here.database, here.clock, person.account_id, person.cause(), kept)
    return answers.nothing()


@blueprint.get("/<sid>")
@blueprint.described(
    answer=SessionWithEndSchema, faults=(*_FAULTS, errors.NOT_FOUND), security=(BEARER,)
)
@on_current
def show(snapshot: Snapshot, sid: str) -> Response:
    """One of one's own sessions, live or ended: why, when, and by what kind of actor."""
    person = guards.person(snapshot)
    if person.impersonator is not None and sid != person.sid:
        # Whoever acts as somebody else sees nothing of what that person does elsewhere.
        raise Refuse(errors.NOT_FOUND)
    return session_lists.one(snapshot, sid, _reader(person))


@blueprint.delete("/<sid>")
@blueprint.described(answer=204, faults=(*_OWNER_FAULTS, errors.NOT_FOUND), security=(BEARER,))
@on_current
def end_one(snapshot: Snapshot, sid: str) -> Response:
    """End one of one's own sessions; saying it twice is fine."""
    here = parts()
    person = guards.person(snapshot)
    if not person.may_end(sid):
        raise Refuse(errors.IMPERSONATION_NOT_ALLOWED)
    if not parsing.is_identifier(sid) or not account_sessions.end_one(
        here.database, here.clock, person.account_id, sid, person.cause()
    ):
        raise Refuse(errors.NOT_FOUND)
    return answers.nothing()


@blueprint.post("/ping")
@blueprint.described(answer=SessionSchema, faults=_FAULTS, security=(BEARER,))
@on_current
def ping(snapshot: Snapshot) -> Response:
    """Record that the person is active, and where; extends nothing."""
    here = parts()
    person = guards.person(snapshot)
    seen = account_sessions.ping(
        here.database, here.clock, snapshot, person.account_id, person.sid, device(origin())
    )
    if seen is None:
        raise Refuse(errors.INVALID_TOKEN)
    return answers.json(_SESSION.dump(ListedSession(seen, is_current=True)))


def _reader(person: Person) -> Reader:
    return Reader("me", person.account_id, current_sid=person.sid)
