"""Codes and cookies: genuine ones are read back, everything else is nothing."""

import pytest

from token_service.crypto import authorization_codes, browser_cookies, opaque, sign_in_tickets
from token_service.crypto.locators import KEY_LENGTH, Locator, LocatorKey

KEY, OTHER = LocatorKey.of(1, bytes(range(KEY_LENGTH))), LocatorKey.of(2, bytes(KEY_LENGTH))
KEYS = {1: KEY}
ACCOUNT, CODE_ID = "0a" * 16, "0b" * 16
LOCATOR = Locator(ACCOUNT, "0c" * 16, "0d" * 16, 7)
SECRET = bytes(range(32))
CODE = authorization_codes.issue(KEY, ACCOUNT, CODE_ID, SECRET)
COOKIE = browser_cookies.issue(KEY, LOCATOR, SECRET)


def test_a_genuine_one_is_read_back():
    code = authorization_codes.parse(KEYS, CODE)
    assert (code.account_id, code.code_id, code.secret) == (ACCOUNT, CODE_ID, SECRET)
    cookie = browser_cookies.parse(KEYS, COOKIE)
    assert (cookie.locator, cookie.secret) == (LOCATOR, SECRET)
    assert repr(SECRET) not in repr((code, cookie))
    assert code.secret_hash != cookie.secret_hash


@pytest.mark.parametrize(
    ("module", "value"), [(authorization_codes, CODE), (browser_cookies, COOKIE)]
)
def test_whatever_is_changed_is_no_such_thing_or_has_another_secret(module, value):
    for wrong in (value[:-1], value + "A", value.swapcase(), "", "é" * len(value), value[4:]):
        assert module.parse(KEYS, wrong) is None
        assert not module.names_unknown_key(KEYS, wrong)
    data = opaque.decode(value[4:])
    for at in range(len(data) - 32):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert module.parse(KEYS, value[:4] + opaque.encode(changed)) is None
    last = data[:-1] + bytes([data[-1] ^ 1])
    parsed = module.parse(KEYS, value[:4] + opaque.encode(last))
    assert parsed.secret_hash != module.hash_of(SECRET)


def test_none_is_another_kind():
    ticket = sign_in_tickets.issue(KEY, ACCOUNT, CODE_ID, SECRET)
    assert authorization_codes.parse(KEYS, "tsc_" + ticket[4:]) is None
    assert sign_in_tickets.parse(KEYS, "tst_" + CODE[4:]) is None


def test_a_newer_key_is_told_from_garbage():
    newer = authorization_codes.issue(OTHER, ACCOUNT, CODE_ID, SECRET)
    assert authorization_codes.parse(KEYS, newer) is None
    assert authorization_codes.names_unknown_key(KEYS, newer)
    cookie = browser_cookies.issue(OTHER, LOCATOR, SECRET)
    assert browser_cookies.names_unknown_key(KEYS, cookie)


def test_the_challenge_is_that_of_the_specification():
    """RFC 7636 appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert authorization_codes.challenge_of(verifier) == challenge
    assert authorization_codes.challenge_of("\ud800é") != challenge


def test_a_browser_is_marked_by_what_is_given_out_here():
    one, two = browser_cookies.new_browser(), browser_cookies.new_browser()
    assert browser_cookies.browser_hash(one) != browser_cookies.browser_hash(two)
    assert browser_cookies.browser_hash(one) not in (None, one)
    for wrong in ("", "x", one + "A", "é" * 43):
        assert browser_cookies.browser_hash(wrong) is None
    tokens = {browser_cookies.form_token(b, i) for b in (one, two) for i in ("1", "2")}
    assert len(tokens) == 4
