"""What the service is to do, said as briefly as possible: no database, no tokens, no keys.

Each method is one request or one change of an account, client or tenant; it answers what the
service has to answer. A session is one sign-in; under it are the grants, one for each tenant that
it was used for. What time, an epoch or a lost membership ended is dead because `live` says so; what
a request ended, or met, is `over` for good.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

NEVER = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
Scope = frozenset[str] | None


class Answer(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    INVALID_CREDENTIALS = "invalid_credentials"
    TENANT_REQUIRED = "tenant_required"
    TENANT_NOT_ALLOWED = "tenant_not_allowed"
    SESSION_LIMIT = "session_limit"
    INVALID_TARGET = "invalid_target"


@dataclass(frozen=True)
class Policy:
    """A tenant's rules in seconds; None: no such limit."""

    access_token_lifetime: int = 900
    refresh_token_lifetime: int = 86_400
    idle_timeout: int | None = 86_400
    force_relogin: int | None = None
    retry_window: int = 60
    remember_me: bool = False
    remember_me_lifetime: int = 2_592_000
    max_sessions: int | None = None
    max_sessions_action: str = "evict_oldest"

    def unused(self, remembered: bool) -> int:
        """How long a grant may go unused."""
        limit = min(self.refresh_token_lifetime, self.idle_timeout or self.refresh_token_lifetime)
        if remembered and self.remember_me:
            return max(limit, self.remember_me_lifetime)
        return limit


@dataclass(eq=False)
class Tenant:
    tenant_id: str
    policy: Policy
    enabled: bool = True
    epoch: int = 1


@dataclass(eq=False)
class Client:
    client_id: str
    scope: frozenset[str] = frozenset()
    default_scope: frozenset[str] = frozenset()
    audience: str = ""
    tenant: Tenant | None = None
    public: bool = False
    enabled: bool = True
    epoch: int = 1

    def served(self) -> bool:
        return self.enabled and (self.tenant is None or self.tenant.enabled)


@dataclass(eq=False)
class Account:
    account_id: str
    memberships: dict[Tenant, int] = field(default_factory=dict)
    joined: int = 0
    enabled: bool = True
    epoch: int = 1


@dataclass(eq=False)
class Session:
    """One sign-in, and when it was ended as a whole.

    `expected_end` is the latest that any use of it has set, also where a later use set less.
    """

    account: Account
    authenticated_at: datetime
    seen_at: datetime
    epochs: tuple[int, int]
    remembered: bool = False
    expected_end: datetime = LONG_AGO
    grants: "list[Grant]" = field(default_factory=list)
    over_at: datetime | None = None
    replays: int = 0
    forgotten: bool = False
    sid: str = ""

    @property
    def used_at(self) -> datetime:
        """The last use of any of its refresh chains."""
        return max(one.used_at for one in self.grants)


@dataclass(eq=False)
class Grant:
    """What it was opened with, where its refresh chain is, and when it was ended.

    `branch` is what the token before the current one has opened for another tenant.
    """

    session: Session
    client: Client
    tenant: Tenant
    scope: frozenset[str]
    membership: int
    epochs: tuple[int, int]
    used_at: datetime = NEVER
    ends_at: datetime = NEVER
    generation: int = 0
    over_at: datetime | None = None
    branch: "Grant | None" = None

    @property
    def account(self) -> Account:
        """Whose it is."""
        return self.session.account

    @property
    def sid(self) -> str:
        """The session's id."""
        return self.session.sid

    @property
    def ended(self) -> bool:
        """Whether somebody ended it, alone or with its session."""
        return (self.over_at or self.session.over_at) is not None


class Access(NamedTuple):
    text: str
    grant: Grant
    scope: frozenset[str]
    expires_at: datetime
    key: str


class Refresh(NamedTuple):
    text: str
    grant: Grant
    generation: int
    key: str = "no key that signs"


@dataclass
class Model:
    """The whole service at one instant; what is over may be forgotten after `retention`."""

    now: datetime
    retention: timedelta
    epoch: int = 1
    sessions: list[Session] = field(default_factory=list)
    revoked_keys: set[str] = field(default_factory=set)
    evicted: int = 0

    @property
    def grants(self) -> list[Grant]:
        """All there ever were."""
        return [grant for session in self.sessions for grant in session.grants]

    def live(self, grant: Grant) -> bool:
        member = grant.account.memberships.get(grant.tenant) == grant.membership
        standing = member and grant.epochs == self._grant_epochs(grant)
        untouched = not grant.ended and grant.session.epochs == self._epochs(grant.account)
        return standing and untouched and self.now < self.ends_at(grant)

    def ends_at(self, grant: Grant) -> datetime:
        """When it is over if nobody uses it, by the rules of this moment."""
        unused = timedelta(seconds=grant.tenant.policy.unused(grant.session.remembered))
        return min(grant.ends_at, grant.used_at + unused, self.absolute_end(grant.session))

    def session_ends_at(self, session: Session) -> datetime:
        """The same of all that lives under it."""
        return max(self.ends_at(one) for one in session.grants if self.live(one))

    def absolute_end(self, session: Session) -> datetime:
        """The end that no use can move, by the strictest of the account's tenants."""
        limits = (one.policy.force_relogin for one in session.account.memberships)
        strictest = min((one for one in limits if one), default=None)
        return session.authenticated_at + timedelta(seconds=strictest) if strictest else NEVER

    def access_end(self, grant: Grant) -> datetime:
        """When an access token made now expires."""
        policy = grant.tenant.policy
        unused = policy.unused(grant.session.remembered)
        lifetime = min(policy.access_token_lifetime, unused * 2 // 3)
        end = min(self.now + timedelta(seconds=lifetime), self.absolute_end(grant.session))
        return end.replace(microsecond=0)

    def live_grants(self, session: Session) -> list[Grant]:
        return [one for one in session.grants if self.live(one)]

    def live_sessions(self, account: Account | None = None) -> list[Session]:
        known = [one for one in self.sessions if account in (None, one.account)]
        return [one for one in known if self.live_grants(one)]

    def valid(self, access: Access) -> bool:
        good = self.now < access.expires_at and access.key not in self.revoked_keys
        return good and self.live(access.grant)

    def introspect(self, caller: Client, token: Access | Refresh) -> Answer:
        if not caller.served() or caller.public:
            return Answer.INVALID_CLIENT
        own = token.grant.client is caller
        if isinstance(token, Refresh):
            good = own and token.generation == token.grant.generation and self.live(token.grant)
        else:
            good = (own or token.grant.client.audience == caller.client_id) and self.valid(token)
        return Answer.OK if good else Answer.REFUSED

    def sign_in(
        self,
        client: Client,
        account: Account,
        right: bool,
        tenant: Tenant | None,
        scope: Scope,
        remember: bool = False,
    ) -> Grant | Answer:
        """`right` says whether the password is."""
        if not client.served():
            return Answer.INVALID_CLIENT
        if scope is not None and not scope <= client.scope:
            return Answer.INVALID_SCOPE
        if not right or not account.enabled:
            return Answer.INVALID_CREDENTIALS
        only = next(iter(account.memberships)) if len(account.memberships) == 1 else None
        place = tenant or client.tenant or only
        if place is None:
            return Answer.TENANT_REQUIRED
        if not self._admits(account, client, place):
            return Answer.TENANT_NOT_ALLOWED
        if not self._make_place(place, account):
            return Answer.SESSION_LIMIT
        session = Session(account, self.now, self.now, self._epochs(account))
        session.remembered = remember and place.policy.remember_me
        self.sessions.append(session)
        return self._grant(session, client, place, scope or client.default_scope)

    def refresh(self, client: Client, token: Refresh, scope: Scope) -> Answer:
        """Afterwards the grant's generation is that of the successor."""
        grant = token.grant
        if not client.served():
            return Answer.INVALID_CLIENT
        if grant.session.forgotten or grant.client is not client:
            return Answer.INVALID_GRANT
        older = token.generation < grant.generation
        if (older and self._replayed(token)) or not self.live(grant):
            self._meet_end(token)
            return Answer.INVALID_GRANT
        if scope is not None and not scope <= grant.scope:
            return Answer.INVALID_SCOPE
        if not older:
            grant.generation += 1
            grant.branch = None
            self._use(grant)
        elif grant.branch is not None:
            # Nobody has it, or somebody else.
            self.end_grant(grant.branch)
        return Answer.OK

    def enter(self, client: Client, token: Refresh, tenant: Tenant) -> Grant | Answer:
        """Use a refresh token for another tenant; the grant there."""
        grant = token.grant
        if not client.served():
            return Answer.INVALID_CLIENT
        if grant.session.forgotten or grant.client is not client:
            return Answer.INVALID_GRANT
        older = token.generation < grant.generation
        if (older and self._replayed(token)) or not self.live(grant):
            self._meet_end(token)
            return Answer.INVALID_GRANT
        if older:
            branch = grant.branch
            same = branch is not None and branch.tenant is tenant and self.live(branch)
            return branch if branch is not None and same else Answer.INVALID_TARGET
        if not self._admits(grant.account, client, tenant):
            return Answer.INVALID_TARGET
        there = any(one.tenant is tenant for one in self.live_grants(grant.session))
        if not there and not self._make_place(tenant, grant.account):
            return Answer.INVALID_TARGET
        grant.generation += 1
        self._use(grant)
        for one in grant.session.grants:
            if not one.ended and one.ends_at <= self.now:
                one.over_at = self.now
        grant.branch = self._grant(grant.session, client, tenant, grant.scope & client.scope)
        return grant.branch

    def crowd(self, tenant: Tenant, account: Account) -> list[Session]:
        """The sessions that the tenant's limit counts, oldest first."""
        sessions = [
            one
            for one in self.live_sessions(account)
            if any(grant.tenant is tenant for grant in self.live_grants(one))
        ]
        return sorted(sessions, key=lambda one: (one.authenticated_at, one.sid))

    def end(self, session: Session) -> None:
        """For good; what is over stays as it was."""
        session.over_at = session.over_at or self.now

    def end_grant(self, grant: Grant) -> None:
        """And the session with it, if that was the last one that would not have ended by now."""
        if grant.ended:
            return
        grant.over_at = self.now
        others = [one for one in grant.session.grants if one.over_at is None]
        if not any(self.now < one.ends_at for one in others):
            self.end(grant.session)

    def revoke(self, client: Client, token: Access | Refresh) -> Answer:
        if not client.served():
            return Answer.INVALID_CLIENT
        if token.grant.client is client and token.key not in self.revoked_keys:
            self.end_grant(token.grant)
        return Answer.OK

    def invalidate(self, token: Access | Refresh) -> Answer:
        if token.key in self.revoked_keys:
            return Answer.REFUSED
        self.end(token.grant.session)
        return Answer.OK

    def end_by_id(self, owner: Account | None, session: Session) -> Answer:
        """`owner` is the account that asks; None: somebody who may end any session."""
        if session.forgotten or owner not in (None, session.account):
            return Answer.REFUSED
        self.end(session)
        return Answer.OK

    def end_all(self, account: Account, keep: Session | None = None) -> None:
        account.epoch += 1
        if keep is not None:
            keep.epochs = self._epochs(account)

    def switch(self, owner: Account | Client | Tenant, enabled: bool) -> None:
        """On again brings nothing back."""
        if owner.enabled != enabled:
            owner.enabled, owner.epoch = enabled, owner.epoch + 1

    def join(self, account: Account, tenant: Tenant) -> None:
        account.memberships[tenant] = account.joined = account.joined + 1

    def droppable(self, session: Session) -> bool:
        """Whether a purge may forget the session."""
        over_at = session.over_at or max(one.ends_at for one in session.grants)
        return over_at + self.retention <= self.now

    def overdue(self, session: Session) -> bool:
        """Whether a purge must have forgotten it: it goes by days, and by the end once expected."""
        over_at = session.over_at or session.expected_end
        return over_at + self.retention + timedelta(days=2) <= self.now

    def _admits(self, account: Account, client: Client, tenant: Tenant) -> bool:
        member = tenant.enabled and tenant in account.memberships
        return member and client.tenant in (None, tenant)

    def _make_place(self, tenant: Tenant, account: Account) -> bool:
        """Whether one more session may be in the tenant; where it evicts, the oldest end."""
        most, crowd = tenant.policy.max_sessions, self.crowd(tenant, account)
        surplus = crowd[: max(0, len(crowd) + 1 - most)] if most else []
        if surplus and tenant.policy.max_sessions_action != "evict_oldest":
            return False
        for one in surplus:
            self.end(one)
            self.evicted += 1
        return True

    def _grant(self, session: Session, client: Client, tenant: Tenant, scope: Scope) -> Grant:
        number = session.account.memberships[tenant]
        epochs = (tenant.epoch, client.epoch)
        grant = Grant(session, client, tenant, scope or frozenset(), number, epochs)
        session.grants.append(grant)
        self._use(grant)
        return grant

    def _replayed(self, token: Refresh) -> bool:
        """Time, its client or its tenant end a grant; only what was ended hides a replay."""
        grant = token.grant
        if grant.ended or grant.session.epochs != self._epochs(grant.account):
            return False
        window = timedelta(seconds=grant.tenant.policy.retry_window)
        retry = token.generation == grant.generation - 1 and self.now < grant.used_at + window
        # Two that went different ways with one token are not both its owner.
        return not retry or (grant.branch is not None and grant.branch.generation > 0)

    def _meet_end(self, token: Refresh) -> None:
        """A refresh has found the end; that makes it final."""
        grant, session = token.grant, token.grant.session
        if grant.ended:
            return
        if token.generation < grant.generation and self._replayed(token):
            session.replays += 1
            self.end(session)
        elif session.epochs != self._epochs(session.account) or self._absolute_first(grant):
            self.end(session)
        else:
            self.end_grant(grant)

    def _absolute_first(self, grant: Grant) -> bool:
        """Whether nothing else would have ended it, at the latest in the same instant."""
        member = grant.account.memberships.get(grant.tenant) == grant.membership
        if not member or grant.epochs != self._grant_epochs(grant):
            return False
        return self.ends_at(grant) == self.absolute_end(grant.session)

    def _use(self, grant: Grant) -> None:
        grant.used_at, grant.ends_at = self.now, NEVER
        grant.ends_at = self.ends_at(grant)
        session = grant.session
        session.expected_end = max(session.expected_end, grant.ends_at)

    def _epochs(self, account: Account) -> tuple[int, int]:
        return self.epoch, account.epoch

    def _grant_epochs(self, grant: Grant) -> tuple[int, int]:
        return grant.tenant.epoch, grant.client.epoch
