"""What is taken already is a conflict; every other broken constraint is a mistake of ours."""

import pytest
from sqlalchemy import insert, update

from token_service.domain.failures import Conflict
from token_service.storage.tables import account_names, tenants


def rename(world, tenant_id, name):
    with world.database.transaction() as tx:
        tx.execute(update(tenants).where(tenants.c.tenant_id == tenant_id).values(name=name))


def add_name(world, account_id, name):
    with world.database.transaction() as tx:
        values = {"name": name, "account_id": account_id, "kind": "username", "display": name}
        tx.execute(insert(account_names).values(values))


def test_a_unique_value_that_is_taken_is_a_conflict(world):
    north, south = world.tenant("North"), world.tenant("South")
    with pytest.raises(Conflict):
        rename(world, south, "North")
    rename(world, north, "West")
    rename(world, south, "North")


def test_a_primary_key_that_is_taken_is_a_conflict(world):
    person = world.person(world.tenant())
    with pytest.raises(Conflict):
        add_name(world, person.account_id, person.username)


def test_a_value_that_may_not_be_missing_is_a_mistake(world):
    """It is told without the row, which may hold a password's hash or an address."""
    tenant_id = world.tenant("North")
    with pytest.raises(RuntimeError, match=r"^database: .*tenants") as failed:
        rename(world, tenant_id, None)
    assert "North" not in str(failed.value)
    assert failed.value.__suppress_context__
