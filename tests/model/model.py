"""What the service is to do, said as briefly as possible: no database, no tokens, no keys.

Each method is one request or one change of an account, client or tenant; it answers what the
service has to answer. A session is one sign-in with its one grant. What time, an epoch or a lost
membership ended is dead because `live` says so; what a request ended, or met, is `over` for good.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

NEVER = datetime.max.replace(tzinfo=UTC)
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


@dataclass(frozen=True)
class Policy:
    """A tenant's rules in seconds; None: no such limit."""

    access_token_lifetime: int = 900
    refresh_token_lifetime: int = 86_400
    idle_timeout: int | None = 86_400
    force_relogin: int | None = None
    retry_window: int = 60

    def unused(self) -> int:
        return min(self.refresh_token_lifetime, self.idle_timeout or self.refresh_token_lifetime)


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
    """What it was opened with, where its refresh chain is, and when it was ended."""

    account: Account
    client: Client
    tenant: Tenant
    scope: frozenset[str]
    membership: int
    authenticated_at: datetime
    seen_at: datetime
    epochs: tuple[int, ...] = ()
    used_at: datetime = NEVER
    ends_at: datetime = NEVER
    generation: int = 0
    over_at: datetime | None = None
    replays: int = 0
    forgotten: bool = False
    sid: str = ""


class Access(NamedTuple):
    text: str
    session: Session
    scope: frozenset[str]
    expires_at: datetime
    key: str


class Refresh(NamedTuple):
    text: str
    session: Session
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

    def live(self, session: Session) -> bool:
        member = session.account.memberships.get(session.tenant) == session.membership
        untouched = session.over_at is None and session.epochs == self._epochs(session)
        return member and untouched and self.now < self.ends_at(session)

    def ends_at(self, session: Session) -> datetime:
        """When it is over if nobody uses it, by the rules of this moment."""
        unused = timedelta(seconds=session.tenant.policy.unused())
        return min(session.ends_at, session.used_at + unused, self.absolute_end(session))

    def absolute_end(self, session: Session) -> datetime:
        """The end that no use can move, by the strictest of the account's tenants."""
        limits = (one.policy.force_relogin for one in session.account.memberships)
        strictest = min((one for one in limits if one), default=None)
        return session.authenticated_at + timedelta(seconds=strictest) if strictest else NEVER

    def access_end(self, session: Session) -> datetime:
        """When an access token made now expires."""
        policy = session.tenant.policy
        lifetime = min(policy.access_token_lifetime, policy.unused() * 2 // 3)
        end = min(self.now + timedelta(seconds=lifetime), self.absolute_end(session))
        return end.replace(microsecond=0)

    def live_sessions(self, account: Account | None = None) -> list[Session]:
        return [one for one in self.sessions if account in (None, one.account) and self.live(one)]

    def valid(self, access: Access) -> bool:
        good = self.now < access.expires_at and access.key not in self.revoked_keys
        return good and self.live(access.session)

    def introspect(self, caller: Client, token: Access | Refresh) -> Answer:
        if not caller.served() or caller.public:
            return Answer.INVALID_CLIENT
        own = token.session.client is caller
        if isinstance(token, Refresh):
            good = own and token.generation == token.session.generation and self.live(token.session)
        else:
            good = (own or token.session.client.audience == caller.client_id) and self.valid(token)
        return Answer.OK if good else Answer.REFUSED

    def sign_in(
        self, client: Client, account: Account, right: bool, tenant: Tenant | None, scope: Scope
    ) -> Session | Answer:
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
        number = account.memberships.get(place, 0)
        if not number or not place.enabled or client.tenant not in (None, place):
            return Answer.TENANT_NOT_ALLOWED
        granted = scope or client.default_scope
        session = Session(account, client, place, granted, number, self.now, self.now)
        session.epochs = self._epochs(session)
        self._use(session)
        self.sessions.append(session)
        return session

    def refresh(self, client: Client, token: Refresh, scope: Scope) -> Answer:
        """Afterwards the session's generation is that of the successor."""
        session = token.session
        if not client.served():
            return Answer.INVALID_CLIENT
        if session.forgotten or session.client is not client:
            return Answer.INVALID_GRANT
        older = token.generation < session.generation
        window = timedelta(seconds=session.tenant.policy.retry_window)
        retry = token.generation == session.generation - 1 and self.now < session.used_at + window
        # Time, its client or its tenant end a grant; only what ends a session hides a replay.
        ended = session.over_at or session.epochs[:2] != self._epochs(session)[:2]
        replayed = older and not retry and not ended
        if replayed or not self.live(session):
            session.replays += replayed
            self.end(session)
            return Answer.INVALID_GRANT
        if scope is not None and not scope <= session.scope:
            return Answer.INVALID_SCOPE
        if not older:
            session.generation += 1
            self._use(session)
        return Answer.OK

    def end(self, session: Session) -> None:
        """For good; what is over stays as it was."""
        session.over_at = session.over_at or self.now

    def revoke(self, client: Client, token: Access | Refresh) -> Answer:
        if not client.served():
            return Answer.INVALID_CLIENT
        if token.session.client is client and token.key not in self.revoked_keys:
            self.end(token.session)
        return Answer.OK

    def invalidate(self, token: Access | Refresh) -> Answer:
        if token.key in self.revoked_keys:
            return Answer.REFUSED
        self.end(token.session)
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
            keep.epochs = self._epochs(keep)

    def switch(self, owner: Account | Client | Tenant, enabled: bool) -> None:
        """On again brings nothing back."""
        if owner.enabled != enabled:
            owner.enabled, owner.epoch = enabled, owner.epoch + 1

    def join(self, account: Account, tenant: Tenant) -> None:
        account.memberships[tenant] = account.joined = account.joined + 1

    def droppable(self, session: Session, since: timedelta = timedelta()) -> bool:
        """Whether a purge may forget the session, and might have done so `since` ago."""
        return (session.over_at or session.ends_at) + self.retention + since <= self.now

    def _use(self, session: Session) -> None:
        session.used_at, session.ends_at = self.now, NEVER
        session.ends_at = self.ends_at(session)

    def _epochs(self, session: Session) -> tuple[int, ...]:
        owners = (session.account, session.tenant, session.client)
        return (self.epoch, *(one.epoch for one in owners))
