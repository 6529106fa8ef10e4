"""Keys in the database: made once whoever ticks, and never a moment without an active one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.storage.building import current, signed_in, tokens_of
from tests.storage.building import refresh as refreshed
from token_service.domain.keys import Algorithm, KeyState
from token_service.services import keys

DAY = timedelta(days=1)
SIGNING = 4
"""Keys that sign, one for each algorithm; all are due on the same day."""


def ensure(world):
    return keys.ensure(world.database, world.parts.clock, world.parts.keys)


def states(world, algorithm=Algorithm.ES256):
    now = world.parts.clock.now()
    return [key.state(now) for key in keys.list_keys(world.database) if key.algorithm == algorithm]


def test_there_is_nothing_to_do_while_no_key_is_due(world):
    before = current(world, lambda snapshot: snapshot.version)
    assert ensure(world) == 0
    assert current(world, lambda snapshot: snapshot.version) == before


def test_many_at_once_make_each_key_once(world, time):
    time.pass_(days=89)
    with ThreadPoolExecutor(4) as pool:
        made = [future.result(60) for future in [pool.submit(ensure, world) for _ in range(4)]]
    assert sorted(made) == [0, 0, 0, SIGNING]
    assert states(world) == [KeyState.ACTIVE, KeyState.NEXT]


@pytest.mark.parametrize("late", [timedelta(), timedelta(hours=1), timedelta(hours=23.9)])
def test_however_late_the_successor_is_made_there_is_always_one_active_key(world, time, late):
    time.pass_(seconds=(89 * DAY + late).total_seconds())
    assert ensure(world) == SIGNING
    for _ in range(49):
        assert states(world).count(KeyState.ACTIVE) == 1
        time.pass_(hours=1)
    assert states(world) == [KeyState.RETIRED, KeyState.ACTIVE]


def test_tokens_are_signed_through_a_late_rotation(world, time):
    signed = signed_in(world, idle_timeout=200 * 86_400, refresh_token_lifetime=200 * 86_400)
    token = signed.tokens.refresh_token
    time.pass_(days=89, hours=20)
    ensure(world)
    for _ in range(30):
        time.pass_(hours=1)
        token = tokens_of(refreshed(world, signed.app, token)).refresh_token


def test_a_rotation_ends_the_active_key_when_its_successor_may_sign(world, time):
    parts = world.parts
    keys.rotate(parts.database, parts.clock, parts.keys, Algorithm.ES256, "cli")
    assert states(world) == [KeyState.ACTIVE, KeyState.NEXT]
    time.pass_(days=1, microseconds=-1)
    assert states(world) == [KeyState.ACTIVE, KeyState.NEXT]
    time.pass_(microseconds=1)
    assert states(world) == [KeyState.RETIRED, KeyState.ACTIVE]


def test_signing_keys_are_dropped_when_they_are_gone_and_opaque_keys_stay(world, time):
    time.pass_(days=5000)
    ensure(world)
    assert keys.drop_gone(world.database, world.parts.clock) == SIGNING
    assert states(world) == [KeyState.ACTIVE]
    assert len(states(world, Algorithm.HKDF_SHA256)) == 2
