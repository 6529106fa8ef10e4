"""`/v1/accounts/{id}/session-limit`: an account's own number of sessions."""

import pytest

from tests.http.building import assert_refused
from tests.http.policies.asking import (
    UNKNOWN,
    Asker,
    administrator,
    backend,
    changes,
    let_roles_write,
    member,
    of_account,
)
from tests.world.world import World
from token_service.domain.session_limits import UNLIMITED
from token_service.storage import accounts


@pytest.fixture
def admin(world: World) -> Asker:
    """An administrator of the environment."""
    return administrator(world)


def test_a_number_off_and_none_are_told_apart(world: World, admin: Asker) -> None:
    person = world.person(world.tenant())
    path = of_account(person)
    assert admin.read(path) == {"max_sessions": None}
    for value, stored in ((3, 3), ("off", UNLIMITED), (None, None), (1_000_000, 1_000_000)):
        assert admin.change(path, max_sessions=value) == {"max_sessions": value}
        assert admin.read(path) == {"max_sessions": value}
        with world.database.reading() as tx:
            account = accounts.read(tx, person.account_id)
        assert account is not None
        assert account.session_limit == stored


def test_it_is_on_the_record_once(world: World, admin: Asker) -> None:
    person = world.person(world.tenant())
    admin.change(of_account(person), max_sessions=3)
    admin.change(of_account(person), max_sessions=3)
    admin.change(of_account(person))
    admin.change(of_account(person), max_sessions="off")
    told = changes(world, person.account_id)
    assert [(one.actor, one.details) for one in told] == [
        (admin.actor, {"level": "account", "before": None, "after": 3}),
        (admin.actor, {"level": "account", "before": 3, "after": "off"}),
    ]


@pytest.mark.parametrize("value", [0, -1, 1_000_001, 10**9, True, 1.5, "3", "auto", [], {}])
def test_what_is_no_number_of_sessions_is_refused(
    world: World, admin: Asker, value: object
) -> None:
    path = of_account(world.person(world.tenant()))
    admin.change(path, max_sessions=3)
    assert admin.refused(path, {"max_sessions": value, "sessions": 1}) == {
        "max_sessions": ['must be a whole number from 1 to 1000000 or "off"'],
        "sessions": ["is not an account's to state"],
    }
    assert admin.read(path) == {"max_sessions": 3}


def test_unknown_accounts(admin: Asker) -> None:
    for account_id in (UNKNOWN, "x", "F" * 32, "0" * 31 + "\0"):
        path = f"/v1/accounts/{account_id}/session-limit"
        assert_refused(admin.get(path), 404, "not_found")
        assert_refused(admin.patch(path, {"max_sessions": 1}), 404, "not_found")


def test_only_the_environments_administrators_may(world: World) -> None:
    """It counts in every tenant, and may stand in place of the environment's own limit."""
    tenant_id = world.tenant()
    let_roles_write(world, tenant_id, "owner")
    path = of_account(world.person(tenant_id))
    for asker, status, code in (
        (administrator(world, tenant_id), 403, "forbidden"),
        (member(world, tenant_id, "owner"), 403, "insufficient_scope"),
        (backend(world, "session-policy:write"), 401, "invalid_token"),
        (Asker(world, {}, ""), 401, "invalid_token"),
    ):
        assert_refused(asker.get(path), status, code)
        assert_refused(asker.patch(path, {"max_sessions": 1}), status, code)
