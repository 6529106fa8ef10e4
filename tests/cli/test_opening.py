"""How commands get at a configuration that others change."""

import pytest

from tests.world.world import World
from token_service.cli.opening import with_snapshot
from token_service.domain.failures import StaleConfiguration, Unavailable
from token_service.services.configuration import Snapshot


def test_a_command_whose_copy_is_behind_takes_a_new_one(world: World) -> None:
    with_snapshot(world.parts, lambda snapshot: snapshot.version)
    world.tenant()

    def use(snapshot: Snapshot) -> int:
        if snapshot.version < 2:
            raise StaleConfiguration
        return snapshot.version

    assert with_snapshot(world.parts, use) >= 2


def test_a_configuration_that_never_stands_still_is_no_answer(world: World) -> None:
    def use(_snapshot: Snapshot) -> None:
        raise StaleConfiguration

    with pytest.raises(Unavailable):
        with_snapshot(world.parts, use)
