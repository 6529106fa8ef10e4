"""Tokens of reset links: who made them, whose they are, and that nothing else passes for one."""

import pytest

from token_service.crypto import locators, opaque, reset_tokens
from token_service.crypto.locators import Locator, LocatorKey

ONE, TWO = LocatorKey.of(1, bytes(range(64))), LocatorKey.of(2, bytes(range(1, 65)))
KEYS = {1: ONE, 2: TWO}
ACCOUNT = "0123456789abcdef" * 2


def test_a_token_says_whose_it_is_and_what_was_stored():
    made = reset_tokens.new(ONE, ACCOUNT)
    presented = reset_tokens.parse(KEYS, made.token)
    assert presented is not None
    assert (presented.account_id, presented.secret_hash) == (ACCOUNT, made.secret_hash)


def test_no_two_tokens_are_alike_and_none_can_be_read():
    made = [reset_tokens.new(ONE, ACCOUNT) for _ in range(100)]
    assert len({one.token for one in made}) == len({one.secret_hash for one in made}) == 100
    assert len({len(one.token) for one in made}) == 1
    data = opaque.decode(made[0].token.removeprefix(reset_tokens.PREFIX))
    assert bytes.fromhex(ACCOUNT) not in data
    assert made[0].token not in repr(made[0])


def test_the_secret_has_256_bits_of_its_own():
    first, second = (
        opaque.decode(reset_tokens.new(ONE, ACCOUNT).token.removeprefix("tsp_")) for _ in range(2)
    )
    assert first[:-32] == second[:-32]
    assert len(first[-32:]) == 32
    assert first[-32:] != second[-32:]


def test_whoever_changes_a_character_has_no_token_or_another_secret():
    made = reset_tokens.new(ONE, ACCOUNT)
    for position in range(len(made.token)):
        changed = "A" if made.token[position] != "A" else "B"
        text = made.token[:position] + changed + made.token[position + 1 :]
        presented = reset_tokens.parse(KEYS, text)
        assert presented is None or presented.secret_hash != made.secret_hash


@pytest.mark.parametrize(
    "change", [lambda text: text[:-1], lambda text: text + "A", lambda text: text + "=", str.upper]
)
def test_cut_and_lengthened_tokens_are_none(change):
    assert reset_tokens.parse(KEYS, change(reset_tokens.new(ONE, ACCOUNT).token)) is None


@pytest.mark.parametrize("text", ["", "tsp_", "x", "\u00e9" * reset_tokens.TOKEN_LENGTH, "\ud800"])
def test_garbage_is_none(text):
    assert reset_tokens.parse(KEYS, text) is None
    assert not reset_tokens.names_unknown_key(KEYS, text)


def test_a_key_that_is_not_known_yet_is_named():
    token = reset_tokens.new(TWO, ACCOUNT).token
    assert reset_tokens.parse({1: ONE}, token) is None
    assert reset_tokens.names_unknown_key({1: ONE}, token)
    assert not reset_tokens.names_unknown_key(KEYS, token)


def test_a_locator_is_no_account_of_a_link_and_the_other_way_round():
    sealed = locators.seal(ONE, Locator(ACCOUNT, ACCOUNT, ACCOUNT, 1))
    data = b"\x01\x00\x01" + sealed[2:34] + bytes(32)
    assert reset_tokens.parse(KEYS, "tsp_" + opaque.encode(data)) is None
    account = opaque.decode(reset_tokens.new(ONE, ACCOUNT).token.removeprefix("tsp_"))[3:35]
    padded = (b"\x00\x01" + account + bytes(100))[: locators.LOCATOR_LENGTH]
    assert locators.unseal(KEYS, padded) is None
