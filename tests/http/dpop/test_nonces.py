"""Nonces of ours in proofs (RFC 9449 sections 8 and 9): unguessable, passing, on every node."""

from collections.abc import Callable, Iterator

import pytest
from werkzeug.test import TestResponse

from tests.http.administration import rotate_key
from tests.http.building import assert_refused
from tests.http.dpop.proving import (
    Key,
    client_token,
    outcome,
    reasons_of,
    refreshed,
    signed_in_with,
)
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import Time, World
from token_service.domain.keys import Algorithm

REQUIRED = {"TOKEN_SERVICE_DPOP_NONCE": "required"}


@pytest.fixture
def strict(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """A service that wants nonces."""
    return world_on(databases, **REQUIRED)


@pytest.fixture
def second_node(strict: World) -> Iterator[World]:
    """Another node of it."""
    node = strict.second_worker(REQUIRED)
    yield node
    node.close()


def nonce_of(answer: TestResponse) -> str:
    """The nonce that an answer brings along."""
    return str(answer.headers["DPoP-Nonce"])


def test_a_proof_without_a_nonce_is_told_the_nonce(strict: World) -> None:
    service, key = strict.client("service"), Key()
    answer = client_token(strict, service, key)
    assert_refused(answer, 400, "use_dpop_nonce")
    good = client_token(strict, service, key, nonce=nonce_of(answer))
    assert outcome(good) == (200, "DPoP")
    assert nonce_of(good) == nonce_of(answer)
    assert reasons_of(strict, service) == []


def test_a_refresh_that_is_asked_for_a_nonce_spends_nothing(strict: World) -> None:
    key = Key()
    who = signed_in_with(strict, None)
    answer = refreshed(strict, who.app, who.tokens.refresh, key)
    assert_refused(answer, 400, "use_dpop_nonce")
    assert who.happened == []
    good = refreshed(strict, who.app, who.tokens.refresh, key, nonce=nonce_of(answer))
    assert outcome(good) == (200, "DPoP")


def test_a_nonce_of_one_node_is_good_on_another(strict: World, second_node: World) -> None:
    service, key = strict.client("service"), Key()
    nonce = nonce_of(client_token(strict, service, key))
    assert outcome(client_token(second_node, service, key, nonce=nonce)) == (200, "DPoP")


def test_a_nonce_is_good_in_its_time_and_in_the_next(strict: World, time: Time) -> None:
    service, key = strict.client("service"), Key()
    nonce = nonce_of(client_token(strict, service, key))
    for seconds in (119, 1, 119):
        time.pass_(seconds=seconds)
        answer = client_token(strict, service, key, nonce=nonce)
        assert outcome(answer) == (200, "DPoP")
    assert nonce_of(answer) != nonce
    time.pass_(seconds=1)
    late = client_token(strict, service, key, nonce=nonce)
    assert_refused(late, 400, "use_dpop_nonce")
    fresh = client_token(strict, service, key, nonce=nonce_of(late))
    assert outcome(fresh) == (200, "DPoP")


def test_with_a_nonce_the_clients_clock_does_not_matter(strict: World) -> None:
    service, key = strict.client("service"), Key()
    nonce = nonce_of(client_token(strict, service, key))
    answer = client_token(strict, service, key, nonce=nonce, iat=0)
    assert outcome(answer) == (200, "DPoP")


def test_a_proof_with_a_nonce_is_good_once_too(strict: World, time: Time) -> None:
    """Remembered for as long as its nonce is good, which may be longer than `iat` would be."""
    service, key = strict.client("service"), Key()
    nonce = nonce_of(client_token(strict, service, key))
    headers = key.shown(nonce=nonce)
    assert outcome(strict.token(service, headers, grant_type="client_credentials"))[0] == 200
    time.pass_(seconds=239)
    again = strict.token(service, headers, grant_type="client_credentials")
    assert_refused(again, 400, "invalid_dpop_proof")


def test_nobody_guesses_a_nonce(strict: World) -> None:
    service, key = strict.client("service"), Key()
    nonce = nonce_of(client_token(strict, service, key))
    assert len(nonce) == 46
    other = ("B" if nonce[20] != "B" else "C").join((nonce[:20], nonce[21:]))
    for guess in ("", "x", nonce[:-1], nonce + "A", other, "A" * 46, "é", nonce[::-1]):
        answer = client_token(strict, service, key, nonce=guess)
        assert_refused(answer, 400, "use_dpop_nonce")


def test_a_nonce_outlives_a_change_of_keys(strict: World, second_node: World, time: Time) -> None:
    service, key = strict.client("service"), Key()
    client_token(second_node, service, key)
    rotate_key(strict, Algorithm.HKDF_SHA256)
    time.pass_(seconds=86_400 - 10)
    before = nonce_of(client_token(strict, service, key))
    time.pass_(seconds=10)
    after = nonce_of(client_token(strict, service, key))
    assert after[:3] != before[:3]
    for nonce in (before, after):
        assert outcome(client_token(second_node, service, key, nonce=nonce)) == (200, "DPoP")


def test_where_nonces_are_off_one_that_is_given_is_still_looked_at(world: World) -> None:
    service, key = world.client("service"), Key()
    plain = client_token(world, service, key)
    assert outcome(plain) == (200, "DPoP")
    assert "DPoP-Nonce" not in plain.headers
    answer = client_token(world, service, key, nonce="from elsewhere")
    assert_refused(answer, 400, "use_dpop_nonce")
    good = client_token(world, service, key, nonce=nonce_of(answer))
    assert outcome(good) == (200, "DPoP")


def test_a_request_without_a_proof_is_told_no_nonce(strict: World) -> None:
    service = strict.client("service")
    answer = client_token(strict, service)
    assert outcome(answer) == (200, "Bearer")
    assert "DPoP-Nonce" not in answer.headers


def test_a_resource_asks_for_a_nonce_by_401(strict: World) -> None:
    """RFC 9449 section 9."""
    key = Key()
    who = signed_in_with(strict, None)
    asked = refreshed(strict, who.app, who.tokens.refresh, key)
    given = refreshed(strict, who.app, who.tokens.refresh, key, nonce=nonce_of(asked))
    token = given.get_json()["access_token"]
    answer = strict.http.get("/v1/me", headers=key.using(token, "GET", "/v1/me"))
    assert_refused(answer, 401, "use_dpop_nonce")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("DPoP ")
    assert 'error="use_dpop_nonce"' in challenge
    headers = key.using(token, "GET", "/v1/me", nonce=nonce_of(answer))
    again = strict.http.get("/v1/me", headers=headers)
    assert again.status_code == 200
    assert nonce_of(again) == nonce_of(answer)
    assert who.happened == []
