"""The list of common passwords, and hints about better ones."""

import unicodedata
from importlib import resources

import pytest

from token_service.crypto.common_passwords import common_passwords
from token_service.crypto.password_hints import hints
from token_service.domain.passwords import PasswordFault, PasswordRules, faults

SAMPLES = [
    "password",
    "123456789",
    "qwertyuiop",
    "iloveyou",
    "trustno1",
    "sunshine",
    "starwars",
    "michelle",
    "11111111",
    "1q2w3e4r",
]


def test_it_is_long_and_in_the_form_that_is_looked_up():
    common = common_passwords()
    assert len(common) >= 10_000
    for entry in common:
        assert entry
        assert entry == unicodedata.normalize("NFKC", entry).casefold()
        assert len(entry) >= 4


def test_nothing_of_its_heading_is_in_it():
    lines = resources.files("token_service.crypto").joinpath("common_passwords.txt").read_text()
    heading = lines.splitlines()[:3]
    assert all(line.startswith("# ") for line in heading)
    assert not common_passwords() & set(heading)


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_everybody_guesses_is_refused_alone_and_twice(sample):
    for password in (sample, sample.upper(), sample * 2, f"{sample}12345678"):
        found = faults(password, PasswordRules(8), (), common_passwords())
        assert PasswordFault.COMMON in found


def test_hints_say_what_would_be_better():
    assert any("guess" in hint or "common" in hint for hint in hints("password1"))
    assert hints("") == ()


@pytest.mark.parametrize(
    "text",
    ["\0", "\n\n\n", "\ud800" * 20, "1\n2\n3.4.5\n", "4@8({[<369&#!1/|0$5+7%2" * 11, "\u0663" * 16],
    ids=ascii,
)
def test_no_text_is_too_odd_for_hints(text):
    assert all(isinstance(hint, str) for hint in hints(text))
