"""`/v1/accounts/{account_id}/lock-out`: for administrators."""

from flask import Response

from token_service.domain.refusals import Refused
from token_service.services import lock_outs
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors, guards
from token_service.web.api import BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.parts import parts
from token_service.web.refusing import Refuse
from token_service.web.schemas.lock_outs import LockOutSchema

blueprint = Blueprint(
    "lock-outs",
    __name__,
    url_prefix="/v1/accounts/<account_id>/lock-out",
    description="Locks of accounts after failed sign-ins",
)

_LOCK_OUT = LockOutSchema()
_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_TOKEN,
    errors.INSUFFICIENT_SCOPE,
    errors.NOT_FOUND,
    errors.UNAVAILABLE,
)


@blueprint.get("")
@blueprint.described(answer=LockOutSchema, faults=_FAULTS, security=(BEARER,))
@on_current
def look(snapshot: Snapshot, account_id: str) -> Response:
    """Tell how many sign-ins failed in a row, and how long the account is locked for it."""
    here = parts()
    admin = guards.administrator_for(snapshot, account_id)
    throttle = here.gate.throttle
    found = lock_outs.look(here.database, here.clock, throttle, account_id, admin.tenant_id)
    if isinstance(found, Refused):
        raise Refuse(errors.NOT_FOUND)
    return answers.json(_LOCK_OUT.dump(found))


@blueprint.delete("")
@blueprint.described(answer=204, faults=_FAULTS, security=(BEARER,))
@on_current
def unlock(snapshot: Snapshot, account_id: str) -> Response:
    """Unlock an account and forget its failures; saying it twice is fine."""
    here = parts()
    admin = guards.administrator_for(snapshot, account_id)
    throttle = here.gate.throttle
    refused = lock_outs.unlock(
        here.database, here.clock, throttle, account_id, admin.tenant_id, admin.author()
    )
    if refused is not None:
        raise Refuse(errors.NOT_FOUND)
    return answers.nothing()
