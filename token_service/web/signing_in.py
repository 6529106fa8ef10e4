"""`POST /v1/sign-in`: a person's credentials become a session, for first-party clients.

Where a limit of sessions is reached and the policy says `ask`, `POST /v1/sign-in/continue` ends one
of them and goes on.
"""

from flask import Response

from token_service.domain.refusals import Refused
from token_service.services import continuing, signing_in
from token_service.services.configuration import Snapshot
from token_service.services.continuing import Continuation
from token_service.services.issuing import IssuedTokens
from token_service.services.opening import WaitingSignIn
from token_service.services.signing_in import SignIn
from token_service.web import answers, errors, guards, metrics, parsing, possession
from token_service.web.api import BASIC, NOBODY, Blueprint
from token_service.web.current import on_current
from token_service.web.devices import device
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, refusal
from token_service.web.schemas.answers import (
    ListedSession,
    SessionLimitProblemSchema,
    TokensSchema,
    WaitingSignInSchema,
)
from token_service.web.schemas.requests import (
    ContinueRequest,
    ContinueSchema,
    SignInRequest,
    SignInSchema,
)

blueprint = Blueprint("sign-in", __name__, url_prefix="/v1", description="Signing in")

_SIGN_IN = SignInSchema()
_CONTINUE = ContinueSchema()
_WAITING = WaitingSignInSchema()
_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_CLIENT,
    errors.CLIENT_NOT_ALLOWED,
    errors.INVALID_PROOF,
    errors.NONCE_NEEDED,
    errors.SESSION_LIMIT,
    errors.SESSION_LIMIT_ASKS,
    errors.THROTTLED,
    errors.UNAVAILABLE,
)


@blueprint.post("/sign-in")
@blueprint.described(
    body=SignInSchema,
    answer=TokensSchema,
    faults=(
        *_FAULTS,
        errors.TENANT_REQUIRED,
        errors.INVALID_SCOPE,
        errors.INVALID_CREDENTIALS,
        errors.TENANT_NOT_ALLOWED,
    ),
    problems={409: SessionLimitProblemSchema},
    security=(BASIC, NOBODY),
)
@on_current
def sign_in(snapshot: Snapshot) -> Response:
    """Open a session and give its first tokens."""
    request: SignInRequest = parsing.json_body(_SIGN_IN)
    client = guards.client(snapshot, request)
    here, where = parts(), origin()
    command = SignIn(
        client=client,
        identifier=request.identifier,
        password=request.password,
        tenant_id=request.tenant_id,
        scope=request.scope,
        remember_me=request.remember_me,
        device_cookie=request.device_token,
        origin=where,
        device=lambda: device(where),
        confirmation=possession.confirmation(snapshot, client),
    )
    opened = signing_in.sign_in(here.database, here.clock, snapshot, here.gate, command)
    return _answer(opened, errors.SIGN_IN)


@blueprint.post("/sign-in/continue")
@blueprint.described(
    body=ContinueSchema,
    answer=TokensSchema,
    faults=(*_FAULTS, errors.INVALID_TICKET, errors.SESSION_NOT_LIVE),
    problems={409: SessionLimitProblemSchema},
    security=(BASIC, NOBODY),
)
@on_current
def continue_sign_in(snapshot: Snapshot) -> Response:
    """End one of the sessions that stand in the way of a sign-in, and complete it."""
    request: ContinueRequest = parsing.json_body(_CONTINUE)
    client = guards.client(snapshot, request)
    here, where = parts(), origin()
    command = Continuation(
        client=client,
        ticket=request.ticket,
        end_sid=request.end_sid,
        device_cookie=request.device_token,
        origin=where,
        device=lambda: device(where),
        confirmation=possession.confirmation(snapshot, client),
    )
    opened = continuing.continue_sign_in(here.database, here.clock, snapshot, command)
    return _answer(opened, errors.CONTINUE)


def _answer(opened: IssuedTokens | WaitingSignIn | Refused, stage: errors.Stage) -> Response:
    match opened:
        case IssuedTokens():
            return answers.tokens(opened, "sign_in")
        case WaitingSignIn():
            raise _waiting(opened)
        case _:
            metrics.sign_in_refused(opened.reason, opened.tenant_id)
            raise refusal(opened, stage)


def _waiting(waiting: WaitingSignIn) -> Refuse:
    members = {
        "sessions": [ListedSession(live, is_current=False) for live in waiting.sessions],
        "ticket": waiting.ticket,
        "expires_in": waiting.expires_in,
    }
    return Refuse(errors.SESSION_LIMIT_ASKS, members=_WAITING.dump(members))
