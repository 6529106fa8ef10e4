"""A node whose clock is wrong cannot know: it ends nobody, and lets nobody live longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.building import EVERYWHERE, SignedIn, live_at, signed_in
from tests.world.world import Time, World


@pytest.fixture(params=["2026-03-01T11:00:00Z", "2026-03-01T12:00:06Z", "2027-03-01T12:00:00Z"])
def node(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[World]:
    """A worker that disagrees with its database about the time."""
    clock = tmp_path / "database-clock"
    clock.write_text(request.param)
    worker = world.second_worker({"TOKEN_SERVICE_TEST_DATABASE_CLOCK": str(clock)})
    yield worker
    worker.close()


def answers(node: World, who: SignedIn) -> dict[str, int]:
    """What the node says, by what is asked."""
    http, bearer, token = node.http, who.tokens.bearer, {"token": who.tokens.access}
    path = f"/v1/accounts/{who.account_id}/sessions"
    return {
        "sign-in": node.try_sign_in(who.person, who.app).status_code,
        "refresh": node.try_refresh(who.app, who.tokens.refresh).status_code,
        "validate": http.post("/v1/token/validate", json=token).status_code,
        "gateway": http.get("/v1/token/validate", headers=bearer).status_code,
        "introspect": http.post(
            "/oauth2/introspect", data=token, headers=who.app.basic
        ).status_code,
        "own list": http.get("/v1/me/sessions", headers=bearer).status_code,
        "list of the account": http.get(path, headers=who.backend.basic).status_code,
        "client credentials": node.token(who.app, grant_type="client_credentials").status_code,
        "keys": http.get("/.well-known/jwks.json").status_code,
    }


def test_a_node_with_a_wrong_clock_answers_503_and_changes_nothing(
    world: World, node: World
) -> None:
    who = signed_in(world)
    found = answers(node, who)
    assert found == dict.fromkeys(found, 503)
    assert live_at(who.refreshed()) == EVERYWHERE
    assert who.happened == []


def test_a_node_with_a_wrong_clock_takes_no_token_for_expired(
    world: World, node: World, time: Time
) -> None:
    who = signed_in(world)
    time.pass_(hours=1)
    answer = node.http.post("/v1/token/validate", json={"token": who.tokens.access})
    assert answer.status_code == 503


def test_a_small_difference_is_no_difference(world: World, tmp_path: Path) -> None:
    who = signed_in(world)
    clock = tmp_path / "database-clock"
    for agreed in ("2026-03-01T11:59:55Z", "2026-03-01T12:00:05Z"):
        clock.write_text(agreed)
        node = world.second_worker({"TOKEN_SERVICE_TEST_DATABASE_CLOCK": str(clock)})
        assert live_at(who, node) == EVERYWHERE
        node.close()
