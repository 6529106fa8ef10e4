"""Which client asks, and by what proof (RFC 6749 section 2.3): read strictly, decided elsewhere."""

import base64
import binascii
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from token_service.crypto import statements
from token_service.crypto.certificates import Certificate
from token_service.crypto.statements import Statement
from token_service.domain import client_assertions


class Method(StrEnum):
    """How a client authenticates, as the metadata of RFC 8414 names it."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    SECRET_JWT = "client_secret_jwt"
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS = "tls_client_auth"
    SELF_SIGNED_TLS = "self_signed_tls_client_auth"
    NONE = "none"


SECRETS = (Method.BASIC, Method.POST)
CERTIFICATES = (Method.TLS, Method.SELF_SIGNED_TLS)
CONFIDENTIAL = (*SECRETS, Method.SECRET_JWT, Method.PRIVATE_KEY_JWT, *CERTIFICATES)
EVERY_CLIENT = (*CONFIDENTIAL, Method.NONE)

OF_CREDENTIALS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})
"""The parameters of a body that prove who the client is, and are nothing else's business."""


@dataclass(frozen=True, slots=True)
class Given:
    """Where a request may carry credentials; the certificate is that of its connection."""

    authorization: str | None = field(repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    client_assertion_type: str | None = None
    client_assertion: str | None = field(default=None, repr=False)
    certificate: Certificate | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client says of itself; `proof` is None with `Method.NONE` and without a certificate.

    With `Method.NONE` the proof may be a certificate: whether it is one, or the client of a proxy
    that asks everybody for theirs, is in the client's registration.
    """

    method: Method
    client_id: str
    proof: str | Statement | Certificate | None = field(repr=False)


class Misuse(StrEnum):
    """Why a request's credentials cannot even be looked at; the value is for people."""

    NOTHING = "The request names no client."
    MALFORMED = "The Authorization header is not Basic authentication in good form."
    TWO_HEADERS = "The request has more than one Authorization header."
    TWO_METHODS = "The client authenticates in more than one way."
    TWO_CLIENTS = "The request names different clients."
    NO_ASSERTION = "The client assertion is not a signed JWT, or its type is not jwt-bearer."


AMBIGUOUS = frozenset({Misuse.TWO_HEADERS, Misuse.TWO_METHODS, Misuse.TWO_CLIENTS})
"""What is a wrong request, rather than a client that did not prove who it is."""


def presented(given: Given) -> Presented | Misuse:
    """Which client says so, and by what it proves it.

    Exactly one method per request (RFC 6749 section 2.3): whoever sees two different clients in
    one request must not be the one who decides which of them it was.
    """
    if given.authorization is not None and "," in given.authorization:
        # No form of credentials has a comma: this is how a server joins two headers.
        return Misuse.TWO_HEADERS
    is_asserted = (given.client_assertion, given.client_assertion_type) != (None, None)
    ways = (given.authorization is not None, given.client_secret is not None, is_asserted)
    if sum(ways) > 1:
        return Misuse.TWO_METHODS
    if given.authorization is not None:
        return _basic(given.authorization, given.client_id)
    if is_asserted:
        return _asserted(given)
    if given.client_id is None:
        return Misuse.NOTHING
    if given.client_secret is not None:
        return Presented(Method.POST, given.client_id, given.client_secret)
    return Presented(Method.NONE, given.client_id, given.certificate)


def _asserted(given: Given) -> Presented | Misuse:
    """RFC 7521 section 4.2: the assertion names the client, and `client_id` may only agree."""
    statement = statements.read(given.client_assertion or "")
    if given.client_assertion_type != client_assertions.TYPE or statement is None:
        return Misuse.NO_ASSERTION
    client_id = statement.claims.get("sub")
    if not isinstance(client_id, str) or not client_id or "\0" in client_id:
        return Misuse.NO_ASSERTION
    if given.client_id not in (None, client_id):
        return Misuse.TWO_CLIENTS
    is_shared = statement.algorithm.startswith("HS")
    method = Method.SECRET_JWT if is_shared else Method.PRIVATE_KEY_JWT
    return Presented(method, client_id, statement)


def _basic(authorization: str, client_id: str | None) -> Presented | Misuse:
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
