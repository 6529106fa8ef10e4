"""Which client asks, and by what proof (RFC 6749 section 2.3): read strictly, decided elsewhere."""

import base64
import binascii
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote_to_bytes


class Method(StrEnum):
    """How a client authenticates, as the metadata of RFC 8414 names it."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    NONE = "none"


CONFIDENTIAL = (Method.BASIC, Method.POST)
EVERY_CLIENT = (*CONFIDENTIAL, Method.NONE)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client says of itself; `secret` is None with `Method.NONE` only."""

    method: Method
    client_id: str
    secret: str | None = field(repr=False)


class Misuse(StrEnum):
    """Why a request's credentials cannot even be looked at; the value is for people."""

    NOTHING = "The request names no client."
    MALFORMED = "The Authorization header is not Basic authentication in good form."
    TWO_HEADERS = "The request has more than one Authorization header."
    TWO_METHODS = "The client authenticates in more than one way."
    TWO_CLIENTS = "The Authorization header and the body name different clients."


AMBIGUOUS = frozenset({Misuse.TWO_HEADERS, Misuse.TWO_METHODS, Misuse.TWO_CLIENTS})
"""What is a wrong request, rather than a client that did not prove who it is."""


def presented(
    authorization: str | None, client_id: str | None, client_secret: str | None
) -> Presented | Misuse:
    """The credentials in the `Authorization` header and the two parameters of the body.

    Exactly one method per request (RFC 6749 section 2.3): whoever sees two different clients in
    one request must not be the one who decides which of them it was.
    """
    if authorization is not None:
        return _basic(authorization, client_id, client_secret)
    if client_id is None:
        return Misuse.NOTHING
    method = Method.NONE if client_secret is None else Method.POST
    return Presented(method, client_id, client_secret)


def _basic(
    authorization: str, client_id: str | None, client_secret: str | None
) -> Presented | Misuse:
    if "," in authorization:
        # No form of credentials has a comma: this is how a server joins two headers.
        return Misuse.TWO_HEADERS
    if client_secret is not None:
        return Misuse.TWO_METHODS
    pair = _pair(authorization)
    if pair is None:
        return Misuse.MALFORMED
    if client_id not in (None, pair[0]):
        return Misuse.TWO_CLIENTS
    return Presented(Method.BASIC, *pair)


def _pair(authorization: str) -> tuple[str, str] | None:
    """Client id and secret, form-urlencoded inside of Basic (RFC 6749 section 2.3.1)."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        encoded = credentials.strip(" ").encode("ascii")
        decoded = base64.b64decode(encoded, validate=True)
        client_id, colon, secret = decoded.partition(b":")
        pair = _form_decoded(client_id), _form_decoded(secret)
    except (binascii.Error, ValueError):
        return None
    is_canonical = base64.b64encode(decoded) == encoded
    return pair if is_canonical and colon and pair[0] else None


def _form_decoded(data: bytes) -> str:
    """Raises ValueError for what is not UTF-8, or holds a NUL, which databases disagree about."""
    text = unquote_to_bytes(data.replace(b"+", b" ")).decode()
    if "\0" in text:
        raise ValueError("NUL")
    return text
