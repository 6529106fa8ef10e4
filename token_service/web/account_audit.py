"""`/v1/accounts/{account_id}/audit`: what the audit log says of an account, for administrators."""

from flask import Response

from token_service.services import audit_log
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors, guards, parsing
from token_service.web.api import BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.cursors import cursor, key_in
from token_service.web.parts import parts
from token_service.web.refusing import Refuse
from token_service.web.schemas.audit import AuditEventsSchema
from token_service.web.schemas.requests import PageRequest, PageSchema

blueprint = Blueprint(
    "account-audit",
    __name__,
    url_prefix="/v1/accounts/<account_id>/audit",
    description="The audit log of an account",
)

_PAGE = PageSchema()
_EVENTS = AuditEventsSchema()


@blueprint.get("")
@blueprint.described(
    query=PageSchema,
    answer=AuditEventsSchema,
    faults=(
        errors.INVALID_REQUEST,
        errors.INVALID_CURSOR,
        errors.INVALID_TOKEN,
        errors.INSUFFICIENT_SCOPE,
        errors.NOT_FOUND,
        errors.UNAVAILABLE,
    ),
    security=(BEARER,),
)
@on_current
def list_events(snapshot: Snapshot, account_id: str) -> Response:
    """What happened to the account and through it, newest first."""
    caller = guards.administrator_for(snapshot, account_id)
    asked: PageRequest = parsing.query(_PAGE)
    owner = f"audit {account_id} {caller.actor} {caller.reach or ''}"
    before = key_in(owner, asked.cursor)
    found = audit_log.page(parts().database, account_id, caller.reach, before, asked.limit + 1)
    if found is None:
        raise Refuse(errors.NOT_FOUND)
    items = found[: asked.limit]
    next_cursor = cursor(owner, items[-1].event_id) if len(found) > asked.limit else None
    return answers.json(_EVENTS.dump({"items": items, "next_cursor": next_cursor}))
