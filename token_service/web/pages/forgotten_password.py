"""`/forgot-password`: asks for a name, and says the same whoever has it."""

from flask import Blueprint, Response, g

from token_service.services import password_resets
from token_service.services.configuration import Snapshot
from token_service.texts.catalogue import catalogue
from token_service.web import parsing
from token_service.web.current import on_current
from token_service.web.origin import origin
from token_service.web.pages.rendering import as_page, language, message, page
from token_service.web.pages.visiting import is_same_origin
from token_service.web.parts import parts

blueprint = Blueprint("forgotten-password", __name__, template_folder="templates")


@blueprint.get("/forgot-password")
@as_page
def show() -> Response:
    """The form. It needs no token: a stranger's page could ask just as well for anybody."""
    return page("forgot_password", language(), wrong="")


@blueprint.post("/forgot-password")
@as_page
@on_current
def submit(snapshot: Snapshot) -> Response:
    """Have a link sent, if the name is somebody's."""
    fields, here = parsing.form(), parts()
    if not is_same_origin():
        g.refused = "foreign_form"
        return message("over", 400)
    tongue = language()
    texts = catalogue(tongue).section("pages", "forgot_password")
    if "identifier" not in fields:
        return page("forgot_password", tongue, 400, wrong=texts["missing"])
    refused = password_resets.request(
        here.database, here.clock, snapshot, here.gate, fields["identifier"], origin()
    )
    if refused is not None:
        g.refused = refused.reason
        wait = refused.retry_after or 1
        return page("forgot_password", tongue, 429, retry_after=wait, wrong=texts["wait"])
    here.postman.call()
    return message("link_sent", 200)
