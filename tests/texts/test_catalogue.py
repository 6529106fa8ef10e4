"""Every text that is asked for is there, in every language, and its braces are filled in."""

import tomllib
from importlib import resources

import pytest

from token_service.domain.letters import LetterKind
from token_service.domain.passwords import PasswordFault
from token_service.texts.catalogue import Catalogue, catalogue

FILES = [
    file for file in resources.files("token_service.texts").iterdir() if file.name.endswith(".toml")
]
VALUES = {
    "issuer": "https://id.example",
    "link": "https://id.example/password-reset?token=x",
    "minutes": "10",
    "time": "2026-03-01 12:00 UTC",
    "address": "192.0.2.1",
    "device": "Firefox on Linux",
    "shortest": 15,
    "longest": 256,
}


def keys(table, path=()):
    for key, value in table.items():
        yield from keys(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]


def read(file):
    return Catalogue(tomllib.loads(file.read_text("utf-8")))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_language_has_the_same_texts(file):
    assert set(keys(read(file).tables)) == set(keys(catalogue().tables))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_text_can_be_filled(file):
    texts = read(file)
    for path in keys(texts.tables):
        filled = texts.filled(*path, values=VALUES)
        assert filled.strip()
        assert "{" not in filled


def test_every_letter_and_every_fault_has_its_text():
    letters = catalogue().tables["letters"]
    assert set(letters) == {kind.value for kind in LetterKind}
    assert set(catalogue().tables["passwords"]) == {fault.value for fault in PasswordFault}


def test_a_value_is_not_looked_into():
    values = {**VALUES, "address": "{link}"}
    assert "{link}" in catalogue().filled("letters", "password_changed", "body", values=values)
