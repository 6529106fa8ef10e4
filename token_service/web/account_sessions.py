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
from token_service.web.parts import parts
from token_service.web.refusing import Refuse
from token_service.web.schemas.answers import SessionsSchema
from token_service.web.schemas.requests import PageRequest, PageSchema

blueprint = Blueprint(
    "account-sessions",
    __name__,
    url_prefix="/v1/accounts/<account_id>/sessions",
    description="Sessions of an account",
)

_PAGE = PageSchema()
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
    query=PageSchema,
    answer=SessionsSchema,
    faults=(*_FAULTS, errors.INVALID_CURSOR),
    security=_CALLERS,
)
@on_current
def list_sessions(snapshot: Snapshot, account_id: str) -> Response:
    """The live sessions of an account, newest first."""
    caller = guards.caller_for(snapshot, Permission.SESSIONS_READ, account_id)
    page: PageRequest = parsing.query(_PAGE)
    bound_to = f"{caller.actor} {caller.reach or ''}"
    return session_lists.page(
        snapshot, page, account_id, bound_to=bound_to, current_sid=None, tenant_id=caller.reach
    )


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
