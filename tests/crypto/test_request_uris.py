"""The names of pushed requests: genuine or nothing, and bound to one row and one secret."""

import pytest

from token_service.crypto import locators, opaque, request_uris
from token_service.crypto.locators import LocatorKey
from token_service.domain.pushed_requests import REQUEST_URI

KEY = LocatorKey.of(7, bytes(range(64)))
KEYS = {7: KEY}
ROW, SECRET = "1b" * 16, bytes(range(32))
NAME = request_uris.issue(KEY, ROW, SECRET)
BODY = NAME.removeprefix(REQUEST_URI)


def test_a_name_says_what_it_was_made_of():
    assert NAME.startswith("urn:ietf:params:oauth:request_uri:")
    assert len(NAME) == request_uris.LENGTH == 34 + 90
    presented = request_uris.parse(KEYS, NAME)
    assert (presented.request_id, presented.secret) == (ROW, SECRET)
    assert presented.secret_hash == request_uris.hash_of(SECRET)


def test_neither_row_nor_secret_is_shown():
    assert ROW not in opaque.decode(BODY).hex()
    assert "secret" not in repr(request_uris.parse(KEYS, NAME))


@pytest.mark.parametrize(
    "text",
    [
        "",
        REQUEST_URI,
        BODY,
        NAME[:-1],
        NAME + "A",
        NAME.upper(),
        REQUEST_URI + "A" * 90,
        REQUEST_URI + "ö" * 90,
        REQUEST_URI + "Ag" + BODY[2:],
    ],
)
def test_what_is_no_name_is_nothing(text):
    assert request_uris.parse(KEYS, text) is None


def test_every_changed_byte_of_the_address_is_noticed():
    data = opaque.decode(BODY)
    for position in range(35):
        changed = bytearray(data)
        changed[position] ^= 1
        assert request_uris.parse(KEYS, REQUEST_URI + opaque.encode(bytes(changed))) is None


def test_another_secret_has_another_hash():
    other = request_uris.parse(KEYS, request_uris.issue(KEY, ROW, bytes(32)))
    assert other.secret_hash != request_uris.hash_of(SECRET)


def test_what_was_sealed_for_another_purpose_does_not_open():
    sealed = locators.seal_address(KEY, b"another purpose", bytes.fromhex(ROW))
    forged = REQUEST_URI + opaque.encode(b"\1" + sealed + SECRET)
    assert request_uris.parse(KEYS, forged) is None


def test_a_key_that_is_not_known_yet_is_told_from_garbage():
    newer = request_uris.issue(LocatorKey.of(8, bytes(64)), ROW, SECRET)
    assert request_uris.parse(KEYS, newer) is None
    assert request_uris.names_unknown_key(KEYS, newer)
    assert not request_uris.names_unknown_key(KEYS, NAME)
    assert not request_uris.names_unknown_key(KEYS, f"{REQUEST_URI}garbage")
