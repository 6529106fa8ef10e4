"""HTTP to WSGI and back: the environ of a request, its answer, and its refusal."""

import functools
import socket
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias
from wsgiref.types import WSGIApplication, WSGIEnvironment

from token_service.web.headers import ALWAYS, NOT_A_PAGE

_MOST_HEADERS = 64
_LONGEST_URI = 8192
# Of two of these, somebody in front of this server may have believed the other one.
_SINGLE_HEADERS = frozenset({"authorization", "content-length", "content-type", "host"})
# An application that reads `Proxy` as HTTP_PROXY would send its own requests there (httpoxy).
_HIDDEN_HEADERS = frozenset({"connection", "keep-alive", "proxy"})


class Scope(Protocol):
    """The head of a request; `path` is percent-decoded."""

    authority: str | None
    client: str
    headers: Any
    http_version: str
    method: str
    path: str
    query_string: str


class Arriving(Protocol):
    """Something of a body; its callback is called when it is there, or broken off, or cancelled."""

    def add_done_callback(self, callback: Callable[["Arriving"], None]) -> None: ...
    def cancel(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def result(self) -> bytes: ...


class Exchange(Protocol):
    """The body of a request, and the way back, from whatever thread: the first answer counts."""

    def __call__(self) -> Arriving: ...
    def __aiter__(self) -> "Exchange": ...
    def __anext__(self) -> Arriving: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class Refused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


Answer: TypeAlias = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""


def refuse(exchange: Exchange, status: HTTPStatus) -> None:
    headers = [
        ("server", ""),  # else granian puts its name there
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "no-store"),
        *ALWAYS,
        *NOT_A_PAGE,
        # What follows on this connection may be the rest of a refused body, not a request.
        ("connection", "close"),
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("retry-after", "1"))
    exchange.response_bytes(status, headers, f"{status.value} {status.phrase}\n".encode())


def answer(application: WSGIApplication, environ: WSGIEnvironment, exchange: Exchange) -> None:
    """Runs the application to its last byte, so that a slow reader is left to granian."""
    head: list[tuple[int, list[tuple[str, str]]]] = []
    chunks: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        head.append((int(status[:3]), headers))
        return chunks.append

    result = application(environ, start_response)
    try:
        chunks.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    give(exchange, (*head[-1], b"".join(chunks)))


def give(exchange: Exchange, answer: Answer) -> None:
    """A whole answer that was made without WSGI."""
    status, headers, body = answer
    exchange.response_bytes(status, [("server", ""), *headers], body)


def common_environ(listener: socket.socket) -> WSGIEnvironment:
    host, port = listener.getsockname()[:2]
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


def environ_of(scope: Scope, common: WSGIEnvironment) -> WSGIEnvironment:
    """Everything but the body. Raises Refused."""
    path, query = scope.path, scope.query_string
    if not path.startswith("/") and path != "*":
        raise Refused(HTTPStatus.BAD_REQUEST)
    if len(path) + len(query) > _LONGEST_URI:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
    environ = common.copy()
    environ["REQUEST_METHOD"] = scope.method
    environ["PATH_INFO"] = _bytes_as_text(path)
    environ["QUERY_STRING"] = _bytes_as_text(query)
    environ["REMOTE_ADDR"] = scope.client.rpartition(":")[0].strip("[]")
    _add_headers(environ, scope.headers.items())
    if scope.http_version == "1.1":
        environ["SERVER_PROTOCOL"] = "HTTP/1.1"
        if "HTTP_HOST" not in environ:  # RFC 9112 section 3.2
            raise Refused(HTTPStatus.BAD_REQUEST)
    if scope.authority:  # RFC 9112 section 3.2.2: an absolute target overrides `Host`
        environ["HTTP_HOST"] = scope.authority.rpartition("@")[2]
    return environ


def _add_headers(environ: WSGIEnvironment, headers: list[tuple[str, str]]) -> None:
    if len(headers) > _MOST_HEADERS:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    for header, value in headers:
        key = _environ_key(header)
        if key is None:
            continue
        if key not in environ:
            environ[key] = value
        elif header in _SINGLE_HEADERS:
            raise Refused(HTTPStatus.BAD_REQUEST)
        else:
            environ[key] += ("; " if header == "cookie" else ",") + value


@functools.lru_cache(maxsize=512)
def _environ_key(header: str) -> str | None:
    """None for a header that the application does not see."""
    # X_Forwarded_For would have the key of X-Forwarded-For and come past a proxy that sets that.
    if "_" in header or header in _HIDDEN_HEADERS:
        return None
    key = header.upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"


def _bytes_as_text(text: str) -> str:
    """PEP 3333's way to put bytes into a str."""
    return text if text.isascii() else text.encode().decode("latin-1")
