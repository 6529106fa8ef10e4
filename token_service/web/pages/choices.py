"""`/tenant` and `/consent`: what somebody who is signed in says about a request that waits."""

from collections.abc import Iterable

from flask import Blueprint, Response, request

from token_service.domain.authorizing import AskConsent, ChooseTenant
from token_service.domain.refusals import Refusal, Refused
from token_service.services import authorizing
from token_service.services.authorizing import Waiting
from token_service.services.configuration import Snapshot
from token_service.texts.catalogue import catalogue
from token_service.web.current import on_current
from token_service.web.pages.authorizing import to_go_on
from token_service.web.pages.rendering import as_page, message
from token_service.web.pages.steps import (
    elsewhere,
    given_up,
    on_form,
    on_waiting,
    step_page,
    tongue_of,
)
from token_service.web.pages.visiting import Sent
from token_service.web.parts import parts

blueprint = Blueprint("choices", __name__, template_folder="templates")


@blueprint.get("/tenant")
@blueprint.get("/consent")
@as_page
@on_current
@on_waiting
def show(snapshot: Snapshot, waiting: Waiting) -> Response:
    """The choice that there is; whoever comes for another one is sent to the right page."""
    match request.path.strip("/"), waiting.step:
        case "tenant", ChooseTenant() as step:
            return step_page("tenant", waiting, seats=step.seats)
        case "consent", AskConsent() as step:
            return _consent(waiting, step)
    return elsewhere(snapshot, waiting)


@blueprint.post("/tenant")
@as_page
@on_current
@on_form
def choose(snapshot: Snapshot, form: Sent) -> Response:
    """Be in this tenant."""
    if form.fields.get("decision") == "cancel":
        return given_up(snapshot, form)
    here, chosen = parts(), form.fields.get("tenant_id", "")
    return _taken(form, authorizing.choose_tenant(here.database, here.clock, form.waiting, chosen))


@blueprint.post("/consent")
@as_page
@on_current
@on_form
def decide(snapshot: Snapshot, form: Sent) -> Response:
    """Allow what was shown, or not; a form that says neither does neither."""
    here, waiting = parts(), form.waiting
    match form.fields.get("decision"):
        case "allow":
            by = form.visitor.origin
            return _taken(form, authorizing.consent(here.database, here.clock, waiting, by))
        case "cancel":
            return given_up(snapshot, form)
        case _:
            return to_go_on(waiting)


def in_words(scope: Iterable[str], tongue: str) -> list[str]:
    """Each scope in words where there are some."""
    words = catalogue(tongue).section("pages", "scopes")
    return [words.get(one, one) for one in sorted(scope)]


def _taken(form: Sent, refused: Refused | None) -> Response:
    """On, also if the step was taken meanwhile: what is asked next is seen then."""
    if refused is not None and refused.reason is Refusal.NOT_FOUND:
        return message("over", 400)
    return to_go_on(form.waiting)


def _consent(waiting: Waiting, step: AskConsent) -> Response:
    """What is wanted, each scope in words where there are some, and each claim by its name."""
    return step_page(
        "consent",
        waiting,
        tenant=step.seat.name,
        scopes=in_words(step.wanted.scope, tongue_of(waiting)),
        claims=sorted(step.wanted.claims),
        redirect_uri=waiting.interaction.request.redirect_uri,
    )
