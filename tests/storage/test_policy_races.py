"""Policies that change at the same time, or while a session is used; certain by lock-hold."""

from functools import partial

from tests.storage.building import (
    AUTHOR,
    inspect,
    is_live,
    live_sids,
    reason_of,
    refresh,
    signed_in,
    tokens_of,
)
from tests.storage.holding import Hold, holding
from token_service.domain.policies import NEVER
from token_service.domain.refusals import Refusal
from token_service.services import account_limits, policies
from token_service.services.policies import LevelPolicy


def hold_environment(hold: Hold) -> None:
    hold.run("SELECT 1 FROM environment FOR UPDATE")


def change_environment(world, **change):
    parts = world.parts
    defaults = parts.configuration.defaults
    answer = policies.change_environment(parts.database, parts.clock, defaults, change, AUTHOR)
    assert isinstance(answer, LevelPolicy), answer
    return answer


def change_tenant(world, tenant_id, **change):
    parts = world.parts
    defaults = parts.configuration.defaults
    return policies.change_tenant(parts.database, parts.clock, defaults, tenant_id, change, AUTHOR)


def stored_relogin(world, tenant_id):
    query = "SELECT force_relogin FROM tenants WHERE tenant_id = :tenant_id"
    return world.sql(query, tenant_id=tenant_id)[0][0]


def test_no_change_is_lost_to_another(on_postgres):
    tenant_id = on_postgres.tenant()
    fields = {"retry_window": 0, "idle_timeout": 600, "remember_me": True}
    with holding(on_postgres) as hold:
        hold_environment(hold)
        waiting = hold.start(
            *(
                partial(change_tenant, on_postgres, tenant_id, **{name: value})
                for name, value in fields.items()
            )
        )
        hold.release()
        told = [future.result(timeout=60).overrides for future in waiting]
    # Whoever came last, in whatever order they were let in, has all of it.
    assert fields in told
    told = [one.details for one in on_postgres.events("0" * 32) if "after" in one.details]
    assert [one["before"] for one in told[1:]] == [one["after"] for one in told[:-1]]


def test_no_change_of_the_environment_is_lost_to_another(on_postgres):
    with holding(on_postgres) as hold:
        hold_environment(hold)
        waiting = hold.start(
            partial(change_environment, on_postgres, retry_window=0),
            partial(change_environment, on_postgres, bounds={"retry_window": {"max": 30}}),
        )
        hold.release()
        told = [future.result(timeout=60) for future in waiting]
    both = ({"retry_window": 0}, {"retry_window": {"max": 30}})
    assert both in [(one.overrides, one.bounds) for one in told]


def test_no_change_of_a_clients_limits_is_lost_to_another(on_postgres):
    app, parts = on_postgres.client(), on_postgres.parts
    change = partial(policies.change_client, parts.database, parts.clock, app.client_id, None)
    with holding(on_postgres) as hold:
        hold_environment(hold)
        waiting = hold.start(
            partial(change, {"idle_timeout": 600}, AUTHOR),
            partial(change, {"max_sessions": 3}, AUTHOR),
        )
        hold.release()
        last = [future.result(timeout=60) for future in waiting][-1]
    assert last == {"idle_timeout": 600, "max_sessions": 3}


def test_an_accounts_limit_knows_what_was_before_it(on_postgres):
    person, parts = on_postgres.person(on_postgres.tenant()), on_postgres.parts
    change = partial(account_limits.change, parts.database, parts.clock, person.account_id)
    with holding(on_postgres) as hold:
        hold.run("SELECT 1 FROM accounts FOR UPDATE")
        waiting = hold.start(
            partial(change, {"max_sessions": 3}, AUTHOR),
            partial(change, {"max_sessions": "off"}, AUTHOR),
        )
        hold.release()
        for future in waiting:
            future.result(timeout=60)
    told = [one.details for one in on_postgres.events(person.account_id)]
    assert [(one["before"], one["after"]) for one in told] == [(None, 3), (3, "off")]


class TestBoundsAgainstATenantsChange:
    """Whichever comes first, the number that statements compare with is within the bounds."""

    def bounding(self, world):
        bounds = {"force_relogin": {"max": 3_600}}
        return partial(change_environment, world, force_relogin=3_600, bounds=bounds)

    def test_the_bounds_come_first(self, on_postgres):
        tenant_id = on_postgres.tenant()
        with holding(on_postgres) as hold:
            hold_environment(hold)
            bound, loosened = hold.start(
                self.bounding(on_postgres),
                partial(change_tenant, on_postgres, tenant_id, force_relogin="off"),
            )
            hold.release()
            bound.result(timeout=60)
            assert reason_of(loosened.result(timeout=60)) is Refusal.INVALID_POLICY
        assert stored_relogin(on_postgres, tenant_id) is None

    def test_the_tenants_change_comes_first(self, on_postgres):
        tenant_id = on_postgres.tenant()
        with holding(on_postgres) as hold:
            hold_environment(hold)
            loosened, bound = hold.start(
                partial(change_tenant, on_postgres, tenant_id, force_relogin="off"),
                self.bounding(on_postgres),
            )
            hold.release()
            assert isinstance(loosened.result(timeout=60), LevelPolicy)
            bound.result(timeout=60)
        assert stored_relogin(on_postgres, tenant_id) == 3_600
        change_environment(on_postgres, bounds=None)
        assert stored_relogin(on_postgres, tenant_id) == NEVER


class TestRefreshAgainstChange:
    """A refresh waits for its grant while the policy changes.

    It began before the change and is answered by the old policy; every later use is measured
    against the new one.
    """

    def raced(self, world, signed, **change):
        with holding(world) as hold:
            hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", signed.tokens.sid)
            (waiting,) = hold.start(
                partial(refresh, world, signed.app, signed.tokens.refresh_token)
            )
            change_tenant(world, signed.tenant, **change)
            hold.release()
            return tokens_of(waiting.result(timeout=60))

    def test_an_idle_timeout_counts_from_it(self, on_postgres, time):
        signed = signed_in(on_postgres)
        time.pass_(seconds=600)
        tokens = self.raced(on_postgres, signed, idle_timeout=600)
        time.pass_(seconds=599)
        assert is_live(on_postgres, tokens)
        time.pass_(seconds=1)
        assert live_sids(on_postgres, signed.person) == []
        assert reason_of(refresh(on_postgres, signed.app, tokens.refresh_token)) is (
            Refusal.IDLE_TIMEOUT
        )

    def test_a_forced_relogin_ends_it_at_once(self, on_postgres, time):
        signed = signed_in(on_postgres)
        time.pass_(seconds=600)
        tokens = self.raced(on_postgres, signed, force_relogin=600)
        assert reason_of(inspect(on_postgres, tokens.access_token)) is Refusal.ABSOLUTE_TIMEOUT
        assert live_sids(on_postgres, signed.person) == []
        assert reason_of(refresh(on_postgres, signed.app, tokens.refresh_token)) is (
            Refusal.ABSOLUTE_TIMEOUT
        )
