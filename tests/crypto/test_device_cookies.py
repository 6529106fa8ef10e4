"""Device cookies: genuine or nothing, and unreadable."""

from datetime import UTC, datetime

import pytest

from token_service.crypto import device_cookies, locators, opaque, sign_in_tickets
from token_service.crypto.device_cookies import COOKIE_LENGTH
from token_service.crypto.locators import LocatorKey
from token_service.domain.known_browsers import KnownBrowser

KEY = LocatorKey.of(7, bytes(range(64)))
KEYS = {7: KEY}
BROWSER = KnownBrowser("0a" * 16, "1b" * 16, 3, datetime(2027, 3, 1, 12, tzinfo=UTC))
COOKIE = device_cookies.issue(KEY, BROWSER)


def test_a_cookie_says_what_it_was_made_of():
    assert COOKIE.startswith("tsk_")
    assert len(COOKIE) == COOKIE_LENGTH == 4 + 90
    assert device_cookies.parse(KEYS, COOKIE) == BROWSER


def test_nothing_of_it_is_shown():
    shown = opaque.decode(COOKIE[4:]).hex()
    assert BROWSER.account_id not in shown
    assert BROWSER.device_id not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tsk_",
        COOKIE[:-1],
        COOKIE + "A",
        COOKIE.replace("tsk_", "tsb_"),
        COOKIE.upper(),
        "tsk_" + "A" * 90,
        "tsk_" + "ö" * 90,
        "tsk_" + opaque.encode(b"\x02" + opaque.decode(COOKIE[4:])[1:]),
    ],
)
def test_what_is_in_no_good_form_is_none(text):
    assert device_cookies.parse(KEYS, text) is None


def test_nor_is_one_with_any_bit_changed():
    data = opaque.decode(COOKIE[4:])
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert device_cookies.parse(KEYS, "tsk_" + opaque.encode(changed)) is None


def test_nor_one_of_another_key():
    assert device_cookies.parse({7: LocatorKey.of(7, bytes(64))}, COOKIE) is None
    assert device_cookies.parse({}, COOKIE) is None


def test_nor_what_was_sealed_for_another_purpose():
    address = locators.seal_address(KEY, b"token-service sign-in ticket v1", bytes(48))
    assert device_cookies.parse(KEYS, "tsk_" + opaque.encode(b"\x01" + address)) is None
    assert sign_in_tickets.parse(KEYS, COOKIE.replace("tsk_", "tst_")) is None
