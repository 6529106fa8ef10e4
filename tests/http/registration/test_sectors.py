"""A sector identifier (OpenID Connect Core section 8.1): fetched, and every redirect URI in it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.http.building import assert_refused
from tests.http.registration.building import (
    OPEN,
    REDIRECT,
    SMALL,
    number_of_clients,
    registered,
    told_faults,
    try_register,
)
from tests.outbound.building import Script, answering, peer
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World

OTHER = "https://other.example.test/callback"
JSON = ["Content-Type: application/json"]
Serve = Callable[[Script], str]


@pytest.fixture
def near_world(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """Fetches from this machine, as development and tests may."""
    private = {"TOKEN_SERVICE_OUTBOUND_ALLOW_PRIVATE_ADDRESSES": "true"}
    return world_on(databases, **OPEN, **private)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an answer and learn its URL."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(peer(script)).url("/s", "http", "127.0.0.1")


def listing(*uris: str) -> Script:
    return answering(json.dumps(uris).encode(), headers=JSON)


def test_a_sector_with_every_redirect_uri_vouches_for_them(near_world: World, serve: Serve) -> None:
    uri = serve(listing(OTHER, REDIRECT, "https://third.example.test/"))
    made = registered(
        near_world,
        redirect_uris=[REDIRECT, OTHER],
        subject_type="pairwise",
        sector_identifier_uri=uri,
    )
    assert made.told["sector_identifier_uri"] == uri


@pytest.mark.parametrize(
    "script",
    [
        listing(OTHER),
        listing(),
        answering(b'{"redirect_uris": []}', headers=JSON),
        answering(b'"' + REDIRECT.encode() + b'"', headers=JSON),
        answering(b"[", headers=JSON),
        answering(b"[" * 60_000, headers=JSON),
        answering(json.dumps([REDIRECT]).encode(), headers=["Content-Type: text/html"]),
        answering(json.dumps([REDIRECT]).encode(), "404 Not Found", JSON),
        answering(b"", "302 Found", [*JSON, "Location: https://app.example.test/"]),
        answering(json.dumps([REDIRECT]).encode() + b" " * 70_000, headers=JSON),
    ],
    ids=["other", "none", "object", "text", "broken", "deep", "html", "404", "redirect", "large"],
)
def test_a_sector_that_does_not_is_refused(near_world: World, serve: Serve, script: Script) -> None:
    document = dict(SMALL) | {"sector_identifier_uri": serve(script)}
    answer = try_register(near_world, document)
    assert_refused(answer, 400, "invalid_client_metadata")
    assert told_faults(answer) == ["sector_identifier_uri"]
    assert number_of_clients(near_world) == 0


def test_an_update_must_still_be_within_the_sector(near_world: World, serve: Serve) -> None:
    uri = serve(listing(REDIRECT))
    made = registered(near_world, subject_type="pairwise", sector_identifier_uri=uri)
    before = made.stored
    document = {
        "client_id": made.client_id,
        "redirect_uris": [REDIRECT, OTHER],
        "sector_identifier_uri": uri,
    }
    answer = made.put(document)
    assert_refused(answer, 400, "invalid_client_metadata")
    assert made.stored == before


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1/sector",
        "https://[::1]/sector",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/sector",
    ],
)
def test_what_is_behind_us_is_not_reached(open_world: World, uri: str) -> None:
    """Security bar M20."""
    answer = try_register(open_world, dict(SMALL) | {"sector_identifier_uri": uri})
    assert_refused(answer, 400, "invalid_client_metadata")
    assert told_faults(answer) == ["sector_identifier_uri"]


def test_nothing_is_fetched_for_who_may_not_register(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles
) -> None:
    world = world_on(
        databases,
        TOKEN_SERVICE_REGISTRATION_MODE="token",
        TOKEN_SERVICE_OUTBOUND_ALLOW_PRIVATE_ADDRESSES="true",
    )
    with peer(listing(REDIRECT)) as found:
        document = dict(SMALL) | {"sector_identifier_uri": found.url("/s", "http", "127.0.0.1")}
        assert_refused(try_register(world, document), 401, "invalid_token")
        assert_refused(try_register(world, document, "tsi_wrong"), 401, "invalid_token")
        assert found.asked == []
