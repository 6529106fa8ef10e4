"""Which passwords may be chosen: cases at the edges of each rule."""

import unicodedata

import pytest

from token_service.domain.passwords import (
    LONGEST,
    PasswordFault,
    PasswordRules,
    faults,
    normalised,
)

FIFTEEN = PasswordRules(15)
COMMON = frozenset({"password", "qwerty", "iloveyou", "dragon", "1qaz2wsx3edc4rfv"})
KNOWN = ("Ada.Lovelace@demo.example", "+41 79 123 45 67", "Demo North", "token service")
TOO_SHORT, TOO_LONG = PasswordFault.TOO_SHORT, PasswordFault.TOO_LONG
GOOD = "correct horse battery staple"


def judged(password, rules=FIFTEEN, known=KNOWN):
    return set(faults(password, rules, known, COMMON))


@pytest.mark.parametrize(
    ("shortest", "length", "found"),
    [
        (8, 7, {TOO_SHORT}),
        (8, 8, set()),
        (15, 14, {TOO_SHORT}),
        (15, 15, set()),
        (15, 64, set()),
        (15, 256, set()),
        (15, 257, {TOO_LONG}),
        (64, 63, {TOO_SHORT}),
        (15, 1_000_000, {TOO_LONG}),
        (15, 0, {TOO_SHORT, PasswordFault.COMMON}),
    ],
)
def test_lengths(shortest, length, found):
    text = ("vj3kx9qm ru5e7 hz2-" * (length // 19 + 1))[:length]
    assert judged(text, PasswordRules(shortest)) == found


@pytest.mark.parametrize(
    "kinds",
    ["onlylowercaseletters", "ONLYUPPERCASELETTERS", "73920184650281937", "!?%&*=+#^~;:<>-"],
)
def test_no_kind_of_character_is_asked_for(kinds):
    assert judged(kinds) == set()


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "PasswordPassword",
        "\uff50assword\uff50assword",
        "pass word pass word",
        "password1234567",
        "1234567password",
        "iloveyou password",
        "qwertyqwertyqwe",
        "iloveyouiloveyou",
        "1qaz2wsx3edc4rfv",
        "1qaz2wsx3edc4rfv!!",
        "aaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaab",
        "abababababababab",
        "123456789012345",
        "abcdefghijklmnop",
        "zyxwvutsrqponmlkj",
        "0123456789abcdef",
        " " * 15,
        "dragon" + "x" * 20,
    ],
)
def test_what_is_guessed_first_and_what_is_made_of_it(password):
    assert judged(password) == {PasswordFault.COMMON}


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "my password is a poem",
        "qwerty and something else",
        "dragon password wizardry",
        "aaaaaaaaaaaaaab but longer",
        "acegikmoqsuwybdf",
    ],
)
def test_a_common_part_harms_nobody(password):
    """NIST SP 800-63B-4 section 3.1.1.2: the whole password is compared, not its parts."""
    assert judged(password) == set()


@pytest.mark.parametrize(
    ("password", "is_about"),
    [
        ("ada.lovelace@demo.example", True),
        ("AdaLovelace1815!", True),
        ("Lovelace 1234567", True),
        ("Lovelace vjxq8462", False),
        ("demo north 2026!", True),
        ("Demo-North-Token-Service", True),
        ("my token service", True),
        ("+41791234567 +4179", True),
        ("ada ada ada ada ad", False),
        (GOOD, False),
    ],
)
def test_what_anybody_can_know(password, is_about):
    found = judged(password)
    assert (PasswordFault.ABOUT_YOU in found) is is_about


def test_every_fault_is_told():
    assert judged("password") == {TOO_SHORT, PasswordFault.COMMON}
    assert judged("lovelace") == {TOO_SHORT, PasswordFault.ABOUT_YOU}


def test_one_password_in_two_normal_forms_is_one():
    composed = unicodedata.normalize("NFC", "\u00e9t\u00e9 comme hiver \u212b")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert normalised(composed) == normalised(decomposed)


def test_spaces_stay_and_nothing_is_cut():
    assert normalised("  two  spaces  ") == "  two  spaces  "
    longest = "x" * LONGEST
    assert normalised(longest) == longest
    assert normalised(longest + "x") is None


def test_one_character_that_stands_for_many_is_one():
    assert judged("\ufdfa") == {TOO_SHORT}
    assert judged("\u0041\u030a" * 8) >= {TOO_SHORT}


def test_the_longest_is_judged_quickly():
    """A table of cases, not a figure: the rule looks at pairs of parts, and must not at triples."""
    for text in ("ab" * 128, "a" * 128 + "vjxq" * 32, "abcab" * 51):
        judged(text)
