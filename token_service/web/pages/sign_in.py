"""`/sign-in` and `/session-limit`: a person proves who they are, for a request that waits."""

from collections.abc import Mapping

from flask import Blueprint, Response, g, request

from token_service.domain.authorizing import Finish, SignIn
from token_service.domain.refusals import Refusal, Refused
from token_service.services import authorizing, browser_sign_ins
from token_service.services.authorizing import Answered, Waiting
from token_service.services.browser_sign_ins import PageContinuation, PageSignIn, SignedIn
from token_service.services.configuration import Snapshot
from token_service.services.opening import WaitingSignIn
from token_service.texts.catalogue import catalogue
from token_service.web import metrics
from token_service.web.current import on_current
from token_service.web.devices import device
from token_service.web.pages.authorizing import answered, page_of, targets, to_go_on
from token_service.web.pages.rendering import (
    as_page,
    language,
    message,
    page,
    policy,
    root,
    see_other,
)
from token_service.web.pages.visiting import (
    Sent,
    device_cookie,
    interaction_id,
    keep_device,
    keep_sign_in,
    sent,
    tokens,
    visitor,
)
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
def show(snapshot: Snapshot) -> Response:
    """The form; with `other` also for who is signed in and wants to be somebody else."""
    here, named = parts(), interaction_id()
    found = authorizing.look(here.database, here.clock, snapshot, named, visitor())
    if not isinstance(found, Waiting):
        return _moved(found, named)
    if isinstance(found.step, SignIn) or "other" in request.args:
        return _form(snapshot, found)
    if isinstance(found.step, Finish):
        return to_go_on(found)
    return answered(snapshot, found)


@blueprint.post("/sign-in")
@as_page
@on_current
def submit(snapshot: Snapshot) -> Response:
    """Sign in, or say what is wrong; or give up, and tell the application."""
    form = sent(snapshot)
    if not isinstance(form, Sent):
        return refused_form(form)
    if not form.is_current:
        return to_go_on(form.waiting)
    here, fields = parts(), form.fields
    if fields.get("decision") == "cancel":
        return answered(snapshot, authorizing.deny(here.database, here.clock, form.waiting))
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
def end_one(snapshot: Snapshot) -> Response:
    """End the session that was chosen, and go on signing in."""
    form = sent(snapshot)
    if not isinstance(form, Sent):
        return refused_form(form)
    if not form.is_current:
        return to_go_on(form.waiting)
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


def refused_form(outcome: Answered | None) -> Response:
    """A form that is not of this browser, or whose interaction is over."""
    g.refused = "step_taken" if outcome else "foreign_form"
    return message("over", 400)


def _moved(found: Answered | Refused, named: str) -> Response:
    if isinstance(found, Answered):
        return answered_later(named)
    g.refused = found.reason
    return message("over", 400)


def answered_later(named: str) -> Response:
    """The interaction can only end: that is told the application by a navigation of its own."""
    return see_other(f"{root()}oauth2/authorize/continue?interaction={named}")


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
    wait = refused.retry_after
    status = 429 if said == "wait" else 400
    response = _form(
        snapshot, form.waiting, form.fields, wrong={"": said}, status=status, wait=wait or 0
    )
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, wait))
    return response


def _form(
    snapshot: Snapshot,
    waiting: Waiting,
    fields: Mapping[str, str] | None = None,
    *,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
    wait: int = 0,
) -> Response:
    asked = waiting.interaction.request
    tongue = language(asked.ui_locales)
    texts, values = catalogue(tongue), {"minutes": max(1, -(-wait // 60))}
    sentences = {
        name: texts.filled("pages", "sign_in", key, values=values)
        for name, key in (wrong or {}).items()
    }
    tenant = snapshot.tenant(asked.tenant_id) if asked.tenant_id else None
    rules = snapshot.policy_of(tenant) if tenant else snapshot.policy
    return page(
        "sign_in",
        tongue,
        status,
        security_policy=policy(targets(waiting)),
        client=waiting.client,
        tenant=tenant,
        hidden=tokens(waiting),
        identifier=(fields or {}).get("identifier", asked.login_hint or ""),
        remember_me=rules.remember_me,
        remembered="remember_me" in (fields or {}),
        wrong=sentences,
        back=page_of(waiting) if waiting.account_id else "",
    )


def _choice(waiting: Waiting, stopped: WaitingSignIn) -> Response:
    """Which of the sessions is to end; shown at once, because the ticket is written nowhere."""
    return page(
        "session_limit",
        language(waiting.interaction.request.ui_locales),
        security_policy=policy(targets(waiting)),
        client=waiting.client,
        hidden=tokens(waiting) | {"ticket": stopped.ticket},
        sessions=stopped.sessions,
    )
