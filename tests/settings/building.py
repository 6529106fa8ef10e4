"""What the tests of the settings start from: a complete environment, and how to load it."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from token_service.settings import Settings, SettingsError, load

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def random_key(name: str) -> str:
    """In base64; looks as random as a key can, and is the same in each run."""
    return encoded(hashlib.sha256(name.encode()).digest())


KEY = random_key("key")
PEPPER = random_key("pepper")
GIVEN = {"TOKEN_SERVICE_KEY_ENCRYPTION_KEY": KEY, "TOKEN_SERVICE_PEPPER": PEPPER}
PRODUCTION = {
    **GIVEN,
    "TOKEN_SERVICE_ENVIRONMENT": "production",
    "TOKEN_SERVICE_ISSUER": "https://id.example.org",
}


def load_with(variables: Mapping[str, str]) -> Settings:
    return load(GIVEN | dict(variables), config_folder=CONFIG)


def load_production(variables: Mapping[str, str]) -> Settings:
    return load(PRODUCTION | dict(variables), config_folder=CONFIG)


def load_file(folder: Path, toml: str, variables: Mapping[str, str]) -> Settings:
    """With `toml` as the file of the environment `test`, above the shipped defaults."""
    (folder / "test.toml").write_text(toml)
    test = {"TOKEN_SERVICE_ENVIRONMENT": "test"}
    return load(GIVEN | test | dict(variables), config_folder=folder)


def refusal_of(variables: Mapping[str, str]) -> str:
    """The line with which the service refuses to start."""
    with pytest.raises(SettingsError) as refused:
        load(variables, config_folder=CONFIG)
    line = str(refused.value)
    assert "\n" not in line
    return line
