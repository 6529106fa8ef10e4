"""Sessions and grants: what is stored of them, and whether they are live."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from token_service.domain.policies import NEVER, Policy
from token_service.domain.refusals import Refusal

MAX_CLOCK_DIFFERENCE = timedelta(seconds=5)


class GrantKey(NamedTuple):
    """The primary key of a grant; its first two parts are the primary key of its session."""

    account_id: str
    sid: str
    grant_id: int


@dataclass(frozen=True, slots=True)
class GrantSelection:
    """Some grants of an account: those in a tenant, of a client, under a session; None: of all."""

    account_id: str
    tenant_id: str | None = None
    client_id: str | None = None
    sid: str | None = None


class GrantTerms(NamedTuple):
    """What a grant was opened with, besides its scope, and keeps.

    `auth_time` is the sign-in that it is from: signing in again in the same browser renews the
    session, not what its tokens say. `confirmation` names the key that its refresh tokens are bound
    to: `jkt:` (RFC 9449) or `x5t#S256:` (RFC 8705) and a thumbprint. `audiences` are the resource
    servers that it is for, None for the client's own (RFC 8707). `requested_claims` is the `claims`
    parameter, as JSON (OpenID Connect Core section 5.5). `openid`: whether it came by an OpenID
    Connect authentication, which is answered with ID tokens.
    """

    auth_time: datetime
    confirmation: str | None = None
    audiences: tuple[str, ...] | None = None
    requested_claims: str | None = None
    openid: bool = False


class GrantState(NamedTuple):
    """Everything that decides about one grant, as one statement read it.

    The stored facts of the grant and its session, and what they are measured against: the epochs
    in force, the number of the membership today, and the strictest forced re-login among the
    account's tenants (seconds). `tenant_epoch` and `client_epoch` are those that the grant was
    opened under; the ones in force come with the configuration (`Rules`). `entered_tenant_id`: the
    other tenant that the token before the current one was used to enter. `authenticated_at` is the
    last sign-in of the session, from which its absolute end is reckoned.
    """

    key: GrantKey
    client_id: str
    tenant_id: str
    membership: int
    scope: str
    tenant_epoch: int
    client_epoch: int
    generation: int
    key_number: int
    secret_hash: str
    used_at: datetime
    used_from: str
    ends_at: datetime
    ended_at: datetime | None
    end_reason: Refusal | None
    entered_tenant_id: str | None
    terms: GrantTerms
    authenticated_at: datetime
    capped_at: datetime | None
    methods: tuple[str, ...]
    remembered: bool
    impersonator: str | None
    session_ended_at: datetime | None
    session_end_reason: Refusal | None
    session_account_epoch: int
    session_environment_epoch: int
    account_epoch: int
    environment_epoch: int
    current_membership: int | None
    force_relogin: int
    configuration_version: int

    def __repr__(self) -> str:
        """Without the hash of the secret."""
        return f"GrantState(key={self.key!r}, generation={self.generation})"

    @property
    def absolute_end(self) -> datetime | None:
        """When the session ends however much it is used; None where nothing limits it."""
        return absolute_end(self.authenticated_at, self.force_relogin, self.capped_at)

    def grant_absolute_end(self, policy: Policy) -> datetime | None:
        """The same for this grant: its client may demand a new sign-in sooner than the tenants."""
        limit = min(self.force_relogin, relogin_limit(policy))
        return absolute_end(self.authenticated_at, limit, self.capped_at)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about one grant's tenant and client today.

    `remembering` is the policy for remembered sessions, `policy` the one for all others.
    `may_impersonate`: whether the client may act as members of the tenant.
    """

    policy: Policy
    remembering: Policy
    tenant_epoch: int
    client_epoch: int
    may_impersonate: bool = False

    def policy_for(self, *, remembered: bool) -> Policy:
        """The policy for a session that is remembered, or is not."""
        return self.remembering if remembered else self.policy


def relogin_limit(policy: Policy) -> int:
    """The policy's forced re-login in seconds, as a number to compare with."""
    return NEVER if policy.force_relogin is None else policy.force_relogin


def absolute_end(
    authenticated_at: datetime, force_relogin: int, capped_at: datetime | None
) -> datetime | None:
    """The end that no use can move: forced re-login (seconds) or the session's own cap."""
    if force_relogin >= NEVER:
        return capped_at
    limit = authenticated_at + timedelta(seconds=force_relogin)
    return limit if capped_at is None else min(limit, capped_at)


def session_refusal(state: GrantState, now: datetime) -> Refusal | None:
    """Why the session under the grant is over, or None while it lives.

    A mismatched epoch is answered as `revoked`; the bump that caused it has the true reason, and
    whoever records the end looks it up.
    """
    if refusal := _session_ended(state):
        return refusal
    end = state.absolute_end
    if end is not None and now >= end:
        return Refusal.ABSOLUTE_TIMEOUT
    return None


def grant_refusal(state: GrantState, rules: Rules, now: datetime) -> Refusal | None:
    """Why the grant is over, its session's reasons first, or None while both live.

    Live means `now < min(ends_at, used_at + idle, used_at + refresh lifetime, absolute end)` with
    today's policy: a shortened policy bites at once, a lengthened one from the next refresh. Where
    several limits have passed, the one that was met first is the reason.
    """
    if refusal := _session_ended(state):
        return refusal
    if state.ended_at is not None:
        return state.end_reason or Refusal.REVOKED
    if state.client_epoch != rules.client_epoch:
        return Refusal.CLIENT_DISABLED
    if state.tenant_epoch != rules.tenant_epoch:
        return Refusal.TENANT_DISABLED
    if state.current_membership != state.membership:
        return Refusal.LEFT_TENANT
    if state.impersonator is not None and not rules.may_impersonate:
        return Refusal.IMPERSONATION_NOT_ALLOWED
    end, reason = first_limit(state, rules.policy_for(remembered=state.remembered))
    return reason if now >= end else None


def grant_end(state: GrantState, policy: Policy) -> datetime:
    """When the grant ends if it is not used again, by today's policy and what is stored."""
    return first_limit(state, policy)[0]


def _session_ended(state: GrantState) -> Refusal | None:
    """Why the session was ended; what time alone ends has not been looked at."""
    if state.session_ended_at is not None:
        return state.session_end_reason or Refusal.REVOKED
    if state.session_account_epoch != state.account_epoch:
        return Refusal.REVOKED
    if state.session_environment_epoch != state.environment_epoch:
        return Refusal.RESTORED
    return None


def first_limit(state: GrantState, policy: Policy) -> tuple[datetime, Refusal]:
    """The first end that time brings to the grant, and its name; of equal ones the strongest."""
    limits = [(state.ends_at, Refusal.EXPIRED)]
    refreshed_until = state.used_at + timedelta(seconds=policy.refresh_lifetime)
    limits.append((refreshed_until, Refusal.REFRESH_EXPIRED))
    if policy.idle_timeout is not None:
        idle_at = state.used_at + timedelta(seconds=policy.idle_timeout)
        limits.append((idle_at, Refusal.IDLE_TIMEOUT))
    if (end := state.grant_absolute_end(policy)) is not None:
        limits.append((end, Refusal.CLIENT_TIMEOUT))
    if (end := state.absolute_end) is not None:
        limits.append((end, Refusal.ABSOLUTE_TIMEOUT))
    return min(reversed(limits), key=itemgetter(0))


def slid_end(policy: Policy, now: datetime, absolute: datetime | None) -> datetime:
    """The end of a grant used now: `min(now + idle, now + refresh lifetime, absolute end)`."""
    end = now + timedelta(seconds=policy.unused_limit)
    return end if absolute is None else min(end, absolute)


def access_token_end(policy: Policy, now: datetime, absolute: datetime | None) -> datetime:
    """When an access token issued now expires; never after the session's absolute end."""
    end = now + timedelta(seconds=policy.access_lifetime)
    return end if absolute is None else min(end, absolute)


@dataclass(frozen=True, slots=True)
class Device:
    """With what and from where a session was last seen; empty texts and None where unknown."""

    ip: str = ""
    user_agent: str = ""
    browser: str = ""
    os: str = ""
    device: str = ""
    city: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def kind(self) -> str:
        """What a person calls it ("Firefox on Linux"), in the characters of an OAuth error.

        RFC 6749 section 5.2 allows printable ASCII without the quote and the backslash; and what
        a user agent calls itself is shown to somebody who has not seen it.
        """
        names = [_printable(name) for name in (self.browser, self.os)]
        return " on ".join(name for name in names if name) or "unknown device"


def _printable(name: str) -> str:
    return "".join(char for char in name if " " <= char <= "~" and char not in '"\\').strip()


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in on one device, as it is stored."""

    account_id: str
    sid: str
    created_at: datetime
    authenticated_at: datetime
    last_active_at: datetime
    capped_at: datetime | None
    account_epoch: int
    environment_epoch: int
    methods: tuple[str, ...]
    remembered: bool
    impersonator: str | None
    device: Device
    ended_at: datetime | None = None
    end_reason: Refusal | None = None
    ended_by: str | None = None
    ended_device: str | None = None


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session in a list of live ones: what is stored, and what its live grants say."""

    session: Session
    last_active_at: datetime
    ends_at: datetime
    clients: tuple[str, ...]
    tenants: tuple[str, ...]
