"""`/oauth2/authorize` (RFC 6749 section 3.1): the way in from an application, and the way back."""

from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import MethodNotAllowed

from token_service.domain.authorization_requests import (
    AuthorizationRequest,
    RequestRefused,
    Target,
    Unredirectable,
)
from token_service.domain.authorizing import AskConsent, ChooseTenant, ConfirmDevice
from token_service.domain.clients import Client
from token_service.domain.logout_requests import with_parameters
from token_service.domain.redirects import origin_of
from token_service.domain.refusals import Refused
from token_service.services import authorizing, requesting, signing_out
from token_service.services.authorizing import Answered, Visitor, Waiting
from token_service.services.configuration import Snapshot, prove_current
from token_service.services.requesting import Sources
from token_service.web import parsing
from token_service.web.current import on_current
from token_service.web.pages.rendering import (
    POLICY,
    as_page,
    language,
    message,
    page,
    root,
    see_other,
)
from token_service.web.pages.visiting import (
    interaction_id,
    keep_browser,
    keep_sign_in,
    known_visitor,
    visitor,
)
from token_service.web.parts import parts

blueprint = Blueprint("authorize", __name__, url_prefix="/oauth2", template_folder="templates")

SCRIPT = "document.forms[0].submit()"
_SCRIPT_HASH = b64encode(sha256(SCRIPT.encode()).digest()).decode()


@blueprint.route("/authorize", methods=["GET", "POST"])
@as_page
@on_current
def authorize(snapshot: Snapshot) -> Response:
    """An application sends a browser. What is wrong is told to the application only if it is sure
    whose redirect URI it is."""
    if request.method == "HEAD":
        # It would be answered with a code that nobody reads.
        raise MethodNotAllowed(["GET", "POST"])
    parameters = parsing.authorization_parameters()
    client = snapshot.client(parameters.get("client_id", ""))
    here = parts()
    sources = Sources(here.proofs.keys, here.fetcher, here.pushing.required)
    asked = requesting.asked(here.database, here.clock, snapshot, sources, client, parameters)
    if client is None or isinstance(asked, Unredirectable):
        prove_current(here.database, here.clock, snapshot)
        g.refused = str(asked)
        return message(str(asked), 400)
    if isinstance(asked, RequestRefused):
        return _refused(snapshot, asked, client)
    if request.method == "POST":
        # A post from another site brings no cookies along (`SameSite=Lax`); coming once more, it
        # does.
        return see_other(f"{root()}oauth2/authorize?{urlencode(parameters)}")
    return _begun(snapshot, asked, client)


@blueprint.get("/authorize/continue")
@as_page
@on_current
def go_on(snapshot: Snapshot) -> Response:
    """After a step: to the application, if nothing more is needed, else to the next page."""
    if request.method == "HEAD":
        raise MethodNotAllowed(["GET"])
    here = parts()
    outcome = authorizing.resume(here.database, here.clock, snapshot, interaction_id(), visitor())
    return answered(snapshot, outcome)


def answered(snapshot: Snapshot, outcome: Answered | Waiting | Refused) -> Response:
    """What an outcome looks like in the browser."""
    match outcome:
        case Waiting():
            return see_other(root() + page_of(outcome))
        case Answered():
            return _back(snapshot, outcome)
        case _:
            g.refused = outcome.reason
            return message("over", 400) if outcome.retry_after is None else _too_many(outcome)


def to_go_on(waiting: Waiting) -> Response:
    """On from a page, by a navigation of its own: a step is taken, and what comes next is asked."""
    return to_continue(waiting.interaction.interaction_id)


def to_continue(named: str) -> Response:
    """The same for an interaction of which no more is known, or which can only end."""
    return see_other(f"{root()}oauth2/authorize/continue?interaction={named}")


def page_of(waiting: Waiting) -> str:
    """The page at which a request waits, relative to the root."""
    match waiting.step:
        case ChooseTenant():
            name = "tenant"
        case AskConsent():
            name = "consent"
        case ConfirmDevice():
            name = "device/confirmation"
        case _:
            name = "sign-in"
    return f"{name}?interaction={waiting.interaction.interaction_id}"


def targets(waiting: Waiting) -> tuple[str, ...]:
    """Where the forms of an interaction may lead: to the application, by the request's redirect
    URI, and from there to wherever else it has registered one. For a device, nowhere."""
    if waiting.interaction.request.device_id is not None:
        return ()
    registered = waiting.client.metadata.redirect_uris
    return tuple(map(origin_of, (waiting.interaction.request.redirect_uri, *registered)))


def _begun(snapshot: Snapshot, asked: AuthorizationRequest, client: Client) -> Response:
    here = parts()
    who, new_mark = known_visitor()
    outcome = authorizing.begin(
        here.database, here.clock, snapshot, here.gate.throttle, asked, client, who
    )
    if (
        isinstance(outcome, Answered)
        and outcome.code is None
        and _is_stranger(client, snapshot, who)
    ):
        return message("refused", 400, outcome.declined.sentence if outcome.declined else "")
    response = answered(snapshot, outcome)
    if isinstance(outcome, Waiting) and new_mark is not None:
        keep_browser(response, new_mark)
    return response


def _too_many(refused: Refused) -> Response:
    response = message("too_many", 429)
    response.headers["Retry-After"] = str(refused.retry_after)
    return response


def _refused(snapshot: Snapshot, refused: RequestRefused, client: Client) -> Response:
    prove_current(parts().database, parts().clock, snapshot)
    g.refused = refused.error
    if _is_stranger(client, snapshot, visitor()):
        return message("refused", 400, refused.sentence)
    members = {"error": refused.error, "error_description": refused.sentence}
    return _to(snapshot, refused.target, members)


def _is_stranger(client: Client, snapshot: Snapshot, who: Visitor) -> bool:
    """Whether this is a client that anybody can have registered, and nobody is signed in: it must
    not be able to send people on with our name in the link (RFC 9700 section 4.11.2)."""
    if not client.metadata.is_anonymous:
        return False
    here = parts()
    return signing_out.own_session(here.database, here.clock, snapshot, who.cookie) is None


def _back(snapshot: Snapshot, outcome: Answered) -> Response:
    """The authorization response: a code or an error, and always who gives it (RFC 9207).

    Whoever was here for a device goes nowhere, and the device goes on waiting.
    """
    if outcome.request.device_id is not None:
        g.refused = outcome.declined.error if outcome.declined else ""
        return message("device_left", 200)
    if outcome.code is not None:
        members = {"code": outcome.code}
    else:
        declined = outcome.declined
        members = {
            "error": declined.error if declined else "server_error",
            "error_description": declined.sentence if declined else "",
        }
        g.refused = members["error"]
    response = _to(snapshot, outcome.request.target, members)
    if outcome.cookie is not None:
        keep_sign_in(response, outcome.cookie)
    return response


def _to(snapshot: Snapshot, target: Target, members: dict[str, str]) -> Response:
    if target.state is not None:
        members["state"] = target.state
    members["iss"] = snapshot.issuer
    if target.response_mode == "form_post":
        return _form_post(target, members)
    return see_other(with_parameters(target.redirect_uri, members.items()))


def _form_post(target: Target, members: dict[str, str]) -> Response:
    """OAuth 2.0 Form Post Response Mode: a form that sends itself, or is sent by a click."""
    security_policy = (
        f"{POLICY}; script-src 'sha256-{_SCRIPT_HASH}';"
        f" form-action {origin_of(target.redirect_uri)}"
    )
    return page(
        "form_post",
        language(),
        security_policy=security_policy,
        action=target.redirect_uri,
        members=members,
        script=SCRIPT,
    )
