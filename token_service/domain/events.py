"""Audit events: what happened, to whom, through whom, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NO_ACCOUNT = "0" * 32
"""Stands for the account in events that concern none, so that `account_id` can lead every key."""


class Event(StrEnum):
    """The kinds of audit event; the value is stable."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_WAITING = "sign_in_waiting"
    NEW_DEVICE = "new_device"
    NEW_COUNTRY = "new_country"
    ACCOUNT_LOCKED = "account_locked"
    DEVICE_LOCKED = "device_locked"
    ACCOUNT_UNLOCKED = "account_unlocked"
    SESSION_ENDED = "session_ended"
    GRANT_OPENED = "grant_opened"
    GRANT_REFUSED = "grant_refused"
    GRANT_ENDED = "grant_ended"
    REQUEST_REFUSED = "request_refused"
    REQUEST_REPEATED = "request_repeated"
    CONSENT_GIVEN = "consent_given"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    DEVICE_APPROVED = "device_approved"
    DEVICE_DENIED = "device_denied"
    GARBAGE_THROTTLED = "garbage_throttled"
    TOKEN_REVOKED = "token_revoked"
    REFRESH_REPLAYED = "refresh_replayed"
    REFRESH_RETRIED_ELSEWHERE = "refresh_retried_elsewhere"
    REFRESH_AHEAD = "refresh_ahead"
    REFRESH_FOREIGN_CLIENT = "refresh_foreign_client"
    REFRESH_WRONG_KEY = "refresh_wrong_key"
    PROOF_REFUSED = "proof_refused"
    CLIENT_AUTHENTICATION_FAILED = "client_authentication_failed"
    EPOCH_RAISED = "epoch_raised"
    TENANT_CREATED = "tenant_created"
    TENANT_CHANGED = "tenant_changed"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_CHANGED = "account_changed"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_CHANGE_FAILED = "password_change_failed"
    PASSWORD_RESET = "password_reset"
    PASSWORD_RESET_REQUESTED = "password_reset_requested"
    LETTER_GIVEN_UP = "letter_given_up"
    LOGOUT_REFUSED = "logout_refused"
    LOGOUT_NOTICE_GIVEN_UP = "logout_notice_given_up"
    MEMBERSHIP_CHANGED = "membership_changed"
    ROLES_CHANGED = "roles_changed"
    CLIENT_CREATED = "client_created"
    CLIENT_CHANGED = "client_changed"
    CLIENT_DELETED = "client_deleted"
    PERMIT_CREATED = "permit_created"
    PERMITS_WITHDRAWN = "permits_withdrawn"
    POLICY_CHANGED = "policy_changed"
    IMPERSONATION_STARTED = "impersonation_started"
    IMPERSONATION_REFUSED = "impersonation_refused"
    IMPERSONATION_ALARM = "impersonation_alarm"
    PROFILE_CHANGED = "profile_changed"
    KEY_CREATED = "key_created"
    KEY_RETIRED = "key_retired"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: address, user agent, and the id that its log lines carry."""

    address: str = ""
    user_agent: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One row of the audit log, except its time and number, which storage adds.

    `actor` says who did it: `account:<id>`, `client:<id>`, `cli` or `service`. `details` holds
    plain facts, never a token, secret, password or cookie.
    """

    event: Event
    origin: Origin
    actor: str
    account_id: str = NO_ACCOUNT
    reason: str = ""
    tenant_id: str | None = None
    client_id: str | None = None
    sid: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
