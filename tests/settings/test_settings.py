"""Where settings come from, which one wins, and what is refused in every environment."""

from base64 import b64decode
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tests.outbound.building import authority
from tests.settings.building import (
    CONFIG,
    GIVEN,
    KEY,
    PEPPER,
    PRODUCTION,
    load_file,
    load_with,
    refusal_of,
)
from token_service.settings import SettingsError, describe, load, variable_of
from token_service.settings_forms import CERTIFICATES, DATABASE_URL, ISSUER, SMTP_URL
from token_service.settings_forms import NETWORKS as PROXIES
from token_service.settings_secrets import METRICS_TOKEN_ALLOWED, PEPPER_ALLOWED

AUTO_OR_A_YEAR = '"auto" or a whole number from 60 to 31536000'


# --- values ------------------------------------------------------------------------------------


def test_the_defaults(tmp_path):
    settings = load_with({})
    assert settings.environment == "development"
    assert settings.issuer == "http://127.0.0.1:8000"
    assert settings.data_folder == tmp_path / "data"
    assert settings.database.url == f"sqlite:///{tmp_path}/data/token_service.sqlite3"
    assert settings.secrets.key_encryption_keys == (b64decode(KEY),)
    assert settings.secrets.pepper == PEPPER.encode()
    assert settings.argon2.memory_kib == 19_456
    assert settings.keys.algorithms == ("ES256", "RS256", "EdDSA", "PS256")
    assert settings.policy.idle_timeout == 86_400
    assert settings.policy.force_relogin is None
    assert settings.policy.max_sessions is None
    assert settings.policy.logout_on_password_change is True
    assert settings.server.trusted_proxies == ()
    assert settings.server.metrics_token is None
    assert settings.mail.folder == tmp_path / "data" / "mail"
    assert settings.test_clock is None
    assert settings.test_database_clock is None


@pytest.mark.parametrize(
    ("variable", "text", "read", "expected"),
    [
        ("ISSUER", "https://id.example.org/a", lambda s: s.issuer, "https://id.example.org/a"),
        ("ISSUER", "http://[::1]:80", lambda s: s.issuer, "http://[::1]:80"),
        ("DATA_FOLDER", "/srv/x", lambda s: s.data_folder, Path("/srv/x")),
        ("DATABASE_POOL_SIZE", "7", lambda s: s.database.pool_size, 7),
        ("ARGON2_QUEUE_SECONDS", "0.5", lambda s: s.argon2.queue_seconds, 0.5),
        ("ARGON2_QUEUE_SECONDS", "1", lambda s: s.argon2.queue_seconds, 1.0),
        ("KEYS_ALGORITHMS", "EdDSA, ES256", lambda s: s.keys.algorithms, ("EdDSA", "ES256")),
        ("KEYS_ALGORITHMS", "ES256", lambda s: s.keys.signing, ("ES256", "RS256")),
        ("KEYS_ALGORITHMS", "RS256, PS256", lambda s: s.keys.signing, ("RS256", "PS256")),
        ("POLICY_REMEMBER_ME", "true", lambda s: s.policy.remember_me, True),
        ("POLICY_IDLE_TIMEOUT", "off", lambda s: s.policy.idle_timeout, None),
        ("POLICY_MAX_SESSIONS", "3", lambda s: s.policy.max_sessions, 3),
        (
            "POLICY_REFRESH_TOKEN_LIFETIME",
            "auto",
            lambda s: s.policy.refresh_token_lifetime,
            "auto",
        ),
        ("POLICY_REFRESH_TOKEN_LIFETIME", "60", lambda s: s.policy.refresh_token_lifetime, 60),
        ("POLICY_RETRY_WINDOW", "0", lambda s: s.policy.retry_window, 0),
        ("POLICY_MAX_SESSIONS_ACTION", "ask", lambda s: s.policy.max_sessions_action, "ask"),
        ("LOGGING_LEVEL", "debug", lambda s: s.logging.level, "debug"),
        (
            "GEOGRAPHY_DATABASE_PATH",
            "/a.mmdb",
            lambda s: s.geography.database_path,
            Path("/a.mmdb"),
        ),
        ("MAIL_FOLDER", "", lambda s: s.mail.folder, None),
        ("MAIL_SMTP_URL", "smtps://u:p@mx:465", lambda s: s.mail.smtp_url, "smtps://u:p@mx:465"),
        ("OUTBOUND_TIMEOUT_SECONDS", "2", lambda s: s.outbound.timeout_seconds, 2),
        (
            "OUTBOUND_ALLOW_PRIVATE_ADDRESSES",
            "true",
            lambda s: s.outbound.allow_private_addresses,
            True,
        ),
        ("SERVER_TRUSTED_PROXIES", "", lambda s: s.server.trusted_proxies, ()),
        (
            "SERVER_TRUSTED_PROXIES",
            "10.0.0.7, fd00::/8",
            lambda s: s.server.trusted_proxies,
            ("10.0.0.7/32", "fd00::/8"),
        ),
    ],
)
def test_a_variable_sets_its_key(variable, text, read, expected):
    assert read(load_with({f"TOKEN_SERVICE_{variable}": text})) == expected


def test_certificate_authorities_are_read_from_a_file(tmp_path):
    path = authority(tmp_path).ca_file
    settings = load_with({"TOKEN_SERVICE_OUTBOUND_CA_FILE": str(path)})
    assert settings.outbound.ca_file == path


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://u:p@h:5432/n", "postgresql+psycopg://u:p@h:5432/n"),
        ("postgres://h/n", "postgresql+psycopg://h/n"),
        ("postgresql+psycopg://h/n?sslmode=require", "postgresql+psycopg://h/n?sslmode=require"),
        ("postgresql://postgres@/n?host=/run/pg", "postgresql+psycopg://postgres@/n?host=/run/pg"),
        ("postgresql:///n?host=/run/pg", "postgresql+psycopg:///n?host=/run/pg"),
        ("sqlite:////srv/a.sqlite3", "sqlite:////srv/a.sqlite3"),
        ("sqlite+pysqlite:///a.sqlite3", "sqlite:///a.sqlite3"),
        ("sqlite:///{data_folder}/a", "sqlite:////srv/data/a"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_the_database_url_gets_the_driver_of_this_service(given, used):
    variables = {"TOKEN_SERVICE_DATABASE_URL": given, "TOKEN_SERVICE_DATA_FOLDER": "/srv/data"}
    assert load_with(variables).database.url == used


def test_settings_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        load_with({}).issuer = "https://evil.example"


def test_the_process_environment_is_the_default(monkeypatch):
    for name, value in (GIVEN | {"TOKEN_SERVICE_SERVER_PORT": "8123"}).items():
        monkeypatch.setenv(name, value)
    assert load().server.port == 8123


# --- sources -----------------------------------------------------------------------------------


def test_a_variable_is_stronger_than_the_environments_file_and_that_than_the_defaults(tmp_path):
    toml = "[server]\nport = 9001\nworkers = 3\n"
    settings = load_file(tmp_path, toml, {"TOKEN_SERVICE_SERVER_PORT": "9002"})
    assert settings.server.port == 9002
    assert settings.server.workers == 3
    assert settings.server.threads == 8
    sources = {key: (value, source) for key, value, source in describe(settings)}
    assert sources["server.port"] == ("9002", "TOKEN_SERVICE_SERVER_PORT")
    assert sources["server.workers"] == ("3", str(tmp_path / "test.toml"))
    assert sources["server.threads"] == ("8", str(CONFIG / "default.toml"))
    assert sources["environment"] == ("test", "TOKEN_SERVICE_ENVIRONMENT")


def test_a_file_may_give_values_of_every_form(tmp_path):
    toml = """
    [server]
    trusted_proxies = ["10.0.0.0/8", "fd00::1"]
    [argon2]
    queue_seconds = 1
    [policy]
    remember_me = true
    idle_timeout = 60
    force_relogin = 120
    refresh_token_lifetime = "auto"
    """
    settings = load_file(tmp_path, toml, {})
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "fd00::1/128")
    assert settings.argon2.queue_seconds == 1.0
    assert settings.policy.remember_me is True
    assert settings.policy.idle_timeout == 60
    assert settings.policy.force_relogin == 120
    assert settings.policy.refresh_token_lifetime == "auto"


def test_the_folder_of_the_files_is_named_or_in_the_working_directory_or_beside_the_package(
    tmp_path,
):
    assert load(GIVEN).server.port == 8000

    here = tmp_path / "config"
    here.mkdir()
    (here / "development.toml").write_text("server.port = 9001\n")
    assert load(GIVEN).server.port == 9001

    named = tmp_path / "named"
    named.mkdir()
    (named / "development.toml").write_text("server.port = 9002\n")
    assert load(GIVEN | {"TOKEN_SERVICE_CONFIG_FOLDER": str(named)}).server.port == 9002


def test_a_folder_may_bring_its_own_defaults(tmp_path):
    defaults = (CONFIG / "default.toml").read_text().replace("port = 8000", "port = 8001")
    (tmp_path / "default.toml").write_text(defaults)
    assert load_file(tmp_path, "", {}).server.port == 8001


def test_an_environment_without_a_file_is_refused(tmp_path):
    with pytest.raises(SettingsError) as refused:
        load(GIVEN | {"TOKEN_SERVICE_CONFIG_FOLDER": str(tmp_path)})
    expected = f"{tmp_path}/development.toml: there is no such settings file"
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("[server\n", "is not TOML in UTF-8: "),
        ("[server]\nport = 1\nport = 2\n", "is not TOML in UTF-8: "),
        ("server.prot = 1\n", "did you mean server.port?"),
        ("database = 5\n", "unknown setting database "),
        ("issuer = {url = 1}\n", "unknown setting issuer.url "),
        ("zebra = 1\n", "unknown setting zebra ({}): docs/configuration.md lists what there is"),
        ("server.port = true\n", "server.port = True ({}): must be a whole number from 1 to 65535"),
        ("server.port = 80.0\n", "server.port = 80.0 ({}): must be a whole number"),
        ("policy.remember_me = 1\n", "policy.remember_me = 1 ({}): must be true or false"),
        ("argon2.queue_seconds = nan\n", "argon2.queue_seconds = nan ({}): must be a number from"),
        ("issuer = 1979-05-27\n", "must be an absolute http(s) URL"),
        ("keys.algorithms = ['ES256', 1]\n", "must be one or more of ES256, RS256, EdDSA, PS256"),
        ("keys.algorithms = 5\n", "keys.algorithms = 5 ({}): must be one or more of"),
        ("keys.algorithms = []\n", "keys.algorithms = [] ({}): must be one or more of"),
        (f"pepper = '{PEPPER}'\n", "pepper ({}): a secret does not belong in a settings file; use"),
        ("server.metrics_token = 5\n", "server.metrics_token ({}): a secret does not belong in"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, toml, line):
    with pytest.raises(SettingsError) as refused:
        load_file(tmp_path, toml, {})
    message = str(refused.value)
    assert line.replace("{}", f"{tmp_path}/test.toml") in message
    assert f"{tmp_path}/test.toml" in message
    assert "\n" not in message
    assert PEPPER not in message


def test_a_file_in_another_encoding_or_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "development.toml").write_bytes(b"issuer = '\xe4'")
    with pytest.raises(SettingsError, match=r"development\.toml: is not TOML in UTF-8: "):
        load(GIVEN, config_folder=tmp_path)
    (tmp_path / "development.toml").unlink()
    (tmp_path / "development.toml").mkdir()
    with pytest.raises(SettingsError, match=r"development\.toml: cannot be read: Is a directory"):
        load(GIVEN, config_folder=tmp_path)


def test_defaults_that_lack_a_key_or_name_one_too_many_are_refused(tmp_path):
    defaults = (CONFIG / "default.toml").read_text()
    (tmp_path / "default.toml").write_text(defaults.replace("drain_seconds = 8\n", ""))
    with pytest.raises(SettingsError, match=r"^server\.drain_seconds: missing in .*default\.toml$"):
        load_file(tmp_path, "", {})
    (tmp_path / "default.toml").write_text(defaults + "zebra = 1\n")
    with pytest.raises(SettingsError, match=r"^unknown setting mail\.zebra \(.*default\.toml\)$"):
        load_file(tmp_path, "", {})


# --- what is refused in any environment ---


@pytest.mark.parametrize(
    ("key", "text", "allowed"),
    [
        ("server.port", "0", "a whole number from 1 to 65535"),
        ("server.port", "65536", "a whole number from 1 to 65535"),
        ("policy.retry_window", "-1", "a whole number from 0 to 300"),
        ("policy.retry_window", "301", "a whole number from 0 to 300"),
        ("policy.access_token_lifetime", "59", "a whole number from 60 to 7776000"),
        ("policy.access_token_lifetime", "7776001", "a whole number from 60 to 7776000"),
        ("policy.access_token_lifetime", "off", "a whole number from 60 to 7776000"),
        ("policy.refresh_token_lifetime", "59", AUTO_OR_A_YEAR),
        ("policy.refresh_token_lifetime", "31536001", AUTO_OR_A_YEAR),
        ("policy.refresh_token_lifetime", "off", AUTO_OR_A_YEAR),
        ("policy.idle_timeout", "59", '"off" or a whole number from 60 to 31536000'),
        ("policy.force_relogin", "auto", '"off" or a whole number from 60 to 315360000'),
        ("policy.max_sessions", "0", '"off" or a whole number from 1 to 1000000'),
        ("policy.remember_me", "yes", "true or false"),
        ("policy.max_sessions_action", "evict", "one of evict_oldest, deny, ask"),
        ("logging.level", "INFO", "one of debug, info, warning, error"),
        ("argon2.queue_seconds", "inf", "a number from 0 to 30"),
        ("argon2.queue_seconds", "30.1", "a number from 0 to 30"),
        ("keys.algorithms", "", "one or more of ES256, RS256, EdDSA, PS256"),
        ("keys.algorithms", "ES256,none", "one or more of ES256, RS256, EdDSA, PS256"),
        ("keys.algorithms", "ES256,ES256", "one or more of ES256, RS256, EdDSA, PS256"),
        ("keys.publish_ahead_seconds", "599", "at least keys.jwks_cache_seconds (600)"),
        ("keys.lifetime_seconds", "86400", "more than keys.publish_ahead_seconds (86400)"),
        ("server.trusted_proxies", "0.0.0.0/0", PROXIES),
        ("server.trusted_proxies", "10.0.0.7/8", PROXIES),
        ("server.trusted_proxies", "10.0.0.7,10.0.0.7/32", PROXIES),
        ("server.host", "http://here", "an IP address or a host name"),
        ("data_folder", "", "the path of a folder, without a question mark"),
        ("data_folder", "a?b", "the path of a folder, without a question mark"),
        ("mail.sender", "a@b\nBcc: c@d", "an e-mail address"),
        ("outbound.timeout_seconds", "6", "a whole number from 1 to 5"),
        ("outbound.ca_file", "/no/such/file.pem", f"empty or {CERTIFICATES}"),
        ("outbound.ca_file", __file__, f"empty or {CERTIFICATES}"),
    ],
)
def test_a_bad_value_is_refused_with_its_key_its_source_and_what_is_allowed(key, text, allowed):
    variable = variable_of(key)
    line = refusal_of(GIVEN | {variable: text})
    assert line == f"{key} = {text!r} ({variable}): must be {allowed}"


@pytest.mark.parametrize(
    ("key", "text", "allowed"),
    [
        ("mail.smtp_url", "mx:25", f"empty or {SMTP_URL}"),
        ("mail.smtp_url", "smtp://[mx", f"empty or {SMTP_URL}"),
        ("server.metrics_token", "short", METRICS_TOKEN_ALLOWED),
        ("pepper", PEPPER[:31], PEPPER_ALLOWED),
        ("database.url", "", DATABASE_URL),
        ("database.url", "postgresql", DATABASE_URL),
        ("database.url", "mysql://u:p4ssw0rd@h/n", DATABASE_URL),
        ("database.url", "postgresql+psycopg2://u:p4ssw0rd@h/n", DATABASE_URL),
        ("database.url", "sqlite://file.sqlite3", DATABASE_URL),
        ("database.url", "postgresql://u:p4ssw0rd@h/n\n", DATABASE_URL),
    ],
)
def test_a_bad_value_that_may_be_secret_is_refused_without_showing_it(key, text, allowed):
    variable = variable_of(key)
    assert refusal_of(GIVEN | {variable: text}) == f"{key} ({variable}): must be {allowed}"


def test_a_value_that_another_one_makes_bad_is_refused_where_it_came_from():
    assert refusal_of(GIVEN | {"TOKEN_SERVICE_THROTTLE_DELAY_SECONDS": "901"}) == (
        f"throttle.max_delay_seconds = 900 ({CONFIG}/default.toml): "
        "must be at least throttle.delay_seconds (901)"
    )


def test_housekeeping_must_come_round_before_a_key_is_due():
    interval = {"TOKEN_SERVICE_HOUSEKEEPING_INTERVAL_SECONDS": "901"}
    ahead = "TOKEN_SERVICE_KEYS_PUBLISH_AHEAD_SECONDS"
    assert refusal_of(GIVEN | interval | {ahead: "900"}) == (
        f"keys.publish_ahead_seconds = '900' ({ahead}): "
        "must be at least housekeeping.interval_seconds (901)"
    )
    assert load_with(interval | {ahead: "901"}).keys.publish_ahead_seconds == 901


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("TOKEN_SERVICE_DATABSE_URL", "did you mean TOKEN_SERVICE_DATABASE_URL?"),
        ("TOKEN_SERVICE_PEPPER_FIEL", "did you mean TOKEN_SERVICE_PEPPER_FILE?"),
        ("TOKEN_SERVICE_ISSUER_FILE", "did you mean TOKEN_SERVICE_ISSUER?"),
        ("TOKEN_SERVICE_ENVIRONMEN", "did you mean TOKEN_SERVICE_ENVIRONMENT?"),
        ("TOKEN_SERVICE_", "docs/configuration.md lists what there is"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_name_that_was_probably_meant(variable, hint):
    assert refusal_of(GIVEN | {variable: "x"}) == f"unknown variable {variable}: {hint}"


@pytest.mark.parametrize("environment", ["staging", "", "Production", "../config/test"])
def test_an_unknown_environment_is_refused(environment):
    assert refusal_of(GIVEN | {"TOKEN_SERVICE_ENVIRONMENT": environment}) == (
        f"TOKEN_SERVICE_ENVIRONMENT = {environment!r}: must be one of development, test, production"
    )


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize(
    "variable", ["TOKEN_SERVICE_TEST_CLOCK", "TOKEN_SERVICE_TEST_DATABASE_CLOCK"]
)
def test_a_test_clock_is_refused_outside_tests(environment, variable):
    variables = {"TOKEN_SERVICE_ENVIRONMENT": environment, variable: "clock"}
    assert refusal_of(PRODUCTION | variables) == (
        f"{variable}: only the environment test may have one, this is {environment}"
    )


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "id.example.org",
        "ftp://id.example.org",
        "HTTPS://id.example.org",
        "https://",
        "https:///path",
        "https://:443",
        "https://id.example.org/",
        "https://id.example.org/a/",
        "https://id.example.org?",
        "https://id.example.org/a?b=c",
        "https://id.example.org#",
        "https://user@id.example.org",
        "https://id.example.org:0",
        "https://id.example.org:port",
        "https://id.example.org:99999",
        "https://id.example.org\\a",
        "https://id example.org",
        "https://id.example.org\n",
        "https://id\N{FULLWIDTH FULL STOP}example.org",
        "https://[::1",
    ],
)
def test_an_issuer_that_clients_could_not_compare_is_refused(issuer):
    line = refusal_of(GIVEN | {"TOKEN_SERVICE_ISSUER": issuer})
    assert line == f"issuer = {issuer!r} (TOKEN_SERVICE_ISSUER): must be {ISSUER}"


@pytest.mark.parametrize("whole", ["", " 5", "5 ", "+5", "5.0", "5e0", "0x5", "\u0665", "1" * 19])
def test_a_whole_number_is_written_in_decimal_digits_only(whole):
    line = refusal_of(GIVEN | {"TOKEN_SERVICE_SERVER_WORKERS": whole})
    assert line.endswith("(TOKEN_SERVICE_SERVER_WORKERS): must be a whole number from 1 to 64")


def test_a_long_value_is_cut_in_the_line():
    assert len(refusal_of(GIVEN | {"TOKEN_SERVICE_ISSUER": "x" * 10_000})) < 300


def test_the_test_environment_may_have_clocks():
    variables = {
        "TOKEN_SERVICE_ENVIRONMENT": "test",
        "TOKEN_SERVICE_TEST_CLOCK": "clock",
        "TOKEN_SERVICE_TEST_DATABASE_CLOCK": "/srv/clock",
        "TOKEN_SERVICE_TEST_POSTGRES_URL": "postgresql://h/n",
    }
    settings = load_with(variables)
    assert settings.test_clock == Path("clock")
    assert settings.test_database_clock == Path("/srv/clock")
