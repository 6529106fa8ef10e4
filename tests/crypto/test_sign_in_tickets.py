"""Tickets of sign-ins that wait: genuine or nothing, and bound to one row and one secret."""

import pytest

from token_service.crypto import locators, opaque, sign_in_tickets
from token_service.crypto.locators import Locator, LocatorKey
from token_service.crypto.sign_in_tickets import TICKET_LENGTH

KEY = LocatorKey.of(7, bytes(range(64)))
KEYS = {7: KEY}
ACCOUNT, ROW, SECRET = "0a" * 16, "1b" * 16, bytes(range(32))
TICKET = sign_in_tickets.issue(KEY, ACCOUNT, ROW, SECRET)


def test_a_ticket_says_what_it_was_made_of():
    assert TICKET.startswith("tst_")
    assert len(TICKET) == TICKET_LENGTH == 4 + 111
    presented = sign_in_tickets.parse(KEYS, TICKET)
    assert (presented.account_id, presented.ticket_id) == (ACCOUNT, ROW)
    assert presented.secret == SECRET
    assert presented.secret_hash == sign_in_tickets.hash_of(SECRET)


def test_neither_account_nor_row_nor_secret_is_shown():
    assert ACCOUNT not in opaque.decode(TICKET[4:]).hex()
    assert str(list(SECRET)) not in repr(sign_in_tickets.parse(KEYS, TICKET))
    assert "secret" not in repr(sign_in_tickets.parse(KEYS, TICKET))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tst_",
        TICKET[:-1],
        TICKET + "A",
        TICKET.replace("tst_", "tsr_"),
        TICKET.upper(),
        "tst_" + "A" * 111,
        "tst_" + "ö" * 111,
        TICKET[:4] + "Ag" + TICKET[6:],
    ],
)
def test_what_is_no_ticket_is_nothing(text):
    assert sign_in_tickets.parse(KEYS, text) is None


def test_every_changed_byte_of_the_address_is_noticed():
    data = opaque.decode(TICKET[4:])
    for position in range(51):
        changed = bytearray(data)
        changed[position] ^= 1
        assert sign_in_tickets.parse(KEYS, "tst_" + opaque.encode(bytes(changed))) is None


def test_another_secret_has_another_hash():
    other = sign_in_tickets.issue(KEY, ACCOUNT, ROW, bytes(32))
    assert sign_in_tickets.parse(KEYS, other).secret_hash != sign_in_tickets.hash_of(SECRET)


def test_what_was_sealed_for_another_purpose_does_not_open():
    address = bytes.fromhex(ACCOUNT + ROW)
    sealed = locators.seal_address(KEY, b"another purpose", address)
    assert sign_in_tickets.parse(KEYS, "tst_" + opaque.encode(b"\1" + sealed + SECRET)) is None
    assert locators.unseal_address(KEYS, b"another purpose", sealed) == address
    assert locators.unseal_address(KEYS, b"a purpose", sealed) is None
    of_a_grant = locators.seal(KEY, Locator(ACCOUNT, ROW, ROW, 1))
    assert locators.unseal_address(KEYS, b"token-service sign-in ticket v1", of_a_grant) is None


def test_a_key_that_is_not_known_yet_is_told_from_garbage():
    newer = sign_in_tickets.issue(LocatorKey.of(8, bytes(64)), ACCOUNT, ROW, SECRET)
    assert sign_in_tickets.parse(KEYS, newer) is None
    assert sign_in_tickets.names_unknown_key(KEYS, newer)
    assert not sign_in_tickets.names_unknown_key(KEYS, TICKET)
    assert not sign_in_tickets.names_unknown_key(KEYS, "tst_garbage")


def test_a_proof_depends_on_the_secret_and_on_every_fact():
    proof = sign_in_tickets.proof_of(SECRET, 1, 2, "hash")
    assert len(proof) == 43
    assert proof == sign_in_tickets.proof_of(SECRET, 1, 2, "hash")
    others = [
        sign_in_tickets.proof_of(bytes(32), 1, 2, "hash"),
        sign_in_tickets.proof_of(SECRET, 2, 2, "hash"),
        sign_in_tickets.proof_of(SECRET, 1, 3, "hash"),
        sign_in_tickets.proof_of(SECRET, 1, 2, "other"),
        sign_in_tickets.proof_of(SECRET, 1, 2, None),
    ]
    assert len({proof, *others}) == 6
