"""`/v1/me/consents`: what a person has allowed applications, by their access token."""

from flask import Response

from token_service.services import consents
from token_service.services.configuration import Snapshot
from token_service.web import answers, errors, guards
from token_service.web.api import BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.schemas.my_consents import MyConsentsSchema

blueprint = Blueprint(
    "my-consents", __name__, url_prefix="/v1/me/consents", description="One's own consents"
)

_CONSENTS = MyConsentsSchema()
_FAULTS = (
    errors.INVALID_TOKEN,
    errors.INSUFFICIENT_SCOPE,
    errors.IMPERSONATION_NOT_ALLOWED,
    errors.UNAVAILABLE,
)


@blueprint.get("")
@blueprint.described(answer=MyConsentsSchema, faults=_FAULTS, security=(BEARER,))
@on_current
def list_consents(snapshot: Snapshot) -> Response:
    """What one has allowed applications, in all of one's tenants."""
    here, person = parts(), guards.owner(snapshot)
    items = consents.allowed(here.database, here.clock, snapshot, person.account_id)
    return answers.json(_CONSENTS.dump({"items": items}))


@blueprint.delete("/<client_id>")
@blueprint.described(answer=204, faults=_FAULTS, security=(BEARER,))
@on_current
def take_back(snapshot: Snapshot, client_id: str) -> Response:
    """Take back what one has allowed an application, and end its access; as often as one likes."""
    here, person = parts(), guards.owner(snapshot)
    consents.take_back(here.database, here.clock, snapshot, person.account_id, client_id, origin())
    return answers.nothing()
