"""A database that was restored from a backup."""

from tests.services.building import (
    AUTHOR,
    configuration_version,
    last_change,
    signed_in,
    why_dead,
)
from tests.world.world import World
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal
from token_service.services import environment


def test_after_a_restore_every_session_is_over_and_new_ones_live(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    before = signed_in(world, person.email, person.password, app.client_id)
    assert environment.restored(world.database, world.parts.clock, AUTHOR) == 2
    assert why_dead(world, before) is Refusal.RESTORED
    after = signed_in(world, person.email, person.password, app.client_id)
    assert why_dead(world, after) is None


def test_it_is_on_the_record_and_the_workers_are_told(world: World) -> None:
    version = configuration_version(world)
    environment.restored(world.database, world.parts.clock, AUTHOR)
    event = last_change(world)
    assert (event.event, event.reason) == (Event.EPOCH_RAISED, Refusal.RESTORED)
    assert configuration_version(world) == version + 1
