"""Reading requests strictly: what can be read in two ways is refused, before anything is done."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from string import ascii_letters, digits
from typing import Any, cast
from urllib.parse import parse_qsl

from flask import request
from marshmallow import Schema, ValidationError
from werkzeug.http import parse_options_header

from token_service.web import errors, json_text
from token_service.web.refusing import Refuse, malformed

MAX_FIELDS = 100
MAX_VALUE_LENGTH = 8192
"""Characters of one value; only `token` may be longer, which then is nobody's token."""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_AS_THEY_ARE = (ascii_letters + digits + "-._~=&").encode()
"""What a form holds that needs no decoding (RFC 3986 section 2.3), and what parts it."""

_NAME_AND_VALUE = 2
_IDENTIFIER = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}", re.ASCII)
"""Shorter than any secret that may have been sent as a name by mistake."""
_SAFE_PATH = re.compile(
    rf"(?:(?:bounds|overrides)\.)?{_SAFE_NAME.pattern}(?:\.(?:min|max))?", re.ASCII
)


def form(several: str = "") -> dict[str, str]:
    """The parameters of a form body (RFC 6749 appendix B); an empty one counts as absent, and the
    name `several` may come several times.

    Parameters in the URL are refused even if they are right (RFC 6749 section 2.3.1): they end up
    in logs and histories, and a proxy may have looked at the other ones.
    """
    _refuse_query()
    _require(FORM)
    return form_parameters(_body(), several)


def form_parameters(data: bytes, several: str = "") -> dict[str, str]:
    """Each name once, percent-encoded UTF-8 without NUL, at most `MAX_FIELDS` of them; an empty one
    counts as absent.

    The values of the name `several` become one text, with a space between them.
    """
    return {name: value for name, value in _parameters(data, several).items() if value}


def _parameters(data: bytes, several: str = "") -> dict[str, str]:
    pairs = _plain_pairs(data) or _pairs(data)
    parameters = dict(pairs)
    if several in parameters:
        parameters[several] = " ".join(value for name, value in pairs if name == several)
        pairs = [pair for pair in pairs if pair[0] != several] + [(several, "")]
    if len(parameters) != len(pairs):
        raise malformed("The request repeats a parameter.")
    _refuse_unfit(parameters)
    return parameters


def _pairs(data: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            data.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise malformed("The form is not UTF-8, or has too many parameters.") from None


def _plain_pairs(data: bytes) -> list[tuple[str, str]] | None:
    """The same where nothing is encoded, as in nearly every form with a token; else None."""
    if data.translate(None, _AS_THEY_ARE):
        return None
    pairs = [tuple(pair.split("=")) for pair in data.decode().split("&")]
    if len(pairs) > MAX_FIELDS or any(len(pair) != _NAME_AND_VALUE for pair in pairs):
        return None
    return cast("list[tuple[str, str]]", pairs)


def authorization_parameters() -> dict[str, str]:
    """The parameters of an authorization request: in the URL, or in the form that was posted.

    `resource` may be there several times (RFC 8707 section 2): here it is one text with spaces.
    """
    if request.method == "POST":
        return form(several="resource")
    return form_parameters(request.query_string, several="resource")


def json_body(schema: Schema) -> Any:
    """What the schema makes of a JSON object in the body; null counts as absent.

    "" does not: whoever sends an empty `audience` has lost one, and must not hear that any will do.
    """
    members = json_patch()
    _refuse_empty(members)
    return _loaded(schema, {name: one for name, one in members.items() if one is not None})


def json_patch() -> dict[str, object]:
    """A JSON object in the body, every member as it was sent: null says something here."""
    _refuse_query()
    _require(JSON)
    return json_members(_body())


def json_members(data: bytes) -> dict[str, object]:
    """The members of a JSON object, whose values any database and log may meet."""
    try:
        members = json_text.json_object(data)
    except ValueError:
        raise malformed("The body is not a well-formed JSON object.") from None
    _refuse_unfit(members)
    return members


def query(schema: Schema) -> Any:
    """What the schema makes of the parameters in the URL: each once, none unknown or empty."""
    return _loaded(schema, _query_parameters())


def query_parameter(name: str) -> str | None:
    """One parameter in the URL, not empty; others may stand there, for whoever else reads it."""
    return _query_parameters(name).get(name)


def no_body(*, has_query: bool) -> None:
    """Refuse what the endpoint would not look at: it may have been meant to narrow what is done."""
    if not has_query:
        _refuse_query()
    if _body().strip() not in (b"", b"{}"):
        raise malformed("There is nothing to say in the body.")


def is_identifier(text: str) -> bool:
    """Whether this can be the id of an account, tenant or session. PostgreSQL reads more forms of
    it than SQLite, and takes what is none for an error."""
    return _IDENTIFIER.fullmatch(text) is not None


def by_path(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """What is wrong, by field or by the path to one (`bounds.idle_timeout.max`), as far as the
    name is safe to repeat."""
    named: dict[str, list[str]] = {}
    for path, message in found:
        named.setdefault(path if _SAFE_PATH.fullmatch(path) else "(unnamed)", []).append(message)
    return named


def _query_parameters(*looked_at: str) -> dict[str, str]:
    """All of them; those that are looked at (by default, all) may not be empty."""
    if not request.query_string:
        return {}
    given = _parameters(request.query_string)
    _refuse_empty({name: given[name] for name in looked_at or given if name in given})
    return given


def _body() -> bytes:
    return request.get_data()


def _require(media_type: str) -> None:
    """The one content type of the endpoint, in UTF-8: anything else is 415."""
    stated, charset = content_type(request.environ.get("CONTENT_TYPE", ""))
    if stated != media_type:
        raise Refuse(errors.UNSUPPORTED_MEDIA_TYPE.saying(f"The body must be {media_type}."))
    if charset != "utf-8":
        raise Refuse(errors.UNSUPPORTED_MEDIA_TYPE.saying("The body must be in UTF-8."))


@lru_cache(maxsize=64)
def content_type(header: str) -> tuple[str, str]:
    """Media type and charset, in lower case; callers send few different ones."""
    media_type, parameters = parse_options_header(header)
    return media_type.lower(), parameters.get("charset", "utf-8").lower()


def _refuse_query() -> None:
    if request.query_string:
        raise malformed("There are no parameters in the URL here.")


def _refuse_empty(members: Mapping[str, object]) -> None:
    empty = {name: ["Empty."] for name, value in members.items() if value == ""}
    if empty:
        raise malformed("Some fields are missing or wrong.", by_safe_name(empty))


def _refuse_unfit(members: Mapping[str, object]) -> None:
    """Names the fields with values that no database or log should meet."""
    unfit = {
        name: [fault]
        for name, value in members.items()
        if isinstance(value, str) and (fault := _fault(name, value))
    }
    if unfit:
        raise malformed("A value is too long or contains NUL.", by_safe_name(unfit))


def _fault(name: str, value: str) -> str | None:
    if len(value) > MAX_VALUE_LENGTH and name != "token":
        return "Too long."
    return "Contains NUL." if "\0" in value or "\0" in name else None


def _loaded(schema: Schema, members: Mapping[str, object]) -> Any:
    try:
        return schema.load(members)
    except ValidationError as error:
        found = by_safe_name(error.messages_dict)
        raise malformed("Some fields are missing or wrong.", found) from None


def by_safe_name(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """The errors by field. A name that was made up by the sender is not repeated to anybody."""
    named: dict[str, list[str]] = {}
    for name, messages in found.items():
        shown = name if _SAFE_NAME.fullmatch(str(name)) else "(unnamed)"
        named.setdefault(shown, []).extend(messages)
    return named
