"""`/device`: a person types in a device's code, and decides about it (RFC 8628 section 3.3).

In between they sign in and choose a tenant on the pages that everybody uses.
"""

from flask import Blueprint, Response, g, request

from token_service.crypto import user_codes
from token_service.domain.authorizing import ConfirmDevice
from token_service.domain.interactions import Interaction
from token_service.domain.refusals import Refusal, Refused
from token_service.services import authorizing, device_approvals
from token_service.services.authorizing import Answered, Waiting
from token_service.services.configuration import Snapshot
from token_service.services.device_approvals import Decided
from token_service.texts.catalogue import catalogue
from token_service.web import parsing
from token_service.web.current import on_current
from token_service.web.pages.authorizing import answered, to_go_on
from token_service.web.pages.choices import in_words
from token_service.web.pages.rendering import as_page, language, message, page, root, see_other
from token_service.web.pages.sign_in import answered_later, refused_form
from token_service.web.pages.visiting import (
    Sent,
    entry_token,
    interaction_id,
    is_own_entry,
    keep_browser,
    keep_sign_in,
    known_visitor,
    sent,
    tokens,
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
        return see_other(f"{root()}oauth2/authorize/continue?interaction={begun.interaction_id}")
    g.refused = begun.reason
    if begun.retry_after is None:
        return _entry("wrong", 400)
    response = _entry("wait", 429, begun.retry_after)
    response.headers["Retry-After"] = str(max(1, begun.retry_after))
    return response


@blueprint.get("/device/confirmation")
@as_page
@on_current
def ask(snapshot: Snapshot) -> Response:
    """What wants to be let in; whoever comes too early is sent to the right page."""
    here, named = parts(), interaction_id()
    found = authorizing.look(here.database, here.clock, snapshot, named, visitor())
    match found:
        case Answered():
            return answered_later(named)
        case Refused():
            g.refused = found.reason
            return message("over", 400)
    if not isinstance(found.step, ConfirmDevice):
        return answered(snapshot, found)
    return _question(found)


@blueprint.post("/device/confirmation")
@as_page
@on_current
def decide(snapshot: Snapshot) -> Response:
    """Let the device in, or keep it out; a form that says neither does neither."""
    form = sent(snapshot)
    if not isinstance(form, Sent):
        return refused_form(form)
    if not form.is_current:
        return to_go_on(form.waiting)
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


def _entry(wrong: str = "", status: int = 200, wait: int = 0, user_code: str = "") -> Response:
    tongue = language()
    values = {"minutes": max(1, -(-wait // 60))}
    sentence = catalogue(tongue).filled("pages", "device", wrong, values=values) if wrong else ""
    who, new_mark = known_visitor()
    response = page(
        "device",
        tongue,
        status,
        hidden={"form_token": entry_token(who.browser or "")},
        user_code=user_code,
        wrong=sentence,
    )
    if new_mark is not None:
        keep_browser(response, new_mark)
    return response


def _question(waiting: Waiting, wrong: str = "", status: int = 200) -> Response:
    """Who asks for what, when and from where; somebody may have sent the code to this person."""
    here, tongue, step = parts(), language(), waiting.step
    device = device_approvals.shown(here.database, here.clock, waiting)
    if device is None or not isinstance(step, ConfirmDevice):
        return message("over", 400)
    texts = catalogue(tongue).section("pages", "device_confirmation")
    return page(
        "device_confirmation",
        tongue,
        status,
        client=waiting.client,
        hidden=tokens(waiting),
        names=waiting.account_names,
        tenant=step.seat.name,
        scopes=in_words(step.wanted.scope, tongue),
        asked=device.request,
        asked_at=device.created_at,
        wrong=texts[wrong] if wrong else "",
    )
