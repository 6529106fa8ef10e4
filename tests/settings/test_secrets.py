"""The key-encryption key and the pepper: given in a variable or a file, or made; never shown."""

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.settings.building import (
    CONFIG,
    GIVEN,
    KEY,
    PEPPER,
    PRODUCTION,
    ROOT,
    encoded,
    load_production,
    load_with,
    random_key,
    refusal_of,
)
from token_service.settings import SecretSettings, describe, load

# --- given -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.rstrip("="),
        base64.urlsafe_b64encode(base64.b64decode(KEY)).decode(),
        base64.b64decode(KEY).hex(),
        base64.b64decode(KEY).hex().upper(),
        f"  {KEY}\n",
    ],
)
def test_a_key_may_be_written_in_base64_or_hexadecimal(text):
    settings = load_with({"TOKEN_SERVICE_KEY_ENCRYPTION_KEY": text})
    assert settings.secrets.key_encryption_keys == (base64.b64decode(KEY),)


def test_several_keys_keep_their_order():
    old = random_key("old")
    settings = load_with({"TOKEN_SERVICE_KEY_ENCRYPTION_KEY": f"{KEY}, {old}"})
    assert settings.secrets.key_encryption_keys == (base64.b64decode(KEY), base64.b64decode(old))


@pytest.mark.parametrize(
    "text",
    [
        "short",
        KEY[:42],
        encoded(bytes(range(31))),
        encoded(bytes(range(33))),
        "00" * 31,
        "zz" * 32,
        f"{KEY},{KEY}",
        f"{KEY},short",
        ",",
        "\N{LATIN SMALL LETTER E WITH ACUTE}" * 43,
    ],
)
def test_a_key_of_another_form_is_refused_in_every_environment(text):
    line = refusal_of(GIVEN | {"TOKEN_SERVICE_KEY_ENCRYPTION_KEY": text})
    assert line == (
        "key_encryption_key (TOKEN_SERVICE_KEY_ENCRYPTION_KEY): must be 32 random bytes in base64, "
        "base64url or hexadecimal; several with commas between them, the first one encrypts "
        "(make one: openssl rand -base64 32)"
    )


def secret_file(folder: Path, content: str, mode: int = 0o600) -> str:
    path = folder / "a secret"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_may_be_in_a_file(tmp_path, mode):
    variables = {**PRODUCTION, "TOKEN_SERVICE_PEPPER_FILE": secret_file(tmp_path, PEPPER, mode)}
    del variables["TOKEN_SERVICE_PEPPER"]
    settings = load(variables, config_folder=CONFIG)
    assert settings.secrets.pepper == PEPPER.encode()
    assert ("pepper", "set", "TOKEN_SERVICE_PEPPER_FILE") in describe(settings)


def test_keys_in_a_file_may_stand_on_lines_of_their_own(tmp_path):
    old = random_key("old")
    variables = {
        "TOKEN_SERVICE_KEY_ENCRYPTION_KEY_FILE": secret_file(tmp_path, f"{KEY}\n{old}\n"),
        "TOKEN_SERVICE_PEPPER": PEPPER,
    }
    settings = load(variables, config_folder=CONFIG)
    assert len(settings.secrets.key_encryption_keys) == 2


@pytest.mark.parametrize(
    ("variable", "content", "read"),
    [
        ("DATABASE_URL", "postgresql://u:p@h/n", lambda s: s.database.url.endswith("u:p@h/n")),
        ("MAIL_SMTP_URL", "smtp://u:p@h", lambda s: s.mail.smtp_url == "smtp://u:p@h"),
        ("SERVER_METRICS_TOKEN", PEPPER, lambda s: s.server.metrics_token == PEPPER),
    ],
)
def test_whatever_holds_a_password_may_be_in_a_file(tmp_path, variable, content, read):
    path = secret_file(tmp_path, content + "\n")
    assert read(load_with({f"TOKEN_SERVICE_{variable}_FILE": path}))


def test_a_secret_given_twice_is_refused(tmp_path):
    path = secret_file(tmp_path, PEPPER)
    assert refusal_of(GIVEN | {"TOKEN_SERVICE_PEPPER_FILE": path}) == (
        "pepper: give TOKEN_SERVICE_PEPPER or TOKEN_SERVICE_PEPPER_FILE, not both"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_production_refuses_a_secret_file_that_others_may_read(tmp_path, mode):
    variables = {**PRODUCTION, "TOKEN_SERVICE_PEPPER_FILE": secret_file(tmp_path, PEPPER, mode)}
    del variables["TOKEN_SERVICE_PEPPER"]
    assert refusal_of(variables) == (
        "pepper (TOKEN_SERVICE_PEPPER_FILE): the file must be its owner's alone (chmod 600)"
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "the file cannot be read: No such file or directory"),
        (b"\xff\xfe", "must name a file with an ASCII text"),
        (b"too short", "must be at least 32 random characters"),
    ],
)
def test_a_bad_secret_file_is_refused(tmp_path, content, line):
    path = tmp_path / "a secret"
    if content is not None:
        path.write_bytes(content)
    variables = {
        "TOKEN_SERVICE_KEY_ENCRYPTION_KEY": KEY,
        "TOKEN_SERVICE_PEPPER_FILE": str(path),
    }
    assert refusal_of(variables).startswith(f"pepper (TOKEN_SERVICE_PEPPER_FILE): {line}")


def test_an_empty_secret_file_counts_as_missing(tmp_path):
    variables = {**PRODUCTION, "TOKEN_SERVICE_PEPPER_FILE": secret_file(tmp_path, "\n")}
    del variables["TOKEN_SERVICE_PEPPER"]
    assert refusal_of(variables).startswith("pepper: missing; production needs")


def test_a_secret_in_the_place_of_its_path_is_not_shown():
    variables = {**PRODUCTION, "TOKEN_SERVICE_PEPPER_FILE": PEPPER}
    del variables["TOKEN_SERVICE_PEPPER"]
    line = refusal_of(variables)
    assert line == (
        "pepper (TOKEN_SERVICE_PEPPER_FILE): the file cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:s3cr3t@h/n", "postgresql+psycopg://u:***@h/n"),
        ("postgresql://u:s3cr3t@x@h/n", "postgresql+psycopg://u:***@h/n"),
        ("postgresql://u@h/n", "postgresql+psycopg://u@h/n"),
        (
            "postgresql://u@/n?host=/run&password=s3cr3t&sslpassword=s3cr3t&a=b",
            "postgresql+psycopg://u@/n?host=/run&password=***&sslpassword=***&a=b",
        ),
    ],
)
def test_no_secret_is_shown(url, shown):
    settings = load_with(
        {
            "TOKEN_SERVICE_DATABASE_URL": url,
            "TOKEN_SERVICE_MAIL_SMTP_URL": "smtp://u:s3cr3t@h",
            "TOKEN_SERVICE_SERVER_METRICS_TOKEN": "s3cr3t-s3cr3t-s3cr3t",
        }
    )
    described = {key: value for key, value, _ in describe(settings)}
    assert described["database.url"] == shown
    assert described["mail.smtp_url"] == "smtp://u:***@h"
    assert described["server.metrics_token"] == "set"
    assert described["key_encryption_key"] == described["pepper"] == "set"
    for text in (repr(settings), str(describe(settings))):
        for secret in (KEY, PEPPER, "s3cr3t", repr(base64.b64decode(KEY))):
            assert secret not in text


# --- made ---------------------------------------------------------------------


def test_missing_secrets_are_made_once_for_their_owner_alone(tmp_path):
    first = load({}, config_folder=CONFIG)
    second = load({}, config_folder=CONFIG)
    assert first.secrets == second.secrets
    assert len(first.secrets.key_encryption_keys[0]) == 32
    assert len(first.secrets.pepper) >= 32

    made = tmp_path / "data" / "secrets.json"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert [path.name for path in made.parent.iterdir()] == ["secrets.json"]
    assert ("pepper", "set", str(made)) in describe(first)


def test_made_secrets_would_do_for_production():
    made = load({}, config_folder=CONFIG).secrets
    settings = load_production(
        {
            "TOKEN_SERVICE_KEY_ENCRYPTION_KEY": made.key_encryption_keys[0].hex(),
            "TOKEN_SERVICE_PEPPER": made.pepper.decode(),
        }
    )
    assert settings.secrets == made


def test_a_secret_that_is_given_is_stronger_than_the_one_that_was_made():
    made = load({}, config_folder=CONFIG).secrets
    with_pepper = load({"TOKEN_SERVICE_PEPPER": PEPPER}, config_folder=CONFIG).secrets
    assert with_pepper.pepper == PEPPER.encode()
    assert with_pepper.key_encryption_keys == made.key_encryption_keys
    with_key = load({"TOKEN_SERVICE_KEY_ENCRYPTION_KEY": KEY}, config_folder=CONFIG).secrets
    assert with_key.pepper == made.pepper
    assert with_key.key_encryption_keys == (base64.b64decode(KEY),)


def test_given_secrets_leave_the_data_folder_alone(tmp_path):
    load_with({})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        json.dumps({"key_encryption_key": KEY}),
        json.dumps({"key_encryption_key": KEY, "pepper": None}),
        json.dumps({"key_encryption_key": 5, "pepper": PEPPER}),
        json.dumps({"key_encryption_key": "short", "pepper": PEPPER}),
    ],
)
def test_made_secrets_that_were_spoilt_are_refused_and_not_replaced(tmp_path, content):
    made = tmp_path / "data" / "secrets.json"
    made.parent.mkdir()
    made.write_text(content)
    assert refusal_of({}) == (
        f"{made}: holds no secrets; restore it, or start with an empty folder"
    )
    assert made.read_text() == content


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "data").write_text("a file")
    assert refusal_of({}).startswith(f"{tmp_path}/data/secrets.json: cannot be made or read: ")


def test_whoever_is_slower_takes_what_the_faster_one_made():
    faster: list[SecretSettings] = []

    def overtaken(length: int) -> bytes:
        faster.append(load({}, config_folder=CONFIG).secrets)
        return bytes(length)

    slower = load({}, config_folder=CONFIG, new_secret=overtaken).secrets
    assert slower == faster[0]


STARTER = """
import os, sys, time
from pathlib import Path
from token_service.settings import load

def slow_secret(length):
    made = os.urandom(length)
    time.sleep(0.05)
    return made

print("ready", flush=True)
sys.stdin.readline()
made = load({}, config_folder=Path(sys.argv[1]), new_secret=slow_secret).secrets
print(made.key_encryption_keys[0].hex(), made.pepper.decode())
"""


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(CONFIG)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_eight_processes_that_start_at_once_read_the_same_secrets(tmp_path):
    processes = [start(tmp_path) for _ in range(8)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8
    assert len(answers[0].split()) == 2
    assert len(set(answers)) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secrets.json"]
