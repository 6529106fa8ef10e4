"""`/consents`: a person looks at what they have allowed applications, and takes it back.

By the sign-in of their browser; no application has sent them here, and none is told where they are.
"""

from functools import partial

from flask import Blueprint, Response, g

from token_service.crypto import opaque
from token_service.services import consents, profiles, signing_out
from token_service.services.configuration import Snapshot
from token_service.services.profiles import Own
from token_service.services.signing_out import NamedSession
from token_service.web import parsing
from token_service.web.current import on_current
from token_service.web.origin import origin
from token_service.web.pages.choices import in_words
from token_service.web.pages.rendering import as_page, language, message, page, root, see_other
from token_service.web.pages.visiting import is_same_origin, visitor
from token_service.web.parts import parts

blueprint = Blueprint("consents", __name__, template_folder="templates")

_FORM_PURPOSE = "form of consents"


@blueprint.get("/consents")
@as_page
@on_current
def show(snapshot: Snapshot) -> Response:
    """What was allowed, in words, with a button for each application."""
    here, own = parts(), _signed_in(snapshot)
    account = profiles.read(here.database, own.account_id) if own else None
    if own is None or not isinstance(account, Own):
        return _not_signed_in()
    allowed = consents.allowed(here.database, here.clock, snapshot, own.account_id)
    tongue = language()
    return page(
        "consents",
        tongue,
        names=[one.display for one in account.names],
        hidden={"form_token": _form_token(own)},
        applications=allowed,
        in_words=partial(in_words, tongue=tongue),
    )


@blueprint.post("/consents")
@as_page
@on_current
def take_back(snapshot: Snapshot) -> Response:
    """Take back what one application was allowed, and show what is left."""
    here, fields, own = parts(), parsing.form(), _signed_in(snapshot)
    if own is None:
        return _not_signed_in()
    is_ours = opaque.same(fields.get("form_token", ""), _form_token(own)) and is_same_origin()
    if not is_ours:
        g.refused = "foreign_form"
        return message("over", 400)
    client_id = fields.get("client_id", "")
    consents.take_back(here.database, here.clock, snapshot, own.account_id, client_id, origin())
    return see_other(f"{root()}consents")


def _signed_in(snapshot: Snapshot) -> NamedSession | None:
    here = parts()
    return signing_out.own_session(here.database, here.clock, snapshot, visitor().cookie)


def _not_signed_in() -> Response:
    g.refused = "sign_in_over"
    return message("not_signed_in", 403)


def _form_token(own: NamedSession) -> str:
    """Only who was shown the page in this very sign-in has it."""
    return opaque.keyed_hash(parts().settings.secrets.pepper, _FORM_PURPOSE, own.sid)
