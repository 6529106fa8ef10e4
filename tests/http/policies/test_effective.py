"""`/v1/policies/effective`: each value, where it comes from, and what it comes to."""

import pytest

from tests.http.administration import join
from tests.http.building import assert_refused
from tests.http.policies.asking import (
    ENVIRONMENT,
    UNKNOWN,
    Asker,
    administrator,
    backend,
    let_roles_write,
    member,
    of_account,
    of_client,
    of_tenant,
)
from tests.world.world import Person, World
from token_service.domain.policies import FIELDS

EFFECTIVE = "/v1/policies/effective"


@pytest.fixture
def admin(world: World) -> Asker:
    """An administrator of the environment."""
    return administrator(world)


def test_of_the_environment(admin: Asker) -> None:
    admin.change(ENVIRONMENT, retry_window=0, refresh_token_lifetime="auto")
    told = admin.read(EFFECTIVE)
    assert (told["account"], told["tenant"], told["client"]) == (None, None, None)
    assert set(told["policy"]) == FIELDS
    assert told["policy"]["retry_window"] == {"value": 0, "source": "environment"}
    assert told["policy"]["idle_timeout"] == {"value": 86_400, "source": "default"}
    assert told["in_effect"] == {
        "access_token_lifetime": {"value": 900, "source": "default"},
        "refresh_token_lifetime": {"value": 1_350, "source": "auto"},
        "unused_limit": {"value": 1_350, "source": "refresh_token_lifetime"},
        "remembered_unused_limit": None,
        "force_relogin": {"value": "off", "source": "default", "tenant": None},
    }
    assert told["session_limits"] == []


def test_every_level_is_named_where_it_decides(world: World, admin: Asker) -> None:
    strict, tenant_id = world.tenant(force_relogin=3_600), world.tenant()
    person, app = world.person(strict, tenant_id), world.client()
    admin.change(of_tenant(tenant_id), retry_window=0, idle_timeout=43_200, max_sessions=5)
    admin.change(ENVIRONMENT, remember_me=True, max_sessions=9, idle_timeout=600)
    admin.change(ENVIRONMENT, bounds={"idle_timeout": {"max": 21_600}})
    admin.change(of_client(app.client_id), access_token_lifetime=300, max_sessions=2)
    asked = {"account": person.account_id, "tenant": tenant_id, "client": app.client_id}
    told = admin.read(EFFECTIVE, **asked)
    assert {name: told[name] for name in asked} == asked
    values = told["policy"]
    assert values["lockout_failures"] == {"value": 10, "source": "default"}
    assert values["remember_me"] == {"value": True, "source": "environment"}
    assert values["idle_timeout"] == {"value": 21_600, "source": "bounds"}
    assert values["retry_window"] == {"value": 0, "source": "tenant"}
    assert values["access_token_lifetime"] == {"value": 300, "source": "client"}
    assert values["max_sessions"] == {"value": 5, "source": "tenant"}
    assert told["in_effect"] == {
        "access_token_lifetime": {"value": 300, "source": "client"},
        "refresh_token_lifetime": {"value": 86_400, "source": "default"},
        "unused_limit": {"value": 21_600, "source": "idle_timeout"},
        "remembered_unused_limit": {"value": 2_592_000, "source": "remember_me_lifetime"},
        "force_relogin": {"value": 3_600, "source": "account", "tenant": strict},
    }
    assert told["session_limits"] == [
        {"max_sessions": 5, "source": "tenant", "tenant": tenant_id, "client": None},
        {"max_sessions": 9, "source": "environment", "tenant": None, "client": None},
        {"max_sessions": 2, "source": "client", "tenant": None, "client": app.client_id},
    ]


def test_an_accounts_own_limit_by_the_precedence(world: World, admin: Asker) -> None:
    tenant_id = world.tenant(max_sessions=3)
    person = world.person(tenant_id)
    admin.change(of_account(person), max_sessions=5)
    told = admin.read(EFFECTIVE, account=person.account_id)
    assert told["tenant"] == tenant_id
    assert told["policy"]["max_sessions"] == {"value": 5, "source": "account"}
    assert told["session_limits"] == [
        {"max_sessions": 5, "source": "account", "tenant": None, "client": None}
    ]
    admin.change(of_tenant(tenant_id), account_limit_precedence="strictest")
    told = admin.read(EFFECTIVE, account=person.account_id)
    assert told["policy"]["max_sessions"] == {"value": 3, "source": "tenant"}
    assert [one["max_sessions"] for one in told["session_limits"]] == [5, 3]
    admin.change(of_tenant(tenant_id), account_limit_precedence=None)
    admin.change(of_account(person), max_sessions="off")
    told = admin.read(EFFECTIVE, account=person.account_id)
    assert told["policy"]["max_sessions"] == {"value": "off", "source": "account"}
    assert told["session_limits"] == []


def test_an_account_without_a_default_tenant(world: World, admin: Asker) -> None:
    """Nothing is chosen, and re-login is what all its tenants come to."""
    strict = world.tenant(force_relogin=600)
    person = world.person(world.tenant(), strict)
    told = admin.read(EFFECTIVE, account=person.account_id)
    assert told["tenant"] is None
    expected = {"value": 600, "source": "account", "tenant": strict}
    assert told["in_effect"]["force_relogin"] == expected


def test_what_is_not_there_or_does_not_go_together(world: World, admin: Asker) -> None:
    tenant_id, other = world.tenant(), world.tenant()
    person, app = world.person(tenant_id), world.client(tenant_id=tenant_id)
    for query in (
        {"account": UNKNOWN},
        {"tenant": UNKNOWN},
        {"client": "nobody"},
        {"account": "x"},
        {"tenant": "F" * 32},
        {"client": "no one"},
        {"account": person.account_id, "tenant": other},
        {"client": app.client_id, "tenant": other},
    ):
        assert_refused(admin.get(EFFECTIVE, **query), 404, "not_found")
    assert admin.read(EFFECTIVE, account=person.account_id, client=app.client_id)


def test_what_is_no_question(admin: Asker) -> None:
    for query in ({"user": "x"}, {"tenant": "a\0b"}):
        assert_refused(admin.get(EFFECTIVE, **query), 400, "invalid_request")


# In one tenant.


@pytest.fixture
def tenant_id(world: World) -> str:
    """A tenant with a role that may change its policy."""
    tenant_id = world.tenant(retry_window=0)
    let_roles_write(world, tenant_id, "owner")
    return tenant_id


@pytest.fixture(params=["member", "administrator", "backend"])
def insider(request: pytest.FixtureRequest, world: World, tenant_id: str) -> Asker:
    """Each who may ask within a tenant."""
    if request.param == "member":
        return member(world, tenant_id, "owner")
    if request.param == "administrator":
        return administrator(world, tenant_id)
    return backend(world, "session-policy:write", tenant_id=tenant_id)


def test_their_own_tenant_is_meant(world: World, tenant_id: str, insider: Asker) -> None:
    told = insider.read(EFFECTIVE)
    assert told["tenant"] == tenant_id
    assert told["policy"]["retry_window"] == {"value": 0, "source": "tenant"}
    assert insider.read(EFFECTIVE, tenant=tenant_id) == told
    app = world.client()
    assert insider.read(EFFECTIVE, client=app.client_id)["client"] == app.client_id


def outside(world: World, tenant_id: str) -> tuple[Person, Person, str]:
    """A member who belongs to a stricter tenant too, somebody else, and that tenant."""
    stricter = world.tenant(force_relogin=600)
    both, other = world.person(tenant_id), world.person(stricter)
    join(world, both, stricter)
    return both, other, stricter


def test_what_is_outside_is_as_unknown_as_nothing(
    world: World, tenant_id: str, insider: Asker
) -> None:
    both, other, stricter = outside(world, tenant_id)
    foreign = world.client(tenant_id=stricter)
    for query in (
        {"account": other.account_id},
        {"account": both.account_id, "tenant": stricter},
        {"tenant": stricter},
        {"client": foreign.client_id},
        {"account": UNKNOWN},
    ):
        assert_refused(insider.get(EFFECTIVE, **query), 404, "not_found")


def test_a_stricter_tenant_is_told_of_and_not_named(
    world: World, tenant_id: str, insider: Asker
) -> None:
    both, _, stricter = outside(world, tenant_id)
    answer = insider.get(EFFECTIVE, account=both.account_id)
    expected = {"value": 600, "source": "account", "tenant": None}
    assert answer.get_json()["in_effect"]["force_relogin"] == expected
    assert stricter not in answer.text


def test_who_may_not_ask(world: World, tenant_id: str) -> None:
    for asker, status, code in (
        (member(world, tenant_id, "guest"), 403, "insufficient_scope"),
        (backend(world, "sessions:read"), 403, "forbidden"),
        (Asker(world, {}, ""), 401, "invalid_client"),
    ):
        assert_refused(asker.get(EFFECTIVE), status, code)
