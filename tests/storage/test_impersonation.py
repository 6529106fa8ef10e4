"""Impersonation and profiles on PostgreSQL, by lock-hold: what raced is decided under the lock."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, update

from tests.storage.building import (
    AUTHOR,
    BY_USER,
    HERE,
    Signed,
    client_of,
    current,
    end,
    end_all,
    end_reason,
    inspect,
    is_live,
    reason_of,
    refresh,
    signed_in,
    tokens_of,
)
from tests.storage.counting import statements
from tests.storage.holding import holding
from tests.world.world import App, Time, World
from token_service.domain.events import NO_ACCOUNT, Event
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device
from token_service.services import accounts, impersonating, profiles
from token_service.services.endings import end_impersonations_in
from token_service.services.impersonating import Impersonate, Impersonated
from token_service.services.issuing import IssuedTokens
from token_service.services.profiles import Own
from token_service.storage import configuration
from token_service.storage.tables import tenants

ROLES = {"helper": ["sessions:read"]}


def act(signed: Signed, backend: App, per_hour: int = 20) -> Impersonated | Refused:
    """Ask to act as the person."""
    parts = signed.world.parts
    return current(
        signed.world,
        lambda snapshot: impersonating.impersonate(
            parts.database,
            parts.clock,
            snapshot,
            per_hour,
            Impersonate(
                client=client_of(snapshot, backend),
                account_id=signed.person.account_id,
                tenant_id=signed.tenant,
                reason="a reason",
                lifetime=600,
                scope=None,
                origin=HERE,
                device=Device,
            ),
        ),
    )


def tokens(answer: Impersonated | Refused) -> IssuedTokens:
    assert isinstance(answer, Impersonated), answer
    return answer.tokens


def define(world: World, tenant_id: str, roles: dict[str, list[str]]) -> None:
    """Redefine the tenant's roles as a use case must: under the environment, and ending."""
    with world.database.transaction() as tx:
        configuration.lock_environment(tx)
        tx.execute(update(tenants).where(tenants.c.tenant_id == tenant_id).values(roles=roles))
        configuration.changed(tx)
        tenant = configuration.read_tenant(tx, tenant_id)
        assert tenant is not None
        end_impersonations_in(tx, tenant, AUTHOR.actor, AUTHOR.origin, world.parts.clock.now())


def join(signed: Signed, tenant_id: str, *roles: str) -> Refused | None:
    parts = signed.world.parts
    return accounts.join(
        parts.database, parts.clock, signed.person.account_id, tenant_id, roles, AUTHOR
    )


@pytest.fixture
def signed(on_postgres: World) -> Signed:
    return signed_in(on_postgres)


@pytest.fixture
def backend(on_postgres: World) -> App:
    return on_postgres.client("backend")


def test_who_becomes_an_administrator_meanwhile_is_acted_as_by_nobody(
    signed: Signed, backend: App
) -> None:
    """Whichever comes first: the session is refused, or ended by what came after it."""
    elsewhere = signed.world.tenant()
    define(signed.world, elsewhere, ROLES)
    account_id = signed.person.account_id
    for uses in (
        (partial(act, signed, backend), partial(join, signed, elsewhere, "helper")),
        (partial(join, signed, elsewhere, "helper"), partial(act, signed, backend)),
    ):
        parts = signed.world.parts
        accounts.leave(parts.database, parts.clock, account_id, elsewhere, AUTHOR)
        with holding(signed.world) as hold:
            hold.run("SELECT 1 FROM environment FOR UPDATE")
            waiting = hold.start(*uses)
            hold.release()
            answers = [one.result(timeout=60) for one in waiting]
        for answer in answers:
            if isinstance(answer, Impersonated):
                found = reason_of(inspect(signed.world, answer.tokens.access_token))
                assert found is Refusal.PRIVILEGED_ACCOUNT
        assert reason_of(act(signed, backend)) is Refusal.PRIVILEGED_ACCOUNT


def test_a_definition_that_gives_power_waits_for_who_begins_to_act(
    signed: Signed, backend: App
) -> None:
    elsewhere = signed.world.tenant()
    assert join(signed, elsewhere, "helper") is None
    with holding(signed.world) as hold:
        hold.run(
            "SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", signed.person.account_id
        )
        (acting,) = hold.start(partial(act, signed, backend))
        (defining,) = hold.start(partial(define, signed.world, elsewhere, ROLES))
        hold.release()
        opened = tokens(acting.result(timeout=60))
        defining.result(timeout=60)
    assert reason_of(inspect(signed.world, opened.access_token)) is Refusal.PRIVILEGED_ACCOUNT


def test_an_account_that_is_disabled_meanwhile(signed: Signed, backend: App) -> None:
    account_id = signed.person.account_id
    with holding(signed.world) as hold:
        hold.run("UPDATE accounts SET enabled = false WHERE account_id = %s", account_id)
        (acting,) = hold.start(partial(act, signed, backend))
        hold.release()
        assert reason_of(acting.result(timeout=60)) is Refusal.ACCOUNT_DISABLED


def test_a_membership_that_ends_meanwhile(signed: Signed, backend: App) -> None:
    account_id = signed.person.account_id
    with holding(signed.world) as hold:
        hold.run("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", account_id)
        hold.run("DELETE FROM memberships WHERE account_id = %s", account_id)
        (acting,) = hold.start(partial(act, signed, backend))
        hold.release()
        assert reason_of(acting.result(timeout=60)) is Refusal.NOT_A_MEMBER


def test_signing_out_everywhere_ends_who_begins_meanwhile(signed: Signed, backend: App) -> None:
    """As with a sign-in: it comes before and is ended, or after."""
    with holding(signed.world) as hold:
        hold.run(
            "SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", signed.person.account_id
        )
        acting, _ = hold.start(
            partial(act, signed, backend), partial(end_all, signed.world, signed.person)
        )
        hold.release()
        opened = tokens(acting.result(timeout=60))
    assert not is_live(signed.world, opened)


def test_an_end_by_the_person_and_a_refresh(signed: Signed, backend: App) -> None:
    opened = tokens(act(signed, backend))
    of_it = Signed(signed.world, signed.tenant, signed.person, backend, opened)
    with holding(signed.world) as hold:
        hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", opened.sid)
        (refreshing,) = hold.start(partial(refresh, signed.world, backend, opened.refresh_token))
        assert end(of_it, BY_USER)
        hold.release()
        answer = refreshing.result(timeout=60)
    for one in (opened, answer):
        if isinstance(one, IssuedTokens):
            assert reason_of(inspect(signed.world, one.access_token)) is Refusal.ENDED_BY_USER


def test_of_many_at_once_one_raises_the_alarm(signed: Signed, backend: App) -> None:
    with holding(signed.world) as hold:
        hold.run("SELECT 1 FROM environment FOR UPDATE")
        waiting = hold.start(*[partial(act, signed, backend, per_hour=1)] * 4)
        hold.release()
        answers = [one.result(timeout=60) for one in waiting]
    assert [one.alarmed for one in answers if isinstance(one, Impersonated)].count(True) == 1
    assert signed.world.event_names(NO_ACCOUNT).count(Event.IMPERSONATION_ALARM) == 1


def test_parallel_patches_lose_nothing(signed: Signed) -> None:
    parts, account_id = signed.world.parts, signed.person.account_id

    def patch(number: int) -> Any:
        change = {f"member {number}": number, "nested": {f"member {number}": True}}
        return profiles.change(parts.database, parts.clock, account_id, change, AUTHOR)

    with holding(signed.world) as hold:
        hold.run("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", account_id)
        waiting = hold.start(*[partial(patch, number) for number in range(3)])
        hold.release()
        assert all(isinstance(one.result(timeout=60), Own) for one in waiting)
    own = profiles.read(parts.database, account_id)
    assert isinstance(own, Own)
    assert len(own.profile["nested"]) == 3
    assert len(own.profile) == 4


# On either database.


def test_a_definition_ends_what_it_makes_privileged_and_nothing_else(world: World) -> None:
    signed, other = signed_in(world), signed_in(world)
    backend = world.client("backend")
    elsewhere = world.tenant()
    assert join(signed, elsewhere, "helper") is None
    assert join(other, elsewhere, "guest") is None
    one, untouched = tokens(act(signed, backend)), tokens(act(other, backend))
    define(world, elsewhere, {"helper": []})
    assert is_live(world, one)
    define(world, elsewhere, ROLES)
    assert reason_of(inspect(world, one.access_token)) is Refusal.PRIVILEGED_ACCOUNT
    assert is_live(world, untouched)
    assert is_live(world, signed.tokens)


@pytest.mark.parametrize("over", ["by time", "by epoch"])
def test_what_is_over_keeps_its_reason(world: World, time: Time, over: str) -> None:
    signed, backend = signed_in(world), world.client("backend")
    elsewhere = world.tenant()
    define(world, elsewhere, ROLES)
    opened = tokens(act(signed, backend))
    if over == "by time":
        time.pass_(minutes=10)
    else:
        end_all(world, signed.person)
    assert join(signed, elsewhere, "helper") is None
    assert not is_live(world, opened)
    assert end_reason(world, opened.sid) is None


@contextmanager
def heard_in_full(world: World) -> Iterator[list[tuple[str, Any]]]:
    """Every statement of a transaction with its parameters."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        heard.append((sql, parameters))

    event.listen(world.database.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(world.database.engine, "before_cursor_execute", hear)


def test_the_last_hour_is_counted_by_the_index_that_is_made_for_it(world: World) -> None:
    """However many events of other kinds the log has."""
    signed, backend = signed_in(world), world.client("backend")
    with heard_in_full(world) as heard:
        tokens(act(signed, backend))
    (count,) = [one for one in heard if "count(" in one[0]]
    explain = "EXPLAIN QUERY PLAN" if world.database.is_sqlite else "EXPLAIN"
    with world.database.transaction() as tx:
        if not world.database.is_sqlite:
            tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = tx.exec_driver_sql(f"{explain} {count[0]}", count[1]).all()
    assert "ix_audit_events_impersonations" in str(plan)


def test_using_such_a_session_costs_what_any_other_costs(world: World) -> None:
    signed, backend = signed_in(world), world.client("backend")
    opened = tokens(act(signed, backend))
    opened = tokens_of(refresh(world, backend, opened.refresh_token))
    with statements(world) as heard:
        tokens_of(refresh(world, backend, opened.refresh_token))
    expected = {
        "sqlite": ["BEGIN", "UPDATE grants", "SELECT", "COMMIT"],
        "postgresql": ["UPDATE grants"],
    }
    assert heard == expected[world.database.engine.dialect.name]
    with statements(world) as heard:
        inspect(world, opened.access_token)
    assert heard == ["SELECT"]
