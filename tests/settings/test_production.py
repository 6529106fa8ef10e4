"""What production refuses and other environments let pass."""

import hashlib
import re

import pytest

from tests.outbound.building import authority
from tests.settings.building import (
    CONFIG,
    GIVEN,
    KEY,
    PRODUCTION,
    ROOT,
    encoded,
    load_production,
    load_with,
    refusal_of,
)
from token_service.settings import SettingsError, load, variable_of


def test_production_starts_with_an_https_issuer_and_good_secrets():
    settings = load_production({})
    assert settings.environment == "production"
    assert settings.database.url.startswith("sqlite:///")


def test_production_makes_no_secrets(tmp_path):
    def must_not_be_called(length: int) -> bytes:
        raise AssertionError(length)

    for key in ("key_encryption_key", "pepper"):
        given = {name: value for name, value in PRODUCTION.items() if name != variable_of(key)}
        with pytest.raises(SettingsError) as refused:
            load(given, config_folder=CONFIG, new_secret=must_not_be_called)
        name = variable_of(key)
        assert str(refused.value) == f"{key}: missing; production needs {name}_FILE or {name}"
    assert not (tmp_path / "data").exists()


def test_production_does_not_take_over_the_secrets_that_development_made():
    load({}, config_folder=CONFIG)
    bare = {name: value for name, value in PRODUCTION.items() if name not in GIVEN}
    assert "key_encryption_key: missing" in refusal_of(bare)


@pytest.mark.parametrize(
    ("key", "text", "allowed"),
    [
        ("issuer", "http://id.example.org", "an https URL in production"),
        ("issuer", "http://127.0.0.1:8000", "an https URL in production"),
        ("argon2.memory_kib", "7167", "at least 7168 in production"),
        (
            "argon2.iterations",
            "1",
            "such that memory_kib x iterations is 35840 or more in production",
        ),
        ("outbound.allow_private_addresses", "true", "false in production"),
    ],
)
def test_production_refuses_a_value_that_is_good_enough_for_others(key, text, allowed):
    variables = {variable_of(key): text}
    load_with(variables)
    line = refusal_of(PRODUCTION | variables)
    assert line == f"{key} = {text!r} ({variable_of(key)}): must be {allowed}"


def test_production_refuses_certificate_authorities_of_ones_own(tmp_path):
    ca_file = authority(tmp_path).ca_file
    line = refusal_of(PRODUCTION | {"TOKEN_SERVICE_OUTBOUND_CA_FILE": str(ca_file)})
    assert line.startswith("outbound.ca_file = ")
    assert line.endswith("must be empty in production")


@pytest.mark.parametrize(
    ("key", "text", "allowed"),
    [
        ("database.url", "sqlite://", "a database that outlives the process in production"),
        (
            "database.url",
            "sqlite:///:memory:",
            "a database that outlives the process in production",
        ),
        (
            "server.metrics_token",
            "changeme-changeme-now",
            "random in production, but it holds a well-known word",
        ),
        ("pepper", KEY, "another secret than the key_encryption_key"),
    ],
)
def test_production_refuses_a_secret_that_is_good_enough_for_others(key, text, allowed):
    variables = {variable_of(key): text}
    load_with(variables)
    assert refusal_of(PRODUCTION | variables) == f"{key} ({variable_of(key)}): must be {allowed}"


@pytest.mark.parametrize("variable", ["FLASK_DEBUG", "TOKEN_SERVICE_DEBUG"])
@pytest.mark.parametrize("on", ["1", "true", "True", "yes", "on", "x"])
def test_production_refuses_debug(variable, on):
    line = refusal_of(PRODUCTION | {variable: on})
    assert line == f"{variable}: must not be set in production"


@pytest.mark.parametrize("debug", ["", "0", "false", "False", "no", "off"])
def test_debug_that_is_off_is_no_debug(debug):
    assert load_production({"FLASK_DEBUG": debug}).environment == "production"


@pytest.mark.parametrize(
    ("key", "weakness"),
    [
        (encoded(bytes(32)), "repeats itself"),
        (encoded(b"\xff" * 32), "repeats itself"),
        ("00" * 32, "repeats itself"),
        ("0123456789abcdef" * 4, "repeats itself"),
        ("A" * 43 + "=", "repeats itself"),
        ("changeme" * 5 + "cha", "repeats itself"),
        ("changeme8r7fFWQyPbKc0aVdxx3kLmNoPqRsTuVwXyZ", "holds a well-known word"),
        ("8r7fFWQyPbKc0aVdxxSecret3kLmNoPqRsTuVwXyZ01", "holds a well-known word"),
        (encoded(bytes(range(32))), "is a plain sequence"),
        (encoded(bytes(range(62, -2, -2))), "is a plain sequence"),
        (encoded(b"this is a very long secret key!!"), "is a typed text"),
        (encoded(b"correct horse battery staple 123"), "is a typed text"),
        (encoded(bytes([1, 2, 3, 4, 5, 6, 7, 8] + [9, 9, 1, 7] * 6)), "fewer than 10 different"),
        (KEY + "," + encoded(bytes(32)), "repeats itself"),
    ],
)
def test_production_refuses_a_guessable_key(key, weakness):
    line = refusal_of(PRODUCTION | {"TOKEN_SERVICE_KEY_ENCRYPTION_KEY": key})
    start = "key_encryption_key (TOKEN_SERVICE_KEY_ENCRYPTION_KEY): must be random in production"
    assert line.startswith(start)
    assert weakness in line
    assert key not in line


@pytest.mark.parametrize(
    ("pepper", "weakness"),
    [
        ("a" * 32, "repeats itself"),
        ("q8Zr" * 10 + "q8", "repeats itself"),
        ("please-CHANGE_ME-8r7fFWQyPbKc0aVd", "holds a well-known word"),
        ("my-password-is-8r7fFWQyPbKc0aVdxx", "holds a well-known word"),
        ("token-service-8r7fFWQyPbKc0aVdxx!", "holds a well-known word"),
        ("0010110100101101001010110100101101", "has fewer than 10 different bytes"),
        ("".join(chr(code) for code in range(126, 90, -1)), "is a plain sequence"),
    ],
)
def test_production_refuses_a_guessable_pepper(pepper, weakness):
    line = refusal_of(PRODUCTION | {"TOKEN_SERVICE_PEPPER": pepper})
    start = "pepper (TOKEN_SERVICE_PEPPER): must be random in production, but it "
    assert line == start + weakness


def test_production_takes_what_openssl_makes():
    for number in range(200):
        key = hashlib.sha256(f"key {number}".encode()).digest()
        pepper = hashlib.sha256(f"pepper {number}".encode()).digest()
        for pepper_text in (encoded(pepper), pepper.hex()):
            load_production(
                {
                    "TOKEN_SERVICE_KEY_ENCRYPTION_KEY": key.hex() if number % 2 else encoded(key),
                    "TOKEN_SERVICE_PEPPER": pepper_text,
                }
            )


def test_the_documents_hold_no_secret_that_production_would_take():
    pages = [*CONFIG.glob("*.toml"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    for page in pages:
        for text in re.findall(r"[A-Za-z0-9+/_=-]{43,64}", page.read_text()):
            with pytest.raises(SettingsError):
                load_production({"TOKEN_SERVICE_KEY_ENCRYPTION_KEY": text})
