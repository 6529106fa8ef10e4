"""Logout tokens reach clients by one POST, and nothing else is reached with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.outbound.building import HOST, Peer, answering, authority, fetcher, peer
from token_service.domain.logout_notices import NotTold
from token_service.services.logout_calls import Caller

TOKEN = "header.payload.signature"


@contextmanager
def client_answering(folder: Path, status: str, *headers: str) -> Iterator[tuple[Peer, Caller]]:
    """A client that answers so, and who calls it."""
    certified = authority(folder)
    with peer(answering(b"", status, headers), certified.server) as listening:
        yield listening, Caller(fetcher(ca_file=certified.ca_file))


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
def test_a_client_that_takes_it(tmp_path: Path, status: str) -> None:
    with client_answering(tmp_path, status) as (listening, caller):
        caller.deliver(listening.url("/logout?x=1"), TOKEN)
    [asked] = listening.asked
    head, _, body = asked.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == "POST /logout?x=1 HTTP/1.1"
    assert "Content-Type: application/x-www-form-urlencoded" in lines
    assert f"Host: {HOST}:{listening.port}" in lines
    assert parse_qs(body) == {"logout_token": [TOKEN]}


@pytest.mark.parametrize(
    "status",
    ["201 Created", "302 Found", "307 Temporary Redirect", "400 Bad Request", "500 Oh", "503 No"],
)
def test_a_client_that_does_not(tmp_path: Path, status: str) -> None:
    """A redirect is not followed: it could lead into our own network."""
    with (
        client_answering(tmp_path, status, f"Location: https://{HOST}/") as (listening, caller),
        pytest.raises(NotTold, match=f"status {status[:3]}"),
    ):
        caller.deliver(listening.url(), TOKEN)
    assert len(listening.asked) == 1


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:7f00:1", "fd00::1"],
)
def test_addresses_within_are_not_reached(address: str) -> None:
    caller = Caller(fetcher(address, private=False))
    with pytest.raises(NotTold, match="forbidden_address"):
        caller.deliver(f"https://{HOST}/", TOKEN)


def test_what_goes_wrong_names_no_token(tmp_path: Path) -> None:
    with pytest.raises(NotTold) as failed:
        Caller(fetcher()).deliver("https://client.example:1/", TOKEN)
    assert TOKEN not in str(failed.value)
