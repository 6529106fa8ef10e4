"""The frame of every page at which a request waits: what is shown, what is sent, the way on."""

from collections.abc import Callable
from functools import wraps

from flask import Response, g

from token_service.domain.authorizing import Finish
from token_service.domain.refusals import Refused
from token_service.services import authorizing
from token_service.services.authorizing import Answered, Waiting
from token_service.services.configuration import Snapshot
from token_service.web.pages.authorizing import answered, targets, to_continue, to_go_on
from token_service.web.pages.rendering import language, message, page, policy
from token_service.web.pages.visiting import Sent, interaction_id, sent, tokens, visitor
from token_service.web.parts import parts


def on_waiting(
    view: Callable[[Snapshot, Waiting], Response],
) -> Callable[[Snapshot], Response]:
    """Give a view the request that the URL names, if it waits in this browser."""

    @wraps(view)
    def run(snapshot: Snapshot) -> Response:
        here, named = parts(), interaction_id()
        found = authorizing.look(here.database, here.clock, snapshot, named, visitor())
        match found:
            case Waiting():
                return view(snapshot, found)
            case Answered():
                return to_continue(named)
            case Refused():
                return answered(snapshot, found)

    return run


def on_form(view: Callable[[Snapshot, Sent], Response]) -> Callable[[Snapshot], Response]:
    """Give a view the form that was sent, if it is of this browser and of what there is to do now.

    Whoever sends one that is behind is shown what there is now.
    """

    @wraps(view)
    def run(snapshot: Snapshot) -> Response:
        form = sent(snapshot)
        if not isinstance(form, Sent):
            g.refused = "step_taken" if form else "foreign_form"
            return message("over", 400)
        return view(snapshot, form) if form.is_current else to_go_on(form.waiting)

    return run


def elsewhere(snapshot: Snapshot, waiting: Waiting) -> Response:
    """On to where the request waits, from a page that it does not wait at."""
    return to_go_on(waiting) if isinstance(waiting.step, Finish) else answered(snapshot, waiting)


def given_up(snapshot: Snapshot, form: Sent) -> Response:
    """The person does not want it: the application is told."""
    here = parts()
    return answered(snapshot, authorizing.deny(here.database, here.clock, form.waiting))


def tongue_of(waiting: Waiting) -> str:
    """The language of the pages of a request."""
    return language(waiting.interaction.request.ui_locales)


def step_page(
    template: str,
    waiting: Waiting,
    status: int = 200,
    *,
    retry_after: int | None = None,
    **values: object,
) -> Response:
    """A page with a form for a request that waits: who asks, and what the form must carry."""
    return page(
        template,
        tongue_of(waiting),
        status,
        security_policy=policy(targets(waiting)),
        retry_after=retry_after,
        client=waiting.client,
        hidden=tokens(waiting),
        names=waiting.account_names,
        **values,
    )
