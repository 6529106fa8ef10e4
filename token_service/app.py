"""The composition root: the only file that knows everybody."""

from datetime import timedelta
from typing import cast

from flask import Flask

from token_service import settings as configured
from token_service.clock import Clock, FileClock, SystemClock
from token_service.crypto import certificates
from token_service.crypto.keyring import KeyEncryptionKeys
from token_service.crypto.passwords import Passwords
from token_service.domain.clients import AuthenticationMethod
from token_service.domain.keys import KeyRules
from token_service.domain.letters import Carrier
from token_service.domain.passwords import PasswordRules
from token_service.domain.policies import Policy
from token_service.domain.pushed_requests import PushRules
from token_service.domain.registration_terms import operators, strangers
from token_service.domain.throttling import FORGOTTEN_AFTER, ThrottleRule, per_minute
from token_service.mail.folder import FolderCarrier, NoCarrier
from token_service.mail.smtp import SmtpCarrier, SmtpServer
from token_service.outbound.fetching import Fetcher, Reach, trusting
from token_service.services import subjects
from token_service.services.client_keys import ClientKeys
from token_service.services.client_proofs import Proofs
from token_service.services.configuration import Configuration
from token_service.services.garbage import Garbage
from token_service.services.herald import Herald, NoticeOffice
from token_service.services.housekeeper import Housekeeper
from token_service.services.housekeeping import Retention
from token_service.services.keys import KeyPlan
from token_service.services.logout_calls import Caller
from token_service.services.postman import Postman, PostOffice
from token_service.services.self_registration import Rules
from token_service.services.signing_in import Gate
from token_service.services.throttling import Throttle
from token_service.settings import Settings
from token_service.storage.database import Database
from token_service.storage.extension import engine_of
from token_service.storage.geography import Geography
from token_service.web import front
from token_service.web.application import Application
from token_service.web.parts import EXTENSION, Parts

_LONGEST_ACCESS_TOKEN = timedelta(minutes=129_600)
_POSTMAN_SECONDS = 10.0
_HERALD_SECONDS = 10.0


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application, from the given settings or those of the process's environment."""
    settings = settings or configured.load()
    app = Application("token_service", static_folder=None)
    app.extensions[EXTENSION] = compose(app, settings)
    front.install(app)
    return app


def at_work(app: Flask) -> Flask:
    """The application in a worker process of the server, where beside it housekeeping, the postman
    and the herald run. Up to here it has neither threads nor connections, and may be forked."""
    parts = cast(Parts, app.extensions[EXTENSION])
    housekeeper(parts).start()
    parts.postman.start()
    parts.database.on_news(parts.herald.call)
    parts.herald.start()
    return app


def housekeeper(parts: Parts) -> Housekeeper:
    """A housekeeper with the settings' intervals; not started."""
    housekeeping = parts.settings.housekeeping
    return Housekeeper(
        parts.database,
        parts.clock,
        parts.keys,
        retention(parts.settings),
        interval_seconds=housekeeping.interval_seconds,
        pause_seconds=housekeeping.pause_milliseconds / 1000,
    )


def retention(settings: Settings) -> Retention:
    """How long what is over is kept."""
    housekeeping = settings.housekeeping
    return Retention(
        sessions=timedelta(seconds=housekeeping.retention_seconds),
        audit=timedelta(seconds=housekeeping.audit_retention_seconds),
        failures=timedelta(seconds=FORGOTTEN_AFTER),
        unused_clients=timedelta(seconds=settings.registration.unused_seconds),
        batch=housekeeping.batch_size,
    )


def compose(app: Flask, settings: Settings) -> Parts:
    """Make every part once and give each what it uses."""
    clock = FileClock(settings.test_clock) if settings.test_clock else SystemClock()
    engine = engine_of(
        app,
        settings.database.url,
        pool_size=settings.database.pool_size,
        pool_timeout_seconds=settings.database.pool_timeout_seconds,
        connect_timeout_seconds=settings.database.connect_timeout_seconds,
    )
    database = Database(engine, clock, _database_clock(settings, clock))
    keys = _key_plan(settings)
    configuration = Configuration(
        database,
        keys.encryption,
        settings.issuer,
        _policy(settings),
        settings.keys.algorithms[0],
        subjects.key_of(settings.secrets.pepper),
        tells_new_devices=settings.mail.new_device,
    )
    geography = Geography(settings.geography.database_path)
    office = PostOffice(
        database,
        clock,
        configuration,
        _carrier(settings),
        timedelta(seconds=settings.passwords.reset_seconds),
    )
    postman = Postman(office, _POSTMAN_SECONDS)
    # Clients that hang at log-out hold no place that a client's keys are fetched in.
    caller = Caller(_fetcher(settings))
    herald = Herald(NoticeOffice(database, clock, configuration, caller), _HERALD_SECONDS)
    gate = _gate(settings)
    fetcher = _fetcher(settings)
    return Parts(
        settings,
        clock,
        database,
        configuration,
        gate,
        keys,
        geography,
        postman,
        fetcher,
        herald,
        _proofs(settings, fetcher, keys),
        registration=_registration(settings),
        operators=operators(
            settings.keys.signing,
            absent=_absent_methods(settings),
            loopback=settings.outbound.allow_private_addresses,
        ),
        pushing=_push_rules(settings),
        garbage=Garbage(database, clock, settings.throttle.garbage_per_minute),
    )


def _database_clock(settings: Settings, clock: Clock) -> Clock | None:
    """None, the database's own; under test it follows the test clock, or a file of its own."""
    if settings.environment != "test":
        return None
    if settings.test_database_clock is not None:
        return FileClock(settings.test_database_clock)
    return clock


def _policy(settings: Settings) -> Policy:
    policy = settings.policy
    return Policy(
        access_token_lifetime=policy.access_token_lifetime,
        refresh_token_lifetime=policy.refresh_token_lifetime,
        idle_timeout=policy.idle_timeout,
        force_relogin=policy.force_relogin,
        max_sessions=policy.max_sessions,
        max_sessions_action=policy.max_sessions_action,
        account_limit_precedence=policy.account_limit_precedence,
        remember_me=policy.remember_me,
        remember_me_lifetime=policy.remember_me_lifetime,
        logout_on_password_change=policy.logout_on_password_change,
        retry_window=policy.retry_window,
        lockout_failures=policy.lockout_failures,
        lockout_seconds=policy.lockout_seconds,
        impersonation=policy.impersonation,
    )


def _gate(settings: Settings) -> Gate:
    argon2, throttle = settings.argon2, settings.throttle
    passwords = Passwords(
        memory_kib=argon2.memory_kib,
        iterations=argon2.iterations,
        parallelism=argon2.parallelism,
        pepper=settings.secrets.pepper,
        threads=argon2.threads,
        queue_seconds=argon2.queue_seconds,
        waiting=argon2.waiting,
    )
    source = ThrottleRule(
        free_failures=throttle.source_failures,
        window=throttle.window_seconds,
        first_delay=throttle.delay_seconds,
        longest_delay=throttle.max_delay_seconds,
    )
    rules = PasswordRules(settings.passwords.shortest)
    requests = per_minute(throttle.requests_per_minute)
    return Gate(passwords, Throttle(settings.secrets.pepper, source, requests), rules)


def _registration(settings: Settings) -> Rules:
    registration = settings.registration
    return Rules(
        mode=registration.mode,
        most_clients=registration.most_clients,
        per_source=registration.per_source,
        pkce_required=registration.pkce_required,
        terms=strangers(
            settings.keys.signing,
            absent=_absent_methods(settings),
            loopback=settings.outbound.allow_private_addresses,
        ),
    )


def _absent_methods(settings: Settings) -> frozenset[AuthenticationMethod]:
    """Those by certificates, where no proxy hands these on, or nobody is trusted to issue them."""
    absent = set()
    if settings.server.client_ca_file is None or not settings.server.client_certificate_header:
        absent.add(AuthenticationMethod.TLS)
    if not settings.server.client_certificate_header:
        absent.add(AuthenticationMethod.SELF_SIGNED_TLS)
    return frozenset(absent)


def _carrier(settings: Settings) -> Carrier:
    mail = settings.mail
    if mail.smtp_url is not None:
        return SmtpCarrier(SmtpServer.of_url(mail.smtp_url), mail.sender)
    if mail.folder is not None:
        return FolderCarrier(mail.folder, mail.sender)
    return NoCarrier()


def _fetcher(settings: Settings) -> Fetcher:
    outbound = settings.outbound
    reach = Reach(
        private=outbound.allow_private_addresses,
        seconds=outbound.timeout_seconds,
        trust=trusting(outbound.ca_file),
    )
    return Fetcher(reach)


def _proofs(settings: Settings, fetcher: Fetcher, keys: KeyPlan) -> Proofs:
    authorities = certificates.authorities_of(settings.server.client_ca_file)
    return Proofs(ClientKeys(fetcher, keys.encryption), authorities, settings.secrets.pepper)


def _push_rules(settings: Settings) -> PushRules:
    pushed = settings.pushed_requests
    return PushRules(pushed.lifetime_seconds, pushed.required)


def _key_plan(settings: Settings) -> KeyPlan:
    keys = settings.keys
    ahead = timedelta(seconds=keys.publish_ahead_seconds)
    return KeyPlan(
        encryption=KeyEncryptionKeys(settings.secrets.key_encryption_keys),
        algorithms=keys.signing,
        signing=KeyRules(timedelta(seconds=keys.lifetime_seconds), ahead, _LONGEST_ACCESS_TOKEN),
        opaque=KeyRules(
            timedelta(seconds=keys.opaque_lifetime_seconds), ahead, timedelta(days=3650)
        ),
    )
