"""A confidential client with bound tokens may keep its refresh token (FAPI 2.0 section 5.3.2.1)."""

import pytest

from tests.http.administration import join
from tests.http.building import SignedIn, assert_refused
from tests.http.dpop.proving import Key, outcome, refreshed, signed_in_with
from tests.world.world import Time, Tokens, World
from token_service.domain.client_metadata import ClientMetadata

KEPT = ClientMetadata(dpop_bound_access_tokens=True, rotation=False)
UNBOUND = ClientMetadata(rotation=False)


def again(who: SignedIn, key: Key) -> Tokens:
    """A refresh with the one refresh token."""
    answer = refreshed(who.world, who.app, who.tokens.refresh, key)
    assert outcome(answer) == (200, "DPoP"), answer.text
    body = answer.get_json()
    return Tokens(body["access_token"], body["refresh_token"], body)


def test_the_refresh_token_stays_the_same_however_often_it_is_used(
    world: World, second_worker: World, time: Time
) -> None:
    key = Key()
    who = signed_in_with(world, key, "app", metadata=KEPT)
    for worker in (world, second_worker, world):
        time.pass_(seconds=400)
        answer = refreshed(worker, who.app, who.tokens.refresh, key)
        assert answer.get_json()["refresh_token"] == who.tokens.refresh
        assert worker.validate(answer.get_json()["access_token"])["active"]
    assert who.happened == []
    assert world.introspect(who.app, who.tokens.refresh)["active"]


def test_each_use_slides_the_session_on(world: World, time: Time) -> None:
    key = Key()
    who = signed_in_with(world, key, "app", policy={"idle_timeout": 100}, metadata=KEPT)
    for _ in range(3):
        time.pass_(seconds=99)
        again(who, key)
    time.pass_(seconds=100)
    answer = refreshed(world, who.app, who.tokens.refresh, key)
    assert_refused(answer, 400, "invalid_grant")
    assert set(who.happened) == {
        ("grant_ended", "idle_timeout"),
        ("session_ended", "idle_timeout"),
    }


def test_no_use_passes_the_absolute_end(world: World, time: Time) -> None:
    key = Key()
    who = signed_in_with(world, key, "app", policy={"force_relogin": 150}, metadata=KEPT)
    time.pass_(seconds=149)
    assert again(who, key).body["expires_in"] <= 1
    time.pass_(seconds=1)
    assert_refused(refreshed(world, who.app, who.tokens.refresh, key), 400, "invalid_grant")


def test_what_ends_a_session_ends_it_for_this_client_too(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key, "app", metadata=KEPT)
    world.invalidate(token=again(who, key).access)
    answer = refreshed(world, who.app, who.tokens.refresh, key)
    assert_refused(answer, 400, "invalid_grant")


def test_it_is_still_the_clients_own(world: World) -> None:
    key, other = Key(), world.client("app")
    who = signed_in_with(world, key, "app", metadata=KEPT)
    assert_refused(refreshed(world, other, who.tokens.refresh, key), 400, "invalid_grant")
    assert_refused(refreshed(world, who.app, who.tokens.refresh), 400, "invalid_dpop_proof")
    again(who, key)


def test_from_one_address_to_the_next_it_is_recorded_where_it_was_used(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key, "app", metadata=KEPT)
    again(who, key)
    ((used_from, generation),) = world.sql("SELECT used_from, generation FROM grants")
    assert (used_from, generation) == ("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("kind", "metadata"),
    [("public", KEPT), ("app", UNBOUND), ("public", UNBOUND)],
)
def test_nobody_else_can_switch_rotation_off(
    world: World, kind: str, metadata: ClientMetadata
) -> None:
    """RFC 9700 section 2.2.2: a public client's tokens are bound and rotated, whatever it says."""
    key = Key()
    who = signed_in_with(world, key, kind, metadata=metadata)
    answer = refreshed(world, who.app, who.tokens.refresh, key)
    assert answer.get_json()["refresh_token"] != who.tokens.refresh


def test_entering_a_tenant_spends_the_token_all_the_same(world: World) -> None:
    """It opens a second chain, which must not be opened twice."""
    key, there = Key(), world.tenant()
    who = signed_in_with(world, key, "app", metadata=KEPT)
    join(world, who.person, there)
    form = {"refresh_token": who.tokens.refresh, "tenant_id": there}
    entered = world.token(who.app, key.shown(), grant_type="refresh_token", **form).get_json()
    assert entered["previous_refresh_token"] != who.tokens.refresh
    chain = refreshed(world, who.app, entered["previous_refresh_token"], key).get_json()
    assert chain["refresh_token"] == entered["previous_refresh_token"]
