"""`/v1/accounts/{account_id}/sessions`: for trusted backends, administrators, and members
with a role for it.

Who belongs to a tenant reaches its members only, and of them what is that tenant's.
"""

from flask import Response

from token_service.domain.clients import Permission
from token_service.services import tenant_reach
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors, guards, parsing, session_lists
from token_service.web.api import BASIC, BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.guards import Caller
from token_service.web.parts import parts
from token_service.web.refusing import Refuse
from token_service.web.schemas.session_ends import (
    EndedSessionsSchema,
    SessionPageRequest,
    SessionPageSchema,
    SessionWithEndSchema,
)
from token_service.web.session_lists import Reader

blueprint = Blueprint(
    "account-sessions",
    __name__,
    url_prefix="/v1/accounts/<account_id>/sessions",
    description="Sessions of an account",
)

_PAGE = SessionPageSchema()
_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_CLIENT,
    errors.INVALID_TOKEN,
    errors.FORBIDDEN,
    errors.INSUFFICIENT_SCOPE,
    errors.NOT_FOUND,
    errors.THROTTLED,
    errors.UNAVAILABLE,
)
_CALLERS = (BASIC, BEARER)


@blueprint.get("")
@blueprint.described(
    query=SessionPageSchema,
    answer=EndedSessionsSchema,
    faults=(*_FAULTS, errors.INVALID_CURSOR),
    security=_CALLERS,
)
@on_current
def list_sessions(snapshot: Snapshot, account_id: str) -> Response:
    """The live sessions of an account, newest first, or with `state=ended` those that are over."""
    caller = guards.caller_for(snapshot, Permission.SESSIONS_READ, account_id)
    asked: SessionPageRequest = parsing.query(_PAGE)
    return session_lists.page(snapshot, asked, _reader(caller, account_id))


@blueprint.get("/<sid>")
@blueprint.described(answer=SessionWithEndSchema, faults=_FAULTS, security=_CALLERS)
@on_current
def show(snapshot: Snapshot, account_id: str, sid: str) -> Response:
    """One session of an account, live or ended: why, when and by whom."""
    caller = guards.caller_for(snapshot, Permission.SESSIONS_READ, account_id)
    return session_lists.one(snapshot, sid, _reader(caller, account_id))


@blueprint.delete("")
@blueprint.described(answer=204, faults=_FAULTS, security=_CALLERS)
@on_current
def end_all(snapshot: Snapshot, account_id: str) -> Response:
    """End all sessions of an account."""
    here = parts()
    caller = guards.caller_for(snapshot, Permission.SESSIONS_REVOKE, account_id)
    if not tenant_reach.end_all(
        here.database, here.clock, snapshot, caller.reach, account_id, caller.cause()
    ):
        raise Refuse(errors.NOT_FOUND)
    return answers.nothing()


@blueprint.delete("/<sid>")
@blueprint.described(answer=204, faults=_FAULTS, security=_CALLERS)
@on_current
def end_one(snapshot: Snapshot, account_id: str, sid: str) -> Response:
    """End one session of an account; saying it twice is fine."""
    here = parts()
    caller = guards.caller_for(snapshot, Permission.SESSIONS_REVOKE, account_id)
    if not parsing.is_identifier(sid) or not tenant_reach.end_one(
        here.database, here.clock, snapshot, caller.reach, account_id, sid, caller.cause()
    ):
        raise Refuse(errors.NOT_FOUND)
    return answers.nothing()


def _reader(caller: Caller, account_id: str) -> Reader:
    """Who acted in one tenant is no other tenant's to learn: its callers see what kind it was."""
    return Reader(caller.actor, account_id, caller.reach, sees_actors=caller.reach is None)
