"""Fixtures: somebody with several sessions, each opened later than the one before."""

from collections.abc import Callable

import pytest

from tests.http.session_limits.crowd import Crowd
from tests.world.world import Time, World


@pytest.fixture
def crowd(time: Time) -> Callable[..., Crowd]:
    """Build somebody with so many sessions; `policy` is what their tenant overrides."""

    def build(world: World, sessions: int, kind: str = "app", **policy: object) -> Crowd:
        tenant_id = world.tenant(**policy)
        person, app = world.person(tenant_id), world.client(kind)
        built = Crowd(world, time, tenant_id, person, app, [])
        for _ in range(sessions):
            built.open()
        return built

    return build
