"""`/sign-in` and `/session-limit`: a person proves who they are, for a request that waits."""

from collections.abc import Mapping

from flask import Blueprint, Response, g, request

from token_service.domain.authorizing import SignIn
from token_service.domain.refusals import Refusal, Refused
from token_service.services import browser_sign_ins
from token_service.services.authorizing import Waiting
from token_service.services.browser_sign_ins import PageContinuation, PageSignIn, SignedIn
from token_service.services.configuration import Snapshot
from token_service.services.opening import WaitingSignIn
from token_service.texts.catalogue import catalogue
from token_service.web import metrics
from token_service.web.current import on_current
from token_service.web.devices import device
from token_service.web.pages.authorizing import page_of, to_go_on
from token_service.web.pages.rendering import as_page, minutes
from token_service.web.pages.steps import (
    elsewhere,
    given_up,
    on_form,
    on_waiting,
    step_page,
    tongue_of,
)
from token_service.web.pages.visiting import Sent, device_cookie, keep_device, keep_sign_in
from token_service.web.parts import parts

blueprint = Blueprint("sign-in-pages", __name__, template_folder="templates")

_SAID = {
    Refusal.THROTTLED: "wait",
    Refusal.SOURCE_THROTTLED: "wait",
    Refusal.NOT_A_MEMBER: "not_a_member",
    Refusal.UNKNOWN_TENANT: "not_a_member",
    Refusal.TENANT_REQUIRED: "not_a_member",
    Refusal.TENANT_DISABLED: "not_a_member",
    Refusal.SESSION_LIMIT: "session_limit",
    Refusal.UNKNOWN_TICKET: "too_late",
    Refusal.EXPIRED: "too_late",
    Refusal.REVOKED: "too_late",
    Refusal.UNKNOWN_SESSION: "too_late",
}
"""What a person reads of a refusal; of all others that name or password is wrong."""


@blueprint.get("/sign-in")
@as_page
@on_current
@on_waiting
def show(snapshot: Snapshot, waiting: Waiting) -> Response:
    """The form; with `other` also for who is signed in and wants to be somebody else."""
    if isinstance(waiting.step, SignIn) or "other" in request.args:
        return _form(snapshot, waiting)
    return elsewhere(snapshot, waiting)


@blueprint.post("/sign-in")
@as_page
@on_current
@on_form
def submit(snapshot: Snapshot, form: Sent) -> Response:
    """Sign in, or say what is wrong; or give up, and tell the application."""
    here, fields = parts(), form.fields
    if fields.get("decision") == "cancel":
        return given_up(snapshot, form)
    wrong = {name: "missing" for name in ("identifier", "password") if name not in fields}
    if wrong:
        return _form(snapshot, form.waiting, fields, wrong=wrong, status=400)
    command = PageSignIn(
        interaction=form.waiting.interaction,
        tenant_id=form.waiting.interaction.request.tenant_id,
        identifier=fields["identifier"],
        password=fields["password"],
        remember_me="remember_me" in fields,
        cookie=form.visitor.cookie,
        device_cookie=device_cookie(),
        origin=form.visitor.origin,
        device=lambda: device(form.visitor.origin),
    )
    opened = browser_sign_ins.sign_in(here.database, here.clock, snapshot, here.gate, command)
    return _opened(snapshot, form, opened)


@blueprint.post("/session-limit")
@as_page
@on_current
@on_form
def end_one(snapshot: Snapshot, form: Sent) -> Response:
    """End the session that was chosen, and go on signing in."""
    here = parts()
    command = PageContinuation(
        interaction=form.waiting.interaction,
        ticket=form.fields.get("ticket", ""),
        end_sid=form.fields.get("end_sid", ""),
        cookie=form.visitor.cookie,
        device_cookie=device_cookie(),
        origin=form.visitor.origin,
        device=lambda: device(form.visitor.origin),
    )
    opened = browser_sign_ins.continue_sign_in(here.database, here.clock, snapshot, command)
    return _opened(snapshot, form, opened)


def _opened(snapshot: Snapshot, form: Sent, opened: SignedIn | WaitingSignIn | Refused) -> Response:
    match opened:
        case SignedIn():
            response = to_go_on(form.waiting)
            keep_sign_in(response, opened.cookie)
            keep_device(response, opened.device_cookie)
            return response
        case WaitingSignIn():
            return _choice(form.waiting, opened)
        case _:
            return _refused(snapshot, form, opened)


def _refused(snapshot: Snapshot, form: Sent, refused: Refused) -> Response:
    if refused.reason is Refusal.STEP_TAKEN:
        return to_go_on(form.waiting)
    g.refused = refused.reason
    metrics.sign_in_refused(refused.reason, refused.tenant_id)
    said = _SAID.get(refused.reason, "wrong")
    status = 429 if said == "wait" else 400
    return _form(
        snapshot,
        form.waiting,
        form.fields,
        wrong={"": said},
        status=status,
        retry_after=refused.retry_after,
    )


def _form(
    snapshot: Snapshot,
    waiting: Waiting,
    fields: Mapping[str, str] | None = None,
    *,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
    retry_after: int | None = None,
) -> Response:
    asked = waiting.interaction.request
    texts, values = catalogue(tongue_of(waiting)), {"minutes": minutes(retry_after or 0)}
    sentences = {
        name: texts.filled("pages", "sign_in", key, values=values)
        for name, key in (wrong or {}).items()
    }
    tenant = snapshot.tenant(asked.tenant_id) if asked.tenant_id else None
    rules = snapshot.policy_of(tenant) if tenant else snapshot.policy
    return step_page(
        "sign_in",
        waiting,
        status,
        retry_after=retry_after,
        tenant=tenant,
        identifier=(fields or {}).get("identifier", asked.login_hint or ""),
        remember_me=rules.remember_me,
        remembered="remember_me" in (fields or {}),
        wrong=sentences,
        back=page_of(waiting) if waiting.account_id else "",
    )


def _choice(waiting: Waiting, stopped: WaitingSignIn) -> Response:
    """Which of the sessions is to end; shown at once, because the ticket is written nowhere."""
    return step_page("session_limit", waiting, ticket=stopped.ticket, sessions=stopped.sessions)
