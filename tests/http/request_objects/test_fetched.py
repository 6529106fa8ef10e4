"""Request objects by reference (`request_uri`): of registered addresses only, through the guard."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.http.client_authentication.proving import jwk, private_key
from tests.http.request_objects.signing import Signer, signer
from tests.outbound.building import Peer, peer
from tests.world.browser import REDIRECT, Browser, Returned, Shown, redeemed, web_app
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World

MEDIA = "Content-Type: application/oauth-authz-req+jwt"


@dataclass
class Site:
    """Where a client publishes its requests, and what it was asked."""

    peer: Peer
    answer: list[bytes]

    def url(self, path: str = "/r") -> str:
        return self.peer.url(path, "http", "127.0.0.1")

    def publishes(self, body: str, status: str = "200 OK", *headers: str) -> None:
        """From now on, and everywhere."""
        lines = [f"HTTP/1.1 {status}", *(headers or (MEDIA,)), f"Content-Length: {len(body)}"]
        self.answer[:] = ["\r\n".join([*lines, "", ""]).encode() + body.encode()]


@pytest.fixture
def site() -> Iterator[Site]:
    answer = [b""]
    with peer(lambda connection: connection.sendall(answer[0])) as found:
        yield Site(found, answer)


@pytest.fixture
def near(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """One that may reach this machine."""
    return world_on(databases, TOKEN_SERVICE_OUTBOUND_ALLOW_PRIVATE_ADDRESSES="true")


def come(one: Signer, uri: str, browser: Browser | None = None, **beside: str) -> Shown | Returned:
    """A browser comes from the application with an address."""
    browser = browser or Browser(one.world)
    named = {"client_id": one.app.client_id, "request_uri": uri} | beside
    return browser.follow("/oauth2/authorize", browser.get("/oauth2/authorize", **named))


def assert_told(one: Signer, uri: str, error: str) -> None:
    """The application is told, where it says of itself where; else a page."""
    back = come(one, uri, redirect_uri=REDIRECT, state="s", scope="openid", response_type="code")
    assert isinstance(back, Returned), back.answer.text
    assert (back.parameters["error"], back.parameters["state"]) == (error, "s")
    shown = come(one, uri)
    if isinstance(shown, Shown):
        assert shown.answer.status_code == 400
    else:
        assert shown.parameters["error"] == error


def test_a_request_is_fetched_and_gives_a_code(near: World, site: Site) -> None:
    one, browser = signer(near, request_uris=(site.url(),)), Browser(near)
    site.publishes(one.signed())
    shown = come(one, site.url(), browser, state="planted", redirect_uri="https://evil.example/")
    assert isinstance(shown, Shown), shown
    back = browser.sign_in_at(shown, near.person(near.tenant()))
    assert isinstance(back, Returned)
    assert (back.uri, back.parameters["state"]) == (REDIRECT, "a state")
    assert redeemed(near, one.app, back.code).body["scope"] == "openid profile"
    assert len(site.peer.asked) == 1
    assert site.peer.asked[0].startswith(b"GET /r HTTP/1.1\r\n")
    assert b"Accept: application/oauth-authz-req+jwt\r\n" in site.peer.asked[0]


def test_a_fragment_says_which_contents_are_meant_and_is_not_sent(near: World, site: Site) -> None:
    """OpenID Connect Core section 6.2."""
    one = signer(near, request_uris=(site.url("/r#old"),))
    site.publishes(one.signed())
    for uri in (site.url("/r#old"), site.url("/r#new"), site.url("/r")):
        shown = come(one, uri)
        assert isinstance(shown, Shown), shown
        assert shown.path == "/sign-in"
    assert all(asked.startswith(b"GET /r HTTP/1.1\r\n") for asked in site.peer.asked)


def test_what_was_fetched_need_not_say_until_when_it_holds(near: World, site: Site) -> None:
    one = signer(near, request_uris=(site.url(),))
    site.publishes(one.signed(exp=None, nbf=None))
    assert isinstance(come(one, site.url()), Shown)
    site.publishes(one.signed(exp=1))
    assert_told(one, site.url(), "invalid_request_object")
    strict = signer(near, request_uris=(site.url(),), require_signed_request_object=True)
    site.publishes(strict.signed(exp=None))
    assert_told(strict, site.url(), "invalid_request_object")


@pytest.mark.parametrize(
    ("status", "body"),
    [("404 Not Found", "x"), ("302 Found", "x"), ("500 Oops", "x"), ("204 No Content", "")],
)
def test_an_address_without_a_request(near: World, site: Site, status: str, body: str) -> None:
    one = signer(near, request_uris=(site.url(),))
    site.publishes(body, status, "Location: https://evil.example/r")
    assert_told(one, site.url(), "invalid_request_uri")
    assert len(site.peer.asked) == 2


@pytest.mark.parametrize("body", ["", "x", "{}", "e30.e30."])
def test_an_address_with_something_else(near: World, site: Site, body: str) -> None:
    one = signer(near, request_uris=(site.url(),))
    site.publishes(body)
    assert_told(one, site.url(), "invalid_request_object")


def test_an_answer_that_is_too_long(near: World, site: Site) -> None:
    one = signer(near, request_uris=(site.url(),))
    site.publishes("x" * 8193)
    assert_told(one, site.url(), "invalid_request_uri")


def test_an_unsigned_one_and_another_clients(near: World, site: Site) -> None:
    one, other = signer(near, request_uris=(site.url(),)), signer(near)
    for token in (other.signed(), one.signed({"alg": "none"}), one.signed()[:-4] + "AAAA"):
        site.publishes(token)
        assert_told(one, site.url(), "invalid_request_object")


def test_it_cannot_be_pushed(near: World, site: Site) -> None:
    one = signer(near, request_uris=(site.url(),))
    site.publishes(one.signed())
    form = {"client_id": one.app.client_id, "request_uri": site.url()}
    answer = near.http.post("/oauth2/par", data=form, headers=one.app.basic)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert site.peer.asked == []


def test_a_client_that_has_to_push_has_nothing_fetched_for_it(near: World, site: Site) -> None:
    one = signer(near, request_uris=(site.url(),), require_pushed_authorization_requests=True)
    site.publishes(one.signed())
    back = come(one, site.url())
    assert isinstance(back, Returned)
    assert back.parameters["error"] == "invalid_request"


def test_keys_that_cannot_be_fetched_are_no_answer(near: World, site: Site) -> None:
    """Neither yes nor no: nobody could find out."""
    key = private_key("ES256")
    site.publishes("x", "500 Oops")
    app = web_app(near, metadata={"jwks_uri": site.url("/keys")})
    one = Signer(near, app, "ES256", key)
    answer = one.sends(one.signed(), redirect_uri=REDIRECT)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert one.pushes(one.signed()).status_code == 503
    assert len(site.peer.asked) == 1


def test_keys_that_are_published(near: World, site: Site) -> None:
    key = private_key("ES256")
    site.publishes(
        json.dumps({"keys": [jwk("ES256", key, kid="k1")]}),
        "200 OK",
        "Content-Type: application/json",
    )
    app = web_app(near, metadata={"jwks_uri": site.url("/keys")})
    one = Signer(near, app, "ES256", key)
    shown = one.come(Browser(near), one.signed())
    assert isinstance(shown, Shown)
    assert shown.path == "/sign-in"


# Addresses that nobody is to reach (SSRF, CVE-2020-10770).


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """On every address of this machine: what connects is found in its queue."""
    with socket.create_server(("", 0), reuse_port=False) as found:
        found.settimeout(0.2)
        yield found


def nobody_came(listener: socket.socket) -> bool:
    """Whether nothing has connected."""
    try:
        listener.accept()
    except TimeoutError:
        return True
    return False


def inside(port: int) -> list[str]:
    """Ways to write an address of this machine or of its network."""
    hosts = [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
        "127.0.0.1.",
        "app.example@127.0.0.1",
        "127.0.0.1%2f@app.example",
    ]
    urls = [f"{scheme}://{host}:{port}/r" for host in hosts for scheme in ("http", "https")]
    return [
        *urls,
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:5432",
        f"ftp://127.0.0.1:{port}/r",
        f"gopher://127.0.0.1:{port}/_x",
        "file:///etc/passwd",
        f"https://app.example\\@127.0.0.1:{port}/r",
        f"//127.0.0.1:{port}/r",
        "data:,x",
    ]


def test_an_address_that_is_not_registered_is_not_asked(
    near: World, site: Site, listener: socket.socket
) -> None:
    """Not even where the guard would let it through."""
    one = signer(near, request_uris=(site.url(),))
    site.publishes(one.signed())
    host = site.url().partition("//")[2].partition("/")[0]
    near_misses = [
        site.url("/r/"),
        site.url("/r?x"),
        site.url("/R"),
        site.url("/"),
        site.url("/x/../r"),
        f"HTTP://{host}/r",
        f"http://{host.replace('127.0.0.1', 'localhost')}/r",
        f"http://x@{host}/r",
        "urn:ietf:params:oauth:request_uri",
    ]
    for uri in near_misses:
        assert_told(one, uri, "invalid_request_uri")
    assert site.peer.asked == []
    for uri in inside(listener.getsockname()[1]):
        assert_told(one, uri, "invalid_request_uri")
    assert nobody_came(listener)


def test_a_private_address_is_not_asked_even_if_it_is_registered(
    world: World, listener: socket.socket
) -> None:
    uris = inside(listener.getsockname()[1])
    one = signer(world, request_uris=tuple(uris))
    for uri in uris:
        assert_told(one, uri, "invalid_request_uri")
    assert nobody_came(listener)


def test_a_development_world_would_ask(near: World, listener: socket.socket) -> None:
    """That the listener notices somebody, so that the tests above can fail."""
    uri = f"http://127.0.0.1:{listener.getsockname()[1]}/r"
    short: dict[str, Any] = {"TOKEN_SERVICE_OUTBOUND_TIMEOUT_SECONDS": "1"}
    worker = near.second_worker(short | {"TOKEN_SERVICE_OUTBOUND_ALLOW_PRIVATE_ADDRESSES": "true"})
    one = signer(worker, request_uris=(uri,))
    back = come(one, uri, redirect_uri=REDIRECT)
    worker.close()
    assert isinstance(back, Returned)
    assert back.parameters["error"] == "invalid_request_uri"
    assert not nobody_came(listener)


def test_a_redirect_inside_is_not_followed(
    near: World, site: Site, listener: socket.socket
) -> None:
    one = signer(near, request_uris=(site.url(),))
    inner = f"http://127.0.0.1:{listener.getsockname()[1]}/r"
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
        site.publishes("", status, f"Location: {inner}")
        assert_told(one, site.url(), "invalid_request_uri")
    assert nobody_came(listener)


def test_what_was_found_out_is_told_to_nobody(near: World, site: Site) -> None:
    one = signer(near, request_uris=(site.url(), "http://127.0.0.1:9/closed"))
    site.publishes("x", "404 Not Found")
    answers = [come(one, uri, redirect_uri=REDIRECT) for uri in one_of_each(one)]
    assert len({str(one.parameters) for one in answers if isinstance(one, Returned)}) == 1
    assert len(answers) == 3


def one_of_each(one: Signer) -> list[str]:
    """An address without a request, one where nobody listens, one that is not registered."""
    client = one.world.parts.configuration.current().client(one.app.client_id)
    assert client is not None
    return [*client.metadata.request_uris, "https://app.example/x"]


def test_too_many_at_once_are_told_so(near: World) -> None:
    """Four wait for a server that hangs; the fifth does not wait for one of their places."""
    inside, over = threading.Barrier(5), threading.Event()

    def hang(_: socket.socket) -> None:
        inside.wait(30)
        over.wait(30)

    with peer(hang) as slow, ThreadPoolExecutor(4) as pool:
        uri = slow.url("/r", "http", "127.0.0.1")
        one = signer(near, request_uris=(uri,))
        named = {"client_id": one.app.client_id, "request_uri": uri}
        waiting = [pool.submit(Browser(near).get, "/oauth2/authorize", **named) for _ in range(4)]
        inside.wait(30)
        answer = Browser(near).get("/oauth2/authorize", **named)
        over.set()
        assert answer.status_code == 503
        assert {one.result(timeout=30).status_code for one in waiting} == {400}
