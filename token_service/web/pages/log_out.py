"""`/oauth2/logout`: where clients send a browser to sign out (RP-Initiated Logout 1.0).

It works without scripts. A link or an image in somebody's page signs nobody out: that needs an ID
token of this very sign-in, or a form that was sent from here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request

from token_service.crypto import opaque
from token_service.domain.logout_requests import (
    LogoutRequest,
    NextStep,
    next_step,
    with_parameters,
)
from token_service.domain.redirects import origin_of
from token_service.domain.refusals import Refused
from token_service.services import signing_out
from token_service.services.configuration import Snapshot
from token_service.services.signing_out import NamedSession, Recognised
from token_service.web import parsing
from token_service.web.current import on_current
from token_service.web.origin import origin
from token_service.web.pages.rendering import as_page, language, page, policy, root, see_other
from token_service.web.pages.visiting import drop_sign_in, is_same_origin, visitor
from token_service.web.parts import parts

blueprint = Blueprint("log-out", __name__, url_prefix="/oauth2", template_folder="templates")

_PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")
_FORM_PURPOSE = "form of a log-out"
# Not "cookies": browsers would drop those of every host of the same domain.
_FORGET = '"cache", "storage"'
_FRAMES_SECONDS = 3
"""How long clients in frames have, before the browser goes on."""


@blueprint.post("/logout")
@as_page
def resend() -> Response:
    """The same request as a GET: a browser that another site has sent here with a form does not
    show whose it is (`SameSite`)."""
    given = parsing.authorization_parameters()
    kept = {name: given[name] for name in (*_PARAMETERS, "ui_locales") if name in given}
    return see_other(f"{root()}oauth2/logout?{urlencode(kept)}")


@blueprint.get("/logout")
@as_page
@on_current
def ask_or_sign_out(snapshot: Snapshot) -> Response:
    """Sign out the sign-in that the hint is about if it is this browser's; ask about any other."""
    return _answer(snapshot, parsing.authorization_parameters(), confirmed=False)


@blueprint.post("/logout-confirmation")
@as_page
@on_current
def confirm(snapshot: Snapshot) -> Response:
    """The person has said that they want to."""
    return _answer(snapshot, parsing.form(), confirmed=True)


def _answer(snapshot: Snapshot, given: Mapping[str, str], *, confirmed: bool) -> Response:
    here, tongue = parts(), language(given.get("ui_locales", "").split())
    asked = LogoutRequest(**{name: given.get(name) for name in _PARAMETERS})
    found = signing_out.recognise(here.database, here.clock, snapshot, asked, origin())
    if isinstance(found, Refused):
        g.refused = found.reason
        return page("log_out_refused", tongue, 400)
    own = signing_out.own_session(here.database, here.clock, snapshot, visitor().cookie)
    named_sid, own_sid = (one.sid if one else None for one in (found.named, own))
    token = _form_token(named_sid, own_sid)
    genuine = confirmed and is_same_origin() and opaque.same(given.get("form_token", ""), token)
    step = next_step(named_sid, own_sid, confirmed=genuine)
    if step is NextStep.ASK or (step is NextStep.SIGN_OUT and not genuine and not _is_visit()):
        return _question(asked, found, tongue, token, 400 if confirmed else 200)
    return _signed_out(snapshot, asked, found, own, tongue)


def _signed_out(
    snapshot: Snapshot,
    asked: LogoutRequest,
    found: Recognised,
    own: NamedSession | None,
    tongue: str,
) -> Response:
    here = parts()
    ended = sorted({one for one in (found.named, own) if one is not None})
    frames = signing_out.sign_out(
        here.database, here.clock, snapshot, ended, found.client, origin()
    )
    response = _onwards(asked, found, frames, tongue)
    if ended:
        response.headers["Clear-Site-Data"] = _FORGET
    if visitor().cookie is not None:
        drop_sign_in(response)
    return response


def _form_token(*sids: str | None) -> str:
    """What the question's form carries: only who is asked about these very sessions has it."""
    text = " ".join(sid or "-" for sid in sids)
    return opaque.keyed_hash(parts().settings.secrets.pepper, _FORM_PURPOSE, text)


def _is_visit() -> bool:
    """Whether somebody really comes here: not an image, a frame, a script or a preview."""
    is_document = request.headers.get("Sec-Fetch-Dest", "document") == "document"
    return is_document and "Sec-Purpose" not in request.headers


def _question(
    asked: LogoutRequest, found: Recognised, tongue: str, token: str, status: int
) -> Response:
    fields = {name: value for name, value in asdict(asked).items() if value is not None}
    target = found.redirect_uri
    return page(
        "log_out",
        tongue,
        status,
        security_policy=policy(() if target is None else (origin_of(target),)),
        client=found.client,
        hidden=fields | {"ui_locales": tongue, "form_token": token},
    )


def _onwards(
    asked: LogoutRequest, found: Recognised, frames: Sequence[str], tongue: str
) -> Response:
    """To the client, by way of a page where others are to be told in frames."""
    target = found.redirect_uri
    if target is not None and asked.state is not None:
        target = with_parameters(target, [("state", asked.state)])
    if target is not None and not frames:
        return see_other(target)
    framed = " ".join(sorted({origin_of(uri) for uri in frames})) or "'none'"
    return page(
        "logged_out",
        tongue,
        security_policy=f"{policy()}; frame-src {framed}",
        client=found.client,
        frames=frames,
        target=target,
        seconds=_FRAMES_SECONDS,
    )
