"""The log: known fields, one line each, and no secret at any level."""

import json
import logging

import pytest
import structlog

from token_service.crypto import (
    authorization_codes,
    browser_cookies,
    device_codes,
    refresh_tokens,
    reset_tokens,
    sign_in_tickets,
)
from token_service.web import logs

REFRESH_TOKEN = "tsr_AQAB" + "x-Y_9" * 30
ACCESS_TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
TICKET = "tst_AQAB" + "x-Y_9" * 20
PREFIXES = (
    authorization_codes.PREFIX,
    browser_cookies.PREFIX,
    device_codes.PREFIX,
    refresh_tokens.PREFIX,
    reset_tokens.PREFIX,
    sign_in_tickets.PREFIX,
)
CLIENT_SECRET = "tss_" + "Zz-_0" * 9 + "abcd"
ARGON2 = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"


@pytest.fixture
def lines(capsys):
    """What was logged since, as objects."""
    logs.configure("info")

    def read():
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield read
    logging.getLogger().setLevel(logging.WARNING)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"refused {REFRESH_TOKEN} today", "refused tsr_*** today"),
        (f"client {CLIENT_SECRET}.", "client tss_***."),
        (f"waits with {TICKET}", "waits with tst_***"),
        *((f"with {prefix}AQAB-x_Y", f"with {prefix}***") for prefix in PREFIXES),
        (
            "by urn:ietf:params:oauth:request_uri:AQAB-x_Y1",
            "by urn:ietf:params:oauth:request_uri:***",
        ),
        (
            "?request_uri=urn%3Aietf%3Arequest_uri%3AAQAB-x_Y1&",
            "?request_uri=urn%3Aietf%3Arequest_uri%3A***&",
        ),
        (f"got {ACCESS_TOKEN}, twice", "got eyJ***, twice"),
        (f"cut: {ACCESS_TOKEN[:40]}", "cut: eyJ***"),
        (f"Authorization: Bearer {ACCESS_TOKEN}", "Authorization: *** eyJ***"),
        ("header bearer abc.def=", "header bearer ***"),
        ("header Basic YTpiYw==", "header Basic ***"),
        ("{'password': 'hunter2 x'}", "{'password': '*** x'}"),
        ("client_secret=s3cret&x=y", "client_secret=***&x=y"),
        ("code=abc123", "code=***"),
        (f"hash {ARGON2}", "hash $argon2id$***"),
        ("postgresql://user:pass@host/x", "postgresql://user:***@host/x"),
        ("no secret in here at all", "no secret in here at all"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
    ],
)
def test_what_looks_like_a_credential_is_not_shown(text, shown):
    assert logs.redacted(text) == shown


@pytest.mark.parametrize("piece", ["a", "=", ":", "eyJ", "tsr_", "Bearer ", "://a:", "password="])
def test_redacting_takes_no_longer_than_the_text(piece):
    text = piece * (100_000 // len(piece))
    assert len(logs.redacted(text)) <= len(text) + 100_000


def test_an_unknown_field_stays_out(lines):
    structlog.get_logger().info("request", method="GET", headers={"Cookie": "x"}, body="y")
    (line,) = lines()
    assert line.keys() == {"event", "method", "level", "timestamp"}


def test_other_loggers_come_the_same_way(lines):
    logger = logging.getLogger("some.library")
    logger.warning("sent %s", REFRESH_TOKEN, extra={"reason": CLIENT_SECRET, "body": "x"})
    (line,) = lines()
    assert line["event"] == "sent tsr_***"
    assert line["reason"] == "tss_***"
    assert line["logger"] == "some.library"
    assert "body" not in line


def test_an_exception_is_one_line_without_its_secrets(lines):
    try:
        raise RuntimeError(f"with {REFRESH_TOKEN} and {ACCESS_TOKEN}\nand a line of its own")
    except RuntimeError:
        logging.getLogger("x").exception("failed")
    (line,) = lines()
    assert "RuntimeError: with tsr_*** and eyJ***\nand a line of its own" in line["exception"]
    assert REFRESH_TOKEN[:12] not in str(line)


def test_a_forged_line_is_part_of_the_one_that_it_is_in(lines):
    logging.getLogger("x").warning('name\n{"level":"info"}')
    (line,) = lines()
    assert line["event"] == 'name\n{"level":"info"}'


def test_a_line_that_cannot_be_formatted_is_not_shown_another_way(lines):
    handlers = logging.getLogger().handlers
    (ours,) = [one for one in handlers if type(one).__module__ == logs.__name__]
    ours.handle(logging.LogRecord("x", logging.WARNING, "", 0, "%d", (REFRESH_TOKEN,), None))
    (line,) = lines()
    assert line == {"event": "a line that cannot be formatted", "logger": "x"}


@pytest.mark.parametrize("name", ["authlib.oauth2", "sqlalchemy.engine", "psycopg"])
def test_libraries_that_tell_what_they_carry_are_kept_quiet(name, lines):
    logs.configure("debug")
    logging.getLogger(name).info("token %s", REFRESH_TOKEN)
    logging.getLogger(name).debug("token %s", REFRESH_TOKEN)
    assert lines() == []
