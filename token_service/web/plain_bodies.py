"""Bodies of plain requests, read without Flask; what is not plain is for the long way."""

import io
import re
from typing import TYPE_CHECKING

from token_service.web import parsing

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FORM, _JSON = (parsing.FORM, "utf-8"), (parsing.JSON, "utf-8")
_MOST_DIGITS = 9
_SPACE = r"[ \t\n\r]*"
_TOKEN_ALONE = re.compile(
    _SPACE.join(("", r"\{", '"token"', ":", r'"([\w.-]+)"', r"\}", "")).encode()
)
"""A JSON object with this one member: what it says needs no parser."""


def body(environ: "WSGIEnvironment", longest: int) -> bytes | None:
    """The body, whose length must be stated; whoever reads the request next finds it there, too."""
    stated = environ.get("CONTENT_LENGTH", "")
    if not stated.isdecimal() or len(stated) > _MOST_DIGITS or int(stated) > longest:
        return None
    found: bytes = environ["wsgi.input"].read(int(stated))
    environ["wsgi.input"] = io.BytesIO(found)
    return found if len(found) == int(stated) else None


def form(environ: "WSGIEnvironment", data: bytes) -> dict[str, str]:
    """Its parameters; empty where the body is no form. Raises `Refuse`."""
    if parsing.content_type(environ.get("CONTENT_TYPE", "")) != _FORM:
        return {}
    return parsing.form_parameters(data)


def token_alone(environ: "WSGIEnvironment", data: bytes) -> str | None:
    """The `token` of a JSON object that has no other member; None for anything else."""
    if parsing.content_type(environ.get("CONTENT_TYPE", "")) != _JSON:
        return None
    found = _TOKEN_ALONE.fullmatch(data)
    return None if found is None else found[1].decode()
