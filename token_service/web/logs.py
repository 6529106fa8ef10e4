"""Logs: one JSON object a line on standard error, with known fields only and no secret in any.

Standard output belongs to the answers of commands.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from token_service.web.origin import id_of_current_request

FIELDS = frozenset(
    {
        "event",
        "exception",
        "level",
        "logger",
        "method",
        "milliseconds",
        "reason",
        "request_id",
        "route",
        "status",
        "timestamp",
    }
)
"""What a line may contain: whatever else is handed to a logger is left out of the log."""

_FREE_TEXT = frozenset({"event", "exception", "reason"})
"""The fields that a person or a library words; the others hold what this service made."""

_CHATTY = ("alembic", "asyncio", "authlib", "psycopg", "sqlalchemy", "werkzeug")
"""Libraries that tell statements, headers or tokens below WARNING."""

_SECRETS = (
    (re.compile(r"\b(ts[a-z]_)[\w-]{6,}"), r"\1***"),
    (re.compile(r"(request_uri(?::|%3a))[\w-]{6,}", re.IGNORECASE), r"\1***"),
    (re.compile(r"\beyJ[\w-]{6,}(?:\.[\w-]*){0,4}"), "eyJ***"),
    (re.compile(r"\b(basic|bearer)\s+[\w.~+/=-]{4,}", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"(\$argon2\w*\$)\S+"), r"\1***"),
    (re.compile(r"(://[^\s:/@]*:)[^\s@]+@"), r"\1***@"),
    (
        re.compile(
            r"((?:password|secret|token|cookie|code|authorization)['\"]?\s*[=:]\s*['\"]?)[^\s'\"&,;)]+",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
)

_SHORTEST_SECRET = 8


def redacted(text: str) -> str:
    """The text without anything that looks like a credential, and fit for a file in UTF-8."""
    if len(text) < _SHORTEST_SECRET:
        return text
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    for secret, replacement in _SECRETS:
        text = secret.sub(replacement, text)
    return text


def configure(level: str) -> None:
    """Log from `level` (debug, info, warning, error) upwards, everywhere in this process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_request_id,
    ]
    last: list[Processor] = [structlog.processors.format_exc_info, _known_and_redacted]
    structlog.configure(
        processors=[*shared, *last, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(number, shared, last)


def _route_standard_logging(number: int, shared: list[Processor], last: list[Processor]) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(allow=FIELDS),
            *shared,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *last,
            lambda *event: _as_json(*event).decode(),
        ],
    )
    handler = _Handler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _Handler)] + [handler]
    root.setLevel(number)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


class _Lines:
    """Where structlog's lines go: to what standard error is at that moment."""

    def msg(self, line: bytes) -> None:
        _write(line)

    debug = info = warning = error = critical = msg


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode()
        except Exception:  # noqa: BLE001 - logging's own answer would print the arguments as they are
            line = orjson.dumps({"event": "a line that cannot be formatted", "logger": record.name})
        _write(line)


def _write(line: bytes) -> None:
    """One write for the whole line, so that lines of several threads never mix.

    Where nobody reads the log any more, its lines are lost, and no request with them.
    """
    with suppress(OSError, ValueError):
        stream = sys.stderr.buffer
        stream.write(line + b"\n")
        stream.flush()


def _with_request_id(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    if "request_id" not in event and (known := id_of_current_request()):
        event["request_id"] = known
    return event


def _known_and_redacted(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for name in event.keys() - FIELDS:
        del event[name]
    for name in _FREE_TEXT.intersection(event):
        event[name] = redacted(str(event[name]))
    return event


def _as_json(_logger: WrappedLogger, _name: str, event: MutableMapping[str, Any]) -> bytes:
    return orjson.dumps(event)
