"""The named reasons to say no, and the named ends of a session.

One name serves the audit log, the API for those entitled to it, and the sentence that the user
reads. `web/errors.py` decides what a client may learn of it: on the wire, unknown, expired and
replayed look the same (RFC 6749 section 5.2, `invalid_grant`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Refusal(StrEnum):
    """Why something was refused or ended; the value is stable and appears in the audit log."""

    # Ends of a session or of a grant.
    IDLE_TIMEOUT = "idle_timeout"
    ABSOLUTE_TIMEOUT = "absolute_timeout"
    CLIENT_TIMEOUT = "client_timeout"
    REFRESH_EXPIRED = "refresh_expired"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    CODE_REPLAYED = "code_replayed"
    EVICTED = "evicted"
    SUPERSEDED = "superseded"
    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RESET = "password_reset"
    ENDED_BY_USER = "ended_by_user"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ENDED_BY_BACKEND = "ended_by_backend"
    ENDED_BY_ADMIN = "ended_by_admin"
    ACCOUNT_DISABLED = "account_disabled"
    CLIENT_DISABLED = "client_disabled"
    TENANT_DISABLED = "tenant_disabled"
    LEFT_TENANT = "left_tenant"
    RESTORED = "restored"
    IMPERSONATION_NOT_ALLOWED = "impersonation_not_allowed"
    PRIVILEGED_ACCOUNT = "privileged_account"

    # Refusals of a request that end nothing.
    UNKNOWN_TOKEN = "unknown_token"
    FOREIGN_CLIENT = "foreign_client"
    KEY_NOT_IN_FORCE = "key_not_in_force"
    UNKNOWN_CLIENT = "unknown_client"
    WRONG_CLIENT_SECRET = "wrong_client_secret"
    WRONG_CLIENT_ASSERTION = "wrong_client_assertion"
    CLIENT_ASSERTION_REPLAYED = "client_assertion_replayed"
    WRONG_CLIENT_CERTIFICATE = "wrong_client_certificate"
    INVALID_AUTHENTICATION = "invalid_authentication"
    WRONG_AUTHENTICATION_METHOD = "wrong_authentication_method"
    WRONG_CREDENTIALS = "wrong_credentials"
    LOCKED_OUT = "locked_out"
    THROTTLED = "throttled"
    SOURCE_THROTTLED = "source_throttled"
    TENANT_REQUIRED = "tenant_required"
    UNKNOWN_TENANT = "unknown_tenant"
    NOT_A_MEMBER = "not_a_member"
    NOT_ALLOWED_THERE = "not_allowed_there"
    NOT_FIRST_PARTY = "not_first_party"
    GRANT_NOT_ALLOWED = "grant_not_allowed"
    INVALID_SCOPE = "invalid_scope"
    WRONG_AUDIENCE = "wrong_audience"
    NOT_FOUND = "not_found"
    TAKEN = "taken"
    MALFORMED = "malformed"
    ALREADY_A_MEMBER = "already_a_member"
    UNSUITABLE_PASSWORD = "unsuitable_password"
    VOID_LINK = "void_link"
    NO_ADDRESS = "no_address"
    UNDELIVERABLE = "undeliverable"
    TOO_OLD = "too_old"
    FORBIDDEN = "forbidden"
    INVALID_POLICY = "invalid_policy"
    SESSION_LIMIT = "session_limit"
    SPENT_OTHERWISE = "spent_otherwise"
    UNKNOWN_TICKET = "unknown_ticket"
    UNKNOWN_SESSION = "unknown_session"
    UNKNOWN_CODE = "unknown_code"
    UNKNOWN_USER_CODE = "unknown_user_code"
    CODE_SPENT = "code_spent"
    AUTHORIZATION_PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    DENIED = "denied"
    UNKNOWN_REQUEST = "unknown_request"
    WRONG_REQUEST = "wrong_request"
    WRONG_REDIRECT_URI = "wrong_redirect_uri"
    WRONG_VERIFIER = "wrong_verifier"
    WRONG_KEY = "wrong_key"
    SIGN_IN_OVER = "sign_in_over"
    STEP_TAKEN = "step_taken"
    INVALID_TARGET = "invalid_target"
    INVALID_HINT = "invalid_hint"
    PROOF_MISSING = "proof_missing"
    PROOF_MALFORMED = "proof_malformed"
    PROOF_FOR_ANOTHER_REQUEST = "proof_for_another_request"
    PROOF_FOR_ANOTHER_TOKEN = "proof_for_another_token"
    PROOF_OUT_OF_TIME = "proof_out_of_time"
    PROOF_REPLAYED = "proof_replayed"
    NONCE_NEEDED = "nonce_needed"
    CERTIFICATE_MISSING = "certificate_missing"
    INVALID_REDIRECT_URI = "invalid_redirect_uri"
    INVALID_CLIENT_METADATA = "invalid_client_metadata"
    UNKNOWN_PERMIT = "unknown_permit"
    WRONG_REGISTRATION_TOKEN = "wrong_registration_token"
    REGISTRATION_OFF = "registration_off"
    TOO_MANY_CLIENTS = "too_many_clients"


SENTENCES: dict[Refusal, str] = {
    Refusal.IDLE_TIMEOUT: "The session was unused for too long.",
    Refusal.ABSOLUTE_TIMEOUT: "The session reached its longest allowed duration.",
    Refusal.CLIENT_TIMEOUT: "The application asks for a new sign-in after this time.",
    Refusal.REFRESH_EXPIRED: "The session was not renewed in time.",
    Refusal.EXPIRED: "The session expired.",
    Refusal.REPLAYED: "An old refresh token was used again, so the session was ended for safety.",
    Refusal.CODE_REPLAYED: "A code of the application was used twice, so its access was ended.",
    Refusal.EVICTED: "The session was ended by a sign-in on another device.",
    Refusal.SUPERSEDED: "The session was replaced by newer ones of the same application.",
    Refusal.SIGNED_OUT: "The user signed out.",
    Refusal.REVOKED: "The application gave its tokens back.",
    Refusal.PASSWORD_CHANGED: "The password was changed.",
    Refusal.PASSWORD_RESET: "The password was reset.",
    Refusal.ENDED_BY_USER: "The user ended the session from another device.",
    Refusal.CONSENT_WITHDRAWN: "The user took back what they had allowed the application.",
    Refusal.ENDED_BY_BACKEND: "The service behind the application ended the session.",
    Refusal.ENDED_BY_ADMIN: "An administrator ended the session.",
    Refusal.ACCOUNT_DISABLED: "The account was disabled.",
    Refusal.CLIENT_DISABLED: "The application was disabled.",
    Refusal.TENANT_DISABLED: "The tenant was disabled.",
    Refusal.LEFT_TENANT: "The account left the tenant.",
    Refusal.RESTORED: "The service was restored from a backup.",
    Refusal.IMPERSONATION_NOT_ALLOWED: "Acting as the user is not allowed any more.",
    Refusal.PRIVILEGED_ACCOUNT: "The user was given rights that nobody else may act with.",
}
"""What a person reads about the end of a session, by its reason."""

TOLD = frozenset(
    {
        Refusal.IDLE_TIMEOUT,
        Refusal.ABSOLUTE_TIMEOUT,
        Refusal.CLIENT_TIMEOUT,
        Refusal.REFRESH_EXPIRED,
        Refusal.EVICTED,
        Refusal.SUPERSEDED,
        Refusal.SIGNED_OUT,
        Refusal.PASSWORD_CHANGED,
        Refusal.PASSWORD_RESET,
        Refusal.ENDED_BY_USER,
        Refusal.CONSENT_WITHDRAWN,
        Refusal.ENDED_BY_BACKEND,
        Refusal.ENDED_BY_ADMIN,
        Refusal.CLIENT_DISABLED,
        Refusal.TENANT_DISABLED,
        Refusal.LEFT_TENANT,
        Refusal.RESTORED,
    }
)
"""The ends that a device may learn of, if it proves that the session was its own."""


@dataclass(frozen=True, slots=True)
class EndTold:
    """Why and when a session ended, and the kind of device that ended it, where one did."""

    reason: Refusal
    ended_at: datetime
    device: str | None = None

    @property
    def sentence(self) -> str:
        """What the person who used the device reads."""
        sentence = SENTENCES[self.reason]
        if self.device is None:
            return sentence
        return f"{sentence.removesuffix('.')}: {self.device}, {self.ended_at:%Y-%m-%d %H:%M} UTC."


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal as a value, so that the transaction that recorded it commits.

    `retry_after` is in seconds and only given with `throttled` and `source_throttled`. `told` is
    what the client may know of an end; without it, the end of a session looks like a token that
    never was. `tenant_id` is the tenant that it concerns, for the metrics, where that is certain.
    """

    reason: Refusal
    retry_after: int | None = None
    told: EndTold | None = None
    tenant_id: str | None = field(default=None, compare=False)
