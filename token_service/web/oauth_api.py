"""The OAuth endpoints that clients post to: `/oauth2/token`, `/oauth2/introspect`,
`/oauth2/revoke`, `/oauth2/par`, `/oauth2/device_authorization`."""

from collections.abc import Callable
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from token_service.domain import device_authorizations
from token_service.domain.authorization_requests import RequestRefused
from token_service.domain.clients import Client
from token_service.domain.confirmations import Confirmation
from token_service.domain.refusals import Refused
from token_service.oauth.answers import (
    ClientRefused,
    GrantRefused,
    GrantTypeUnsupported,
    No,
    ParameterMissing,
    ProofRefused,
)
from token_service.oauth.call import Call
from token_service.oauth.credentials import Misuse
from token_service.oauth.server import Server
from token_service.services import codes, signed_answers
from token_service.services.configuration import Snapshot
from token_service.services.issuing import IssuedTokens
from token_service.services.pushing import Pushed, PushRefused
from token_service.services.request_objects import BadObject
from token_service.web import answers, client_certificates, errors, parsing, possession
from token_service.web.current import on_current
from token_service.web.devices import device
from token_service.web.guards import misuse, surroundings
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, malformed, refusal

INTROSPECTION = "application/token-introspection+jwt"

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth2")
_server = Server()
_STAGES = {codes.GRANT_TYPE: errors.CODE, device_authorizations.GRANT_TYPE: errors.DEVICE}


@blueprint.post("/token")
@on_current
def token(snapshot: Snapshot) -> Response:
    """RFC 6749 section 3.2."""
    call = _call(snapshot)
    answer = _server.token(call)
    if isinstance(answer, IssuedTokens):
        return answers.tokens(answer, call.form["grant_type"])
    raise _no(answer, _STAGES.get(call.form.get("grant_type", ""), errors.GRANT))


@blueprint.post("/introspect")
@on_current
def introspect(snapshot: Snapshot) -> Response:
    """RFC 7662; as a signed JWT where that is asked for (RFC 9701 section 4)."""
    answer = _server.introspection(_call(snapshot))
    if isinstance(answer, No):
        raise _no(answer, errors.INSPECTION)
    if request.accept_mimetypes.best_match((answers.JSON, INTROSPECTION)) == INTROSPECTION:
        now = parts().clock.now()
        signed = signed_answers.introspection(snapshot, answer.caller, answer.found, now)
        response = answers.signed(signed, INTROSPECTION)
    else:
        response = answers.inspected(answer.found)
    response.headers["Vary"] = "Accept"
    return response


@blueprint.post("/revoke")
@on_current
def revoke(snapshot: Snapshot) -> Response:
    """RFC 7009."""
    answer = _server.revocation(_call(snapshot))
    if answer is not None:
        raise _no(answer)
    return answers.json({})


@blueprint.post("/device_authorization")
@on_current
def device_authorization(snapshot: Snapshot) -> Response:
    """RFC 8628 section 3.2."""
    answer = _server.device_authorization(_call(snapshot))
    if isinstance(answer, No):
        raise _no(answer, errors.DEVICE_BEGINS)
    page = f"{snapshot.issuer}/device"
    return answers.json(
        {
            "device_code": answer.device_code,
            "user_code": answer.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': answer.user_code})}",
            "expires_in": answer.expires_in,
            "interval": answer.interval,
        }
    )


@blueprint.post("/par")
@on_current
def push(snapshot: Snapshot) -> Response:
    """RFC 9126; a DPoP proof binds the code that will come of it (RFC 9449 section 10.1)."""
    call = _call(snapshot, several="resource", confirm=possession.confirming_if_shown(snapshot))
    answer = _server.pushed_request(call)
    if isinstance(answer, Pushed):
        body = {"request_uri": answer.request_uri, "expires_in": answer.expires_in}
        return answers.json(body, 201)
    raise _unpushed(answer) if isinstance(answer, PushRefused) else _no(answer)


def _call(
    snapshot: Snapshot,
    *,
    several: str = "",
    confirm: Callable[[Client], Confirmation | Refused] | None = None,
) -> Call:
    authorization, around = request.headers.get("Authorization"), surroundings(snapshot)
    return Call(
        request.path,
        parsing.form(several),
        authorization,
        around,
        confirm or possession.confirming(snapshot),
        lambda: device(around.origin),
        client_certificates.of_connection(),
    )


def _unpushed(answer: PushRefused) -> Refuse:
    """What is wrong with the request itself, in the form of the token endpoint (RFC 9126
    section 2.3)."""
    match answer:
        case Refused():
            return refusal(answer, errors.PUSH)
        case RequestRefused(error=error, sentence=sentence):
            return Refuse(errors.of_request(error, sentence))
        case BadObject():
            return Refuse(errors.INVALID_REQUEST_OBJECT)
    return Refuse(errors.UNPUSHABLE[answer])


def _no(answer: No, stage: errors.Stage = errors.GRANT) -> Refuse:
    match answer:
        case ClientRefused(refused):
            return refusal(refused, errors.CLIENT)
        case GrantRefused(refused):
            return refusal(refused, stage)
        case ProofRefused(refused):
            return refusal(refused, errors.PROOF)
        case ParameterMissing(name):
            return malformed(f"The parameter {name} is missing.")
        case GrantTypeUnsupported():
            return Refuse(errors.UNSUPPORTED_GRANT_TYPE)
        case Misuse():
            return misuse(answer)
