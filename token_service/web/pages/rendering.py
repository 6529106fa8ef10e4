"""How a page leaves the service: its language, its policy, and what it says when nothing works."""

import logging
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import ParamSpec

from flask import Response, g, render_template, request

from token_service.domain.failures import Unavailable
from token_service.texts.catalogue import catalogue, chosen
from token_service.web.refusing import Refuse

logger = logging.getLogger(__name__)

Parameters = ParamSpec("Parameters")

# In each page: a first visit is one round trip, and nothing moves while a style sheet arrives.
_STYLES = (Path(__file__).parent / "templates" / "pages.css").read_bytes().removesuffix(b"\n")
_STYLE_SOURCE = f"style-src 'sha256-{b64encode(sha256(_STYLES).digest()).decode()}'"
POLICY = (
    f"default-src 'none'; img-src data:; {_STYLE_SOURCE}; base-uri 'none'; frame-ancestors 'none'"
)
"""What every page's content security policy begins with; our own styles are let in by their hash.
Where its forms may lead is for the page to say."""


def language(locales: Iterable[str] = ()) -> str:
    """The language of this answer: what the application asked for, else what the browser wants."""
    return chosen((*locales, *request.accept_languages.values()))


def root() -> str:
    """The way from this page to the service's root, so that it also works under a path that a
    proxy adds."""
    return "../" * (request.path.count("/") - 1)


def policy(targets: Iterable[str] = ()) -> str:
    """The content security policy of a page whose forms may end at these targets.

    Browsers look at `form-action` again at each redirect: without the application's origin in it,
    the person who has just signed in would get no further.
    """
    return f"{POLICY}; form-action " + " ".join(("'self'", *dict.fromkeys(targets)))


def page(
    template: str,
    tongue: str,
    status: int = 200,
    *,
    security_policy: str | None = None,
    retry_after: int | None = None,
    **values: object,
) -> Response:
    """A page in a language; `texts` are those of the section that is named like the template.

    `retry_after` is in seconds.
    """
    tables = catalogue(tongue)
    body = render_template(
        f"{template}.html",
        language=tongue,
        root=root(),
        texts=tables.section("pages", template),
        common=tables.section("pages", "every"),
        **values,
    )
    headers = {"Content-Security-Policy": security_policy or policy()}
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, retry_after))
    return Response(body, status, headers=headers)


def minutes(seconds: int) -> int:
    """How long that is for a person: in whole minutes, at least one."""
    return max(1, -(-seconds // 60))


def message(name: str, status: int, detail: str = "", tongue: str | None = None) -> Response:
    """A page that says one thing (`pages.messages` in the texts), and for developers the detail."""
    tongue = tongue or language()
    texts = catalogue(tongue).section("pages", "messages")
    return sentence(texts[f"{name}_title"], texts[name], tongue, status, detail)


def sentence(title: str, text: str, tongue: str, status: int, detail: str = "") -> Response:
    """The same in these words."""
    body = render_template("message.html", language=tongue, title=title, text=text, detail=detail)
    return Response(body, status, headers={"Content-Security-Policy": policy()})


def see_other(location: str) -> Response:
    """On to another address by GET (RFC 9700 section 4.12): no form is sent along."""
    return Response(status=303, headers={"Location": location})


def as_page(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """Have every no of a view be a page."""

    @wraps(view)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except Refuse as refuse:
            g.refused = refuse.reason
            return message("malformed", refuse.fault.status, refuse.fault.sentence)
        except Unavailable as unavailable:
            g.refused = "unavailable"
            logger.warning("unavailable", extra={"reason": unavailable.private})
            answer = message("unavailable", 503)
            answer.headers["Retry-After"] = str(unavailable.retry_after)
            return answer

    return run
