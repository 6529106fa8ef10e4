from dataclasses import replace

import pytest

from token_service.crypto.locators import (
    LOCATOR_LENGTH,
    Locator,
    LocatorKey,
    seal,
    unseal,
)

KEY = LocatorKey.of(7, bytes(range(64)))
LOCATOR = Locator("0a" * 16, "1b" * 16, "2c" * 16, 2**63 - 1)


def test_a_sealed_locator_opens_with_the_key_that_it_names():
    sealed = seal(KEY, LOCATOR)
    assert len(sealed) == LOCATOR_LENGTH == 2 + 16 + 56
    assert sealed[:2] == b"\0\7"
    assert unseal({7: KEY}, sealed) == LOCATOR


def test_sealing_is_deterministic_and_shows_no_common_part():
    other = replace(LOCATOR, grant_id=1)
    assert seal(KEY, LOCATOR) == seal(KEY, LOCATOR)
    same_bytes = sum(
        a == b for a, b in zip(seal(KEY, LOCATOR)[2:], seal(KEY, other)[2:], strict=True)
    )
    assert same_bytes < 10


def test_what_was_unsealed_is_sealed_anew_under_another_key():
    other = LocatorKey.of(8, bytes(reversed(range(64))))
    found = unseal({7: KEY}, seal(KEY, LOCATOR))
    assert seal(other, found) == seal(other, replace(LOCATOR)) != seal(KEY, found)
    assert unseal({8: other}, seal(other, found)) == LOCATOR


def test_a_changed_locator_has_forgotten_how_it_was_sealed():
    found = unseal({7: KEY}, seal(KEY, LOCATOR))
    elsewhere = replace(found, tenant_id="3d" * 16)
    assert unseal({7: KEY}, seal(KEY, elsewhere)) == elsewhere != LOCATOR


def test_every_changed_byte_is_noticed():
    sealed = seal(KEY, LOCATOR)
    for position in range(len(sealed)):
        for bit in (0x01, 0x80):
            changed = bytearray(sealed)
            changed[position] ^= bit
            assert unseal({7: KEY}, bytes(changed)) is None


def test_other_lengths_keys_and_numbers_are_refused():
    sealed = seal(KEY, LOCATOR)
    assert unseal({7: KEY}, b"") is None
    assert unseal({7: KEY}, sealed[:-1]) is None
    assert unseal({7: KEY}, sealed + b"\0") is None
    assert unseal({}, sealed) is None
    assert unseal({7: LocatorKey.of(7, bytes(64))}, sealed) is None


def test_a_locator_does_not_move_to_another_number_of_the_same_key():
    same_secret = LocatorKey.of(8, bytes(range(64)))
    moved = b"\0\10" + seal(KEY, LOCATOR)[2:]
    assert unseal({7: KEY, 8: same_secret}, moved) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"grant_id": 0},
        {"grant_id": -1},
        {"grant_id": 2**63},
        {"account_id": "0A" * 16},
        {"account_id": "0a" * 15, "sid": "1b" * 17},
        {"tenant_id": ""},
        {"tenant_id": " " + "2c" * 16},
        {"tenant_id": "zz" * 16},
    ],
)
def test_what_could_be_mistaken_for_another_locator_is_not_sealed(changes):
    with pytest.raises(ValueError, match=r"grant id|identifier|non-hexadecimal"):
        seal(KEY, replace(LOCATOR, **changes))


def test_a_locator_key_has_64_bytes_and_does_not_show_them():
    with pytest.raises(ValueError, match="64 bytes"):
        LocatorKey.of(1, bytes(32))
    assert repr(KEY) == "LocatorKey(number=7)"
