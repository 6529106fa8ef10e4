"""The schema. Every table that belongs to an account has `account_id` first in its primary key.

So each hot statement finds its rows by primary key, and the tables distribute over the nodes of a
PostgreSQL cluster by `account_id`; tenants, clients and keys are small reference tables. What hot
statements need of accounts, memberships and sessions is in the index itself (INCLUDE), which spares
them three pages that may be anywhere on the disk. No row is written per refresh or per access
token: storage per session is constant.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from token_service.storage.types import Identifier, Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

environment = Table(
    "environment",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("configuration_version", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("bounds", JSON, nullable=False),
)
"""One row, id 1. Each change of a client, tenant, policy or key raises `configuration_version`."""

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", Identifier, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("force_relogin", BigInteger),
    Column("roles", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)
"""`force_relogin` (seconds) repeats the policy's value for the hot statements; NULL = inherited."""

tenant_domains = Table(
    "tenant_domains",
    metadata,
    Column("domain", String(253), primary_key=True),
    Column("tenant_id", Identifier, nullable=False),
)
"""The domains by which an authorization request may name a tenant; each is of one tenant."""

clients = Table(
    "clients",
    metadata,
    Column("client_id", String(255), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("tenant_id", Identifier),
    Column("authentication", String(40), nullable=False),
    Column("secrets", JSON, nullable=False),
    Column("grant_types", JSON, nullable=False),
    Column("scope", Text, nullable=False),
    Column("default_scope", Text, nullable=False),
    Column("audiences", JSON, nullable=False),
    Column("resource_identifier", String(255)),
    Column("permissions", JSON, nullable=False),
    Column("first_party", Boolean, nullable=False),
    Column("signing_algorithm", String(10)),
    Column("registration", JSON, nullable=False),
    Column("shared_secret_encrypted", LargeBinary),
    Column("registration_token_hash", String(64)),
    Column("enabled", Boolean, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),
)
"""`registration` is the client metadata of RFC 7591 that no other column holds.

`shared_secret_encrypted` is the secret of a client that signs with it (`client_secret_jwt`): the
one kind of which a hash would not do. `registration_token_hash` is of the token with which the
client manages itself (RFC 7592); `used_at` is when such a client first had a grant.
"""

keys = Table(
    "keys",
    metadata,
    Column("kid", String(128), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("purpose", String(20), nullable=False),
    Column("algorithm", String(20), nullable=False),
    Column("private_encrypted", LargeBinary, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("activates_at", Instant, nullable=False),
    Column("retires_at", Instant, nullable=False),
    Column("gone_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_reason", String(200)),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("password_hash", Text),
    Column("password_changed_at", Instant),
    Column("default_tenant_id", Identifier),
    Column("next_membership", Integer, nullable=False),
    Column("session_limit", Integer),
    Column("profile", JSON, nullable=False),
    Column("profile_changed_at", Instant, nullable=False),
    Column("seen", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", postgresql_include=["epoch"]),
)
"""`seen` names the devices and countries of earlier sign-ins, the newest of each.

`session_limit` is the account's own number of sessions, NULL for none; 10^9 is "off".
"""

account_names = Table(
    "account_names",
    metadata,
    Column("name", String(320), primary_key=True),
    Column("account_id", Identifier, nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("display", String(320), nullable=False),
    Column("verified_at", Instant),
)
"""Sign-in names, by their normalised form; the one way from a name to an account.

`verified_at`: since when it is known to be the account's, by an administrator's word or a proof;
NULL while it is only said to be.
"""

memberships = Table(
    "memberships",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("tenant_id", Identifier, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "tenant_id", postgresql_include=["number"]),
)
"""`number` is never given twice within an account: who leaves and returns is not the old member."""

ended_memberships = Table(
    "ended_memberships",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("tenant_id", Identifier, nullable=False),
    Column("ended_by", String(300), nullable=False),
    Column("ended_at", Instant, nullable=False, index=True),
)
"""By whom and when a membership was ended: what its grants' end is called after."""

DECIDING = (
    "authenticated_at",
    "capped_at",
    "account_epoch",
    "environment_epoch",
    "methods",
    "remembered",
    "impersonator",
    "ended_at",
    "end_reason",
)
"""The columns of a session that say whether it lives, and what its tokens say of it."""

sessions = Table(
    "sessions",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("sid", Identifier, primary_key=True, index=True),
    Column("created_at", Instant, nullable=False),
    Column("authenticated_at", Instant, nullable=False),
    Column("last_active_at", Instant, nullable=False),
    Column("capped_at", Instant),
    Column("account_epoch", BigInteger, nullable=False),
    Column("environment_epoch", BigInteger, nullable=False),
    Column("methods", String(80), nullable=False),
    Column("remembered", Boolean, nullable=False),
    Column("impersonator", String(255)),
    Column("ip", String(45), nullable=False),
    Column("user_agent", String(400), nullable=False),
    Column("browser", String(80), nullable=False),
    Column("os", String(80), nullable=False),
    Column("device", String(80), nullable=False),
    Column("city", String(120)),
    Column("country", String(120)),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("ended_at", Instant),
    Column("end_reason", String(40)),
    Column("ended_by", String(300)),
    Column("ended_device", String(200)),
    Column("purge_day", Integer, nullable=False),
    PrimaryKeyConstraint("account_id", "sid", postgresql_include=DECIDING),
)
"""One sign-in on one device.

`purge_day` is when it is over, in days since the epoch: only an estimate until it has ended,
because a refresh does not touch it. `ended_device` is what kind of device the session was ended
from, for the person who used it.
"""

grants = Table(
    "grants",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("sid", Identifier, primary_key=True),
    Column("grant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("client_id", String(255), nullable=False),
    Column("tenant_id", Identifier, nullable=False),
    Column("membership", Integer, nullable=False),
    Column("tenant_epoch", BigInteger, nullable=False),
    Column("client_epoch", BigInteger, nullable=False),
    Column("scope", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("key_number", Integer, nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
    Column("used_from", String(45), nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("end_reason", String(40)),
    Column("ended_by", String(300)),
    Column("entered_tenant_id", Identifier),
    Column("opened_from", BigInteger),
    Column("auth_time", Instant, nullable=False),
    Column("confirmation", String(100)),
    Column("audiences", Text),
    Column("requested_claims", Text),
    Column("openid", Boolean, nullable=False),
    # Half-empty pages let a refresh write the new row version beside the old one (HOT), and no
    # column that a refresh changes is indexed.
    postgresql_with={"fillfactor": 50},
)
"""What one client holds under one session for one tenant, with its refresh chain.

`entered_tenant_id` is the other tenant that the token before the current one was used to enter.
`opened_from` is the grant of the sign-in or the code that this one goes back to, through however
many tenants; NULL for one that a sign-in or a code opened itself.
`auth_time` is the sign-in that the grant is from: the session's `authenticated_at` moves on when
the person signs in again in the same browser. `confirmation` names the key that its refresh tokens
are bound to: `jkt:` and a thumbprint (RFC 9449), or `x5t#S256:` and one (RFC 8705). `audiences` are
the resource servers that it is for, with spaces between them, NULL for the client's own (RFC 8707);
`requested_claims` the `claims` of the authorization request, as JSON (OpenID Connect Core 5.5).
`openid`: whether ID tokens go with its access tokens.
"""

account_epochs = Table(
    "account_epochs",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", String(40), nullable=False),
    Column("raised_by", String(300), nullable=False),
    Column("raised_at", Instant, nullable=False),
)
"""Why, by whom and when an account's epoch was raised: the reason of every session it ended."""

configuration_epochs = Table(
    "configuration_epochs",
    metadata,
    Column("owner", String(300), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", String(40), nullable=False),
    Column("raised_by", String(300), nullable=False),
    Column("raised_at", Instant, nullable=False),
)
"""The same for `environment`, `tenant:<id>` and `client:<id>`."""

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", String(200), primary_key=True),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Client-credentials tokens that were revoked: the only per-token row there is."""

sign_in_tickets = Table(
    "sign_in_tickets",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("ticket_id", Identifier, primary_key=True),
    Column("secret_hash", String(64), nullable=False),
    Column("client_id", String(255), nullable=False),
    Column("tenant_id", Identifier, nullable=False),
    Column("scope", Text, nullable=False),
    Column("methods", String(80), nullable=False),
    Column("remembered", Boolean, nullable=False),
    Column("password_proof", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Sign-ins with the right password that wait for a session to be ended; taken once.

`password_proof` is a keyed hash of the password hash that was verified and of the epochs then: with
another password, or once every session was ended, the ticket is void.
"""

password_resets = Table(
    "password_resets",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("secret_hash", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""The one reset link of an account that is good; a newer one takes its place."""

letters = Table(
    "letters",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("letter_id", Identifier, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("recipient", String(320), nullable=False),
    Column("details", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
)
"""Mail that is still to be sent. No secret is in it: a link is made when its letter is sent."""

authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("code_id", Identifier, primary_key=True),
    Column("sid", Identifier, nullable=False),
    Column("tenant_id", Identifier, nullable=False),
    Column("client_id", String(255), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("request", JSON, nullable=False),
    Column("auth_time", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
    Column("grant_id", BigInteger, nullable=False),
)
"""Authorization codes (RFC 6749 section 4.1), each good once and for a minute.

`request` is what the code was asked with and is bound to. `grant_id` is the grant that it opens:
presented once more, the code ends it and all that goes back to it (`grants.opened_from`). A row is
kept for a day, to know a second use for one.
"""

interactions = Table(
    "interactions",
    metadata,
    Column("interaction_id", Identifier, primary_key=True),
    Column("browser_hash", String(64), nullable=False),
    Column("client_id", String(255), nullable=False),
    Column("request", JSON, nullable=False),
    Column("progress", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Authorization requests that wait for somebody at the pages; bound to the browser that began."""

consents = Table(
    "consents",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("tenant_id", Identifier, primary_key=True),
    Column("client_id", String(255), primary_key=True),
    Column("scope", Text, nullable=False),
    Column("claims", JSON, nullable=False),
    Column("given_at", Instant, nullable=False),
)
"""What a person has allowed an application in a tenant: scopes, and claims asked for by name."""

pushed_requests = Table(
    "pushed_requests",
    metadata,
    Column("request_id", Identifier, primary_key=True),
    Column("secret_hash", String(64), nullable=False),
    Column("client_id", String(255), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Authorization requests that clients pushed (RFC 9126), until each has had its one answer.

`parameters` holds them as they were `given`, and whether they were `signed`. `expires_at` is until
when one may be begun with.
"""

device_authorizations = Table(
    "device_authorizations",
    metadata,
    Column("device_id", Identifier, primary_key=True),
    Column("secret_hash", String(64), nullable=False),
    Column("user_code_hash", String(64), nullable=False, unique=True),
    Column("client_id", String(255), nullable=False),
    Column("request", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("account_id", Identifier),
    Column("sid", Identifier),
    Column("tenant_id", Identifier),
    Column("auth_time", Instant),
    Column("interval", Integer, nullable=False),
    Column("polled_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Devices that wait for a person to let them in from elsewhere (RFC 8628).

The one table that names accounts and is not keyed by them: it is found by its code before anybody
has signed in.
"""

used_assertions = Table(
    "used_assertions",
    metadata,
    Column("assertion", String(64), primary_key=True),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Hashes of what is good once: client assertions, proofs, the challenges of codes.

The hash covers kind, issuer and `jti` or value, so that one kind never spends another's.
"""

logout_notices = Table(
    "logout_notices",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("notice_id", Identifier, primary_key=True),
    Column("sid", Identifier, nullable=False),
    Column("client_id", String(255), nullable=False),
    Column("ended_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=False, index=True),
)
"""Clients that are to be told when a session ends (OpenID Connect Back-Channel Logout).

A row is written with the client's first grant and waits for the end. `ended_at` is when the end was
known, NULL before; until then `next_attempt_at` is when to look whether time has ended the session.
"""

initial_access_tokens = Table(
    "initial_access_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("uses_left", Integer, nullable=False),
    Column("created_by", String(300), nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Permits to register clients (RFC 7591 section 3), each for a number of clients."""

failure_counts = Table(
    "failure_counts",
    metadata,
    Column("subject", String(100), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("first_failure_at", Instant, nullable=False),
    Column("last_failure_at", Instant, nullable=False, index=True),
    Column("throttled_until", Instant),
    Column("locked_until", Instant),
)
"""Failed sign-ins per account and per source; `subject` is a keyed hash, never a name.

`throttled_until` is the end of the wait that everybody sees, `locked_until` that of an account's
lock, which may be longer.
"""

audit_events = Table(
    "audit_events",
    metadata,
    Column("account_id", Identifier, primary_key=True),
    Column("event_id", Identifier, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("event", String(40), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("actor", String(300), nullable=False),
    Column("tenant_id", Identifier),
    Column("client_id", String(255)),
    Column("sid", Identifier),
    Column("address", String(45), nullable=False),
    Column("user_agent", String(400), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("details", JSON, nullable=False),
)

Index("ix_memberships_tenant_id", memberships.c.tenant_id, memberships.c.account_id)
Index(
    "ix_sessions_not_ended",
    sessions.c.account_id,
    sessions.c.account_epoch,
    sessions.c.sid,
    sqlite_where=sessions.c.ended_at.is_(None),
    postgresql_where=sessions.c.ended_at.is_(None),
)
Index("ix_sessions_purge_day", sessions.c.purge_day, sessions.c.account_id, sessions.c.sid)
Index(
    "ix_sessions_impersonated",
    sessions.c.account_id,
    sessions.c.sid,
    sqlite_where=sessions.c.impersonator.is_not(None) & sessions.c.ended_at.is_(None),
    postgresql_where=sessions.c.impersonator.is_not(None) & sessions.c.ended_at.is_(None),
)
Index("ix_audit_events_at", audit_events.c.at)

IMPERSONATIONS = text("event IN ('impersonation_started', 'impersonation_alarm')")
"""The events that are counted per client. SQLite uses the index for exactly this condition."""

Index(
    "ix_audit_events_impersonations",
    audit_events.c.client_id,
    audit_events.c.event,
    audit_events.c.at,
    sqlite_where=IMPERSONATIONS,
    postgresql_where=IMPERSONATIONS,
)
