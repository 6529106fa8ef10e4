"""`/tenant` and `/consent`: what somebody who is signed in says about a request that waits."""

from collections.abc import Iterable

from flask import Blueprint, Response, request

from token_service.domain.authorizing import AskConsent, ChooseTenant, Finish
from token_service.domain.refusals import Refusal, Refused
from token_service.services import authorizing
from token_service.services.authorizing import Answered, Waiting
from token_service.services.configuration import Snapshot
from token_service.texts.catalogue import catalogue
from token_service.web.current import on_current
from token_service.web.pages.authorizing import answered, targets, to_go_on
from token_service.web.pages.rendering import as_page, language, message, page, policy
from token_service.web.pages.sign_in import answered_later, refused_form
from token_service.web.pages.visiting import Sent, interaction_id, sent, tokens, visitor
from token_service.web.parts import parts

blueprint = Blueprint("choices", __name__, template_folder="templates")


@blueprint.get("/tenant")
@blueprint.get("/consent")
@as_page
@on_current
def show(snapshot: Snapshot) -> Response:
    """The choice that there is; whoever comes for another one is sent to the right page."""
    here, named = parts(), interaction_id()
    found = authorizing.look(here.database, here.clock, snapshot, named, visitor())
    match found:
        case Answered():
            return answered_later(named)
        case Refused():
            return answered(snapshot, found)
    wanted = {"tenant": ChooseTenant, "consent": AskConsent}[request.path.strip("/")]
    if isinstance(found.step, Finish):
        return to_go_on(found)
    if not isinstance(found.step, wanted):
        return answered(snapshot, found)
    return _tenants(found) if isinstance(found.step, ChooseTenant) else _consent(found)


@blueprint.post("/tenant")
@as_page
@on_current
def choose(snapshot: Snapshot) -> Response:
    """Be in this tenant."""
    form = sent(snapshot)
    if not isinstance(form, Sent):
        return refused_form(form)
    if not form.is_current:
        return to_go_on(form.waiting)
    here = parts()
    if form.fields.get("decision") == "cancel":
        return answered(snapshot, authorizing.deny(here.database, here.clock, form.waiting))
    chosen = form.fields.get("tenant_id", "")
    refused = authorizing.choose_tenant(here.database, here.clock, form.waiting, chosen)
    if refused is not None and refused.reason is Refusal.NOT_FOUND:
        return message("over", 400)
    return to_go_on(form.waiting)


@blueprint.post("/consent")
@as_page
@on_current
def decide(snapshot: Snapshot) -> Response:
    """Allow what was shown, or not; a form that says neither does neither."""
    form = sent(snapshot)
    if not isinstance(form, Sent):
        return refused_form(form)
    if not form.is_current:
        return to_go_on(form.waiting)
    here = parts()
    match form.fields.get("decision"):
        case "allow":
            refused = authorizing.consent(
                here.database, here.clock, form.waiting, form.visitor.origin
            )
            if refused is not None and refused.reason is Refusal.NOT_FOUND:
                return message("over", 400)
            return to_go_on(form.waiting)
        case "cancel":
            return answered(snapshot, authorizing.deny(here.database, here.clock, form.waiting))
        case _:
            return to_go_on(form.waiting)


def in_words(scope: Iterable[str], tongue: str) -> list[str]:
    """Each scope in words where there are some."""
    words = catalogue(tongue).section("pages", "scopes")
    return [words.get(one, one) for one in sorted(scope)]


def _tenants(waiting: Waiting) -> Response:
    return page(
        "tenant",
        language(waiting.interaction.request.ui_locales),
        security_policy=policy(targets(waiting)),
        client=waiting.client,
        hidden=tokens(waiting),
        names=waiting.account_names,
        seats=waiting.step.seats if isinstance(waiting.step, ChooseTenant) else (),
    )


def _consent(waiting: Waiting) -> Response:
    """What is wanted, each scope in words where there are some, and each claim by its name."""
    tongue = language(waiting.interaction.request.ui_locales)
    step = waiting.step
    wanted = step.wanted if isinstance(step, AskConsent) else None
    return page(
        "consent",
        tongue,
        security_policy=policy(targets(waiting)),
        client=waiting.client,
        hidden=tokens(waiting),
        names=waiting.account_names,
        tenant=step.seat.name if isinstance(step, AskConsent) else "",
        scopes=in_words(wanted.scope, tongue) if wanted else [],
        claims=sorted(wanted.claims) if wanted else [],
        redirect_uri=waiting.interaction.request.redirect_uri,
    )
