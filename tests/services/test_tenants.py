"""Tenants, as an administrator makes and switches them."""

import pytest

from tests.services.building import (
    AUTHOR,
    changes,
    configuration_version,
    last_change,
    signed_in,
    try_sign_in,
    why_dead,
)
from tests.world.world import World
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.tenants import Tenant
from token_service.services import tenants
from token_service.storage import epochs

UNKNOWN = "0" * 32


def create(world: World, name: str) -> Tenant | Refused:
    return tenants.create(world.database, world.parts.clock, name, AUTHOR)


def disable(world: World, tenant_id: str) -> Tenant | Refused:
    return tenants.disable(world.database, world.parts.clock, tenant_id, AUTHOR)


def enable(world: World, tenant_id: str) -> Tenant | Refused:
    return tenants.enable(world.database, world.parts.clock, tenant_id, AUTHOR)


def test_a_new_tenant_is_listed_and_on_the_record(world: World) -> None:
    made = create(world, "North & Söhne")
    assert isinstance(made, Tenant)
    assert tenants.page(world.database, "", 10) == [made]
    event = last_change(world)
    assert (event.event, event.tenant_id) == (Event.TENANT_CREATED, made.tenant_id)
    assert event.origin == AUTHOR.origin


@pytest.mark.parametrize("name", ["", " ", " north", "north ", "no\nrth", "no\x00rth", "n" * 201])
def test_a_name_that_nobody_could_read_is_refused(world: World, name: str) -> None:
    assert create(world, name) == Refused(Refusal.MALFORMED)
    assert tenants.page(world.database, "", 10) == []


def test_a_name_that_is_taken_is_refused_and_nothing_is_recorded(world: World) -> None:
    create(world, "North")
    assert create(world, "North") == Refused(Refusal.TAKEN)
    assert len(changes(world)) == 1


def test_pages_follow_each_other(world: World) -> None:
    made = [create(world, f"Tenant {number}") for number in range(5)]
    first = tenants.page(world.database, "", 3)
    rest = tenants.page(world.database, first[-1].tenant_id, 3)
    assert sorted(one.tenant_id for one in first + rest) == sorted(
        one.tenant_id for one in made if isinstance(one, Tenant)
    )


def test_disabling_ends_grants_and_enabling_brings_none_back(world: World) -> None:
    tenant, app = world.tenant(), world.client()
    person = world.person(tenant)
    token = signed_in(world, person.email, person.password, app.client_id)

    assert isinstance(disable(world, tenant), Tenant)
    assert why_dead(world, token) is Refusal.TENANT_DISABLED
    refused = try_sign_in(world, person.email, person.password, app.client_id)
    assert refused == Refused(Refusal.NOT_A_MEMBER)

    enable(world, tenant)
    assert why_dead(world, token) is Refusal.TENANT_DISABLED
    again = signed_in(world, person.email, person.password, app.client_id)
    assert why_dead(world, again) is None


def test_other_tenants_go_on(world: World) -> None:
    north, south, app = world.tenant(), world.tenant(), world.client()
    person = world.person(north, south)
    token = signed_in(world, person.email, person.password, app.client_id, south)
    disable(world, north)
    assert why_dead(world, token) is None


def test_disabling_says_why_in_the_log_and_beside_the_epoch(world: World) -> None:
    tenant = world.tenant()
    disable(world, tenant)
    event = last_change(world)
    assert (event.event, event.reason) == (Event.TENANT_CHANGED, Refusal.TENANT_DISABLED)
    assert event.details == {"enabled": False}
    with world.database.reading() as tx:
        raised = epochs.owner_reason(tx, f"tenant:{tenant}", 1)
    assert raised is not None
    assert (raised.reason, raised.raised_by) == (Refusal.TENANT_DISABLED, "cli")


def test_saying_it_twice_changes_nothing(world: World) -> None:
    tenant = world.tenant()
    first, recorded = disable(world, tenant), changes(world)
    assert disable(world, tenant) == first
    assert changes(world) == recorded


def test_every_change_tells_the_workers(world: World) -> None:
    version = configuration_version(world)
    made = create(world, "North")
    assert isinstance(made, Tenant)
    disable(world, made.tenant_id)
    enable(world, made.tenant_id)
    assert configuration_version(world) == version + 3


def test_an_unknown_tenant_is_refused(world: World) -> None:
    assert disable(world, UNKNOWN) == Refused(Refusal.UNKNOWN_TENANT)
    assert enable(world, UNKNOWN) == Refused(Refusal.UNKNOWN_TENANT)
