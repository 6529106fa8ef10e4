"""`/device`: a person types in a device's code, and decides about it (RFC 8628 section 3.3).

In between they sign in and choose a tenant on the pages that everybody uses.
"""

from flask import Blueprint, Response, g, request

from token_service.crypto import user_codes
from token_service.domain.authorizing import ConfirmDevice
from token_service.domain.interactions import Interaction
from token_service.domain.refusals import Refusal, Refused
from token_service.services import device_approvals
from token_service.services.authorizing import Waiting
from token_service.services.configuration import Snapshot
from token_service.services.device_approvals import Decided
from token_service.texts.catalogue import catalogue
from token_service.web import parsing
from token_service.web.current import on_current
from token_service.web.pages.authorizing import to_continue, to_go_on
from token_service.web.pages.choices import in_words
from token_service.web.pages.rendering import as_page, language, message, minutes, page
from token_service.web.pages.steps import elsewhere, on_form, on_waiting, step_page, tongue_of
from token_service.web.pages.visiting import (
    Sent,
    entry_token,
    is_own_entry,
    keep_browser,
    keep_sign_in,
    known_visitor,
    visitor,
)
from token_service.web.parts import parts

blueprint = Blueprint("device-pages", __name__, template_folder="templates")


@blueprint.get("/device")
@as_page
def show() -> Response:
    """The form; a code in the link is filled in, and sent by whoever reads it (section 3.3.1)."""
    letters = user_codes.read(request.args.get("user_code", ""))
    return _entry(user_code=user_codes.shown(letters) if letters else "")


@blueprint.post("/device")
@as_page
@on_current
def enter(snapshot: Snapshot) -> Response:
    """On to the sign-in or the question, if the code is that of a device that waits."""
    fields, here, who = parsing.form(), parts(), visitor()
    if not is_own_entry(fields, who.browser):
        g.refused = "foreign_form"
        return message("over", 400)
    typed = fields.get("user_code", "")
    throttle = here.gate.throttle
    begun = device_approvals.enter(here.database, here.clock, snapshot, throttle, typed, who)
    if isinstance(begun, Interaction):
        return to_continue(begun.interaction_id)
    g.refused = begun.reason
    if begun.retry_after is None:
        return _entry("wrong", 400)
    return _entry("wait", 429, begun.retry_after)


@blueprint.get("/device/confirmation")
@as_page
@on_current
@on_waiting
def ask(snapshot: Snapshot, waiting: Waiting) -> Response:
    """What wants to be let in; whoever comes too early is sent to the right page."""
    if not isinstance(waiting.step, ConfirmDevice):
        return elsewhere(snapshot, waiting)
    return _question(waiting)


@blueprint.post("/device/confirmation")
@as_page
@on_current
@on_form
def decide(snapshot: Snapshot, form: Sent) -> Response:
    """Let the device in, or keep it out; a form that says neither does neither."""
    here, waiting, who = parts(), form.waiting, form.visitor
    match form.fields.get("decision"):
        case "approve":
            decided = device_approvals.approve(here.database, here.clock, snapshot, waiting, who)
            return _decided(waiting, decided, "device_approved")
        case "deny":
            decided = device_approvals.deny(here.database, here.clock, waiting, who)
            return _decided(waiting, decided, "device_denied")
        case _:
            return to_go_on(waiting)


def _decided(waiting: Waiting, decided: Decided | Refused, said: str) -> Response:
    if isinstance(decided, Decided):
        response = message(said, 200)
        if decided.cookie is not None:
            keep_sign_in(response, decided.cookie)
        return response
    g.refused = decided.reason
    match decided.reason:
        case Refusal.SESSION_LIMIT:
            return _question(waiting, "session_limit", 409)
        case Refusal.EXPIRED:
            return message("over", 400)
        case _:
            # What was shown is not so any more: what is so now is shown.
            return to_go_on(waiting)


def _entry(
    wrong: str = "", status: int = 200, retry_after: int | None = None, user_code: str = ""
) -> Response:
    tongue, values = language(), {"minutes": minutes(retry_after or 0)}
    sentence = catalogue(tongue).filled("pages", "device", wrong, values=values) if wrong else ""
    who, new_mark = known_visitor()
    response = page(
        "device",
        tongue,
        status,
        retry_after=retry_after,
        hidden={"form_token": entry_token(who.browser or "")},
        user_code=user_code,
        wrong=sentence,
    )
    if new_mark is not None:
        keep_browser(response, new_mark)
    return response


def _question(waiting: Waiting, wrong: str = "", status: int = 200) -> Response:
    """Who asks for what, when and from where; somebody may have sent the code to this person."""
    here, tongue, step = parts(), tongue_of(waiting), waiting.step
    device = device_approvals.shown(here.database, here.clock, waiting)
    if device is None or not isinstance(step, ConfirmDevice):
        return message("over", 400)
    texts = catalogue(tongue).section("pages", "device_confirmation")
    return step_page(
        "device_confirmation",
        waiting,
        status,
        tenant=step.seat.name,
        scopes=in_words(step.wanted.scope, tongue),
        asked=device.request,
        asked_at=device.created_at,
        wrong=texts[wrong] if wrong else "",
    )
