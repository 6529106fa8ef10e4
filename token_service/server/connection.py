"""A client's connection: HTTP/1.1 in, one whole request after the other, and their answers out."""

import asyncio
import io
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from enum import Enum, auto
from http import HTTPStatus
from typing import TypeAlias, cast
from wsgiref.types import WSGIEnvironment

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from token_service.server.limits import Limits
from token_service.server.wsgi import Answer, Head, Refused, environ_of, refusal, serialized

logger = logging.getLogger(__package__)

_MOST_AT_ONCE = 16_384
"""So many bytes are taken from a connection at once."""

_PIECE = 2_048
"""And so many of them are parsed before the next look at what is whole. What else they hold is kept
parsed: eighty requests, if they are as short as can be."""

_SLOWEST_READER = 16_384
"""Bytes of an answer that a client takes at least in `read_timeout_seconds`."""

_LINGER_SECONDS = 2.0
"""So long a client that was refused may go on sending: closed with something unread, a connection
takes the answer with it."""

_TOLD_OF_TOO_MANY = 64
"""So many clients beyond the most are told that there are too many; further ones are not."""

_NEVER = float("inf")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Handle: TypeAlias = Callable[[WSGIEnvironment, "Exchange"], None]
"""Takes whole requests on, in the loop's thread, where nothing may block. May raise Refused."""


class Shared:
    """What the connections of one worker share."""

    def __init__(self, limits: Limits, common: WSGIEnvironment, handle: Handle) -> None:
        """Made in the thread of the loop that runs."""
        self.limits = limits
        self.common = common
        self.handle = handle
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.open: set[Connection] = set()
        self.is_closing = False
        self.date = ""
        # Each connection has parsed what is in it before the loop turns to another one.
        self.buffer = memoryview(bytearray(_MOST_AT_ONCE))

    def tick(self) -> None:
        """To be called several times a second: dates the answers, and cuts whoever is overdue."""
        self.date = formatdate(usegmt=True)
        now = time.monotonic()
        for connection in [one for one in self.open if one.deadline <= now]:
            try:
                connection.cut()
            except Exception:
                logger.exception("a connection could not be cut")

    def close(self) -> None:
        """Whatever has begun is finished; nothing else is begun."""
        self.is_closing = True
        for connection in list(self.open):
            connection.close_if_idle()


class Exchange:
    """The way back of one request."""

    __slots__ = ("_connection", "_is_answered", "_of_head", "is_last")

    def __init__(self, connection: "Connection", *, of_head: bool, is_last: bool) -> None:
        self._connection = connection
        self._is_answered = False
        self._of_head = of_head
        self.is_last = is_last

    def give(self, answer: Answer) -> None:
        """From whatever thread: the first answer counts. Raises ValueError for bad headers."""
        shared = self._connection.shared
        last = self.is_last or shared.is_closing
        data = serialized(answer, shared.date, of_head=self._of_head, last=last)
        if self._is_answered:
            return
        self._is_answered = True
        if threading.get_ident() == shared.thread:
            self._connection.answered(data, last=last)
        else:
            in_loop(shared.loop, lambda: self._connection.answered(data, last=last))

    def refuse(self, status: HTTPStatus) -> None:
        """What follows on the connection may be the rest of a refused body, not a request."""
        self.is_last = True
        self.give(refusal(status))


def in_loop(loop: asyncio.AbstractEventLoop, step: Callable[[], None]) -> None:
    """Have the loop's thread do it, from any other."""
    try:
        loop.call_soon_threadsafe(step)
    except RuntimeError:  # it has ended, and so have its connections
        return


class _State(Enum):
    READING = auto()
    ANSWERING = auto()
    LINGERING = auto()
    CLOSED = auto()


class Connection(asyncio.BufferedProtocol):
    """One connection; it lives in the thread of the loop.

    Its requests are answered one by one. What comes meanwhile waits here, one buffer of it at most,
    and beyond that with the client.
    """

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._state = _State.READING
        self._parser = HttpRequestParser(self)
        self._whole: deque[tuple[WSGIEnvironment, Exchange]] = deque()
        self._unparsed = b""
        self._is_paused = False
        self._is_unread = False  # too much to go on
        self._unread = 0  # bytes, when the deadline was set
        self._sends_no_more = False
        self._refused: HTTPStatus | None = None
        self.deadline = time.monotonic() + shared.limits.header_timeout_seconds
        self.on_message_begin()

    # --- called by the loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        was_reset = peer is None  # before it was accepted
        too_many = len(self.shared.open) - self.shared.limits.max_connections
        if was_reset or self.shared.is_closing or too_many >= _TOLD_OF_TOO_MANY:
            self._state = _State.CLOSED
            self._transport.abort()
            return
        self._peer = str(peer[0])
        self.shared.open.add(self)
        if too_many >= 0:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)

    def connection_lost(self, error: Exception | None) -> None:
        self._state = _State.CLOSED
        self.shared.open.discard(self)
        self._whole.clear()
        self._unparsed = b""

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self.shared.buffer[:nbytes]
        if self._state is _State.READING and not self._is_unread:
            self._parse_all(data)
        elif self._state is not _State.LINGERING:
            self._keep(data)

    def eof_received(self) -> bool:
        """Whether the connection stays open: who sends no more may still read its answer."""
        self._sends_no_more = True
        has_more = bool(self._whole or self._unparsed)
        return self._state is _State.ANSWERING or (self._state is _State.READING and has_more)

    def pause_writing(self) -> None:
        self._is_unread = True

    def resume_writing(self) -> None:
        self._is_unread = False
        self._go_on()

    # --- called by the parser ---

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._environ: WSGIEnvironment | None = None
        self._body = bytearray()
        self._waits_for_word = False

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._environ is not None:
            # Behind a body in chunks, where nobody looks who lets heads through.
            self._refused = HTTPStatus.BAD_REQUEST
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        try:
            self._environ = self._taken_head()
        except Refused as refused:
            self._refused = refused.status

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > self.shared.limits.max_body_bytes:
            self._refused = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def on_message_complete(self) -> None:
        environ = self._environ
        if self._refused is not None or environ is None or self._parser.should_upgrade():
            return
        environ["CONTENT_LENGTH"] = str(len(self._body))
        environ["wsgi.input"] = io.BytesIO(self._body)
        is_last = not self._parser.should_keep_alive() or self._parser.get_http_version() != "1.1"
        of_head = environ["REQUEST_METHOD"] == "HEAD"
        self._whole.append((environ, Exchange(self, of_head=of_head, is_last=is_last)))
        self.on_message_begin()

    # --- called by the worker ---

    def answered(self, data: bytes, *, last: bool) -> None:
        """Send the answer of the request that is being answered."""
        if self._state is not _State.ANSWERING:
            return
        self._transport.write(data)
        if last:
            self._linger()
            return
        self._state = _State.READING
        self._wait_for_more()
        self._go_on()
        if self.shared.is_closing:
            self.close_if_idle()

    def cut(self) -> None:
        """It is overdue."""
        is_read = self._unread - self._transport.get_write_buffer_size() >= _SLOWEST_READER
        if is_read and self._environ is None:
            self._wait_for_more()
        elif self._state is _State.READING and self._environ is not None:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._transport.abort()

    def close_if_idle(self) -> None:
        """Close it, unless a request has begun to come."""
        has_begun = self._head_bytes or self._environ or self._whole or self._unparsed
        if self._state is _State.READING and not has_begun:
            self._transport.close()

    # --- inside ---

    def _parse_all(self, data: memoryview | bytes) -> None:
        """Until a request is whole; then the rest waits."""
        start = 0
        while start < len(data) and self._state is _State.READING:
            self._parse(data[start : start + _PIECE])
            start += _PIECE
        if start < len(data):
            self._keep(data[start:])

    def _parse(self, piece: memoryview | bytes) -> None:
        try:
            self._feed(piece)
        except HttpParserCallbackError:
            logger.exception("a request could not be read")
            self._refused = HTTPStatus.INTERNAL_SERVER_ERROR
        except HttpParserError:
            self._refused = self._refused or HTTPStatus.BAD_REQUEST
        if self._environ is None and not self._whole:
            self._head_bytes += len(piece)
            if self._head_bytes >= self.shared.limits.max_head_bytes:
                self._refused = self._refused or HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        self._go_on_with_parsed()

    def _feed(self, piece: memoryview | bytes) -> None:
        while True:
            try:
                self._parser.feed_data(piece)
            except HttpParserUpgrade as upgrade:
                piece = self._without_upgrade() + bytes(piece[upgrade.args[0] :])
            else:
                return

    def _without_upgrade(self) -> bytes:
        """The head that the parser has stopped after, as if nothing had been asked for (RFC 9110
        section 7.8): the parser takes what follows for another protocol, and the body with it."""
        if self._parser.get_method() == b"CONNECT":
            self._refused = HTTPStatus.BAD_REQUEST
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), self._target, version)]
        lines += [b"%b: %b" % one for one in self._headers if one[0].lower() != b"upgrade"]
        self._parser = HttpRequestParser(self)
        return b"" if self._refused else b"\r\n".join([*lines, b"", b""])

    def _taken_head(self) -> WSGIEnvironment:
        version = self._parser.get_http_version()
        head = Head(self._parser.get_method(), self._target, version, self._headers)
        environ = environ_of(head, self.shared.common)
        environ["REMOTE_ADDR"] = self._peer
        if int(environ.get("CONTENT_LENGTH", 0)) > self.shared.limits.max_body_bytes:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        expects = environ.get("HTTP_EXPECT", "").lower() == "100-continue"
        self._waits_for_word = expects and version == "1.1"
        self.deadline = time.monotonic() + self.shared.limits.body_timeout_seconds
        return environ

    def _go_on_with_parsed(self) -> None:
        if self._whole:
            self._state = _State.ANSWERING
            self.deadline = _NEVER
            environ, exchange = self._whole.popleft()
            try:
                self.shared.handle(environ, exchange)
            except Refused as refused:
                exchange.refuse(refused.status)
            except Exception:
                logger.exception("a request could not be let in")
                exchange.refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
        elif self._refused is not None:
            self._refuse(self._refused)
        elif self._waits_for_word:
            self._waits_for_word = False
            self._transport.write(_CONTINUE)

    def _go_on(self) -> None:
        """With what has waited until an answer was made, or read."""
        if self._state is _State.READING and not self._is_unread:
            self._go_on_with_parsed()
        if self._state is _State.READING and not self._is_unread and self._unparsed:
            unparsed, self._unparsed = self._unparsed, b""
            self._parse_all(unparsed)
        if self._state is not _State.READING or self._is_unread:
            return
        if self._sends_no_more:
            self._transport.close()
        elif self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def _keep(self, data: memoryview | bytes) -> None:
        if self._state in (_State.LINGERING, _State.CLOSED):
            return
        self._unparsed += bytes(data)
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _wait_for_more(self) -> None:
        """For the next head, or the body behind the one that is here; before a head, also until
        what was answered is read."""
        limits = self.shared.limits
        seconds = limits.header_timeout_seconds
        if self._environ is not None:
            seconds = limits.body_timeout_seconds
        self._unread = self._transport.get_write_buffer_size()
        if self._unread and self._environ is None:
            seconds = max(seconds, limits.read_timeout_seconds)
        self.deadline = time.monotonic() + seconds

    def _refuse(self, status: HTTPStatus) -> None:
        self._state = _State.ANSWERING
        Exchange(self, of_head=False, is_last=True).refuse(status)

    def _linger(self) -> None:
        """Close the connection once its client has, or has had the time to read."""
        self._state = _State.LINGERING
        self.deadline = time.monotonic() + _LINGER_SECONDS
        self._unread = self._transport.get_write_buffer_size()
        self._whole.clear()
        self._unparsed = b""
        if self._sends_no_more:
            self._transport.close()
            return
        self._transport.write_eof()
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
