"""Connections to addresses that were checked, within one deadline: what httpcore connects with."""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpcore

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host; raises OSError or UnicodeError where there are none."""

_ADDRESSES_TRIED = 3


class ForbiddenAddress(Exception):
    """The host has an address that may not be reached."""


class Unresolved(Exception):
    """The host has no address."""


class Untrusted(Exception):
    """The host has no certificate that makes it what it is called."""


class DeadlineOver(Exception):
    """The request took too long, whatever it was doing."""


class Deadline:
    """The end of one request, with all of its steps."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds; raises `DeadlineOver`. A peer that sends a byte a second wins nothing by it."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise DeadlineOver
        return left


def addresses_of(host: str, port: int) -> list[str]:
    """By the system's resolver, each address once, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver:
    """Asks for addresses on threads of its own, because the system's resolver cannot be told when
    to stop. Few of them: where all hang, further requests time out while they wait."""

    def __init__(self, resolve: Resolve, threads: int) -> None:
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    def addresses(self, host: str, port: int, deadline: Deadline) -> Sequence[str]:
        """At least one; raises `Unresolved` or `DeadlineOver`."""
        asked = self._threads.submit(self._resolve, host, port)
        try:
            found = asked.result(deadline.left())
        except TimeoutError:
            asked.cancel()
            raise DeadlineOver from None
        except (OSError, UnicodeError) as error:
            raise Unresolved from error
        if not found:
            raise Unresolved
        return found


@dataclass(frozen=True, slots=True)
class CheckedNetwork(httpcore.NetworkBackend):
    """Resolves once, checks, and connects to what it has checked.

    A name that has another address a moment later (DNS rebinding) is not asked for a second time.
    A host with one forbidden address is refused whole: nobody has such a host by accident.
    """

    resolver: Resolver
    may_reach: Callable[[str], bool]
    deadline: Deadline
    plain: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first of the addresses that takes the connection."""
        addresses = self.resolver.addresses(host, port, self.deadline)
        if not all(self.may_reach(address) for address in addresses):
            raise ForbiddenAddress
        tried = addresses[:_ADDRESSES_TRIED]
        for others_left, address in zip(reversed(range(len(tried))), tried, strict=True):
            seconds = self.deadline.left() / (others_left + 1)
            try:
                return _Timed(self.plain.connect_tcp(address, port, seconds), self.deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if others_left == 0:
                    raise
        raise AssertionError("a host without addresses is unresolved")


@dataclass(frozen=True, slots=True)
class _Timed(httpcore.NetworkStream):
    """Each step may take what is left of the whole, however many steps there are."""

    stream: httpcore.NetworkStream
    deadline: Deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, self.deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, self.deadline.left())

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            secured = self.stream.start_tls(ssl_context, server_hostname, self.deadline.left())
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise Untrusted from error
            raise
        return _Timed(secured, self.deadline)

    def get_extra_info(self, info: str) -> object:
        return self.stream.get_extra_info(info)
