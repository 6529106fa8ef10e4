"""`/v1/tenants/{tenant_id}/roles`: what the roles of its members permit, for administrators."""

from flask import Response

from token_service.domain.refusals import Refused
from token_service.domain.roles import MAX_DEFINED, RoleChanges, RoleFaults, changes_in, written
from token_service.services import roles
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors, guards, parsing
from token_service.web.api import BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, malformed, refusal
from token_service.web.schemas.tenants import RoleChangesSchema, RolesSchema

blueprint = Blueprint(
    "tenant-roles",
    __name__,
    url_prefix="/v1/tenants/<tenant_id>/roles",
    description="Roles of a tenant",
)

_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_TOKEN,
    errors.INSUFFICIENT_SCOPE,
    errors.NOT_FOUND,
    errors.UNAVAILABLE,
)


@blueprint.get("")
@blueprint.described(answer=RolesSchema, faults=_FAULTS, security=(BEARER,))
@on_current
def show(snapshot: Snapshot, tenant_id: str) -> Response:
    """The roles that the tenant defines."""
    guards.administrator_of(snapshot, tenant_id)
    found = roles.read(parts().database, tenant_id)
    if found is None:
        raise Refuse(errors.NOT_FOUND)
    return answers.json(written(found))


@blueprint.patch("")
@blueprint.described(body=RoleChangesSchema, answer=RolesSchema, faults=_FAULTS, security=(BEARER,))
@on_current
def change(snapshot: Snapshot, tenant_id: str) -> Response:
    """Define, redefine or take away roles; the others stay as they are."""
    caller = guards.administrator_of(snapshot, tenant_id)
    here = parts()
    changed = roles.change(here.database, here.clock, tenant_id, _changes(), caller.author())
    if isinstance(changed, Refused):
        raise refusal(changed, errors.TENANT_ROLES)
    return answers.json(written(changed))


def _changes() -> RoleChanges:
    changes = changes_in(parsing.json_patch())
    if isinstance(changes, RoleFaults):
        raise malformed(
            f"Some roles are wrong; a tenant has at most {MAX_DEFINED}.",
            parsing.by_safe_name({name: [one] for name, one in changes.by_name.items()}),
        )
    return changes
