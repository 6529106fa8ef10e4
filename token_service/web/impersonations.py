"""`POST /v1/impersonations`: a trusted backend acts as an account for a short time."""

from flask import Response

from token_service.domain.refusals import Refused
from token_service.services import impersonating
from token_service.services.configuration import Snapshot
from token_service.services.impersonating import Impersonate
from token_service.web import answers, errors, guards, metrics, parsing, possession
from token_service.web.api import BASIC, BOUND, Blueprint
from token_service.web.current import on_current
from token_service.web.devices import device
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import refusal
from token_service.web.schemas.answers import TokensSchema
from token_service.web.schemas.impersonation import ImpersonationRequest, ImpersonationSchema

blueprint = Blueprint(
    "impersonations", __name__, url_prefix="/v1/impersonations", description="Acting as somebody"
)

_IMPERSONATION = ImpersonationSchema()


@blueprint.post("")
@blueprint.described(
    body=ImpersonationSchema,
    answer=TokensSchema,
    status=201,
    faults=(
        errors.INVALID_REQUEST,
        errors.INVALID_SCOPE,
        errors.INVALID_CLIENT,
        errors.INVALID_PROOF,
        errors.INVALID_TOKEN,
        errors.INSUFFICIENT_SCOPE,
        errors.NONCE_NEEDED,
        errors.FORBIDDEN,
        errors.IMPERSONATION_NOT_ALLOWED,
        errors.NOT_FOUND,
        errors.THROTTLED,
        errors.UNAVAILABLE,
    ),
    security=(BASIC, BOUND),
)
@on_current
def impersonate(snapshot: Snapshot) -> Response:
    """Open a session in which the backend acts as the account; `act` in its tokens says so."""
    request: ImpersonationRequest = parsing.json_body(_IMPERSONATION)
    client = guards.confidential_client(snapshot)
    here, where = parts(), origin()
    command = Impersonate(
        client=client,
        account_id=request.account_id,
        tenant_id=request.tenant_id,
        reason=request.reason,
        lifetime=request.lifetime,
        scope=request.scope,
        origin=where,
        device=lambda: device(where),
        confirmation=possession.confirmation(snapshot, client),
    )
    alarm_per_hour = here.settings.impersonation.alarm_per_hour
    opened = impersonating.impersonate(here.database, here.clock, snapshot, alarm_per_hour, command)
    if isinstance(opened, Refused):
        raise refusal(opened, errors.IMPERSONATION)
    if opened.alarmed:
        metrics.impersonation_alarm()
    return answers.tokens(opened.tokens, "impersonation", 201)
