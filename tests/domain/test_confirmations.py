"""What a token is bound to: written down, read back, and never misread for nothing."""

import pytest

from token_service.domain.confirmations import UNBOUND, Confirmation, in_claims

KEY, CERTIFICATE = "k" * 43, "c" * 43
CASES = [
    (UNBOUND, None, {}, "Bearer"),
    (Confirmation(KEY), f"jkt:{KEY}", {"jkt": KEY}, "DPoP"),
    (
        Confirmation(None, CERTIFICATE),
        f"x5t#S256:{CERTIFICATE}",
        {"x5t#S256": CERTIFICATE},
        "Bearer",
    ),
    (
        Confirmation(KEY, CERTIFICATE),
        f"jkt:{KEY} x5t#S256:{CERTIFICATE}",
        {"jkt": KEY, "x5t#S256": CERTIFICATE},
        "DPoP",
    ),
]
NONE_OF_OURS = [
    None,
    {},
    [],
    "jkt",
    KEY,
    {"jkt": None},
    {"jkt": 7},
    {"jkt": ""},
    {"jkt": KEY[1:]},
    {"jkt": KEY + "="},
    {"jkt": KEY + "\n"},
    {"jwk": {}},
    {"jkt": KEY, "kid": "key"},
    {"x5t": CERTIFICATE},
    {"jkt": KEY, "x5t#S256": [CERTIFICATE]},
]


@pytest.mark.parametrize(("confirmation", "stored", "members", "token_type"), CASES)
def test_it_is_written_and_read_back(confirmation, stored, members, token_type):
    assert confirmation.stored == stored
    assert Confirmation.of(stored) == confirmation
    assert confirmation.members == members
    assert confirmation.token_type == token_type
    assert in_claims({"cnf": members} if members else {}) == confirmation


def test_the_longest_fits_its_column():
    assert len(CASES[-1][1]) <= 100


@pytest.mark.parametrize("members", NONE_OF_OURS)
def test_what_is_not_understood_is_not_taken_for_nothing(members):
    assert in_claims({"cnf": members}) is None
