"""`/oauth2/logout`: where clients send a browser to sign out (RP-Initiated Logout 1.0).

It works without scripts. A link or an image in somebody's page signs nobody out: that needs an ID
token of this very sign-in, or a form that was sent from here.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import wraps
from typing import TypeAlias
from urllib.parse import urlencode

from flask import Blueprint, Response, g, render_template, request

from token_service.crypto import opaque
from token_service.domain.failures import Unavailable
from token_service.domain.logout_requests import LogoutRequest, NextStep, next_step, with_parameters
from token_service.domain.redirects import origin_of
from token_service.domain.refusals import Refused
from token_service.services import signing_out
from token_service.services.configuration import Snapshot
from token_service.services.signing_out import NamedSession, Recognised
from token_service.texts.catalogue import LANGUAGE, catalogue
from token_service.web import parsing
from token_service.web.current import on_current
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import Refuse

logger = logging.getLogger(__name__)

PATH = "/oauth2/logout"
blueprint = Blueprint("log-out", __name__, template_folder="templates")

_SECTION = "pages", "log_out"
_PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")
_FORM_PURPOSE = "form of a log-out"
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Not "cookies": browsers would drop those of every host of the same domain.
_FORGET = '"cache", "storage"'
_FRAMES_SECONDS = 3
"""How long clients in frames have, before the browser goes on."""

View: TypeAlias = Callable[[], Response]


def as_page(view: View) -> View:
    """Whoever comes here is a person: what went wrong is told on a page."""

    @wraps(view)
    def run() -> Response:
        try:
            return view()
        except Refuse as refuse:
            g.refused = refuse.reason
            return _refused(refuse.fault.status)
        except Unavailable as unavailable:
            return _unavailable(unavailable)

    return run


@blueprint.post(PATH)
@as_page
def resend() -> Response:
    """The same request as a GET: a browser that another site has sent here with a form does not
    show whose it is (`SameSite`)."""
    return _onwards(f"logout?{urlencode(_given(parsing.form()))}")


@blueprint.get(PATH)
@as_page
@on_current
def ask_or_sign_out(snapshot: Snapshot) -> Response:
    """Sign out the sign-in that the hint is about if it is this browser's; ask about any other."""
    given = {name: parsing.query_parameter(name) for name in _PARAMETERS}
    return _answer(snapshot, LogoutRequest(**given), confirmed=False)


@blueprint.post(f"{PATH}-confirmation")
@as_page
@on_current
def confirm(snapshot: Snapshot) -> Response:
    """The person has said that they want to."""
    fields = parsing.form()
    asked = LogoutRequest(**{name: fields.get(name) for name in _PARAMETERS})
    return _answer(snapshot, asked, confirmed=True, form_token=fields.get("form_token", ""))


def _answer(
    snapshot: Snapshot, asked: LogoutRequest, *, confirmed: bool, form_token: str = ""
) -> Response:
    here = parts()
    found = signing_out.recognise(here.database, here.clock, snapshot, asked, origin())
    if isinstance(found, Refused):
        g.refused = found.reason
        return _refused(400)
    own = _own(snapshot)
    expected = _form_token(found.named, own)
    genuine = confirmed and _from_here() and opaque.same(form_token, expected)
    step = next_step(found.named and found.named.sid, own and own.sid, confirmed=genuine)
    if step is NextStep.ASK or (step is NextStep.SIGN_OUT and not genuine and not _is_navigation()):
        return _question(asked, found, expected, 400 if confirmed else 200)
    ended = sorted({one for one in (found.named, own) if one is not None})
    frames = signing_out.sign_out(
        here.database, here.clock, snapshot, ended, found.client, origin()
    )
    response = _done(asked, found, frames)
    if ended:
        response.headers["Clear-Site-Data"] = _FORGET
    return response


def _own(snapshot: Snapshot) -> NamedSession | None:
    """The live sign-in of this browser."""
    return None


def _form_token(named: NamedSession | None, own: NamedSession | None) -> str:
    """What the question's form carries: only who is asked about these very sessions has it."""
    text = " ".join(one.sid if one else "-" for one in (named, own))
    return opaque.keyed_hash(parts().settings.secrets.pepper, _FORM_PURPOSE, text)


def _from_here() -> bool:
    """Whether the form was sent from a page of ours, as far as the browser says so."""
    return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"


def _is_navigation() -> bool:
    """Whether somebody really went there: not an image, a frame, a script or a preview."""
    is_document = request.headers.get("Sec-Fetch-Dest", "document") == "document"
    return is_document and "Sec-Purpose" not in request.headers


def _given(fields: dict[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in _PARAMETERS if name in fields}


def _question(asked: LogoutRequest, found: Recognised, form_token: str, status: int) -> Response:
    target = found.redirect_uri
    fields = {name: value for name, value in asdict(asked).items() if value is not None}
    page = _rendered(
        "log_out.html",
        found,
        fields=fields | {"form_token": form_token},
    )
    # Browsers hold a form to this policy also where its answer leads on to the client.
    forms = "'self'" if target is None else f"'self' {origin_of(target)}"
    return _page(page, f"{_POLICY}; form-action {forms}", status)


def _done(asked: LogoutRequest, found: Recognised, frames: Sequence[str]) -> Response:
    """On to the client, by way of a page where others are to be told in frames."""
    target = found.redirect_uri
    if target is not None and asked.state is not None:
        target = with_parameters(target, [("state", asked.state)])
    if target is not None and not frames:
        return _onwards(target)
    page = _rendered(
        "logged_out.html", found, frames=frames, target=target, seconds=_FRAMES_SECONDS
    )
    framed = " ".join(sorted({origin_of(uri) for uri in frames})) or "'none'"
    return _page(page, f"{_POLICY}; form-action 'none'; frame-src {framed}", 200)


def _refused(status: int) -> Response:
    page = _rendered("log_out_refused.html", None)
    return _page(page, f"{_POLICY}; form-action 'none'", status)


def _unavailable(unavailable: Unavailable) -> Response:
    g.refused = "unavailable"
    logger.warning("unavailable", extra={"reason": unavailable.private})
    page = _rendered("log_out_refused.html", None, unavailable=True)
    response = _page(page, f"{_POLICY}; form-action 'none'", 503)
    response.headers["Retry-After"] = str(unavailable.retry_after)
    return response


def _rendered(template: str, found: Recognised | None, **values: object) -> str:
    texts = dict(catalogue().section(*_SECTION))
    client = found.client if found else None
    for name in ("asked_by", "back"):
        filled = {"client": client.name if client else ""}
        texts[name] = catalogue().filled(*_SECTION, name, values=filled)
    return render_template(template, language=LANGUAGE, texts=texts, client=client, **values)


def _onwards(target: str) -> Response:
    return Response(status=303, headers={"Location": target})


def _page(page: str, policy: str, status: int) -> Response:
    return Response(page, status, headers={"Content-Security-Policy": policy})
