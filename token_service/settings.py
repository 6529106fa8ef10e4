"""Typed settings: `config/default.toml`, `config/<environment>.toml`, TOKEN_SERVICE_* variables.

`load` reads them once, at the start; the later one wins, and whatever is wrong stops the start with
a `SettingsError` of one line. Durations are whole seconds unless the name says otherwise.

To add a setting: a line with its comment in `default.toml`, a field here and its line in the
function of its section; then `python docs/generate_configuration.py`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from token_service import settings_forms as forms
from token_service import settings_secrets as secrets
from token_service.settings_sources import (
    CONFIG_FOLDER,
    ENVIRONMENT,
    TEST_CLOCK,
    TEST_DATABASE_CLOCK,
    SettingsError,
    SettingsReader,
    file_variable_of,
    read_files,
    variable_of,
)

__all__ = [
    "Argon2Settings",
    "DatabaseSettings",
    "DpopSettings",
    "GeographySettings",
    "HousekeepingSettings",
    "ImpersonationSettings",
    "KeySettings",
    "LoggingSettings",
    "MailSettings",
    "OutboundSettings",
    "PasswordSettings",
    "PolicySettings",
    "RegistrationSettings",
    "SecretSettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "ThrottleSettings",
    "describe",
    "load",
    "variable_of",
]

ENVIRONMENTS = ("development", "test", "production")
ALGORITHMS = ("ES256", "RS256", "EdDSA", "PS256")
SESSION_LIMIT_ACTIONS = ("evict_oldest", "deny", "ask")
PRECEDENCES = ("account", "strictest")
DPOP_NONCES = ("off", "required")
REGISTRATION_MODES = ("off", "token", "open")
LOG_LEVELS = ("debug", "info", "warning", "error")

# Stands for the data folder in the address of the database and the folder for mail.
DATA_FOLDER = "{data_folder}"

DAY = 86_400
YEAR = 525_600 * 60
LONGEST_ACCESS_TOKEN = 129_600 * 60

# The OWASP Password Storage Cheat Sheet has five equally strong pairs for Argon2id, from 7 MiB with
# 5 iterations upwards: none of them does less work than this, in KiB times iterations.
LEAST_ARGON2_MEMORY_KIB = 7_168
LEAST_ARGON2_WORK = 5 * LEAST_ARGON2_MEMORY_KIB


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """`url` is a SQLAlchemy URL: `sqlite:///...` or `postgresql+psycopg://...`."""

    url: str = field(repr=False)
    pool_size: int
    pool_timeout_seconds: int
    connect_timeout_seconds: int


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`trusted_proxies` are networks (CIDR); without a `metrics_token`, loopback alone may look."""

    host: str
    port: int
    workers: int
    threads: int
    body_timeout_seconds: int
    header_timeout_seconds: int
    max_body_bytes: int
    drain_seconds: int
    trusted_proxies: tuple[str, ...]
    client_certificate_header: str | None
    client_ca_file: Path | None
    metrics_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecretSettings:
    """The first key-encryption key (32 bytes each) encrypts, all of them decrypt."""

    key_encryption_keys: tuple[bytes, ...] = field(repr=False)
    pepper: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Argon2Settings:
    """Cost of one hash; hashes at a time (`threads`), waiting in the queue, and for how long."""

    memory_kib: int
    iterations: int
    parallelism: int
    threads: int
    queue_seconds: float
    waiting: int


@dataclass(frozen=True, slots=True)
class KeySettings:
    """The first of `algorithms` is the default one for access tokens."""

    algorithms: tuple[str, ...]
    lifetime_seconds: int
    publish_ahead_seconds: int
    jwks_cache_seconds: int
    opaque_lifetime_seconds: int

    @property
    def signing(self) -> tuple[str, ...]:
        """The algorithms that there are keys for: RS256 whatever the setting says, because ID
        tokens are signed by it where a client asks for nothing else (OpenID Connect Discovery
        section 3)."""
        return tuple(dict.fromkeys((*self.algorithms, "RS256")))


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The environment's session policy, in seconds; None is "off"."""

    access_token_lifetime: int
    refresh_token_lifetime: int | Literal["auto"]
    idle_timeout: int | None
    force_relogin: int | None
    max_sessions: int | None
    max_sessions_action: str
    account_limit_precedence: str
    remember_me: bool
    remember_me_lifetime: int
    logout_on_password_change: bool
    retry_window: int
    lockout_failures: int
    lockout_seconds: int
    impersonation: bool


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """Failures of a source that are free in a window, then the first and the longest delay; and
    the requests that it may leave waiting in a client's name within a minute, and the garbage that
    a caller may ask one worker about in a minute."""

    source_failures: int
    window_seconds: int
    delay_seconds: int
    max_delay_seconds: int
    requests_per_minute: int
    garbage_per_minute: int


@dataclass(frozen=True, slots=True)
class ImpersonationSettings:
    """`alarm_per_hour`: more impersonations than that by one backend are called out."""

    alarm_per_hour: int


@dataclass(frozen=True, slots=True)
class PasswordSettings:
    """`shortest` is in characters; `reset_seconds` is how long a link is good."""

    shortest: int
    reset_seconds: int


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """Who registers clients: nobody but us, whoever has a permit, or everybody within limits; and
    how long those stay that nobody uses."""

    mode: Literal["off", "token", "open"]
    most_clients: int
    per_source: int
    unused_seconds: int
    pkce_required: bool


@dataclass(frozen=True, slots=True)
class HousekeepingSettings:
    """How the purge goes about its work, and how long ended rows and audit events stay."""

    interval_seconds: int
    batch_size: int
    retention_seconds: int
    audit_retention_seconds: int
    pause_milliseconds: int


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """`level` is debug, info, warning or error."""

    level: str


@dataclass(frozen=True, slots=True)
class GeographySettings:
    """`database_path` is a MaxMind-format file; None means no locations."""

    database_path: Path | None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Letters go to `smtp_url`; without one they are written into `folder`, else dropped.

    `new_device`: people get one when they sign in with a device of a kind that is new.
    """

    smtp_url: str | None = field(repr=False)
    sender: str
    folder: Path | None
    new_device: bool


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """What requests to clients' addresses may reach, for how long, and whom they trust beside the
    system's certificate authorities."""

    timeout_seconds: int
    allow_private_addresses: bool
    ca_file: Path | None


@dataclass(frozen=True, slots=True)
class PushedRequestSettings:
    """How long pushed authorization requests are good, and whether all have to be pushed."""

    lifetime_seconds: int
    required: bool


@dataclass(frozen=True, slots=True)
class DpopSettings:
    """`nonce`: whether DPoP proofs must contain one of ours, `required` or `off`."""

    nonce: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All that an operator decides; the clocks are files that move the time in `test` only."""

    environment: str
    issuer: str
    data_folder: Path
    database: DatabaseSettings
    server: ServerSettings
    secrets: SecretSettings
    argon2: Argon2Settings
    keys: KeySettings
    policy: PolicySettings
    throttle: ThrottleSettings
    impersonation: ImpersonationSettings
    passwords: PasswordSettings
    registration: RegistrationSettings
    housekeeping: HousekeepingSettings
    logging: LoggingSettings
    geography: GeographySettings
    mail: MailSettings
    outbound: OutboundSettings
    dpop: DpopSettings
    pushed_requests: PushedRequestSettings
    test_clock: Path | None
    test_database_clock: Path | None
    described: tuple[tuple[str, str, str], ...] = field(default=(), repr=False, compare=False)


def load(
    environ: Mapping[str, str] | None = None,
    *,
    config_folder: Path | None = None,
    # The one place outside crypto/opaque.py that may ask for randomness: the first secrets are
    # made before there is a service, and crypto stands above the settings.
    new_secret: Callable[[int], bytes] = os.urandom,
) -> Settings:
    """The settings by `environ` (the process's own, unless given) and the config folder.

    In development and test, secrets that nobody gave are made once, in the data folder.
    Raises SettingsError.
    """
    variables = os.environ if environ is None else environ
    environment = variables.get(ENVIRONMENT, "development")
    if environment not in ENVIRONMENTS:
        names = ", ".join(ENVIRONMENTS)
        raise SettingsError(f"{ENVIRONMENT} = {environment!r:.80}: must be one of {names}")
    _refuse_debug(variables, environment)
    folder = config_folder or _named_path(variables, CONFIG_FOLDER)
    read = SettingsReader(environment, variables, read_files(folder, environment))
    settings = _settings(read, variables, new_secret)
    read.refuse_unread_keys()
    _refuse_disagreement(read, settings)
    if environment == "production":
        _refuse_in_production(read, settings)
    return settings


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """(key, value, source) of every setting, for `config check`; a secret is "set" or "missing"."""
    return list(settings.described)


def _settings(
    read: SettingsReader, variables: Mapping[str, str], new_secret: Callable[[int], bytes]
) -> Settings:
    source = ENVIRONMENT if ENVIRONMENT in variables else "default"
    read.note("environment", read.environment, source)
    data_folder = read.text("data_folder", forms.folder, forms.FOLDER)
    return Settings(
        environment=read.environment,
        issuer=read.text("issuer", forms.issuer, forms.ISSUER),
        data_folder=data_folder,
        database=_database(read, data_folder),
        server=_server(read),
        secrets=_secrets(read, data_folder, new_secret),
        argon2=_argon2(read),
        keys=_keys(read),
        policy=_policy(read),
        throttle=_throttle(read),
        impersonation=ImpersonationSettings(
            alarm_per_hour=read.whole("impersonation.alarm_per_hour", 1, 1_000_000)
        ),
        passwords=PasswordSettings(
            shortest=read.whole("passwords.shortest", 8, 64),
            reset_seconds=read.whole("passwords.reset_seconds", 60, 1_800),
        ),
        registration=_registration(read),
        housekeeping=_housekeeping(read),
        logging=LoggingSettings(level=read.choice("logging.level", LOG_LEVELS)),
        geography=GeographySettings(
            database_path=read.optional_text("geography.database_path", forms.path, forms.PATH)
        ),
        mail=_mail(read, data_folder),
        outbound=OutboundSettings(
            timeout_seconds=read.whole("outbound.timeout_seconds", 1, 5),
            allow_private_addresses=read.switch("outbound.allow_private_addresses"),
            ca_file=read.optional_text("outbound.ca_file", forms.certificates, forms.CERTIFICATES),
        ),
        dpop=DpopSettings(nonce=read.choice("dpop.nonce", DPOP_NONCES)),
        pushed_requests=PushedRequestSettings(
            lifetime_seconds=read.whole("pushed_requests.lifetime_seconds", 5, 600),
            required=read.switch("pushed_requests.required"),
        ),
        test_clock=_test_clock(read, variables, TEST_CLOCK),
        test_database_clock=_test_clock(read, variables, TEST_DATABASE_CLOCK),
        described=tuple((key, shown, source) for key, (shown, source) in read.described.items()),
    )


def _database(read: SettingsReader, data_folder: Path) -> DatabaseSettings:
    def url(text: str) -> str | None:
        return forms.database_url(text.replace(DATA_FOLDER, str(data_folder)))

    return DatabaseSettings(
        url=read.text("database.url", url, forms.DATABASE_URL),
        pool_size=read.whole("database.pool_size", 1, 100),
        pool_timeout_seconds=read.whole("database.pool_timeout_seconds", 1, 300),
        connect_timeout_seconds=read.whole("database.connect_timeout_seconds", 1, 60),
    )


def _server(read: SettingsReader) -> ServerSettings:
    return ServerSettings(
        host=read.text("server.host", forms.host, forms.HOST),
        port=read.whole("server.port", 1, 65_535),
        workers=read.whole("server.workers", 1, 64),
        threads=read.whole("server.threads", 1, 256),
        body_timeout_seconds=read.whole("server.body_timeout_seconds", 1, 60),
        header_timeout_seconds=read.whole("server.header_timeout_seconds", 1, 60),
        max_body_bytes=read.whole("server.max_body_bytes", 1_024, 16_777_216),
        drain_seconds=read.whole("server.drain_seconds", 1, 60),
        trusted_proxies=read.several("server.trusted_proxies", forms.network, forms.NETWORKS),
        client_certificate_header=read.optional_text(
            "server.client_certificate_header", forms.header, forms.HEADER
        ),
        client_ca_file=read.optional_text(
            "server.client_ca_file", forms.certificates, forms.CERTIFICATES
        ),
        metrics_token=read.secret(
            "server.metrics_token", secrets.metrics_token, secrets.METRICS_TOKEN_ALLOWED
        ),
    )


def _secrets(
    read: SettingsReader, data_folder: Path, new_secret: Callable[[int], bytes]
) -> SecretSettings:
    keys = read.secret("key_encryption_key", secrets.key_encryption_keys, secrets.KEYS_ALLOWED)
    pepper = read.secret("pepper", secrets.pepper, secrets.PEPPER_ALLOWED)
    if keys is not None and pepper is not None:
        return SecretSettings(keys, pepper)
    if read.environment == "production":
        key = "key_encryption_key" if keys is None else "pepper"
        raise SettingsError(
            f"{key}: missing; production needs {file_variable_of(key)} or {variable_of(key)}"
        )
    made = secrets.made_once(data_folder, new_secret)
    if keys is None:
        read.note("key_encryption_key", "set", str(made.path))
    if pepper is None:
        read.note("pepper", "set", str(made.path))
    return SecretSettings(keys or made.key_encryption_keys, pepper or made.pepper)


def _argon2(read: SettingsReader) -> Argon2Settings:
    return Argon2Settings(
        memory_kib=read.whole("argon2.memory_kib", 8, 4_194_304),
        iterations=read.whole("argon2.iterations", 1, 100),
        parallelism=read.whole("argon2.parallelism", 1, 64),
        threads=read.whole("argon2.threads", 1, 64),
        queue_seconds=read.number("argon2.queue_seconds", 0, 30),
        waiting=read.whole("argon2.waiting", 0, 10_000),
    )


def _keys(read: SettingsReader) -> KeySettings:
    def algorithm(text: str) -> str | None:
        return text if text in ALGORITHMS else None

    allowed = "one or more of " + ", ".join(ALGORITHMS)
    return KeySettings(
        algorithms=read.several("keys.algorithms", algorithm, allowed),
        lifetime_seconds=read.whole("keys.lifetime_seconds", 60, 10 * YEAR),
        publish_ahead_seconds=read.whole("keys.publish_ahead_seconds", 1, YEAR),
        jwks_cache_seconds=read.whole("keys.jwks_cache_seconds", 1, DAY),
        opaque_lifetime_seconds=read.whole("keys.opaque_lifetime_seconds", 60, 10 * YEAR),
    )


def _policy(read: SettingsReader) -> PolicySettings:
    refresh_lifetime = read.whole_or("policy.refresh_token_lifetime", "auto", 60, YEAR)
    return PolicySettings(
        access_token_lifetime=read.whole("policy.access_token_lifetime", 60, LONGEST_ACCESS_TOKEN),
        refresh_token_lifetime="auto" if refresh_lifetime is None else refresh_lifetime,
        idle_timeout=read.whole_or("policy.idle_timeout", "off", 60, YEAR),
        force_relogin=read.whole_or("policy.force_relogin", "off", 60, 10 * YEAR),
        max_sessions=read.whole_or("policy.max_sessions", "off", 1, 1_000_000),
        max_sessions_action=read.choice("policy.max_sessions_action", SESSION_LIMIT_ACTIONS),
        account_limit_precedence=read.choice("policy.account_limit_precedence", PRECEDENCES),
        remember_me=read.switch("policy.remember_me"),
        remember_me_lifetime=read.whole("policy.remember_me_lifetime", 60, YEAR),
        logout_on_password_change=read.switch("policy.logout_on_password_change"),
        retry_window=read.whole("policy.retry_window", 0, 300),
        lockout_failures=read.whole("policy.lockout_failures", 1, 100),
        lockout_seconds=read.whole("policy.lockout_seconds", 1, DAY),
        impersonation=read.switch("policy.impersonation"),
    )


def _throttle(read: SettingsReader) -> ThrottleSettings:
    return ThrottleSettings(
        source_failures=read.whole("throttle.source_failures", 1, 1_000_000),
        window_seconds=read.whole("throttle.window_seconds", 1, DAY),
        delay_seconds=read.whole("throttle.delay_seconds", 1, DAY),
        max_delay_seconds=read.whole("throttle.max_delay_seconds", 1, DAY),
        requests_per_minute=read.whole("throttle.requests_per_minute", 1, 1_000_000),
        garbage_per_minute=read.whole("throttle.garbage_per_minute", 1, 1_000_000),
    )


def _registration(read: SettingsReader) -> RegistrationSettings:
    mode = read.choice("registration.mode", REGISTRATION_MODES)
    return RegistrationSettings(
        mode=cast('Literal["off", "token", "open"]', mode),
        most_clients=read.whole("registration.most_clients", 1, 1_000_000),
        per_source=read.whole("registration.per_source", 1, 1_000_000),
        unused_seconds=read.whole("registration.unused_seconds", DAY, 10 * YEAR),
        pkce_required=read.switch("registration.pkce_required"),
    )


def _housekeeping(read: SettingsReader) -> HousekeepingSettings:
    return HousekeepingSettings(
        interval_seconds=read.whole("housekeeping.interval_seconds", 1, DAY),
        batch_size=read.whole("housekeeping.batch_size", 1, 10_000),
        retention_seconds=read.whole("housekeeping.retention_seconds", 0, 10 * YEAR),
        audit_retention_seconds=read.whole("housekeeping.audit_retention_seconds", DAY, 10 * YEAR),
        pause_milliseconds=read.whole("housekeeping.pause_milliseconds", 0, 10_000),
    )


def _mail(read: SettingsReader, data_folder: Path) -> MailSettings:
    def folder(text: str) -> Path | None:
        return forms.folder(text.replace(DATA_FOLDER, str(data_folder)))

    return MailSettings(
        smtp_url=read.optional_text("mail.smtp_url", forms.smtp_url, forms.SMTP_URL),
        sender=read.text("mail.sender", forms.sender, forms.SENDER),
        folder=read.optional_text("mail.folder", folder, forms.FOLDER),
        new_device=read.switch("mail.new_device"),
    )


def _test_clock(read: SettingsReader, variables: Mapping[str, str], variable: str) -> Path | None:
    path = _named_path(variables, variable)
    if path is not None and read.environment != "test":
        # Whoever sets the clock decides when a session ends.
        raise SettingsError(
            f"{variable}: only the environment test may have one, this is {read.environment}"
        )
    return path


def _named_path(variables: Mapping[str, str], variable: str) -> Path | None:
    name = variables.get(variable, "")
    return Path(name) if name else None


def _refuse_debug(variables: Mapping[str, str], environment: str) -> None:
    for name in ("FLASK_DEBUG", "TOKEN_SERVICE_DEBUG"):
        is_on = variables.get(name, "").lower() not in ("", "0", "false", "no", "off")
        if is_on and environment == "production":
            raise SettingsError(f"{name}: must not be set in production")


def _refuse_disagreement(read: SettingsReader, settings: Settings) -> None:
    keys, throttle, server = settings.keys, settings.throttle, settings.server
    if server.client_certificate_header is not None and not server.trusted_proxies:
        # Nobody could be believed.
        raise read.refusal("server.client_certificate_header", "empty without trusted_proxies")
    if not keys.algorithms:
        raise read.refusal("keys.algorithms", "one or more of " + ", ".join(ALGORITHMS))
    if keys.publish_ahead_seconds < keys.jwks_cache_seconds:
        # A verifier would meet the first signature of a key that its cached JWKS has not.
        limit = f"at least keys.jwks_cache_seconds ({keys.jwks_cache_seconds})"
        raise read.refusal("keys.publish_ahead_seconds", limit)
    interval = settings.housekeeping.interval_seconds
    if keys.publish_ahead_seconds < interval:
        # Housekeeping makes the keys: it must come round while there is still time to publish one.
        raise read.refusal(
            "keys.publish_ahead_seconds", f"at least housekeeping.interval_seconds ({interval})"
        )
    if keys.lifetime_seconds <= keys.publish_ahead_seconds:
        limit = f"more than keys.publish_ahead_seconds ({keys.publish_ahead_seconds})"
        raise read.refusal("keys.lifetime_seconds", limit)
    if throttle.max_delay_seconds < throttle.delay_seconds:
        limit = f"at least throttle.delay_seconds ({throttle.delay_seconds})"
        raise read.refusal("throttle.max_delay_seconds", limit)


def _refuse_in_production(read: SettingsReader, settings: Settings) -> None:
    if not settings.issuer.startswith("https://"):
        raise read.refusal("issuer", "an https URL in production")
    if settings.database.url in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
        raise read.refusal("database.url", "a database that outlives the process in production")
    argon2 = settings.argon2
    if argon2.memory_kib < LEAST_ARGON2_MEMORY_KIB:
        raise read.refusal("argon2.memory_kib", f"at least {LEAST_ARGON2_MEMORY_KIB} in production")
    if argon2.memory_kib * argon2.iterations < LEAST_ARGON2_WORK:
        limit = f"such that memory_kib x iterations is {LEAST_ARGON2_WORK} or more in production"
        raise read.refusal("argon2.iterations", limit)
    if settings.outbound.allow_private_addresses:
        # Whoever registers a client could have this service ask its neighbours for them.
        raise read.refusal("outbound.allow_private_addresses", "false in production")
    if settings.outbound.ca_file is not None:
        raise read.refusal("outbound.ca_file", "empty in production")
    _refuse_weak_secrets(read, settings)


def _refuse_weak_secrets(read: SettingsReader, settings: Settings) -> None:
    given = settings.secrets
    weaknesses = [
        ("key_encryption_key", secrets.why_weak_key(key)) for key in given.key_encryption_keys
    ]
    weaknesses.append(("pepper", secrets.why_weak(given.pepper)))
    if settings.server.metrics_token is not None:
        token = settings.server.metrics_token.encode("ascii")
        weaknesses.append(("server.metrics_token", secrets.why_weak(token)))
    for key, weakness in weaknesses:
        if weakness is not None:
            raise read.refusal(key, f"random in production, but it {weakness}")
    as_keys = secrets.key_encryption_keys(given.pepper.decode("ascii")) or ()
    if set(as_keys) & set(given.key_encryption_keys):
        raise read.refusal("pepper", "another secret than the key_encryption_key")
