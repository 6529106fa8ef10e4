"""Limits of environment, tenant, client and account: which of them a sign-in meets."""

from collections.abc import Callable

import pytest

from tests.http.administration import join
from tests.http.session_limits.crowd import Build, Crowd, limit_account, limit_client
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World
from token_service.domain.session_limits import UNLIMITED


@pytest.fixture
def limited(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """A service whose environment allows three sessions."""
    return world_on(databases, TOKEN_SERVICE_POLICY_MAX_SESSIONS="3")


def live_after(who: Crowd, sessions: int) -> int:
    """How many sessions are live after so many more sign-ins."""
    for _ in range(sessions):
        who.open()
    return len(who.live)


def test_the_environments_limit_holds_where_a_tenant_states_none(
    limited: World, crowd: Build
) -> None:
    assert live_after(crowd(limited, 0), 5) == 3


def test_a_tenants_limit_holds_in_it(limited: World, crowd: Build) -> None:
    assert live_after(crowd(limited, 0, max_sessions=2), 5) == 2


@pytest.mark.parametrize(("own", "live"), [(5, 5), (2, 2), (UNLIMITED, 6), (None, 3)])
def test_an_accounts_own_limit_stands_in_place_of_the_global_one(
    limited: World, crowd: Build, own: int | None, live: int
) -> None:
    who = crowd(limited, 0)
    limit_account(limited, who.person, own)
    assert live_after(who, 6) == live


@pytest.mark.parametrize(("own", "live"), [(5, 3), (2, 2), (UNLIMITED, 3), (None, 3)])
def test_or_the_strictest_of_both_counts(
    limited: World, crowd: Build, own: int | None, live: int
) -> None:
    who = crowd(limited, 0, account_limit_precedence="strictest")
    limit_account(limited, who.person, own)
    assert live_after(who, 6) == live


def test_an_account_may_be_limited_where_nobody_else_is(world: World, crowd: Build) -> None:
    who = crowd(world, 0)
    limit_account(world, who.person, 1)
    assert live_after(who, 3) == 1


def test_a_clients_limit_counts_its_own_sessions(world: World, crowd: Build) -> None:
    who, other = crowd(world, 2), world.client()
    limit_client(world, other, 1)
    elsewhere = who.of(other)
    assert live_after(elsewhere, 3) == 1
    assert who.live == [0, 1]


def test_a_clients_limit_holds_beside_an_accounts_own(world: World, crowd: Build) -> None:
    who = crowd(world, 0)
    limit_account(world, who.person, 9)
    limit_client(world, who.app, 2)
    assert live_after(who, 5) == 2


def test_a_tenants_limit_leaves_sessions_in_other_tenants_alone(world: World, crowd: Build) -> None:
    here = crowd(world, 0, max_sessions=1)
    there = here.of(here.app, world.tenant())
    join(world, here.person, there.tenant_id)
    assert live_after(there, 3) == 3
    assert live_after(here, 3) == 1
    assert len(there.live) == 3


def test_the_environments_limit_counts_the_sessions_of_all_tenants(
    limited: World, crowd: Build
) -> None:
    here = crowd(limited, 0)
    there = here.of(here.app, limited.tenant())
    join(limited, here.person, there.tenant_id)
    assert live_after(here, 2) == 2
    assert live_after(there, 2) == 2
    assert here.live == [1]


def test_a_tenant_cannot_leave_the_bounds_of_the_environment(world: World, crowd: Build) -> None:
    """What it stated before there were bounds is moved inside them."""
    world.sql("""UPDATE environment SET bounds = '{"max_sessions": {"max": 2}}'""")
    assert live_after(crowd(world, 0, max_sessions=9), 4) == 2
    assert live_after(crowd(world, 0, max_sessions="off"), 4) == 2


def test_the_tenant_says_what_happens(limited: World, crowd: Build) -> None:
    denying = crowd(limited, 3, max_sessions_action="deny")
    asking = crowd(limited, 3, max_sessions_action="ask")
    assert denying.try_again().status_code == 403
    assert asking.try_again().status_code == 409
