import base64
import hmac
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crypto.building import NOW
from token_service.crypto import opaque

CANONICAL = re.compile(r"[A-Za-z0-9_-]*")


def test_an_id_is_a_uuid_of_version_7_with_its_time():
    identifier = UUID(opaque.new_id(NOW + timedelta(microseconds=1999)))
    assert identifier.version == 7
    assert identifier.variant == "specified in RFC 4122"
    assert identifier.int >> 80 == int(NOW.timestamp()) * 1000 + 1


def test_ids_are_32_hexadecimal_characters_that_sort_by_time():
    first, second = opaque.new_id(NOW), opaque.new_id(NOW + timedelta(milliseconds=1))
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first < second


def test_ids_of_one_instant_differ_in_all_their_random_bits():
    values = [int(opaque.new_id(NOW), 16) for _ in range(200)]
    differing = 0
    for value in values:
        differing |= value ^ values[0]
    assert differing == (0xFFF << 64) | (2**62 - 1)


def test_an_id_needs_a_time_with_its_zone():
    with pytest.raises(TypeError):
        opaque.new_id(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(OverflowError):
        opaque.new_id(datetime(1969, 12, 31, tzinfo=UTC))


def test_grant_ids_are_positive_and_fit_a_bigint():
    ids = {opaque.new_grant_id() for _ in range(500)}
    assert len(ids) == 500
    assert all(1 <= grant_id < 2**63 for grant_id in ids)
    assert max(ids) > 2**61


def test_a_secret_has_its_prefix_256_bits_and_a_checksum():
    secret = opaque.new_secret("tss_")
    assert re.fullmatch("tss_[A-Za-z0-9_-]{49}", secret)
    assert opaque.decode(secret[4:-6]) is not None
    assert len(opaque.decode(secret[4:-6]) or b"") == 32
    assert secret[-6:] == opaque.checksum(secret[:-6])
    assert opaque.new_secret("tss_") != secret


def test_the_checksum_notices_a_look_alike():
    secret = opaque.new_secret("tss_")
    other = secret[:10] + ("A" if secret[10] != "A" else "B") + secret[11:-6]
    assert opaque.checksum(other) != secret[-6:]


def test_a_keyed_hash_depends_on_pepper_purpose_and_secret():
    hashes = {
        opaque.keyed_hash(pepper, purpose, secret)
        for pepper in (b"p" * 32, b"q" * 32)
        for purpose in ("client secret", "api secret")
        for secret in ("s", "t", "", "\udc80")
    }
    assert len(hashes) == 16
    assert all(re.fullmatch("[A-Za-z0-9_-]{43}", value) for value in hashes)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "bc"), ("ab", "c")), (("a", "\0b"), ("a\0", "b")), (("", "a"), ("a", ""))],
)
def test_purpose_and_secret_are_never_confused(one, other):
    assert opaque.keyed_hash(b"p", *one) != opaque.keyed_hash(b"p", *other)


def test_a_keyed_hash_is_hmac_sha_256():
    expected = hmac.digest(b"pepper", b"\0\1ps", "sha256")
    assert opaque.decode(opaque.keyed_hash(b"pepper", "p", "s")) == expected


def test_same_compares_any_text():
    assert opaque.same("ä\ud800", "ä\ud800")
    assert not opaque.same("ä", "a")
    assert not opaque.same("a", "a ")


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_encode_is_base64url_without_padding(data):
    text = opaque.encode(data)
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert opaque.decode(text) == data


@settings(deadline=None)
@given(st.text(alphabet="AQgw_-+/= \n.é\ud800", max_size=9))
def test_decode_takes_one_spelling_only(text):
    data = opaque.decode(text)
    assert data is None or (opaque.encode(data) == text and CANONICAL.fullmatch(text))


@pytest.mark.parametrize(
    "text",
    [
        *("AA==", "AAA=", "AAAA====", "=", "====", "A", "AAAAA", "AB", "AAB", "A+", "A/", "+/+/"),
        *(" AA", "AA ", "AA\n", "A\nA", "A A", "AA\0", "A.A"),
        *("ÄÄ", "\ud800A", "AA\u00a0", "\uff21\uff21"),
    ],
)
def test_decode_refuses(text):
    assert opaque.decode(text) is None


def test_every_unused_bit_of_the_last_character_must_be_zero():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert sum(opaque.decode("A" + last) is not None for last in alphabet) == 4
    assert sum(opaque.decode("AA" + last) is not None for last in alphabet) == 16
    assert sum(opaque.decode("AAA" + last) is not None for last in alphabet) == 64
