"""`/v1/me/tenants`: the tenants of a person, side by side in one session."""

from flask import Response

from token_service.services import members, switching
from token_service.services.configuration import Snapshot
from token_service.services.issuing import IssuedTokens
from token_service.services.switching import Entry
from token_service.web import answers, errors, guards, parsing
from token_service.web.api import BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, refusal
from token_service.web.schemas.answers import TokensSchema
from token_service.web.schemas.my_tenants import (
    EnterRequest,
    EnterSchema,
    ListedTenant,
    MyTenantsSchema,
)

blueprint = Blueprint(
    "my-tenants", __name__, url_prefix="/v1/me/tenants", description="One's own tenants"
)

_ENTER = EnterSchema()
_TENANTS = MyTenantsSchema()


@blueprint.get("")
@blueprint.described(
    answer=MyTenantsSchema,
    faults=(errors.INVALID_TOKEN, errors.INSUFFICIENT_SCOPE, errors.UNAVAILABLE),
    security=(BEARER,),
)
@on_current
def list_tenants(snapshot: Snapshot) -> Response:
    """The tenants that one is a member of; `isCurrent` marks that of the token.

    Who acts as somebody sees that one only.
    """
    person = guards.person(snapshot)
    found = members.tenants_of(parts().database, snapshot, person.account_id)
    items = [ListedTenant(one, one.tenant.tenant_id == person.tenant_id) for one in found]
    if person.impersonator is not None:
        # A backend of one tenant is not to learn of the others through somebody who is there too.
        items = [one for one in items if one.is_current]
    return answers.json(_TENANTS.dump({"items": items}))


@blueprint.post("/<tenant_id>/tokens")
@blueprint.described(
    body=EnterSchema,
    answer=TokensSchema,
    faults=(
        errors.INVALID_REQUEST,
        errors.INVALID_SCOPE,
        errors.UNAUTHORIZED_CLIENT,
        errors.TENANT_UNREACHABLE,
        errors.TENANT_FULL,
        errors.INVALID_GRANT,
        errors.INVALID_CLIENT,
        errors.INVALID_TOKEN,
        errors.INSUFFICIENT_SCOPE,
        errors.THROTTLED,
        errors.UNAVAILABLE,
    ),
    security=(BEARER,),
)
@on_current
def enter(snapshot: Snapshot, tenant_id: str) -> Response:
    """Tokens for another tenant under the same session, for the token's own confidential client.

    A public client uses its refresh token with `tenant_id` instead.
    """
    request: EnterRequest = parsing.json_body(_ENTER)
    found = guards.bearer(snapshot)
    if found.sid is None:
        raise Refuse(errors.INSUFFICIENT_SCOPE)
    client = guards.client_in_body(snapshot, request)
    here = parts()
    entry = Entry(client, tenant_id, request.scope, origin(), found.confirmation)
    issued = switching.enter(here.database, here.clock, snapshot, found, entry)
    if isinstance(issued, IssuedTokens):
        return answers.tokens(issued, "tenant")
    raise refusal(issued, errors.GRANT)
