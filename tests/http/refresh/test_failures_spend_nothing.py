"""Whatever goes wrong, the refresh token is as good afterwards as it was before."""

import pytest

from tests.http.building import EVERYWHERE, assert_refused, live_at, signed_in
from tests.http.faults import failing
from tests.world.world import App, World
from token_service.domain.failures import KeyUnreadable, NoKey

REFUSED = (
    (400, "invalid_scope", {"scope": "everything"}),
    (400, "unsupported_grant_type", {"grant_type": "password"}),
    (400, "unsupported_grant_type", {"grant_type": "REFRESH_TOKEN"}),
    (400, "invalid_request", {"grant_type": ""}),
    (400, "invalid_request", {"client_id": "somebody-else"}),
    (400, "invalid_request", {"client_secret": "a second method"}),
    (400, "invalid_request", {"scope": "openid\0"}),
    (400, "invalid_request", {"padding": "x" * 9_000}),
    (413, "invalid_request", {"padding": "x" * 300_000}),
)


def test_a_refused_request_spends_nothing(world: World) -> None:
    who = signed_in(world)
    good = {"grant_type": "refresh_token", "refresh_token": who.tokens.refresh}
    for status, code, form in REFUSED:
        assert_refused(world.token(who.app, **good | form), status, code)
        # A token that was spent would be inactive, though its retry is still answered.
        assert live_at(who) == EVERYWHERE
    assert who.refreshed()
    assert who.happened == []


def test_a_wrong_secret_spends_nothing(world: World) -> None:
    who = signed_in(world)
    wrong = App(who.app.client_id, "wrong")
    assert_refused(world.try_refresh(wrong, who.tokens.refresh), 401, "invalid_client")
    assert who.refreshed()


@pytest.mark.parametrize(
    "place", ["storage.rotations.rotation_parameters", "services.issuing.making_session_tokens"]
)
def test_a_failure_inside_is_503_and_the_same_token_works_afterwards(
    world: World, place: str
) -> None:
    """Before the statement nothing was spent; after it, the retry gives the same successor."""
    who = signed_in(world)
    with failing(place):
        answer = world.try_refresh(who.app, who.tokens.refresh)
    assert_refused(answer, 503, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert live_at(who.refreshed()) == EVERYWHERE
    assert who.happened == []


@pytest.mark.parametrize("error", [NoKey("no ES256 key is active"), KeyUnreadable("key 1")])
def test_where_nothing_can_be_signed_nothing_is_spent(world: World, error: Exception) -> None:
    """However long that lasts: nobody may use this token twice."""
    who = signed_in(world, retry_window=0)
    with failing("crypto.keyring.Keyring.signing_key", error):
        for _ in range(2):
            answer = world.try_refresh(who.app, who.tokens.refresh)
            assert_refused(answer, 503, "temporarily_unavailable")
    assert live_at(who.refreshed()) == EVERYWHERE
    assert who.happened == []


def test_a_fault_of_ours_is_a_bare_500_and_the_same_token_works_afterwards(world: World) -> None:
    who = signed_in(world)
    with failing("storage.rotations.rotation_parameters", RuntimeError("something private")):
        answer = world.try_refresh(who.app, who.tokens.refresh)
    assert_refused(answer, 500, "server_error")
    assert "private" not in answer.text
    assert who.refreshed()
