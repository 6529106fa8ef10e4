"""The first schema, and the environment's one row.

Revision 0001, after none.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def identifier():
    """A 128-bit id; in SQLite 32 hexadecimal characters."""
    return sa.CHAR(32).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def instant():
    """A UTC time, in microseconds since the epoch."""
    return sa.BigInteger()


def upgrade():
    create_configuration()
    create_accounts()
    create_sessions()
    create_records()
    create_authorizations()


def create_configuration():
    op.create_table(
        "environment",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("configuration_version", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("bounds", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environment")),
    )
    op.execute(
        "INSERT INTO environment (id, configuration_version, epoch, policy, bounds) "
        "VALUES (1, 1, 1, '{}', '{}')"
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("force_relogin", sa.BigInteger()),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("name", name=op.f("uq_tenants_name")),
    )
    op.create_table(
        "tenant_domains",
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_tenant_domains")),
    )
    op.create_table(
        "clients",
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("tenant_id", identifier()),
        sa.Column("authentication", sa.String(40), nullable=False),
        sa.Column("secrets", sa.JSON(), nullable=False),
        sa.Column("grant_types", sa.JSON(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("default_scope", sa.Text(), nullable=False),
        sa.Column("audiences", sa.JSON(), nullable=False),
        sa.Column("resource_identifier", sa.String(255)),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("first_party", sa.Boolean(), nullable=False),
        sa.Column("signing_algorithm", sa.String(10)),
        sa.Column("registration", sa.JSON(), nullable=False),
        sa.Column("shared_secret_encrypted", sa.LargeBinary()),
        sa.Column("registration_token_hash", sa.String(64)),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("used_at", instant()),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_clients")),
    )
    op.create_table(
        "keys",
        sa.Column("kid", sa.String(128), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("algorithm", sa.String(20), nullable=False),
        sa.Column("private_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("activates_at", instant(), nullable=False),
        sa.Column("retires_at", instant(), nullable=False),
        sa.Column("gone_at", instant(), nullable=False),
        sa.Column("revoked_at", instant()),
        sa.Column("revoked_reason", sa.String(200)),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_keys")),
        sa.UniqueConstraint("number", name=op.f("uq_keys_number")),
    )


def create_accounts():
    op.create_table(
        "accounts",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("password_changed_at", instant()),
        sa.Column("default_tenant_id", identifier()),
        sa.Column("next_membership", sa.Integer(), nullable=False),
        sa.Column("session_limit", sa.Integer()),
        sa.Column("profile", sa.JSON(), nullable=False),
        sa.Column("profile_changed_at", instant(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", name=op.f("pk_accounts"), postgresql_include=["epoch"]
        ),
    )
    op.create_table(
        "account_names",
        sa.Column("name", sa.String(320), nullable=False),
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("display", sa.String(320), nullable=False),
        sa.Column("verified_at", instant()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account_names")),
    )
    op.create_index(op.f("ix_account_names_account_id"), "account_names", ["account_id"])
    op.create_table(
        "memberships",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id",
            "tenant_id",
            name=op.f("pk_memberships"),
            postgresql_include=["number"],
        ),
    )
    op.create_index(op.f("ix_memberships_tenant_id"), "memberships", ["tenant_id", "account_id"])
    op.create_table(
        "ended_memberships",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("ended_by", sa.String(300), nullable=False),
        sa.Column("ended_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("pk_ended_memberships")),
    )
    op.create_index(op.f("ix_ended_memberships_ended_at"), "ended_memberships", ["ended_at"])


def create_sessions():
    op.create_table(
        "sessions",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("sid", identifier(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("authenticated_at", instant(), nullable=False),
        sa.Column("last_active_at", instant(), nullable=False),
        sa.Column("capped_at", instant()),
        sa.Column("account_epoch", sa.BigInteger(), nullable=False),
        sa.Column("environment_epoch", sa.BigInteger(), nullable=False),
        sa.Column("methods", sa.String(80), nullable=False),
        sa.Column("remembered", sa.Boolean(), nullable=False),
        sa.Column("impersonator", sa.String(255)),
        sa.Column("ip", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(400), nullable=False),
        sa.Column("browser", sa.String(80), nullable=False),
        sa.Column("os", sa.String(80), nullable=False),
        sa.Column("device", sa.String(80), nullable=False),
        sa.Column("city", sa.String(120)),
        sa.Column("country", sa.String(120)),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sa.Column("ended_at", instant()),
        sa.Column("end_reason", sa.String(40)),
        sa.Column("ended_by", sa.String(300)),
        sa.Column("ended_device", sa.String(200)),
        sa.Column("purge_day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id",
            "sid",
            name=op.f("pk_sessions"),
            postgresql_include=[
                "authenticated_at",
                "capped_at",
                "account_epoch",
                "environment_epoch",
                "methods",
                "remembered",
                "impersonator",
                "ended_at",
                "end_reason",
            ],
        ),
    )
    op.create_index(
        op.f("ix_sessions_not_ended"),
        "sessions",
        ["account_id", "account_epoch", "sid"],
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        op.f("ix_sessions_impersonated"),
        "sessions",
        ["account_id", "sid"],
        postgresql_where=sa.text("impersonator IS NOT NULL AND ended_at IS NULL"),
        sqlite_where=sa.text("impersonator IS NOT NULL AND ended_at IS NULL"),
    )
    op.create_index(op.f("ix_sessions_purge_day"), "sessions", ["purge_day", "account_id", "sid"])
    op.create_index(op.f("ix_sessions_sid"), "sessions", ["sid"])
    op.create_table(
        "grants",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("sid", identifier(), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("membership", sa.Integer(), nullable=False),
        sa.Column("tenant_epoch", sa.BigInteger(), nullable=False),
        sa.Column("client_epoch", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("key_number", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("used_at", instant(), nullable=False),
        sa.Column("used_from", sa.String(45), nullable=False),
        sa.Column("ends_at", instant(), nullable=False),
        sa.Column("ended_at", instant()),
        sa.Column("end_reason", sa.String(40)),
        sa.Column("ended_by", sa.String(300)),
        sa.Column("entered_tenant_id", identifier()),
        sa.Column("opened_from", sa.BigInteger()),
        sa.Column("auth_time", instant(), nullable=False),
        sa.Column("confirmation", sa.String(100)),
        sa.Column("audiences", sa.Text()),
        sa.Column("requested_claims", sa.Text()),
        sa.Column("openid", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sid", "grant_id", name=op.f("pk_grants")),
        # Half-empty pages: a refresh writes the new row version beside the old one (HOT).
        postgresql_with={"fillfactor": 50},
    )


def create_records():
    op.create_table(
        "account_epochs",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("raised_by", sa.String(300), nullable=False),
        sa.Column("raised_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "epoch", name=op.f("pk_account_epochs")),
    )
    op.create_table(
        "configuration_epochs",
        sa.Column("owner", sa.String(300), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("raised_by", sa.String(300), nullable=False),
        sa.Column("raised_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "epoch", name=op.f("pk_configuration_epochs")),
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(200), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_revoked_tokens")),
    )
    op.create_index(op.f("ix_revoked_tokens_expires_at"), "revoked_tokens", ["expires_at"])
    create_waiting()
    op.create_table(
        "failure_counts",
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("first_failure_at", instant(), nullable=False),
        sa.Column("last_failure_at", instant(), nullable=False),
        sa.Column("throttled_until", instant()),
        sa.Column("locked_until", instant()),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_failure_counts")),
    )
    op.create_index(
        op.f("ix_failure_counts_last_failure_at"), "failure_counts", ["last_failure_at"]
    )
    op.create_table(
        "audit_events",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("event_id", identifier(), nullable=False),
        sa.Column("at", instant(), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(300), nullable=False),
        sa.Column("tenant_id", identifier()),
        sa.Column("client_id", sa.String(255)),
        sa.Column("sid", identifier()),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(400), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "event_id", name=op.f("pk_audit_events")),
    )
    op.create_index(op.f("ix_audit_events_at"), "audit_events", ["at"])
    op.create_index(
        op.f("ix_audit_events_impersonations"),
        "audit_events",
        ["client_id", "event", "at"],
        postgresql_where=sa.text("event IN ('impersonation_started', 'impersonation_alarm')"),
        sqlite_where=sa.text("event IN ('impersonation_started', 'impersonation_alarm')"),
    )


def create_waiting():
    op.create_table(
        "sign_in_tickets",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("ticket_id", identifier(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("methods", sa.String(80), nullable=False),
        sa.Column("remembered", sa.Boolean(), nullable=False),
        sa.Column("password_proof", sa.String(64), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "ticket_id", name=op.f("pk_sign_in_tickets")),
    )
    op.create_index(op.f("ix_sign_in_tickets_expires_at"), "sign_in_tickets", ["expires_at"])
    op.create_table(
        "password_resets",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_password_resets")),
    )
    op.create_index(op.f("ix_password_resets_expires_at"), "password_resets", ["expires_at"])
    op.create_table(
        "letters",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("letter_id", identifier(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("recipient", sa.String(320), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", instant(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "letter_id", name=op.f("pk_letters")),
    )
    op.create_index(op.f("ix_letters_next_attempt_at"), "letters", ["next_attempt_at"])


def create_authorizations():
    op.create_table(
        "authorization_codes",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("code_id", identifier(), nullable=False),
        sa.Column("sid", identifier(), nullable=False),
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("auth_time", instant(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.Column("used_at", instant()),
        sa.Column("grant_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "code_id", name=op.f("pk_authorization_codes")),
    )
    op.create_index(
        op.f("ix_authorization_codes_expires_at"), "authorization_codes", ["expires_at"]
    )
    op.create_table(
        "interactions",
        sa.Column("interaction_id", identifier(), nullable=False),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("pk_interactions")),
    )
    op.create_index(op.f("ix_interactions_expires_at"), "interactions", ["expires_at"])
    op.create_table(
        "consents",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
        sa.Column("given_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "tenant_id", "client_id", name=op.f("pk_consents")),
    )
    op.create_table(
        "pushed_requests",
        sa.Column("request_id", identifier(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_pushed_requests")),
    )
    op.create_index(op.f("ix_pushed_requests_expires_at"), "pushed_requests", ["expires_at"])
    op.create_table(
        "device_authorizations",
        sa.Column("device_id", identifier(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("user_code_hash", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("account_id", identifier()),
        sa.Column("sid", identifier()),
        sa.Column("tenant_id", identifier()),
        sa.Column("auth_time", instant()),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("polled_at", instant()),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_authorizations")),
        sa.UniqueConstraint("user_code_hash", name=op.f("uq_device_authorizations_user_code_hash")),
    )
    op.create_index(
        op.f("ix_device_authorizations_expires_at"), "device_authorizations", ["expires_at"]
    )
    op.create_table(
        "used_assertions",
        sa.Column("assertion", sa.String(64), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("assertion", name=op.f("pk_used_assertions")),
    )
    op.create_index(op.f("ix_used_assertions_expires_at"), "used_assertions", ["expires_at"])
    op.create_table(
        "logout_notices",
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("notice_id", identifier(), nullable=False),
        sa.Column("sid", identifier(), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("ended_at", instant()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "notice_id", name=op.f("pk_logout_notices")),
    )
    op.create_index(
        op.f("ix_logout_notices_next_attempt_at"), "logout_notices", ["next_attempt_at"]
    )
    op.create_table(
        "initial_access_tokens",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(300), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_initial_access_tokens")),
    )
    op.create_index(
        op.f("ix_initial_access_tokens_expires_at"), "initial_access_tokens", ["expires_at"]
    )
