"""Clients that publish their keys (`jwks_uri`): fetched through the guard, kept, fetched again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.http.building import assert_refused
from tests.http.client_authentication.proving import (
    ENDPOINTS,
    Prover,
    failures,
    jwk,
    private_key,
    with_key,
)
from tests.outbound.building import peer
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import Time, World

UNKNOWN = ("wrong_client_assertion", "unknown_key")


@dataclass
class Site:
    """What a client publishes, and how often it was asked."""

    url: str = ""
    answer: bytes = b""
    asked: list[bytes] = field(default_factory=list)

    def publishes(self, *keys: dict[str, Any], status: str = "200 OK", media: str = "") -> None:
        """From now on, and everywhere."""
        body = json.dumps({"keys": keys}).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: {media or 'application/json'}\r\n"
        self.answer = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def named(kid: str, number: int = 1) -> dict[str, Any]:
    """A key under a name."""
    return jwk("ES256", private_key("ES256", number), kid=kid)


def prover_with(world: World, site: Site) -> Prover:
    """A client that publishes its keys at the site."""
    return with_key(world, jwks_uri=site.url)


@pytest.fixture
def site() -> Iterator[Site]:
    """A server on this machine with one key."""
    found = Site()
    found.publishes(named("k1"))
    with peer(lambda connection: connection.sendall(found.answer)) as server:
        found.url, found.asked = server.url("/jwks", "http", "127.0.0.1"), server.asked
        yield found


@pytest.fixture
def world(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """One that may reach this machine."""
    return world_on(databases, TOKEN_SERVICE_OUTBOUND_ALLOW_PRIVATE_ADDRESSES="true")


def test_published_keys_are_fetched_once_and_kept(world: World, site: Site, time: Time) -> None:
    prover = prover_with(world, site)
    for path in ENDPOINTS * 3:
        assert prover.ask(path=path).status_code == 200
    assert len(site.asked) == 1
    assert site.asked[0].startswith(b"GET /jwks HTTP/1.1\r\n")
    time.pass_(minutes=9, seconds=59)
    assert prover.ask().status_code == 200
    assert len(site.asked) == 1
    time.pass_(seconds=1)
    assert prover.ask().status_code == 200
    assert len(site.asked) == 2


def test_a_new_key_is_found_by_its_name(world: World, site: Site, time: Time) -> None:
    prover = prover_with(world, site)
    assert prover.ask().status_code == 200
    site.publishes(named("k1"), named("k2", 2))
    new = Prover(world, prover.client_id, "ES256", private_key("ES256", 2), "k2")
    time.pass_(seconds=10)
    assert new.ask().status_code == 200
    assert len(site.asked) == 2


def test_made_up_names_make_nobody_ask_for_ever(world: World, site: Site, time: Time) -> None:
    prover = prover_with(world, site)
    assert prover.ask().status_code == 200
    time.pass_(seconds=10)
    stranger = Prover(world, prover.client_id, "ES256", private_key("ES256", 2), "made-up")
    for _ in range(5):
        assert_refused(stranger.ask(), 401, "invalid_client")
    assert len(site.asked) == 2
    assert failures(world) == [UNKNOWN] * 5
    assert prover.ask().status_code == 200


def test_a_withdrawn_key_is_good_no_longer_than_ten_minutes(
    world: World, site: Site, time: Time
) -> None:
    prover = prover_with(world, site)
    assert prover.ask().status_code == 200
    site.publishes(named("k2", 2))
    time.pass_(minutes=10)
    assert_refused(prover.ask(), 401, "invalid_client")
    assert failures(world) == [UNKNOWN]


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "404 Not Found"},
        {"status": "302 Found"},
        {"status": "500 Oops"},
        {"media": "text/html"},
    ],
)
def test_what_cannot_be_found_out_is_neither_yes_nor_no(
    world: World, site: Site, time: Time, wrong: dict[str, str]
) -> None:
    site.publishes(named("k1"), **wrong)
    prover = prover_with(world, site)
    assertion = prover.assertion()
    for _ in range(3):
        answer = prover.ask(assertion)
        assert_refused(answer, 503, "temporarily_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert len(site.asked) == 1
    assert failures(world) == []
    # The assertion was not used up meanwhile.
    site.publishes(named("k1"))
    time.pass_(seconds=10)
    assert prover.ask(assertion).status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":{}}', b"\xff", b"x" * 70_000])
def test_what_is_no_set_of_keys(world: World, site: Site, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    site.answer = head.encode() + b"\r\n\r\n" + body
    assert prover_with(world, site).ask().status_code == 503


def test_a_site_that_is_away_for_a_while_harms_nobody(world: World, site: Site, time: Time) -> None:
    prover = prover_with(world, site)
    assert prover.ask().status_code == 200
    site.answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    time.pass_(minutes=5)
    stranger = Prover(world, prover.client_id, "ES256", private_key("ES256", 2), "made-up")
    assert stranger.ask().status_code == 401
    assert prover.ask().status_code == 200
    time.pass_(minutes=5)
    assert prover.ask().status_code == 503


def test_nothing_is_fetched_for_what_is_refused_anyway(world: World, site: Site) -> None:
    prover = prover_with(world, site)
    now = world.parts.clock.now().timestamp()
    for assertion in (
        prover.assertion(aud="https://other.example"),
        prover.assertion(exp=now - 60),
        prover.assertion(iss="other"),
        prover.assertion({"typ": "dpop+jwt"}),
        Prover(world, prover.client_id, "HS256", "s" * 43).assertion(),
    ):
        assert_refused(prover.ask(assertion), 401, "invalid_client")
    assert site.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/jwks",
        "https://127.0.0.1:1/jwks",
        "https://localhost:1/jwks",
        "https://[::1]:1/jwks",
        "https://[::ffff:7f00:1]:1/jwks",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/jwks",
        "https://2130706433/jwks",
    ],
)
def test_private_addresses_are_asked_nothing_where_that_is_not_allowed(
    world_on: Callable[..., World], sqlite_files: SqliteFiles, site: Site, url: str
) -> None:
    world = world_on(sqlite_files)
    port = site.url.split(":")[2].removesuffix("/jwks")
    prover = with_key(world, jwks_uri=url.replace(":1/", f":{port}/"))
    answers = [prover.ask(), prover.ask()]
    assert {one.status_code for one in answers} == {503}
    assert site.asked == []
