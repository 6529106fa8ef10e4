"""Demo data: made once, found again, made anew for another database."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.services.building import (
    AUTHOR,
    authenticates,
    pepper_of,
    signed_in,
    try_sign_in,
    why_dead,
)
from tests.world.world import World
from token_service.domain.clients import Client, ClientKind
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.services import accounts, client_registration, demonstration
from token_service.services.demonstration import Demo
from token_service.storage import accounts as stored_accounts
from token_service.storage import configuration


def make(world: World) -> Demo:
    parts = world.parts
    return demonstration.make(
        parts.database, parts.clock, parts.gate, parts.settings.issuer, AUTHOR
    )


def is_stored(world: World, demo: Demo) -> bool:
    return demonstration.is_stored(world.database, world.parts.clock, world.parts.gate, demo)


def client_id(demo: Demo, kind: str) -> str:
    return next(one.client_id for one in demo.clients if one.kind == kind)


def stored_clients(world: World, demo: Demo) -> dict[str, Client]:
    with world.database.reading() as tx:
        found = [configuration.read_client(tx, one.client_id) for one in demo.clients]
    return {one.kind.value: one for one in found if one is not None}


def test_it_has_all_that_the_file_promises(world: World) -> None:
    demo = make(world)
    assert demo.issuer == world.parts.settings.issuer
    assert len(demo.tenants) == 2
    assert [len(one.tenants) for one in demo.accounts] == [2, 1, 1]
    assert demo.accounts[0].tenants == tuple(one.id for one in demo.tenants)
    assert sorted(one.kind for one in demo.clients) == sorted(kind.value for kind in ClientKind)
    without_secret = [one.kind for one in demo.clients if one.client_secret is None]
    assert without_secret == ["public"]


def test_everybody_signs_in_by_every_name(world: World) -> None:
    demo = make(world)
    app = client_id(demo, "app")
    for account in demo.accounts:
        for name in (account.email, account.username, account.phone):
            token = signed_in(world, name, account.password, app, account.tenants[0])
            assert why_dead(world, token) is None


def test_the_first_account_has_to_say_where(world: World) -> None:
    demo = make(world)
    first = demo.accounts[0]
    refused = try_sign_in(world, first.email, first.password, client_id(demo, "app"))
    assert refused == Refused(Refusal.TENANT_REQUIRED)


def test_every_secret_authenticates_its_client(world: World) -> None:
    demo = make(world)
    for one in demo.clients:
        if one.client_secret is not None:
            assert authenticates(world, one.client_id, one.client_secret)


def test_tokens_are_meant_for_the_demo_resource_server(world: World) -> None:
    demo = make(world)
    clients = stored_clients(world, demo)
    resource_server = clients.pop("resource_server")
    assert {one.audience for one in clients.values()} == {(resource_server.client_id,)}


def test_no_account_has_an_administrative_role(world: World) -> None:
    demo = make(world)
    with world.database.reading() as tx:
        found = [stored_accounts.read(tx, one.id) for one in demo.accounts]
    roles = {role for one in found if one for held in one.memberships for role in held.roles}
    assert roles == {"member"}


def test_two_never_share_a_secret(world: World) -> None:
    first, second = make(world), make(world)
    passwords = [one.password for demo in (first, second) for one in demo.accounts]
    secrets = [one.client_secret for demo in (first, second) for one in demo.clients]
    assert len(set(passwords)) == 6
    assert len({one for one in secrets if one}) == 10


def test_a_second_one_stands_beside_the_first(world: World) -> None:
    first, second = make(world), make(world)
    assert is_stored(world, first)
    assert is_stored(world, second)
    assert client_id(second, "app").startswith("demo-app-")


def test_it_is_on_the_record(world: World) -> None:
    demo = make(world)
    events = [one.event for one in world.events("0" * 32)]
    assert events.count(Event.TENANT_CREATED) == 2
    assert events.count(Event.CLIENT_CREATED) == 6
    assert world.event_names(demo.accounts[0].id) == ["account_created"]


def test_a_draft_that_is_refused_is_a_mistake_of_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_registration, "draft", lambda *_: Refused(Refusal.INVALID_SCOPE))
    with pytest.raises(TypeError, match="invalid_scope"):
        make(world)


def test_it_survives_its_file(world: World) -> None:
    demo = make(world)
    assert Demo.of_json(json.loads(json.dumps(demo.as_json()))) == demo


@pytest.mark.parametrize(
    "content",
    [None, [], {}, "text", {"issuer": "x"}, {"issuer": "x", "tenants": [{}]}],
)
def test_a_file_with_something_else_is_recognised(content: object) -> None:
    with pytest.raises(ValueError, match="no demo data"):
        Demo.of_json(content)


def test_no_secret_is_in_a_representation(world: World) -> None:
    demo = make(world)
    shown = repr(demo)
    assert not any(one.password in shown for one in demo.accounts)
    assert not any(one.client_secret in shown for one in demo.clients if one.client_secret)


class TestBelongingTogether:
    def test_what_was_just_made_is_stored(self, world: World) -> None:
        assert is_stored(world, make(world))

    def test_another_database_does_not_have_it(self, world: World) -> None:
        demo = make(world)
        tenant = replace(demo.tenants[0], id="0" * 32)
        assert not is_stored(world, replace(demo, tenants=(tenant, demo.tenants[1])))
        account = replace(demo.accounts[0], id="0" * 32)
        assert not is_stored(world, replace(demo, accounts=(account,)))
        client = replace(demo.clients[1], client_id="demo-elsewhere")
        assert not is_stored(world, replace(demo, clients=(client,)))

    def test_a_password_that_was_reset_is_noticed(self, world: World) -> None:
        demo, parts = make(world), world.parts
        accounts.reset_password(
            parts.database, parts.clock, parts.gate, demo.accounts[1].id, "another password", AUTHOR
        )
        assert not is_stored(world, demo)

    def test_a_secret_that_is_over_is_noticed(self, world: World) -> None:
        demo = make(world)
        client_registration.rotate_secret(
            world.database,
            world.parts.clock,
            pepper_of(world),
            client_id(demo, "service"),
            timedelta(),
            AUTHOR,
        )
        assert not is_stored(world, demo)
