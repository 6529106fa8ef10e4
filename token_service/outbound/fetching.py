"""The one way out: a GET or POST to a URL that a client, or whoever poses as one, has named."""

import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

import httpcore

from token_service.outbound.addresses import is_public
from token_service.outbound.connecting import (
    CheckedNetwork,
    Deadline,
    DeadlineOver,
    ForbiddenAddress,
    Resolve,
    Resolver,
    Unresolved,
    Untrusted,
    addresses_of,
)
from token_service.outbound.targets import Target

MAX_BYTES = 65_536
"""The longest body of an answer."""

_AT_ONCE = 4
_NO_ANSWER = (
    ForbiddenAddress,
    Unresolved,
    Untrusted,
    DeadlineOver,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
)


class Failure(StrEnum):
    """Why there is no answer, for the log."""

    BAD_URL = "bad_url"
    FORBIDDEN_ADDRESS = "forbidden_address"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    NOT_HTTP = "not_http"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class NotFetched:
    """There is no answer. Nothing of it goes to whoever named the URL: it would map our network."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of any status: a redirect is one too, and is not followed.

    `media_type` is without parameters, in lower case, empty where none is stated.
    """

    status: int
    media_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be reached: `private` lets loopback, private networks and plain http in as well."""

    private: bool
    seconds: float
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def allows(self, address: str) -> bool:
        """Whether a connection to the address may be made."""
        return self.private or is_public(address)


@cache
def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """The system's certificate authorities and, if given, those in a PEM file; raises OSError.

    Hundreds of certificates, read once for all fetchers of a process.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Fetcher:
    """Makes requests, a few at a time, so that slow peers cannot hold all threads of a worker.

    https only, no redirects, no proxies, no cookies, no compression; one deadline for everything
    from the first question for an address to the last byte of the body.
    """

    def __init__(
        self, reach: Reach, *, resolve: Resolve = addresses_of, at_once: int = _AT_ONCE
    ) -> None:
        self._reach = reach
        self._resolver = Resolver(resolve, at_once)
        self._places = threading.BoundedSemaphore(at_once)

    def get(self, url: str, *, accept: str, max_bytes: int = MAX_BYTES) -> Fetched | NotFetched:
        """What is at the URL; `accept` is the media type that is asked for."""
        headers = [("Accept", accept)]
        return self._request("GET", url, headers, b"", max_bytes)

    def post(
        self, url: str, body: bytes, *, content_type: str, max_bytes: int = MAX_BYTES
    ) -> Fetched | NotFetched:
        """The answer to a body."""
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        return self._request("POST", url, headers, body, max_bytes)

    def _request(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, max_bytes: int
    ) -> Fetched | NotFetched:
        target = Target.of(url)
        if target is None or (target.scheme == "http" and not self._reach.private):
            return NotFetched(Failure.BAD_URL)
        if not self._places.acquire(blocking=False):
            return NotFetched(Failure.BUSY)
        try:
            return self._answer(method, target, headers, body, max_bytes)
        except _NO_ANSWER as error:
            return NotFetched(_failure_of(error))
        finally:
            self._places.release()

    def _answer(
        self,
        method: str,
        target: Target,
        headers: list[tuple[str, str]],
        body: bytes,
        max_bytes: int,
    ) -> Fetched | NotFetched:
        network = CheckedNetwork(self._resolver, self._reach.allows, Deadline(self._reach.seconds))
        always = [
            ("Host", target.authority),
            ("User-Agent", "token-service"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        with (
            httpcore.ConnectionPool(self._reach.trust, network_backend=network) as connections,
            connections.stream(
                method, _url(target), headers=[*always, *headers], content=body or None
            ) as answer,
        ):
            received = _within(answer.iter_stream(), max_bytes)
            if received is None:
                return NotFetched(Failure.TOO_LARGE)
            return Fetched(answer.status, _media_type(answer.headers), received)


def _url(target: Target) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )


def _within(chunks: Iterable[bytes], max_bytes: int) -> bytes | None:
    """None as soon as there is more, whatever length was announced."""
    received = bytearray()
    for chunk in chunks:
        received += chunk
        if len(received) > max_bytes:
            return None
    return bytes(received)


def _media_type(headers: Iterable[tuple[bytes, bytes]]) -> str:
    stated = [value for name, value in headers if name.lower() == b"content-type"]
    if len(stated) != 1:
        return ""
    return stated[0].partition(b";")[0].strip().lower().decode("latin-1")


def _failure_of(error: Exception) -> Failure:
    match error:
        case ForbiddenAddress():
            return Failure.FORBIDDEN_ADDRESS
        case Unresolved():
            return Failure.UNRESOLVED
        case Untrusted():
            return Failure.UNTRUSTED
        case httpcore.NetworkError():
            return Failure.UNREACHABLE
        case httpcore.ProtocolError():
            return Failure.NOT_HTTP
    return Failure.TIMED_OUT
