"""`/v1/token`: the use cases of the OAuth endpoints in JSON, and what gateways ask."""

from flask import Response

from token_service.domain.clients import Permission
from token_service.domain.refusals import Refused
from token_service.services import (
    account_sessions,
    inspection,
    revocation,
    switching,
    tenant_reach,
)
from token_service.services.configuration import Snapshot
from token_service.services.garbage import Asker, Watch
from token_service.services.inspection import Inspection
from token_service.services.issuing import IssuedTokens
from token_service.services.refreshing import Refresh
from token_service.web import access_tokens, answers, errors, guards, parsing, possession
from token_service.web.api import BASIC, BEARER, BOUND, NOBODY, Blueprint
from token_service.web.current import on_current
from token_service.web.guards import Person
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, refusal
from token_service.web.schemas.answers import (
    EndedProblemSchema,
    InspectionSchema,
    InspectionsSchema,
    TokensSchema,
)
from token_service.web.schemas.requests import (
    IntrospectBatchSchema,
    IntrospectSchema,
    InvalidateRequest,
    InvalidateSchema,
    RefreshRequest,
    RefreshSchema,
    ValidateBatchRequest,
    ValidateBatchSchema,
    ValidateRequest,
    ValidateSchema,
)

blueprint = Blueprint("token", __name__, url_prefix="/v1/token", description="Tokens")

_REFRESH = RefreshSchema()
_VALIDATE = ValidateSchema()
_VALIDATE_BATCH = ValidateBatchSchema()
_INTROSPECT = IntrospectSchema()
_INTROSPECT_BATCH = IntrospectBatchSchema()
_INVALIDATE = InvalidateSchema()

_CLIENT_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_CLIENT,
    errors.THROTTLED,
    errors.UNAVAILABLE,
)
_ASKING_FAULTS = (*_CLIENT_FAULTS, errors.INVALID_TOKEN, errors.INSUFFICIENT_SCOPE)
_PROOF_FAULTS = (errors.INVALID_PROOF, errors.NONCE_NEEDED)


@blueprint.post("/refresh")
@blueprint.described(
    body=RefreshSchema,
    answer=TokensSchema,
    faults=(
        *_CLIENT_FAULTS,
        *_PROOF_FAULTS,
        errors.INVALID_GRANT,
        errors.INVALID_SCOPE,
        errors.TENANT_UNREACHABLE,
        errors.TENANT_FULL,
        errors.REFRESH_FIRST,
        errors.UNAUTHORIZED_CLIENT,
    ),
    problems={400: EndedProblemSchema},
    security=(BASIC, NOBODY),
)
@on_current
def refresh(snapshot: Snapshot) -> Response:
    """Use a refresh token once, and get its successor, or the tokens for another tenant.

    Whoever presents the newest token of an ended session is told why and when it ended.
    """
    request: RefreshRequest = parsing.json_body(_REFRESH)
    client = guards.client(snapshot, request)
    confirmation = possession.confirmation(snapshot, client)
    here = parts()
    command = Refresh(client, request.refresh_token, request.scope, origin(), confirmation)
    issued = switching.refresh(here.database, here.clock, snapshot, command, request.tenant_id)
    if isinstance(issued, IssuedTokens):
        return answers.tokens(issued, "refresh_token")
    raise refusal(issued, errors.GRANT)


@blueprint.post("/introspect")
@blueprint.described(
    body=IntrospectSchema,
    answer=InspectionSchema,
    faults=_ASKING_FAULTS,
    security=(BASIC, BOUND),
)
@on_current
def introspect(snapshot: Snapshot) -> Response:
    """Ask about a token as the client that it belongs to or is meant for."""
    token: str = parsing.json_body(_INTROSPECT)
    caller = guards.confidential_client(snapshot)
    here = parts()
    watch = _watch(caller.client_id)
    found = inspection.introspect(here.database, here.clock, snapshot, caller, token, watch)
    _refuse_garbage(found)
    return answers.inspected(found)


@blueprint.post("/introspect/batch")
@blueprint.described(
    body=IntrospectBatchSchema,
    answer=InspectionsSchema,
    faults=_ASKING_FAULTS,
    security=(BASIC, BOUND),
)
@on_current
def introspect_batch(snapshot: Snapshot) -> Response:
    """Ask about up to 100 tokens at once; of each is said what would be said of it alone."""
    tokens: list[str] = parsing.json_body(_INTROSPECT_BATCH)
    caller = guards.confidential_client(snapshot)
    here = parts()
    watch = _watch(caller.client_id)
    found = inspection.introspect_all(here.database, here.clock, snapshot, caller, tokens, watch)
    _refuse_garbage(found[0])
    return answers.all_inspected(found)


@blueprint.post("/validate")
@blueprint.described(
    body=ValidateSchema,
    answer=InspectionSchema,
    faults=(errors.INVALID_REQUEST, errors.TOO_MANY_REQUESTS, errors.UNAVAILABLE),
)
@on_current
def validate(snapshot: Snapshot) -> Response:
    """Ask whether an access token is live; holding it is enough.

    Whoever asks for others looks at `cnf`: a bound token is good with the proof for it only.
    """
    request: ValidateRequest = parsing.json_body(_VALIDATE)
    here = parts()
    found = inspection.validate(
        here.database, here.clock, snapshot, request.token, request.audience, _watch()
    )
    _refuse_garbage(found)
    return answers.inspected(found)


@blueprint.post("/validate/batch")
@blueprint.described(
    body=ValidateBatchSchema,
    answer=InspectionsSchema,
    faults=_ASKING_FAULTS,
    security=(BASIC, BOUND),
)
@on_current
def validate_batch(snapshot: Snapshot) -> Response:
    """Ask whether up to 100 access tokens are live; of each is said what would be said of it alone.

    Only a confidential client may: whoever holds so many tokens of others has a name.
    """
    request: ValidateBatchRequest = parsing.json_body(_VALIDATE_BATCH)
    watch = _watch(guards.confidential_client(snapshot).client_id)
    here = parts()
    found = inspection.validate_all(
        here.database, here.clock, snapshot, request.tokens, request.audience, watch
    )
    _refuse_garbage(found[0])
    return answers.all_inspected(found)


@blueprint.get("/validate")
@blueprint.described(
    answer=200,
    faults=(errors.INVALID_TOKEN, errors.UNAVAILABLE),
    security=(BEARER,),
    forwarded=True,
)
@on_current
def validate_for_gateway(snapshot: Snapshot) -> Response:
    """The same for gateways: who it is stands in the headers of a 200, anything else is a 401.

    The optional parameter `audience` names whom the token must be meant for. A token that is bound
    to a key needs its proof, and the gateway's word for which request that was made.
    """
    here = parts()
    shown, audience = access_tokens.presented(), parsing.query_parameter("audience")
    found = inspection.validate(here.database, here.clock, snapshot, shown.token, audience)
    if isinstance(found, Refused):
        raise refusal(found, errors.BEARER)
    target = possession.gateway_target()
    possession.require(snapshot, found, shown.token, shown.scheme, target)
    return Response(status=200, headers=_identity(found), content_type="text/plain")


@blueprint.post("/invalidate")
@blueprint.described(
    body=InvalidateSchema,
    answer=204,
    faults=(
        *_CLIENT_FAULTS,
        errors.NO_TOKEN_OF_OURS,
        errors.INVALID_TOKEN,
        errors.FORBIDDEN,
        errors.INSUFFICIENT_SCOPE,
        errors.IMPERSONATION_NOT_ALLOWED,
        errors.NOT_FOUND,
    ),
    security=(BASIC, BEARER, NOBODY),
)
@on_current
def invalidate(snapshot: Snapshot) -> Response:
    """End a session and everything under it; saying it twice is fine.

    Whoever holds one of its tokens may. By its id a trusted backend, an administrator, a member
    whose role permits it and the account itself may.
    """
    request: InvalidateRequest = parsing.json_body(_INVALIDATE)
    if request.sid is not None:
        return _end_by_id(snapshot, request.sid)
    here = parts()
    refused = revocation.invalidate(
        here.database, here.clock, snapshot, request.token or "", origin()
    )
    if refused is not None:
        raise refusal(refused, errors.POSSESSION)
    return answers.nothing()


def _watch(client_id: str | None = None) -> Watch:
    return Watch(parts().garbage, Asker(origin(), client_id))


def _refuse_garbage(found: Inspection | Refused) -> None:
    if inspection.is_throttled(found):
        raise refusal(found, errors.INSPECTION)


def _end_by_id(snapshot: Snapshot, sid: str) -> Response:
    here = parts()
    asks = guards.caller_or_person(snapshot, Permission.SESSIONS_REVOKE)
    if isinstance(asks, Person) and not asks.may_end(sid):
        raise Refuse(errors.IMPERSONATION_NOT_ALLOWED)
    known = parsing.is_identifier(sid)
    account_id = account_sessions.account_of(here.database, sid) if known else None
    ender = guards.ender(snapshot, asks, account_id)
    if account_id is None or not tenant_reach.end_one(
        here.database, here.clock, snapshot, ender.reach, account_id, sid, ender.cause()
    ):
        raise Refuse(errors.NOT_FOUND)
    return answers.nothing()


def _identity(found: Inspection) -> dict[str, str]:
    """The headers of a gateway's 200.

    All or none: a gateway copies those that it gets over those of the client, and one that was
    left out would let the client's own through.
    """
    claims = found.claims
    values = {
        "X-Token-Subject": str(claims["sub"]),
        "X-Token-Client": found.client_id,
        "X-Token-Session": found.sid or "",
        "X-Token-Tenant": found.tenant_id or "",
        "X-Token-Scope": found.scope,
        "X-Token-Actor": found.impersonator or "",
        "X-Token-Expires": str(claims["exp"]),
    }
    if not all(value.isascii() and value.isprintable() for value in values.values()):
        raise Refuse(errors.INVALID_TOKEN)
    return values
