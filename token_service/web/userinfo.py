"""`/oauth2/userinfo` (OpenID Connect Core section 5.3)."""

from flask import Blueprint, Response, request

from token_service.domain.refusals import Refused
from token_service.services import signed_answers, userinfo
from token_service.services.configuration import Snapshot
from token_service.services.inspection import Inspection
from token_service.web import access_tokens, answers, errors, guards, parsing
from token_service.web.access_tokens import Presented
from token_service.web.current import on_current
from token_service.web.parts import parts
from token_service.web.refusing import malformed, refusal

blueprint = Blueprint("userinfo", __name__, url_prefix="/oauth2")


@blueprint.route("/userinfo", methods=["GET", "POST"])
@on_current
def show(snapshot: Snapshot) -> Response:
    """What the token lets its client learn, as JSON, or signed where the client wants it so."""
    here = parts()
    found = userinfo.read(here.database, snapshot, _presented(snapshot))
    if isinstance(found, Refused):
        raise refusal(found, errors.USERINFO)
    algorithm = found.client.metadata.userinfo_signed_response_alg
    if algorithm is None:
        return answers.json(found.claims)
    now = here.clock.now()
    signed = signed_answers.userinfo(snapshot, found.client, algorithm, found.claims, now)
    return answers.signed(signed)


def _presented(snapshot: Snapshot) -> Inspection:
    """The live token in the header, or in the form of a POST (RFC 6750 section 2.2): never in both,
    and never in the URL (section 2.3)."""
    if request.method == "POST" and request.mimetype == parsing.FORM:
        token = parsing.form().get("access_token")
        if token is not None:
            if "Authorization" in request.headers:
                raise malformed("The access token is sent in two ways.")
            return access_tokens.live(snapshot, Presented(token, "Bearer"))
    return guards.bearer(snapshot)
