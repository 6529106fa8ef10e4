"""HTTP to WSGI and back: the environ of a request, its answer, and its refusal."""

import functools
import sys
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

from httptools import HttpParserInvalidURLError, parse_url

from token_service.web.headers import ALWAYS, NOT_A_PAGE

_VERSIONS = frozenset({"1.0", "1.1"})
_MOST_HEADERS = 64
_LONGEST_TARGET = 8192
# Of two of these, somebody in front of this server may have believed the other one.
_SINGLE_HEADERS = frozenset({"CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_AUTHORIZATION", "HTTP_HOST"})
# An application that reads `Proxy` as HTTP_PROXY would send its own requests there (httpoxy).
_HIDDEN_HEADERS = frozenset({"connection", "keep-alive", "proxy"})
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

Headers: TypeAlias = list[tuple[str, str]]
Answer: TypeAlias = tuple[int, Headers, bytes]
"""Status, headers and body."""


class Head(NamedTuple):
    """The head of a request as it came; `headers` in their order."""

    method: bytes
    target: bytes
    version: str  # "1.1"
    headers: Sequence[tuple[bytes, bytes]]


class Refused(Exception):
    """What is wrong with a request, before the application has seen it."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def refusal(status: HTTPStatus) -> Answer:
    """A bare answer without the application."""
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-store"),
        *ALWAYS,
        *NOT_A_PAGE,
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", "1"))
    return status, headers, f"{status.value} {status.phrase}\n".encode()


def answer_of(application: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """Runs the application to its last byte, so that a slow reader costs it nothing."""
    head: list[tuple[int, Headers]] = []
    chunks: list[bytes] = []

    def start_response(
        status: str, headers: Headers, _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        head.append((int(status[:3]), headers))
        return chunks.append

    result = application(environ, start_response)
    try:
        chunks.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    return (*head[-1], b"".join(chunks))


def serialized(answer: Answer, date: str, *, of_head: bool, last: bool) -> bytes:
    """The answer in HTTP/1.1 (RFC 9112); raises ValueError for headers that would make of it
    something else."""
    status, headers, body = answer
    lines = [_status_line(status), f"Date: {date}", *map(": ".join, headers)]
    stated = next((value for name, value in headers if name.lower() == _LENGTH), None)
    if stated is None and status not in _WITHOUT_BODY:
        lines.append(f"Content-Length: {len(body)}")
    elif stated is not None and not of_head and stated != str(len(body)):
        raise ValueError("a length that is not the body's")
    if last:
        lines.append("Connection: close")
    text = "\r\n".join(lines)
    # A line break in a value would be a header, or an answer, that whoever chose the value wrote.
    if not text.count("\r") == text.count("\n") == len(lines) - 1:
        raise ValueError("a header with a line break")
    head = f"{text}\r\n\r\n".encode("latin-1")
    return head if of_head or status in _WITHOUT_BODY else head + body


_LENGTH = "content-length"


@functools.lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    try:
        return f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP/1.1 {status} "


def common_environ(host: str, port: int) -> WSGIEnvironment:
    """What all requests have alike."""
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def environ_of(head: Head, common: WSGIEnvironment) -> WSGIEnvironment:
    """Everything but the body (PEP 3333). Raises Refused."""
    if head.version not in _VERSIONS:
        raise Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    if len(head.target) > _LONGEST_TARGET:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
    environ = common.copy()
    environ["REQUEST_METHOD"] = head.method.decode("latin-1")
    _add_headers(environ, head.headers)
    if head.version == "1.1":
        environ["SERVER_PROTOCOL"] = "HTTP/1.1"
        if "HTTP_HOST" not in environ:  # RFC 9112 section 3.2
            raise Refused(HTTPStatus.BAD_REQUEST)
    coding = environ.pop("HTTP_TRANSFER_ENCODING", None)
    # Nobody here would undo a "gzip, chunked", and HTTP/1.0 knows no chunks.
    if coding is not None and (coding.strip(" \t").lower(), head.version) != ("chunked", "1.1"):
        raise Refused(HTTPStatus.BAD_REQUEST)
    _add_target(environ, head.target)
    return environ


def _add_target(environ: WSGIEnvironment, target: bytes) -> None:
    if target.startswith(b"/") or target == b"*":
        path, _, query = target.partition(b"?")
    else:
        path, query = _of_absolute(environ, target)
    if b"#" in target:
        raise Refused(HTTPStatus.BAD_REQUEST)
    environ["PATH_INFO"] = (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1")
    environ["QUERY_STRING"] = query.decode("latin-1")


def _of_absolute(environ: WSGIEnvironment, target: bytes) -> tuple[bytes, bytes]:
    """RFC 9112 section 3.2.2: an absolute target overrides `Host`."""
    try:
        url = parse_url(target)
    except HttpParserInvalidURLError as error:
        raise Refused(HTTPStatus.BAD_REQUEST) from error
    if not url.schema or not url.host:
        raise Refused(HTTPStatus.BAD_REQUEST)
    authority = target.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
    environ["HTTP_HOST"] = authority.rpartition(b"@")[2].decode("latin-1")
    return url.path or b"/", url.query or b""


def _add_headers(environ: WSGIEnvironment, headers: Sequence[tuple[bytes, bytes]]) -> None:
    if len(headers) > _MOST_HEADERS:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    for header, value in headers:
        key = _environ_key(header)
        if key is None:
            continue
        text = value.decode("latin-1")
        if key not in environ:
            environ[key] = text
        elif key in _SINGLE_HEADERS:
            raise Refused(HTTPStatus.BAD_REQUEST)
        else:
            environ[key] += ("; " if key == "HTTP_COOKIE" else ",") + text


@functools.lru_cache(maxsize=512)
def _environ_key(header: bytes) -> str | None:
    """None for a header that the application does not see."""
    name = header.decode("latin-1").lower()
    # X_Forwarded_For would have the key of X-Forwarded-For and come past a proxy that sets that.
    if "_" in name or name in _HIDDEN_HEADERS:
        return None
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"
