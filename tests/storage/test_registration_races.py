"""Races on PostgreSQL about clients that register themselves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from tests.storage.building import AUTHOR
from tests.storage.holding import holding
from tests.world.world import World
from token_service.domain.events import Origin
from token_service.domain.refusals import Refusal, Refused
from token_service.services import (
    client_changes,
    registration_permits,
    self_registration,
    unused_clients,
)
from token_service.services.client_registration import Registered
from token_service.services.self_registration import Information, Registrar

DOCUMENT = {"redirect_uris": ["https://app.example.test/callback"]}
OTHER = {"redirect_uris": ["https://other.example.test/callback"]}
ENVIRONMENT = "SELECT 1 FROM environment FOR UPDATE"


def registrar(world: World) -> Registrar:
    parts = world.parts
    return Registrar(
        world.database,
        parts.clock,
        parts.gate.throttle,
        parts.registration,
        parts.fetcher,
        parts.keys.encryption,
        Origin(),
    )


def permit(world: World, uses: int) -> str:
    made, _ = registration_permits.permit(
        world.database, world.parts.clock, registrar(world).pepper, uses, timedelta(1), AUTHOR
    )
    return made


@pytest.fixture
def open_world(on_postgres: World) -> World:
    """A worker of the same database, where anybody registers clients: one of them."""
    return on_postgres.second_worker(
        {
            "TOKEN_SERVICE_REGISTRATION_MODE": "open",
            "TOKEN_SERVICE_REGISTRATION_MOST_CLIENTS": "1",
        }
    )


def register(world: World, permitted: str | None) -> Callable[[], Information | Refused]:
    return partial(self_registration.register, registrar(world), DOCUMENT, permitted)


def number_of_clients(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM clients")[0][0])


def test_a_permit_for_one_is_good_for_one_of_two_at_once(open_world: World) -> None:
    """Both have looked and found it good, and wait for the same row."""
    one = permit(open_world, 1)
    with holding(open_world) as hold:
        hold.run(ENVIRONMENT)
        first, second = hold.start(register(open_world, one), register(open_world, one))
        hold.release()
        assert isinstance(first.result(), Information)
        assert second.result() == Refused(Refusal.UNKNOWN_PERMIT)
    assert number_of_clients(open_world) == 1
    assert open_world.sql("SELECT uses_left FROM initial_access_tokens") == [(0,)]


def test_the_last_place_is_taken_by_one_of_two_at_once(open_world: World) -> None:
    with holding(open_world) as hold:
        hold.run(ENVIRONMENT)
        first, second = hold.start(register(open_world, None), register(open_world, None))
        hold.release()
        assert isinstance(first.result(), Information)
        assert second.result() == Refused(Refusal.TOO_MANY_CLIENTS)
    assert number_of_clients(open_world) == 1


def registered(world: World) -> Information:
    made = self_registration.register(registrar(world), DOCUMENT, permit(world, 1))
    assert isinstance(made, Information)
    return made


def test_two_updates_by_one_token_come_after_each_other_with_the_same_new_token(
    open_world: World,
) -> None:
    made = registered(open_world)
    client_id, token = made.client.client_id, made.registration_token
    here = registrar(open_world)

    def update(document: dict[str, list[str]]) -> Callable[[], Information | Refused]:
        stated = {"client_id": client_id, **document}
        return partial(self_registration.update, here, client_id, token, stated)

    with holding(open_world) as hold:
        hold.run(ENVIRONMENT)
        first, second = hold.start(update(DOCUMENT), update(OTHER))
        hold.release()
        tokens = {
            one.registration_token
            for one in (first.result(), second.result())
            if isinstance(one, Information)
        }
    assert len(tokens) == 1
    found = self_registration.read(here, client_id, tokens.pop())
    assert isinstance(found, Information)
    assert list(found.client.metadata.redirect_uris) == OTHER["redirect_uris"]


def test_an_update_after_the_end_of_the_client_brings_nothing_back(open_world: World) -> None:
    made = registered(open_world)
    client_id, token = made.client.client_id, made.registration_token
    here, document = registrar(open_world), {"client_id": made.client.client_id, **OTHER}
    with holding(open_world) as hold:
        hold.run(ENVIRONMENT)
        ended, updated = hold.start(
            partial(self_registration.delete, here, client_id, token),
            partial(self_registration.update, here, client_id, token, document),
        )
        hold.release()
        assert ended.result() is None
        assert updated.result() == Refused(Refusal.UNKNOWN_CLIENT)
    assert number_of_clients(open_world) == 0


def test_the_end_of_a_client_that_was_just_updated_is_its_end(open_world: World) -> None:
    made = registered(open_world)
    client_id, token = made.client.client_id, made.registration_token
    here, document = registrar(open_world), {"client_id": made.client.client_id, **OTHER}
    with holding(open_world) as hold:
        hold.run(ENVIRONMENT)
        updated, ended = hold.start(
            partial(self_registration.update, here, client_id, token, document),
            partial(self_registration.delete, here, client_id, token),
        )
        hold.release()
        assert isinstance(updated.result(), Information)
        assert ended.result() is None
    assert number_of_clients(open_world) == 0


def test_an_update_does_not_undo_what_an_operator_has_changed_meanwhile(open_world: World) -> None:
    made = registered(open_world)
    client_id, token = made.client.client_id, made.registration_token
    here, parts = registrar(open_world), open_world.parts
    stated = {"client_id": client_id, **OTHER}
    describing = replace(here.describing, terms=parts.operators)
    with holding(open_world) as hold:
        hold.run(ENVIRONMENT)
        changed, updated = hold.start(
            partial(
                client_changes.change,
                open_world.database,
                parts.clock,
                describing,
                client_id,
                {"require_auth_time": True},
                AUTHOR,
            ),
            partial(self_registration.update, here, client_id, token, stated),
        )
        hold.release()
        assert isinstance(changed.result(), Registered)
        after = updated.result()
    assert isinstance(after, Information)
    assert after.client.metadata.require_auth_time
    assert list(after.client.metadata.redirect_uris) == OTHER["redirect_uris"]


def test_a_client_that_is_let_in_while_it_is_about_to_be_forgotten_stays(open_world: World) -> None:
    client_id = registered(open_world).client.client_id
    later = open_world.parts.clock.now() + timedelta(seconds=1)

    def purge() -> int:
        with open_world.database.transaction() as tx:
            return unused_clients.drop(open_world.parts.clock, tx, later, 10)

    with holding(open_world) as hold:
        hold.run("UPDATE clients SET used_at = created_at")
        [dropped] = hold.start(purge)
        hold.release()
        assert dropped.result() == 0
    assert open_world.sql("SELECT client_id FROM clients") == [(client_id,)]
