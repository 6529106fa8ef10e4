"""The guarded statement and the pure rules say the same, alone and in every mixture of faults.

The statement is SQL and the rules are Python; a limit that one of them met a microsecond earlier
would end sessions without a reason, or refuse for ever what the other calls faultless.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.storage.building import Signed, current, rotation_of, signed_in, tokens_of
from tests.storage.building import refresh as refreshed
from token_service.domain.policies import Policy
from token_service.domain.refreshing import Verdict, explain
from token_service.domain.sessions import Rules, slid_end
from token_service.storage import grants, inspection, rotations
from token_service.storage.database import InTransaction, Transaction, answered
from token_service.storage.rotations import Rotation
from token_service.storage.tables import accounts, environment, memberships, sessions, tenants
from token_service.storage.tables import grants as grants_table

MOMENT = timedelta(microseconds=1)
POLICY = {
    "idle_timeout": 3600,
    "refresh_token_lifetime": 7200,
    "force_relogin": 86_400,
    "remember_me": True,
    "remember_me_lifetime": 10_000,
}
IDLE, RELOGIN = timedelta(seconds=3600), timedelta(seconds=86_400)
REMEMBERED, CLIENT_RELOGIN = timedelta(seconds=10_000), 40_000
TABLES = {
    "grants": grants_table,
    "sessions": sessions,
    "accounts": accounts,
    "memberships": memberships,
    "tenants": tenants,
    "environment": environment,
}


@dataclass(frozen=True)
class Twist:
    """One thing that is different: columns in the database, or what is presented."""

    name: str
    columns: Mapping[str, Callable[[Any], Any]]
    presented: Mapping[str, Any] | None = None


def at(column: str, distance: timedelta) -> dict[str, Callable[[Any], Any]]:
    return {column: lambda now: now + distance}


def to(column: str, value: object) -> dict[str, Callable[[Any], Any]]:
    return {column: lambda _now: value}


EDGES = [
    Twist(f"{column} {distance / MOMENT:+.0f} us", at(column, limit + distance))
    for column, limit in (
        ("grants.used_at", -IDLE),
        ("grants.ends_at", timedelta()),
        ("sessions.authenticated_at", -RELOGIN),
        ("sessions.capped_at", timedelta()),
    )
    for distance in (-MOMENT, 0 * MOMENT, MOMENT)
]
EDGES += [
    Twist(
        f"remembered, used {distance / MOMENT:+.0f} us",
        at("grants.used_at", -REMEMBERED + distance) | to("sessions.remembered", True),
    )
    for distance in (-MOMENT, 0 * MOMENT, MOMENT)
]
FAULTS = [
    Twist("remembered", to("sessions.remembered", True)),
    Twist("used by a faster clock", at("grants.used_at", timedelta(seconds=3))),
    Twist("grant ended", at("grants.ended_at", -MOMENT)),
    Twist("session ended", at("sessions.ended_at", -MOMENT)),
    Twist("account epoch ahead", to("accounts.epoch", 2)),
    Twist("session of a later epoch", to("sessions.account_epoch", 2)),
    Twist("environment epoch ahead", to("environment.epoch", 2)),
    Twist("grant of an older tenant epoch", to("grants.tenant_epoch", 0)),
    Twist("grant of an older client epoch", to("grants.client_epoch", 0)),
    Twist("another membership", to("memberships.number", 9)),
    Twist("grant of another membership", to("grants.membership", 9)),
    Twist("stricter tenant", to("tenants.force_relogin", 60)),
    Twist("inheriting tenant", to("tenants.force_relogin", None)),
    Twist("limitless tenant", to("tenants.force_relogin", 10**10)),
    Twist("row one ahead", to("grants.generation", 2)),
    Twist("row three ahead", to("grants.generation", 4)),
    Twist("row behind", to("grants.generation", 0)),
    Twist("another key", to("grants.key_number", 77)),
    Twist("another secret", to("grants.secret_hash", "another")),
    Twist("impersonated", to("sessions.impersonator", "backend")),
    Twist("another client", {}, {"client_id": "another"}),
    Twist("another tenant", {}, {"tenant_id": "f" * 32}),
]
NOTHING = Twist("nothing", {})


def mixtures() -> list[tuple[Twist, ...]]:
    chooser = random.Random(20260301)
    return [
        (NOTHING,),
        *((one,) for one in (*EDGES, *FAULTS)),
        tuple(one for one in FAULTS if one.name in {"used by a faster clock", "row one ahead"}),
        *(tuple(chooser.sample(EDGES + FAULTS, chooser.choice((2, 2, 3)))) for _ in range(150)),
    ]


class Undone(Exception):
    """Rolls the transaction of one try back."""


def write(tx: Transaction, twists: tuple[Twist, ...], now: datetime) -> None:
    """Make the database differ."""
    for name, make in (pair for twist in twists for pair in twist.columns.items()):
        table, column = name.split(".")
        tx.execute(update(TABLES[table]).values({column: make(now)}))


def outcome(
    signed: Signed, rotation: Rotation, rules: Rules, twists: tuple[Twist, ...]
) -> tuple[Verdict | str, bool]:
    """What the rules say of the twisted rows, and whether the statement applied to them."""
    database, key = signed.world.database, rotation.key
    for twist in twists:
        rotation = rotation._replace(
            presented=rotation.presented._replace(**(twist.presented or {}))
        )
    found = []
    try:
        with database.transaction() as tx:
            write(tx, twists, rotation.now)
            statements = InTransaction(tx)
            tenant_id = rotation.presented.tenant_id
            read = grants.read(database, statements, key, tenant_id, rotation.force_relogin)
            verdict = explain(rotation.presented, read.state, rules, rotation.now)
            ahead = verdict is Verdict.AHEAD
            state = rotations.rotate(database, statements, rotation, ahead=ahead)
            found.append((verdict, state is not None))
            if state is not None:
                assert_moved(state, rotation, rules)
            raise Undone
    except Undone:
        return found[0]


def assert_moved(state, rotation, rules):
    """What the statement wrote is what the rules would have."""
    assert state.generation == rotation.presented.generation + 1
    assert (state.used_at, state.used_from) == (rotation.now, rotation.used_from)
    policy = rules.policy_for(remembered=state.remembered)
    assert state.ends_at == slid_end(policy, rotation.now, state.grant_absolute_end(policy))


@pytest.fixture
def used(world, time):
    """A session whose chain has been used once, and some time has gone by."""
    signed = signed_in(world, **POLICY)
    time.pass_(minutes=10)
    return replace(
        signed, tokens=tokens_of(refreshed(world, signed.app, signed.tokens.refresh_token))
    )


def test_the_statement_applies_exactly_to_what_the_rules_call_faultless(used, time):
    time.pass_(minutes=10)
    rotation = rotation_of(used.world, used.app, used.tokens.refresh_token)
    policy = current(used.world, lambda snapshot: snapshot.policy).overridden(POLICY)
    rules = Rules(policy, policy.remembering(), rotation.tenant_epoch, rotation.client_epoch)
    told = [(twists, *outcome(used, rotation, rules, twists)) for twists in mixtures()]
    wrong = [
        ([twist.name for twist in twists], verdict, applied)
        for twists, verdict, applied in told
        if applied != (verdict in (Verdict.FAULTLESS, Verdict.AHEAD))
    ]
    assert wrong == []
    verdicts = {verdict for _, verdict, _ in told}
    assert verdicts >= set(Verdict)
    assert len(verdicts) >= 12


def test_the_statement_for_many_reads_what_the_statement_for_one_reads(used):
    database, key = used.world.database, used.key
    limit = current(used.world, lambda snapshot: snapshot.force_relogin)
    other = key._replace(grant_id=key.grant_id - 1)
    for twists in mixtures():
        try:
            with database.transaction() as tx:
                write(tx, twists, used.world.parts.clock.now())
                statements = InTransaction(tx)
                one = grants.read(database, statements, key, used.tenant, limit)
                keys = {other: used.tenant, key: used.tenant}
                asking = inspection.asking(database, keys, (), limit)
                many = answered(statements, asking)
                raise Undone
        except Undone:
            assert many.states == {key: one.state}, twists
            assert many.version.version == one.state.configuration_version


def test_a_client_that_may_impersonate_refreshes_what_it_holds(used):
    rotation = rotation_of(used.world, used.app, used.tokens.refresh_token)
    policy = current(used.world, lambda snapshot: snapshot.policy).overridden(POLICY)
    twist = Twist("impersonated", to("sessions.impersonator", used.app.client_id))
    for may in (True, False):
        rules = Rules(
            policy, policy.remembering(), rotation.tenant_epoch, rotation.client_epoch, may
        )
        allowed = rotation._replace(may_impersonate=may)
        verdict, applied = outcome(used, allowed, rules, (twist,))
        assert (applied, verdict is Verdict.FAULTLESS) == (may, may)


def test_a_clients_forced_re_login_is_the_statements_too(used):
    rotation = rotation_of(used.world, used.app, used.tokens.refresh_token)
    policy = Policy(force_relogin=CLIENT_RELOGIN)
    rules = Rules(policy, policy.remembering(), rotation.tenant_epoch, rotation.client_epoch)
    ours = rotation._replace(client_relogin=CLIENT_RELOGIN, unused_limit=policy.unused_limit)
    for distance in (-MOMENT, 0 * MOMENT, MOMENT):
        since = distance - timedelta(seconds=CLIENT_RELOGIN)
        twist = Twist("signed in then", at("sessions.authenticated_at", since))
        verdict, applied = outcome(used, ours, rules, (twist,))
        assert applied == (verdict is Verdict.FAULTLESS) == (distance > 0 * MOMENT)


def test_the_policies_limits_in_seconds_are_those_of_the_statement(used):
    """A policy that was changed since: the statement is given today's numbers."""
    rotation = rotation_of(used.world, used.app, used.tokens.refresh_token)
    for seconds in (60, 600, 601, 86_400):
        policy = Policy(idle_timeout=seconds, refresh_token_lifetime=7200)
        rules = Rules(policy, policy.remembering(), rotation.tenant_epoch, rotation.client_epoch)
        for passed in (policy.unused_limit * 10**6 + distance for distance in (-1, 0, 1)):
            later = rotation._replace(now=rotation.now, unused_limit=policy.unused_limit)
            twist = Twist("used then", at("grants.used_at", -passed * MOMENT))
            verdict, applied = outcome(used, later, rules, (twist,))
            assert applied == (verdict is Verdict.FAULTLESS) == (passed % 10**6 == 10**6 - 1)
