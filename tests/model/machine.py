"""The random commands, and what must hold after each of them.

What a rule picks is a number, and mostly something that lives: on what is dead already few commands
could go wrong. `worker` says which of the two workers acts; each has caches of its own, and learns
of the other's changes only by noticing them.

Nothing that is drawn depends on what the service has answered, and so no rule has a precondition:
ids are random, and of two sessions of the same instant they decide which is the older one. The same
choices may then lead elsewhere, which Hypothesis takes for a fault of the test.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model.model import (
    NEVER,
    Access,
    Account,
    Answer,
    Client,
    Grant,
    Policy,
    Refresh,
    Scope,
    Tenant,
)
from tests.model.service import Service, answered
from tests.model.side_by_side import SideBySide
from token_service.domain.keys import Algorithm

Thing = TypeVar("Thing")

STEPS: Counter[str] = Counter()
"""How many steps were run, and sessions to which something rare happened; for the report."""

PICK = st.integers(0, 511)
WORKER = st.sampled_from([0, 1])
THEN = st.sampled_from(["nothing", "refresh", "refresh", "retry", "both", "validate"])
SCOPE = st.sampled_from(["", "", "", "less", "more"])
POLICY = st.builds(
    Policy,
    access_token_lifetime=st.sampled_from([900, 60, 3_600]),
    refresh_token_lifetime=st.sampled_from([86_400, 1_200, 604_800]),
    idle_timeout=st.sampled_from([86_400, None, 600, 3_601]),
    force_relogin=st.sampled_from([None, None, 7_200, 172_800]),
    retry_window=st.sampled_from([60, 0, 300, 5]),
    remember_me=st.booleans(),
    remember_me_lifetime=st.sampled_from([2_592_000, 60, 4_000, 100_000]),
    max_sessions=st.sampled_from([None, None, 1, 2, 3]),
    max_sessions_action=st.sampled_from(["evict_oldest", "evict_oldest", "deny", "ask"]),
)
SECONDS = st.sampled_from([0.000001, 1, 4, 30, 61, 299, 580, 850, 3_000, 20_000])
NEAR = [timedelta(microseconds=one) for one in (-1_000_000, -1, 0, 1, 1_000_000)]
EDGE = st.integers(0, 6)
LONGEST = timedelta(days=80)
"""Of an example: a signing key is gone 90 days after its last signature; that is not modelled."""


class Machine(RuleBasedStateMachine):
    """One example: new tenants, clients and accounts in the service that all examples share."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.both = SideBySide(service)
        self.service, self.model = service, self.both.model
        self.latest = service.now + LONGEST
        self.tenants: list[Tenant] = []
        self.clients: list[Client] = []
        self.accounts: list[Account] = []
        self.lived: list[Grant] = []
        self.fallen: list[Grant] = []
        self.steps = 0

    @initialize(worker=WORKER, policies=st.tuples(POLICY, POLICY, POLICY))
    def begin(self, worker: int, policies: tuple[Policy, ...]) -> None:
        service = self.service
        one, two, three = self.tenants = [service.tenant(policy) for policy in policies]
        resources = service.client("resource_server")
        audience = (resources.client_id,)
        self.clients = [
            service.client("app", audiences=audience),
            service.client("public", signing_algorithm="EdDSA"),
            service.client("app", audiences=audience, tenant=two),
            resources,
        ]
        self.accounts = [service.account(one, two), service.account(two), service.account(three)]
        self.both.sign_in(worker, self.accounts[0], self.clients[0], one)
        self.both.sign_in(worker, self.accounts[1], self.clients[1])

    # Sign-in and refresh.

    @rule(
        worker=WORKER,
        account=st.integers(0, 2),
        client=st.sampled_from([0, 0, 1, 1, 2]),
        tenant=st.sampled_from([None, None, 0, 1, 2]),
        wrong=st.integers(0, 7),
        scope=st.sampled_from([None, None, None, "openid", "email openid", "admin openid"]),
        name=st.sampled_from(["email", "username", "phone"]),
        remember=st.booleans(),
    )
    def sign_in(
        self,
        worker: int,
        account: int,
        client: int,
        tenant: int | None,
        wrong: int,
        scope: str | None,
        name: str,
        remember: bool,
    ) -> None:
        """Whatever comes of it; `wrong` 7 is a wrong password."""
        place = None if tenant is None else self.tenants[tenant]
        password = "not the password" if wrong == 7 else None
        who, caller = self.accounts[account], self.clients[client]
        self.both.sign_in(worker, who, caller, place, password, scope, name, remember=remember)

    @rule(worker=WORKER, pick=PICK, times=st.integers(1, 4), scope=SCOPE)
    def refresh(self, worker: int, pick: int, times: int, scope: str) -> None:
        grant = self._grant(pick)
        wanted = _scope(grant, scope)
        for number in range(times):
            newest = self.both.chains[grant][-1]
            self.both.refresh((worker + number) % 2, newest, wanted, in_json=pick % 3 == 0)

    @rule(
        worker=WORKER,
        pick=PICK,
        late=st.sampled_from([None, None, None, None, *NEAR]),
        uses=st.sampled_from([0, 0, 0, 1]),
        times=st.integers(1, 3),
    )
    def refresh_and_lose_the_answer(
        self, worker: int, pick: int, late: timedelta | None, uses: int, times: int
    ) -> None:
        """The same token again, at once or when the window closes, or after its successor's use."""
        grant = self._grant(pick)
        token = self.both.chains[grant][-1]
        for number in range(1 + uses):
            self.both.refresh((worker + number) % 2, self.both.chains[grant][-1])
        if late is not None:
            window = timedelta(seconds=grant.tenant.policy.retry_window)
            self._move(grant.used_at + window + late)
        for number in range(times):
            self.both.refresh((worker + number) % 2, token)

    @rule(worker=WORKER, pick=PICK, back=st.sampled_from([1, 1, 2, 3, 99]), scope=SCOPE)
    def refresh_with_an_older_token(self, worker: int, pick: int, back: int, scope: str) -> None:
        grant = self._grant(pick, [one for one in self.model.grants if one.generation])
        self.both.refresh(worker, self._generation(grant, back), _scope(grant, scope))

    @rule(worker=WORKER, pick=PICK, client=st.integers(0, 2), back=st.integers(0, 2))
    def refresh_as_another_client(self, worker: int, pick: int, client: int, back: int) -> None:
        token = self._generation(self._grant(pick), back)
        self.both.refresh(worker, token, client=self.clients[client])

    @rule(
        worker=WORKER,
        pick=PICK,
        most=st.integers(1, 3),
        action=st.sampled_from(["evict_oldest", "evict_oldest", "deny", "ask"]),
        times=st.integers(1, 4),
        remember=st.booleans(),
        then=THEN,
    )
    def crowd_a_tenant(
        self,
        worker: int,
        pick: int,
        most: int,
        action: str,
        times: int,
        remember: bool,
        then: str,
    ) -> None:
        """One after the other, until there are more sessions than there may be."""
        grant = self._grant(pick)
        policy = replace(
            grant.tenant.policy, max_sessions=most, max_sessions_action=action, remember_me=True
        )
        self.both.set_policy(worker, grant.tenant, policy)
        for number in range(times):
            self.both.sign_in(
                (worker + number) % 2, grant.account, grant.client, grant.tenant, remember=remember
            )
            self._move(self.model.now + timedelta(seconds=number % 2))
        self._then(then, worker, grant)

    @rule(
        worker=WORKER,
        pick=PICK,
        tenant=st.integers(0, 2),
        back=st.sampled_from([0, 0, 0, 0, 1, 1, 2]),
        then=st.sampled_from(["nothing", "again", "again", "plain", "use", "use and again"]),
    )
    def enter_another_tenant(
        self, worker: int, pick: int, tenant: int, back: int, then: str
    ) -> None:
        """And perhaps lose the answer, or have the token presented by two."""
        grant = self._grant(pick)
        reachable = [one for one in grant.account.memberships if one is not grant.tenant]
        place = reachable[0] if reachable and pick % 4 else self.tenants[tenant]
        token = self._generation(grant, back)
        if place is grant.tenant:
            return
        self.both.enter(worker, token, place)
        if "use" in then and grant.branch is not None:
            self.both.refresh(1 - worker, self._generation(grant.branch, 0))
        if "again" in then:
            self.both.enter(1 - worker, token, place)
        if then == "plain":
            self.both.refresh(1 - worker, token)

    @rule(worker=WORKER, pick=PICK)
    def use_a_secret_that_was_replaced(self, worker: int, pick: int) -> None:
        grant = self._grant(pick)
        if grant.client.public:
            return
        old, token = self.service.replace_secret(1 - worker, grant.client), self._token(pick, 0)
        for response in (
            self.service.revoke(worker, old, token),
            self.service.introspect(worker, old, token),
            self.service.refresh(worker, old, token.text, None, in_json=False),
        ):
            assert answered(response) is Answer.INVALID_CLIENT, response.text

    # Questions.

    @rule(worker=WORKER, pick=PICK, client=st.integers(0, 3), back=st.integers(-1, 1))
    def introspect(self, worker: int, pick: int, client: int, back: int) -> None:
        """As the token's own client, another one, or the resource server."""
        self.both.introspect(worker, self.clients[client], self._token(pick, back))

    @rule(worker=WORKER, pick=PICK, limit=st.sampled_from([1, 2, 50]), mine=st.booleans())
    def list_sessions(self, worker: int, pick: int, limit: int, mine: bool) -> None:
        if mine:
            self.both.list_mine(worker, self._access(pick), limit)
        else:
            self.both.list_account(worker, self._grant(pick).account, limit)

    @rule(worker=WORKER, pick=PICK)
    def ping(self, worker: int, pick: int) -> None:
        self.both.ping(worker, self._access(pick))

    # Endings.

    @rule(worker=WORKER, pick=PICK, client=st.integers(0, 5), back=st.integers(-1, 2), then=THEN)
    def give_back(self, worker: int, pick: int, client: int, back: int, then: str) -> None:
        """Revoke, mostly as the token's own client; or invalidate, which everybody may."""
        token = self._token(pick, back)
        if client < 2:
            self.both.invalidate(worker, token)
        else:
            caller = self.clients[client] if client < 4 else token.grant.client
            self.both.revoke(worker, caller, token)
        self._then(then, 1 - worker, token.grant)

    @rule(
        worker=WORKER,
        pick=PICK,
        other=PICK,
        who=st.sampled_from(["me", "backend", "admin"]),
        what=st.sampled_from(["one", "one", "all", "others"]),
        path=st.booleans(),
        then=THEN,
    )
    def end(
        self, worker: int, pick: int, other: int, who: str, what: str, path: bool, then: str
    ) -> None:
        admin, grant = who == "admin", self._grant(other)
        match who, what:
            case "me", "one":
                self.both.end_as_person(worker, self._access(pick), grant.session, path=path)
            case "me", _:
                self.both.end_mine(worker, self._access(pick), keep=what == "others")
            case _, "one":
                self.both.end_in_its_place(worker, grant.session, admin=admin, path=path)
            case _:
                self.both.end_all(worker, grant.account, admin=admin)
        self._then(then, 1 - worker, grant)

    # Administration.

    @rule(
        worker=WORKER,
        pick=PICK,
        what=st.sampled_from(["enable", "enable", "off and on", "disable"]),
        whom=st.sampled_from(["client", "tenant", "account", "any"]),
        then=THEN,
    )
    def switch(self, worker: int, pick: int, what: str, whom: str, then: str) -> None:
        """Mostly what a live session stands on."""
        grant = self._grant(pick)
        owners: list[Account | Client | Tenant] = [*self.accounts, *self.clients, *self.tenants]
        if what == "enable":
            off = [one for one in owners if not one.enabled]
            self.both.switch(worker, _picked(off or owners, pick), enabled=True)
            return
        owner = getattr(grant, whom, None) or _picked(owners, pick)
        self.both.switch(worker, owner, enabled=False)
        if what == "off and on":
            self.both.switch(worker, owner, enabled=True)
        self._then(then, 1 - worker, grant)

    @rule(
        worker=WORKER,
        pick=PICK,
        what=st.sampled_from(["leave", "leave and join", "join", "password", "backup"]),
        tenant=st.integers(0, 2),
        then=THEN,
    )
    def administer(self, worker: int, pick: int, what: str, tenant: int, then: str) -> None:
        grant = self._grant(pick)
        match what:
            case "leave" | "leave and join":
                self._leave(worker, grant)
                if what == "leave and join":
                    self.both.change_membership(worker, grant.account, grant.tenant)
            case "join":
                self.both.change_membership(worker, grant.account, self.tenants[tenant])
            case "password":
                self.both.reset_password(worker, grant.account)
            case "backup":
                self.both.restored(worker)
        self._then(then, 1 - worker, grant)

    def _leave(self, worker: int, grant: Grant) -> None:
        if grant.tenant in grant.account.memberships:
            self.both.change_membership(worker, grant.account, grant.tenant)

    @rule(worker=WORKER, pick=PICK, what=st.sampled_from(["revoke", "sign", "opaque"]), then=THEN)
    def change_keys(self, worker: int, pick: int, what: str, then: str) -> None:
        access = self._access(pick)
        if what == "revoke":
            self.both.revoke_key(worker, access.key)
        else:
            algorithm = Algorithm.ES256 if what == "sign" else Algorithm.HKDF_SHA256
            self.service.rotate_key(worker, algorithm)
        self._then(then, 1 - worker, access.grant)

    @rule(
        worker=WORKER,
        pick=PICK,
        policy=POLICY,
        when=st.sampled_from(["now", "before", "after"]),
        edge=EDGE,
        near=st.sampled_from(NEAR),
        then=THEN,
    )
    def change_policy(
        self,
        worker: int,
        pick: int,
        policy: Policy,
        when: str,
        edge: int,
        near: timedelta,
        then: str,
    ) -> None:
        """At any time, or just before or after an edge is reached: by the new policy or the old."""
        grant = self._grant(pick)
        if when == "after":
            self._move(self._edge(grant, edge) + near)
        self.both.set_policy(worker, grant.tenant, policy)
        if when == "before":
            self._move(self._edge(grant, edge) + near)
        self._then(then, 1 - worker, grant)

    @rule(worker=WORKER, pick=PICK)
    def lose_an_answer_while_a_key_takes_over(self, worker: int, pick: int) -> None:
        """The retry gets the very same successor, which the older key has made."""
        grant = self._grant(pick)
        token = self._generation(grant, 0)
        takes_over = self.service.rotate_key(worker, Algorithm.HKDF_SHA256)
        self._move(takes_over - NEAR[-1])
        self.both.refresh(1 - worker, token)
        self._move(takes_over + NEAR[-1])
        self.both.refresh(worker, token)
        self.both.refresh(worker, self._generation(grant, 0))

    def _then(self, what: str, worker: int, grant: Grant) -> None:
        """At once, and through the worker that knows nothing of the change."""
        match what:
            case "refresh":
                self.both.refresh(worker, self._generation(grant, 0))
            case "retry":
                self.both.refresh(worker, self._generation(grant, 1))
            case "both":
                self.both.refresh(worker, self._generation(grant, 0))
                self.both.refresh(worker, self._generation(grant, 1))
            case "validate":
                self.both.validate(worker, self._newest_access(grant))

    # Time.

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self._move(self.model.now + timedelta(seconds=seconds))

    @rule(worker=WORKER, pick=PICK, edge=EDGE, near=st.sampled_from(NEAR), then=THEN)
    def time_comes_near_an_edge(
        self, worker: int, pick: int, edge: int, near: timedelta, then: str
    ) -> None:
        """Just before, at or just after something changes by itself."""
        grant = self._grant(pick)
        self._move(self._edge(grant, edge) + near)
        self._then(then, worker, grant)

    def _edge(self, grant: Grant, edge: int) -> datetime:
        """A moment that decides about the session; now, where nothing limits it."""
        policy, used = grant.tenant.policy, grant.used_at
        expirations = [one.expires_at for one in self.both.access if one.grant is grant]
        edges = [
            self.model.ends_at(grant),
            grant.ends_at,
            used + timedelta(seconds=policy.unused(grant.session.remembered)),
            self.model.absolute_end(grant.session),
            used + timedelta(seconds=policy.retry_window),
            expirations[-1],
            expirations[0],
        ]
        return self.model.now if edges[edge] == NEVER else edges[edge]

    @rule(worker=WORKER, days=st.sampled_from([0, 1, 2, 9]), purge=st.booleans())
    def days_pass(self, worker: int, days: int, purge: bool) -> None:
        self._move(self.model.now + timedelta(days=days))
        if purge:
            self.both.purge(worker, self.accounts)

    # What must hold after each step.

    @invariant()
    def answers_are_those_of_the_model(self) -> None:
        """For tokens of the session that was touched and for all others in turn; and for a list."""
        self.steps += 1
        live = [one for one in self.model.grants if self.model.live(one)]
        self.fallen += [one for one in self.lived if one not in live]
        self.lived = live
        issued, touched = self.both.access, self.both.touched
        if touched:
            turn = {issued[(self.steps * 2 + one) % len(issued)] for one in (0, 1)}
            for access in {*turn, self._newest_access(touched)}:
                self.both.validate(self._asked(), access)
            if self.steps % 2:
                # Every other time, because it is the dearest question.
                other = self.accounts[self.steps // 2 % 3]
                account = touched.account if self.steps % 4 == 1 else other
                self.both.list_account(self._asked(), account)

    def teardown(self) -> None:
        """At the end of an example: every token that was ever issued, and every record."""
        STEPS["steps"] += self.steps
        STEPS["entered"] += sum(len(one.grants) > 1 for one in self.model.sessions)
        STEPS["remembered"] += sum(one.remembered for one in self.model.sessions)
        STEPS["replayed"] += sum(one.replays for one in self.model.sessions)
        STEPS["evicted"] += self.model.evicted
        STEPS["asked"] += self.both.asked
        if sys.exc_info()[0] is not None:
            return
        for access in self.both.access:
            self.both.validate(0, access)
        for grant, chain in self.both.chains.items():
            if not grant.client.public:
                # Never two live tokens of one chain.
                active = [self.both.introspect(1, grant.client, token) for token in chain]
                assert active.count(True) <= 1
            self.both.compare_record(grant.session)
        for account in self.accounts:
            self.both.list_account(0, account)
        for grant in [one for one in self.model.grants if self.model.live(one)]:
            self.both.refresh(1, self.both.chains[grant][-1])

    def _asked(self) -> int:
        """Mostly the first worker, so that the second one is behind when a rule comes to it."""
        return 0 if self.steps % 5 else 1

    def _move(self, now: datetime) -> None:
        self.both.move(min(now, self.latest))

    def _grant(self, pick: int, among: Sequence[Grant] | None = None) -> Grant:
        """Mostly one that lives, if there is or may be one; else the last that died, or any."""
        if pick % 8 < 5 and not self.model.live_sessions():
            self._sign_in_somebody(pick)
        candidates = list(among or self.model.grants)
        if pick % 8 < 5:
            candidates = [one for one in candidates if self.model.live(one)] or candidates
        elif pick % 8 < 7:
            candidates = [one for one in self.fallen if one in candidates][-2:] or candidates
        return _picked(candidates, pick // 8)

    def _sign_in_somebody(self, pick: int) -> None:
        """Whoever can."""
        possible = [
            (account, client, tenant)
            for account in self.accounts
            for client in self.clients[:3]
            for tenant in account.memberships
            if account.enabled and client.served() and tenant.enabled
            if client.tenant in (None, tenant)
        ]
        if possible:
            account, client, tenant = _picked(possible, pick // 8)
            self.both.sign_in(pick % 2, account, client, tenant)

    def _access(self, pick: int) -> Access:
        """Three times in four a valid one."""
        issued = self.both.access
        valid = [one for one in issued if self.model.valid(one)]
        return _picked(valid if valid and pick % 4 < 3 else issued, pick // 4)

    def _token(self, pick: int, back: int) -> Access | Refresh:
        """A refresh token so many generations back; -1: an access token of the session."""
        grant = self._grant(pick)
        if back >= 0:
            return self._generation(grant, back)
        return _picked([one for one in self.both.access if one.grant is grant], pick // 16)

    def _newest_access(self, grant: Grant) -> Access:
        return [one for one in self.both.access if one.grant is grant][-1]

    def _generation(self, grant: Grant, back: int) -> Refresh:
        return self.both.chains[grant][max(0, grant.generation - back)]


def _picked(things: Sequence[Thing], pick: int) -> Thing:
    """The newest for 0, because a failure is then shown with the last thing that happened."""
    return things[-1 - pick % len(things)]


def _scope(grant: Grant, word: str) -> Scope:
    """No scope, less than the session has, or more."""
    less = frozenset(sorted(grant.scope)[:1])
    return {"": None, "less": less, "more": less | {"offline_access"}}[word]
