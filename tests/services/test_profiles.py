"""Profiles: what the use cases say where there is nobody."""

from tests.services.building import AUTHOR, changes
from tests.world.world import World
from token_service.domain.refusals import Refusal, Refused
from token_service.services import profiles

NOBODY = "f" * 32


def test_an_unknown_account_has_no_profile_and_gets_none(world: World) -> None:
    database, clock = world.parts.database, world.parts.clock
    unknown = Refused(Refusal.NOT_FOUND)
    assert profiles.read(database, NOBODY) == unknown
    assert profiles.change(database, clock, NOBODY, {"a": 1}, AUTHOR) == unknown
    assert changes(world, NOBODY) == []
