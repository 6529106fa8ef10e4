"""A link that sets a password, used by everybody at once: one of them has used it."""

from collections.abc import Iterator

import pytest

from tests.http.passwords.building import token_for
from tests.races.bursts import workers
from tests.world.databases import Postgres
from tests.world.world import World, prepare_now

USES = 64


@pytest.fixture
def raced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in real time, because its worker processes have clocks of their own."""
    postgres = Postgres()
    world = World(postgres.create(prepare_now), tmp_path_factory.mktemp("links"))
    yield world
    world.close()
    postgres.drop(world.url)


def test_of_64_who_use_one_link_one_succeeds(raced: World) -> None:
    person = raced.person(raced.tenant())
    token = token_for(raced, person.email)
    uses = [
        {
            "path": "/v1/password-resets/complete",
            "json": {"token": token, "new_password": f"staple number {number} of many"},
        }
        for number in range(USES)
    ]
    with workers(raced) as crowd:
        answers = crowd.burst(uses)
        # A full hash queue is no answer: whoever got a 503 comes again.
        while busy := sum(status == 503 for status, _ in answers):
            answers = [one for one in answers if one[0] != 503] + crowd.burst(uses[:busy])
    statuses = [status for status, _ in answers]
    assert statuses.count(204) == 1
    assert statuses.count(400) == USES - 1
    assert raced.event_names(person.account_id).count("password_reset") == 1
