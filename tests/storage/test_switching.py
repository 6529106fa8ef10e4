"""Entering another tenant on PostgreSQL: races made certain by lock-hold, and what it costs."""

from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.storage.building import (
    AUTHOR,
    HERE,
    Signed,
    client_of,
    current,
    end,
    inspect,
    is_live,
    key_of,
    live_sids,
    reason_of,
    refresh,
    sign_in,
    signed_in,
    state_of,
    tokens_of,
)
from tests.storage.counting import statements
from tests.storage.holding import Hold, holding
from tests.world.world import World
from token_service.domain.events import Origin
from token_service.domain.failures import StaleConfiguration
from token_service.domain.refusals import Refusal, Refused
from token_service.services import accounts as account_services
from token_service.services import inspection, refreshing, switching
from token_service.services.configuration import Snapshot
from token_service.services.inspection import Inspection
from token_service.services.issuing import IssuedTokens
from token_service.services.session_grants import MOST
from token_service.services.switching import Entry

AT_ONCE = 4
"""So many can wait for a row at once: there are no more connections in the pool."""


@dataclass(frozen=True)
class OfTwo:
    """A session in one of two tenants of one person."""

    here: Signed
    elsewhere: str

    @property
    def world(self) -> World:
        return self.here.world

    @property
    def account_id(self) -> str:
        return self.here.person.account_id

    def switch(self, address: str = HERE.address) -> IssuedTokens | Refused:
        """Use the session's refresh token to enter the other tenant."""
        return current(self.world, lambda snapshot: self.switch_on(snapshot, address))

    def switch_on(self, snapshot: Snapshot, address: str = HERE.address) -> IssuedTokens | Refused:
        """The same on this very snapshot."""
        parts, token = self.world.parts, self.here.tokens.refresh_token or ""
        client = client_of(snapshot, self.here.app)
        command = refreshing.Refresh(client, token, None, Origin(address=address))
        return switching.refresh(parts.database, parts.clock, snapshot, command, self.elsewhere)

    def enter(self) -> IssuedTokens | Refused:
        """The same by access token."""

        def use(snapshot: Snapshot) -> IssuedTokens | Refused:
            parts, client = self.world.parts, client_of(snapshot, self.here.app)
            found = inspection.inspect(
                parts.database, parts.clock, snapshot, self.here.tokens.access_token
            )
            assert isinstance(found, Inspection)
            entry = Entry(client, self.elsewhere, None, HERE)
            return switching.enter(parts.database, parts.clock, snapshot, found, entry)

        return current(self.world, use)

    def use(self, token: str | None = None) -> IssuedTokens | Refused:
        """A plain refresh, of the session's token unless told otherwise."""
        return refresh(self.world, self.here.app, token or self.here.tokens.refresh_token)

    def leave(self) -> Refused | None:
        """Leave the other tenant."""
        parts = self.world.parts
        return account_services.leave(
            parts.database, parts.clock, self.account_id, self.elsewhere, AUTHOR
        )

    def hold(self, hold: Hold, table: str) -> None:
        """Hold the account's row, or those of its sessions or grants."""
        hold.run(f"SELECT 1 FROM {table} WHERE account_id = %s FOR UPDATE", self.account_id)

    def count(self, event: str) -> int:
        """How often it is in the account's audit log."""
        return self.world.event_names(self.account_id).count(event)


def of_two(world: World) -> OfTwo:
    """Somebody new, who is signed in to the first of two tenants."""
    here = signed_in(world)
    elsewhere, parts = world.tenant(), world.parts
    account_services.join(
        parts.database, parts.clock, here.person.account_id, elsewhere, (), AUTHOR
    )
    # Who finds its copy of the configuration behind goes to the end of the queue.
    parts.configuration.reload(parts.configuration.current())
    return OfTwo(here, elsewhere)


@pytest.fixture
def two(on_postgres: World) -> OfTwo:
    return of_two(on_postgres)


def assert_all_dead(two: OfTwo, *tokens: IssuedTokens) -> None:
    """Nothing of the session works any more."""
    for one in (two.here.tokens, *tokens):
        assert isinstance(inspect(two.world, one.access_token), Refused)
        assert isinstance(two.use(one.refresh_token), Refused)
    assert live_sids(two.world, two.here.person) == []


def live_grants(two: OfTwo) -> int:
    with two.world.database.reading() as tx:
        rows = tx.exec_driver_sql("SELECT 1 FROM grants WHERE ended_at IS NULL").all()
    return len(rows)


class TestOneToken:
    """Presented by several at once."""

    def test_all_who_enter_with_it_get_one_pair(self, two):
        uses = [partial(two.switch, f"198.51.100.{number}") for number in range(AT_ONCE)]
        with holding(two.world) as hold:
            two.hold(hold, "accounts")
            waiting = hold.start(*uses)
            hold.release()
            told = [tokens_of(one.result(timeout=60)) for one in waiting]
        assert len({(one.refresh_token, one.previous_refresh_token) for one in told}) == 1
        assert all(is_live(two.world, one) for one in told)
        assert live_grants(two) == 2
        assert two.count("grant_opened") == 1
        assert two.count("refresh_retried_elsewhere") == AT_ONCE - 1

    def test_a_plain_refresh_that_is_faster_leaves_nothing_to_enter_with(self, two):
        """It ran on another node; the switch has read the row before, and waits for it."""
        with holding(two.world) as hold:
            hold.run("UPDATE grants SET generation = generation + 1")
            (switch,) = hold.start(two.switch)
            hold.release()
            assert reason_of(switch.result(timeout=60)) is Refusal.SPENT_OTHERWISE
        assert live_grants(two) == 1
        tokens_of(two.use(tokens_of(two.use()).refresh_token))

    def test_for_two_things_at_once_it_does_not_give_both(self, two):
        with holding(two.world) as hold:
            two.hold(hold, "grants")
            switch, plain = hold.start(two.switch, two.use)
            hold.release()
            entered, successor = switch.result(timeout=60), tokens_of(plain.result(timeout=60))
        if isinstance(entered, Refused):
            assert entered.reason is Refusal.SPENT_OTHERWISE
        else:
            assert entered.previous_refresh_token == successor.refresh_token
            assert reason_of(inspect(two.world, entered.access_token)) is Refusal.SUPERSEDED
        assert live_grants(two) == 1
        tokens_of(two.use(successor.refresh_token))

    @pytest.mark.parametrize("way", ["use", "switch"])
    def test_a_branch_that_is_used_at_that_moment_is_found(self, two, way):
        """The thief is about to use what the token has opened: its owner waits for him."""
        entered = tokens_of(two.switch())
        branch = key_of(two.world, entered.refresh_token)
        with holding(two.world) as hold:
            hold.run("UPDATE grants SET generation = 1 WHERE grant_id = %s", branch.grant_id)
            (owner,) = hold.start(getattr(two, way))
            hold.release()
            assert reason_of(owner.result(timeout=60)) is Refusal.REPLAYED
        assert_all_dead(two, entered)
        assert two.count("refresh_replayed") == 1


class TestAgainstChange:
    """A switch has begun before the change and answers after it, or the other way round."""

    def test_session_ended_after_a_switch(self, two):
        with holding(two.world) as hold:
            two.hold(hold, "grants")
            # The switch holds the session by now, and the end waits for that.
            switch, ended = hold.start(two.switch, partial(end, two.here))
            hold.release()
            entered = tokens_of(switch.result(timeout=60))
            assert ended.result(timeout=60)
        assert_all_dead(two, entered)

    @pytest.mark.parametrize("way", ["switch", "enter"])
    def test_session_ended_before_a_switch(self, two, way):
        with holding(two.world) as hold:
            hold.run("UPDATE sessions SET ended_at = 0, end_reason = 'ended_by_user'")
            (entering,) = hold.start(getattr(two, way))
            hold.release()
            assert reason_of(entering.result(timeout=60)) is Refusal.ENDED_BY_USER
        assert live_grants(two) == 1
        assert_all_dead(two)

    @pytest.mark.parametrize(("way", "held"), [("switch", "grants"), ("enter", "sessions")])
    def test_tenant_left_after_it_was_entered(self, two, way, held):
        with holding(two.world) as hold:
            two.hold(hold, held)
            # The switch holds the account by now.
            entering, left = hold.start(getattr(two, way), two.leave)
            hold.release()
            entered = tokens_of(entering.result(timeout=60))
            assert left.result(timeout=60) is None
        assert reason_of(inspect(two.world, entered.access_token)) is Refusal.LEFT_TENANT
        assert isinstance(two.use(entered.refresh_token), Refused)
        tokens_of(two.use(entered.previous_refresh_token))

    @pytest.mark.parametrize("way", ["switch", "enter"])
    def test_tenant_left_before_it_is_entered(self, two, way):
        with holding(two.world) as hold:
            two.hold(hold, "accounts")
            hold.run("DELETE FROM memberships WHERE tenant_id = %s", two.elsewhere)
            (entering,) = hold.start(getattr(two, way))
            hold.release()
            assert reason_of(entering.result(timeout=60)) is Refusal.NOT_A_MEMBER
        assert state_of(two.here).generation == 0
        tokens_of(two.use())

    def test_the_last_places_under_a_session_are_given_once_each(self, two, time):
        for _ in range(MOST - 2):
            tokens_of(two.enter())
        time.pass_(seconds=1)
        with holding(two.world) as hold:
            two.hold(hold, "accounts")
            waiting = hold.start(*[two.enter] * 4)
            hold.release()
            told = [tokens_of(one.result(timeout=60)) for one in waiting]
        assert live_grants(two) == MOST
        assert len({one.refresh_token for one in told}) == 4
        assert all(is_live(two.world, one) for one in told)
        tokens_of(two.use())


class TestCost:
    """On both databases."""

    @pytest.fixture
    def either(self, world: World) -> OfTwo:
        return of_two(world)

    def test_a_refresh_that_names_its_own_tenant_costs_as_much_as_a_plain_one(self, either):
        tokens = tokens_of(either.use())
        same = OfTwo(replace(either.here, tokens=tokens), either.here.tenant)
        snapshot = current(either.world, lambda found: found)
        with statements(either.world) as heard:
            tokens_of(same.switch_on(snapshot))
        assert len(heard) == (4 if either.world.database.is_sqlite else 1)
        assert [one for one in heard if one.startswith(("UPDATE", "INSERT"))] == ["UPDATE grants"]

    def test_a_switch_costs_the_same_however_many_grants_there_are(self, either):
        def cost() -> list[str]:
            tokens = tokens_of(
                sign_in(either.world, either.here.person, either.here.app, either.here.tenant)
            )
            one = replace(either, here=replace(either.here, tokens=tokens))
            for _ in range(grants):
                tokens_of(one.enter())
            snapshot = current(either.world, lambda found: found)
            with statements(either.world) as heard:
                tokens_of(one.switch_on(snapshot))
            return heard

        grants = 0
        few = cost()
        grants = 20
        assert cost() == few
        assert len(few) <= 20

    def test_a_switch_on_an_old_copy_of_the_configuration_is_made_again(self, either):
        worker = either.world.second_worker()
        try:
            behind = replace(either, here=replace(either.here, world=worker))
            old = current(worker, lambda found: found)
            assert client_of(old, either.here.app)
            either.world.sql("UPDATE environment SET configuration_version = 99")
            entered = tokens_of(behind.switch())
        finally:
            worker.close()
        assert key_of(either.world, entered.refresh_token).sid == either.here.tokens.sid

    def test_nor_is_a_grant_that_is_gone_told_from_an_old_copy(self, either):
        snapshot = current(either.world, lambda found: found)
        either.world.sql("DELETE FROM grants")
        assert reason_of(either.switch_on(snapshot)) is Refusal.UNKNOWN_TOKEN
        either.world.sql("UPDATE environment SET configuration_version = 99")
        with pytest.raises(StaleConfiguration):
            either.switch_on(snapshot)
