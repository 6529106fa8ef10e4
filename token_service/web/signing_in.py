"""`POST /v1/sign-in`: a person's credentials become a session, for first-party clients."""

from flask import Response

from token_service.services import signing_in
from token_service.services.configuration import Snapshot
from token_service.services.issuing import IssuedTokens
from token_service.services.signing_in import SignIn
from token_service.web import answers, errors, guards, parsing
from token_service.web.api import BASIC, NOBODY, Blueprint
from token_service.web.current import on_current
from token_service.web.devices import device
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import refusal
from token_service.web.schemas.answers import TokensSchema
from token_service.web.schemas.requests import SignInRequest, SignInSchema

blueprint = Blueprint("sign-in", __name__, url_prefix="/v1", description="Signing in")

_SIGN_IN = SignInSchema()


@blueprint.post("/sign-in")
@blueprint.described(
    body=SignInSchema,
    answer=TokensSchema,
    faults=(
        errors.INVALID_REQUEST,
        errors.TENANT_REQUIRED,
        errors.INVALID_SCOPE,
        errors.INVALID_CLIENT,
        errors.INVALID_CREDENTIALS,
        errors.TENANT_NOT_ALLOWED,
        errors.CLIENT_NOT_ALLOWED,
        errors.THROTTLED,
        errors.UNAVAILABLE,
    ),
    security=(BASIC, NOBODY),
)
@on_current
def sign_in(snapshot: Snapshot) -> Response:
    """Open a session and give its first tokens."""
    request: SignInRequest = parsing.json_body(_SIGN_IN)
    client = guards.client(snapshot, request.client_id, request.client_secret)
    here, where = parts(), origin()
    command = SignIn(
        client=client,
        identifier=request.identifier,
        password=request.password,
        tenant_id=request.tenant_id,
        scope=request.scope,
        remember_me=request.remember_me,
        origin=where,
        device=lambda: device(where),
    )
    opened = signing_in.sign_in(here.database, here.clock, snapshot, here.gate, command)
    if isinstance(opened, IssuedTokens):
        return answers.tokens(opened, "sign_in")
    raise refusal(opened, errors.SIGN_IN)
