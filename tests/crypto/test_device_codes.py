"""Device codes say where they are stored, and user codes can be read out."""

import itertools
from collections import Counter

import pytest

from token_service.crypto import device_codes, opaque, user_codes
from token_service.crypto.locators import LocatorKey

KEY, OTHER = LocatorKey.of(1, bytes(range(64))), LocatorKey.of(2, bytes(range(1, 65)))
KEYS = {1: KEY}
ID = "0198" + "ab" * 14
SECRET = bytes(range(32))


def test_a_code_says_what_was_put_in():
    presented = device_codes.parse(KEYS, device_codes.issue(KEY, ID, SECRET))
    assert presented is not None
    assert (presented.device_id, presented.secret) == (ID, SECRET)
    assert presented.secret_hash == device_codes.hash_of(SECRET)
    assert repr(SECRET) not in repr(presented)


def test_it_has_the_form_that_secret_scanners_look_for():
    code = device_codes.issue(KEY, ID, SECRET)
    assert code.startswith("tsd_")
    assert len(code) == device_codes.CODE_LENGTH
    assert ID not in code


def test_whatever_is_changed_in_the_address_is_refused():
    code = device_codes.issue(KEY, ID, SECRET)
    data = opaque.decode(code[4:])
    assert data is not None
    for position in range(len(data) - len(SECRET)):
        changed = bytearray(data)
        changed[position] ^= 1
        assert device_codes.parse(KEYS, "tsd_" + opaque.encode(bytes(changed))) is None


@pytest.mark.parametrize("text", ["", "tsd_", "x", "tsd_" + "A" * 111, "tsd_" + "é" * 107])
def test_garbage_is_none(text):
    assert device_codes.parse(KEYS, text) is None
    assert device_codes.names_unknown_key(KEYS, text) is False


def test_a_newer_key_is_told_from_garbage():
    code = device_codes.issue(OTHER, ID, SECRET)
    assert device_codes.parse(KEYS, code) is None
    assert device_codes.names_unknown_key(KEYS, code) is True
    assert device_codes.names_unknown_key(KEYS, device_codes.issue(KEY, ID, SECRET)) is False


def test_ten_thousand_user_codes():
    """RFC 8628 section 6.1: each letter has the same chance at each place, and none comes twice."""
    codes = [user_codes.new() for _ in range(10_000)]
    assert len(set(codes)) >= 9_999
    for place in range(8):
        counts = Counter(code[place] for code in codes)
        assert set(counts) == set(user_codes.LETTERS)
        # 500 each is expected; 8 standard deviations to either side.
        assert all(325 <= one <= 675 for one in counts.values()), counts
    assert len(user_codes.LETTERS) == 20
    assert set("AEIOUY").isdisjoint(user_codes.LETTERS)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("WDJB-MJHT", "WDJBMJHT"),
        ("wdjbmjht", "WDJBMJHT"),
        (" wdjb mjht\t", "WDJBMJHT"),
        ("WDJB–MJHT", "WDJBMJHT"),  # noqa: RUF001 - as a phone corrects it
        ("W.D.J.B.M.J.H.T", "WDJBMJHT"),
        ("WDJBMJH", None),
        ("WDJBMJHTT", None),
        ("WDJBMJHA", None),
        ("WDJBMJH1", None),
        ("ßßßß", None),
        ("ſſſſſſſſ", None),  # noqa: RUF001 - its upper case is one of the letters
        ("", None),
        ("-" * 33 + "WDJBMJHT", None),
        ("-" * 32 + "WDJBMJHT", "WDJBMJHT"),
    ],
)
def test_what_people_type(typed, read):
    assert user_codes.read(typed) == read


def test_a_code_is_shown_in_two_halves():
    assert user_codes.shown("WDJBMJHT") == "WDJB-MJHT"


def test_the_hash_of_a_user_code_is_keyed():
    hashes = {
        user_codes.hash_of(pepper, code)
        for pepper, code in itertools.product((b"a" * 32, b"b" * 32), ("WDJBMJHT", "WDJBMJHS"))
    }
    assert len(hashes) == 4
