"""The OAuth endpoints: `/oauth2/token`, `/oauth2/introspect`, `/oauth2/revoke`."""

from flask import Blueprint, Response, request

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
from token_service.services import signed_answers
from token_service.services.configuration import Snapshot
from token_service.services.issuing import IssuedTokens
from token_service.web import answers, client_certificates, errors, parsing, possession
from token_service.web.current import on_current
from token_service.web.guards import misuse, surroundings
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, malformed, refusal

INTROSPECTION = "application/token-introspection+jwt"

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth2")
_server = Server()


@blueprint.post("/token")
@on_current
def token(snapshot: Snapshot) -> Response:
    """RFC 6749 section 3.2."""
    call = _call(snapshot)
    answer = _server.token(call)
    if isinstance(answer, IssuedTokens):
        return answers.tokens(answer, call.form["grant_type"])
    by_code = call.form.get("grant_type") == "authorization_code"
    raise _no(answer, errors.CODE if by_code else errors.GRANT)


@blueprint.post("/introspect")
@on_current
def introspect(snapshot: Snapshot) -> Response:
    """RFC 7662; as a signed JWT where that is asked for (RFC 9701 section 4)."""
    answer = _server.introspection(_call(snapshot))
    if isinstance(answer, No):
        raise _no(answer)
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


def _call(snapshot: Snapshot) -> Call:
    authorization = request.headers.get("Authorization")
    return Call(
        request.path,
        parsing.form(),
        authorization,
        surroundings(snapshot),
        possession.confirming(snapshot),
        client_certificates.of_connection(),
    )


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
