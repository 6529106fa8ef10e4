import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token_service.crypto import opaque
from token_service.crypto.locators import Locator
from token_service.crypto.refresh_tokens import (
    MAX_GENERATION,
    PREFIX,
    TOKEN_LENGTH,
    OpaqueKey,
    OpaqueKeys,
    Presented,
    branch,
    hash_of,
    issue,
    names_unknown_key,
    parse,
)

FIRST, SECOND = OpaqueKey.derive(1, b"1" * 32), OpaqueKey.derive(2, b"2" * 32)
KEYS = OpaqueKeys.of([FIRST], SECOND)
LOCATOR = Locator("0a" * 16, "1b" * 16, "2c" * 16, 99)
SECRET = bytes(range(32))


def token_of(keys=KEYS, **changes):
    parts = {"locator": LOCATOR, "generation": 3, "key_number": 2, "secret": SECRET}
    return issue(keys, **(parts | changes))


def test_a_token_says_what_it_was_issued_for():
    presented = parse(KEYS, token_of())
    assert presented is not None
    assert presented.locator == LOCATOR
    assert (presented.generation, presented.key_number) == (3, 2)
    assert presented.secret == SECRET
    assert presented.secret_hash == hash_of(SECRET)


def test_a_token_has_a_scannable_form_and_shows_nothing_of_its_owner():
    token = token_of()
    assert re.fullmatch(r"tsr_[A-Za-z0-9_-]{199}", token)
    assert len(token) == TOKEN_LENGTH
    data = opaque.decode(token.removeprefix(PREFIX))
    assert data is not None
    assert bytes.fromhex(LOCATOR.account_id) not in data
    assert bytes.fromhex(LOCATOR.sid) not in data


def test_the_successor_of_a_token_is_the_same_however_often_it_is_derived():
    assert len({token_of(generation=4) for _ in range(5)}) == 1


def test_a_retry_after_a_key_rotation_gives_the_identical_successor():
    third = OpaqueKey.derive(3, b"3" * 32)
    rotated = OpaqueKeys.of([FIRST, SECOND], third)
    assert rotated.current.number == 3
    assert token_of(rotated, generation=4) == token_of(generation=4)


def test_everything_in_a_token_changes_it():
    tokens = {
        token_of(),
        token_of(generation=4),
        token_of(key_number=1),
        token_of(secret=bytes(32)),
        token_of(locator=replace(LOCATOR, grant_id=100)),
        token_of(locator=replace(LOCATOR, tenant_id="3d" * 16)),
    }
    assert len(tokens) == 6


def test_no_byte_of_a_token_can_be_changed():
    data = opaque.decode(token_of().removeprefix(PREFIX))
    assert data is not None
    assert len(data) == 149
    for position in range(len(data)):
        for bit in (0x01, 0x10, 0x80):
            changed = bytearray(data)
            changed[position] ^= bit
            assert parse(KEYS, PREFIX + opaque.encode(bytes(changed))) is None, position


def test_no_character_of_a_token_can_be_changed():
    token = token_of()
    for position in range(len(token)):
        for character in "Aa0_-=+/.\0é\ud800":
            if token[position] != character:
                changed = token[:position] + character + token[position + 1 :]
                assert parse(KEYS, changed) is None, (position, character)


def test_the_last_character_has_one_spelling():
    token = token_of()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    genuine = [last for last in alphabet if parse(KEYS, token[:-1] + last) is not None]
    assert genuine == [token[-1]]


@pytest.mark.parametrize("length", [0, 1, 4, 5, TOKEN_LENGTH - 1])
def test_a_truncated_token_is_refused(length):
    assert parse(KEYS, token_of()[:length]) is None


@pytest.mark.parametrize("ending", ["A", "=", "==", "\n", " ", "\0", "A" * 3000])
def test_an_extended_token_is_refused(ending):
    assert parse(KEYS, token_of() + ending) is None


@pytest.mark.parametrize("beginning", ["", " ", "TSR_", "tss_", "tsr-"])
def test_another_prefix_is_refused(beginning):
    assert parse(KEYS, beginning + token_of().removeprefix(PREFIX)) is None


@settings(deadline=None)
@given(st.text(min_size=TOKEN_LENGTH - 4, max_size=TOKEN_LENGTH - 4) | st.text())
def test_garbage_is_refused_without_an_error(text):
    assert parse(KEYS, text) is None
    assert parse(KEYS, PREFIX + text) is None
    assert not names_unknown_key(KEYS, text)


@settings(deadline=None)
@given(st.binary(min_size=149, max_size=149))
def test_well_formed_garbage_is_refused(data):
    assert parse(KEYS, PREFIX + opaque.encode(b"\1\0\2" + data[3:])) is None


def test_a_token_of_keys_that_are_not_ours_is_refused():
    theirs = OpaqueKeys.of([], OpaqueKey.derive(2, b"x" * 32))
    assert parse(KEYS, token_of(theirs)) is None
    assert not names_unknown_key(KEYS, token_of(theirs))


def test_a_leaked_tag_key_alone_makes_no_locator():
    mixed = replace(SECOND, locator_key=FIRST.locator_key)
    half_forged = token_of(OpaqueKeys.of([], mixed))
    assert parse(KEYS, half_forged) is None


def test_an_unknown_key_number_is_told_apart_so_that_a_stale_worker_can_reload():
    newer = OpaqueKeys.of([SECOND], OpaqueKey.derive(3, b"3" * 32))
    token = token_of(newer, key_number=3)
    assert parse(KEYS, token) is None
    assert names_unknown_key(KEYS, token)
    assert parse(newer, token) is not None
    assert not names_unknown_key(newer, token)


def test_an_unknown_version_is_refused_and_is_no_unknown_key():
    data = opaque.decode(token_of().removeprefix(PREFIX))
    assert data is not None
    later = PREFIX + opaque.encode(b"\2\0\7" + data[3:])
    assert parse(KEYS, later) is None
    assert not names_unknown_key(KEYS, later)


@pytest.mark.parametrize("generation", [0, 1, MAX_GENERATION])
def test_generations_go_up_to_the_last_that_can_have_a_stored_successor(generation):
    presented = parse(KEYS, token_of(generation=generation))
    assert presented is not None
    assert presented.generation == generation


@pytest.mark.parametrize(
    "changes",
    [
        {"generation": -1},
        {"generation": MAX_GENERATION + 1},
        {"secret": b""},
        {"secret": b"x" * 33},
    ],
)
def test_a_token_that_no_grant_can_have_is_not_issued(changes):
    with pytest.raises(ValueError, match="out of range"):
        token_of(**changes)


def test_a_generation_out_of_range_is_refused_even_with_the_right_tag(monkeypatch):
    monkeypatch.setattr("token_service.crypto.refresh_tokens.MAX_GENERATION", 2**64 - 1)
    token = token_of(generation=2**63 - 1)
    monkeypatch.undo()
    assert parse(KEYS, token) is None


def test_a_key_number_without_a_key_is_an_error_of_the_caller():
    with pytest.raises(KeyError):
        token_of(key_number=9)


@pytest.mark.parametrize("number", [0, -1, 65536])
def test_the_number_of_a_key_fits_two_bytes(number):
    with pytest.raises(ValueError, match="65535"):
        OpaqueKey.derive(number, bytes(32))


def test_the_keys_behind_one_number_are_independent():
    assert len(FIRST.hmac_key) == 32
    assert FIRST.hmac_key != SECOND.hmac_key
    assert OpaqueKey.derive(1, b"1" * 32).hmac_key == FIRST.hmac_key


def test_secrets_do_not_show_in_what_is_logged():
    presented = parse(KEYS, token_of())
    assert "secret" not in repr(presented)
    assert "hmac_key" not in repr(KEYS)


def test_the_stored_hash_is_not_the_secret_and_has_a_purpose():
    stored = hash_of(SECRET)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", stored)
    assert stored != opaque.encode(SECRET)
    assert hash_of(bytes(32)) != stored


PRESENTED = Presented(LOCATOR, generation=3, key_number=2, secret=SECRET)
ELSEWHERE = "3d" * 16


def branch_of(keys=KEYS, tenant_id=ELSEWHERE, **changes):
    return branch(keys, replace(PRESENTED, **changes), tenant_id)


def test_a_token_opens_the_same_grant_for_a_tenant_however_often_it_is_asked_for():
    assert branch_of() == branch_of()
    assert branch_of().locator == replace(
        LOCATOR, tenant_id=ELSEWHERE, grant_id=branch_of().locator.grant_id
    )
    assert len(branch_of().secret) == len(SECRET)


def test_what_it_opens_makes_tokens_of_its_own():
    opened = branch_of()
    token = token_of(locator=opened.locator, secret=opened.secret, generation=0)
    presented = parse(KEYS, token)
    assert presented is not None
    assert (presented.locator, presented.secret) == (opened.locator, opened.secret)


def test_the_same_key_number_gives_the_same_grant_after_a_rotation():
    rotated = OpaqueKeys.of([FIRST, SECOND], OpaqueKey.derive(3, b"3" * 32))
    assert branch_of(rotated) == branch_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_id": "3d" * 15 + "3e"},
        {"generation": 4},
        {"key_number": 1},
        {"secret": bytes(range(1, 33))},
        {"locator": replace(LOCATOR, account_id="0b" * 16)},
        {"locator": replace(LOCATOR, sid="1c" * 16)},
        {"locator": replace(LOCATOR, tenant_id="2d" * 16)},
        {"locator": replace(LOCATOR, grant_id=98)},
    ],
    ids=str,
)
def test_all_that_a_token_says_and_the_tenant_decide_what_it_opens(changes):
    other = branch_of(**changes)
    assert other.secret != branch_of().secret
    assert other.locator.grant_id != branch_of().locator.grant_id


def test_nobody_without_the_key_can_tell_what_a_token_opens():
    theirs = OpaqueKeys.of([FIRST], OpaqueKey.derive(2, b"x" * 32))
    assert branch_of(theirs).secret != branch_of().secret
    keys = {SECOND.hmac_key, SECOND.branch_key, OpaqueKey.derive(2, b"x" * 32).branch_key}
    assert len(keys) == 3


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(0, MAX_GENERATION))
def test_a_derived_grant_id_is_one_that_a_locator_can_hold(secret, generation):
    opened = branch_of(secret=secret, generation=generation)
    assert 1 <= opened.locator.grant_id <= opaque.MAX_GRANT_ID
    assert parse(KEYS, token_of(locator=opened.locator, secret=opened.secret)) is not None


def test_the_secret_of_a_grant_that_is_opened_is_not_shown_by_accident():
    assert branch_of().secret.hex() not in repr(branch_of())
    assert str(branch_of().secret) not in repr(branch_of())
