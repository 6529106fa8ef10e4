"""`/password-reset`: the page behind a mailed link; it works without scripts.

Looking at it uses nothing, however often: programs that examine mail follow links. Only the form
that is sent uses the link.
"""

import logging
from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, g, request

from token_service.domain.failures import Unavailable
from token_service.domain.passwords import Unsuitable
from token_service.services import password_resets
from token_service.services.configuration import Snapshot
from token_service.services.password_resets import Completion
from token_service.texts.catalogue import LANGUAGE, catalogue
from token_service.web import parsing, password_faults
from token_service.web.current import on_current
from token_service.web.origin import origin
from token_service.web.pages.rendering import page, sentence
from token_service.web.parts import parts

logger = logging.getLogger(__name__)

blueprint = Blueprint("password-reset", __name__, template_folder="templates")

_SECTION = "pages", "password_reset"


@blueprint.get("/password-reset")
@on_current
def show(snapshot: Snapshot) -> Response:
    """The form, for whoever holds a link that is good."""
    token, here = request.args.get("token", ""), parts()
    try:
        good = password_resets.is_good(here.database, here.clock, snapshot, token)
    except Unavailable as unavailable:
        return _unavailable(unavailable)
    return _form(token, {}, 200) if good else _void()


@blueprint.post("/password-reset")
@on_current
def submit(snapshot: Snapshot) -> Response:
    """Set the password, and say so; or show the form again with what is wrong, by the field."""
    fields, here = parsing.form(), parts()
    token, chosen = fields.get("token", ""), fields.get("new_password", "")
    if wrong := _misspelt(chosen, fields.get("repeated", "")):
        return _form(token, wrong, 400)
    command = Completion(token, chosen, origin())
    try:
        refused = password_resets.complete(here.database, here.clock, snapshot, here.gate, command)
    except Unavailable as unavailable:
        return _unavailable(unavailable)
    if isinstance(refused, Unsuitable):
        g.refused = refused.reason
        return _form(token, {"new_password": password_faults.sentences(refused)}, 400)
    if refused is not None:
        g.refused = refused.reason
        return _void()
    here.postman.call()
    return _message("done_title", "done", 200)


def _misspelt(chosen: str, repeated: str) -> dict[str, list[str]]:
    texts = catalogue().section(*_SECTION)
    if not chosen:
        return {"new_password": [texts["missing"]]}
    return {} if chosen == repeated else {"repeated": [texts["differ"]]}


def _form(token: str, wrong: Mapping[str, Sequence[str]], status: int) -> Response:
    values = {"shortest": parts().gate.rules.shortest}
    advice = catalogue().filled(*_SECTION, "advice", values=values)
    return page("password_reset", LANGUAGE, status, advice=advice, token=token, wrong=wrong)


def _void() -> Response:
    return _message("void_title", "void", 400)


def _unavailable(unavailable: Unavailable) -> Response:
    g.refused = "unavailable"
    logger.warning("unavailable", extra={"reason": unavailable.private})
    answer = _message("title", "unavailable", 503)
    answer.headers["Retry-After"] = str(unavailable.retry_after)
    return answer


def _message(title: str, text: str, status: int) -> Response:
    texts = catalogue().section(*_SECTION)
    return sentence(texts[title], texts[text], LANGUAGE, status)
