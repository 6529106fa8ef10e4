"""`/v1/tenants/{tenant_id}/members`: who belongs to a tenant and with which roles, for
administrators."""

from flask import Response

from token_service.services import accounts, members
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors, guards, parsing
from token_service.web.api import BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.cursors import cursor, key_in
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, refusal
from token_service.web.schemas.requests import PageRequest, PageSchema
from token_service.web.schemas.tenants import MemberRolesSchema, MemberSchema, MembersSchema

blueprint = Blueprint(
    "tenant-members",
    __name__,
    url_prefix="/v1/tenants/<tenant_id>/members",
    description="Members of a tenant",
)

_PAGE = PageSchema()
_ROLES = MemberRolesSchema()
_MEMBERS = MembersSchema()
_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_TOKEN,
    errors.INSUFFICIENT_SCOPE,
    errors.NOT_FOUND,
    errors.UNAVAILABLE,
)


@blueprint.get("")
@blueprint.described(
    query=PageSchema,
    answer=MembersSchema,
    faults=(*_FAULTS, errors.INVALID_CURSOR),
    security=(BEARER,),
)
@on_current
def list_members(snapshot: Snapshot, tenant_id: str) -> Response:
    """The members of the tenant with their roles."""
    caller = guards.administrator_of(snapshot, tenant_id)
    asked: PageRequest = parsing.query(_PAGE)
    owner = f"members {tenant_id} {caller.actor}"
    after = key_in(owner, asked.cursor) or ""
    found = members.page(parts().database, tenant_id, after, asked.limit + 1)
    if found is None:
        raise Refuse(errors.NOT_FOUND)
    items = found[: asked.limit]
    more = len(found) > asked.limit
    next_cursor = cursor(owner, items[-1].account_id) if more else None
    return answers.json(_MEMBERS.dump({"items": items, "next_cursor": next_cursor}))


@blueprint.put("/<account_id>")
@blueprint.described(
    body=MemberRolesSchema, answer=MemberSchema, faults=_FAULTS, security=(BEARER,)
)
@on_current
def put(snapshot: Snapshot, tenant_id: str, account_id: str) -> Response:
    """Replace a member's roles; an administrator of the environment makes members, too.

    A tenant's own administrator knows of its members only, so it can take in nobody by their id.
    """
    caller = guards.administrator_of(snapshot, tenant_id)
    roles: tuple[str, ...] = parsing.json_body(_ROLES)
    _require_identifier(account_id)
    here = parts()
    change = members.put if caller.tenant_id is None else members.set_roles
    refused = change(here.database, here.clock, account_id, tenant_id, roles, caller.author())
    if refused is not None:
        raise refusal(refused, errors.MEMBER)
    return answers.json({"account_id": account_id, "roles": roles})


@blueprint.delete("/<account_id>")
@blueprint.described(answer=204, faults=_FAULTS, security=(BEARER,))
@on_current
def remove(snapshot: Snapshot, tenant_id: str, account_id: str) -> Response:
    """End a membership, and with it the account's grants in the tenant."""
    caller = guards.administrator_of(snapshot, tenant_id)
    _require_identifier(account_id)
    here = parts()
    refused = accounts.leave(here.database, here.clock, account_id, tenant_id, caller.author())
    if refused is not None:
        raise refusal(refused, errors.MEMBER)
    return answers.nothing()


def _require_identifier(account_id: str) -> None:
    if not parsing.is_identifier(account_id):
        raise Refuse(errors.NOT_FOUND)
