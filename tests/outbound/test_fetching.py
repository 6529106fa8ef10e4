"""Fetching from servers that are good, slow, endless, elsewhere, or not who they say."""

import ssl
import threading
import time

import pytest

from tests.outbound.building import HOST, Names, answering, authority, fetcher, peer
from token_service.outbound.connecting import CheckedNetwork, Deadline, ForbiddenAddress, Resolver
from token_service.outbound.fetching import Failure, Fetched, Fetcher, NotFetched, Reach, trusting

PUBLIC, PRIVATE = "93.184.216.34", "127.0.0.1"


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("tls"))


def test_an_answer(ours):
    script = answering(b'{"keys":[]}', headers=["Content-Type: Application/JSON; charset=utf-8"])
    with peer(script, ours.server) as server:
        answer = fetcher(ca_file=ours.ca_file).get(server.url("/k?x=1"), accept="application/json")
    assert answer == Fetched(200, "application/json", b'{"keys":[]}')
    [asked] = server.asked
    assert asked.startswith(b"GET /k?x=1 HTTP/1.1\r\n")
    # The name was resolved by the resolver that it was given, and by no other.
    assert f"Host: {HOST}:{server.port}\r\n".encode() in asked
    assert b"Accept: application/json\r\n" in asked
    assert b"Accept-Encoding: identity\r\n" in asked


def test_a_body_is_sent(ours):
    with peer(answering(b"", "204 No Content"), ours.server) as server:
        answer = fetcher(ca_file=ours.ca_file).post(
            server.url(), b"logout_token=x", content_type="application/x-www-form-urlencoded"
        )
    assert answer == Fetched(204, "", b"")
    [asked] = server.asked
    assert asked.startswith(b"POST / HTTP/1.1\r\n")
    assert b"Content-Length: 14\r\n" in asked
    assert asked.endswith(b"\r\n\r\nlogout_token=x")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 T", "308 P"])
def test_a_redirect_is_an_answer_and_is_not_followed(status):
    with peer(answering(b"private")) as inside:
        there = [f"Location: {inside.url(scheme='http', host='127.0.0.1')}"]
        with peer(answering(b"", status, there)) as server:
            answer = fetcher().get(server.url(scheme="http"), accept="*/*")
    assert answer.status == int(status[:3])
    assert inside.asked == []


def test_a_server_without_a_certificate_of_ours_is_not_believed(ours):
    with peer(answering(), ours.server) as server:
        answer = fetcher().get(server.url(), accept="*/*")
    assert answer == NotFetched(Failure.UNTRUSTED)
    assert server.asked == []


def test_a_certificate_for_another_name_is_not_believed(ours):
    with peer(answering(), ours.server) as server:
        answer = fetcher(ca_file=ours.ca_file).get(server.url(host="else.example"), accept="*/*")
    assert answer == NotFetched(Failure.UNTRUSTED)


def test_plain_http_is_for_development(ours):
    with peer(answering()) as server:
        url = server.url(scheme="http")
        assert fetcher(private=False).get(url, accept="*/*") == NotFetched(Failure.BAD_URL)
        assert server.asked == []
        assert fetcher().get(url, accept="*/*").status == 200


@pytest.mark.parametrize(
    "addresses", [[PRIVATE], [PUBLIC, PRIVATE], [PRIVATE, PUBLIC], ["::ffff:7f00:1"], ["::1"]]
)
def test_a_host_with_a_private_address_is_refused_whole(ours, addresses):
    with peer(answering(), ours.server) as server:
        guarded = fetcher(*addresses, ca_file=ours.ca_file, private=False)
        answer = guarded.get(server.url(), accept="*/*")
    assert answer == NotFetched(Failure.FORBIDDEN_ADDRESS)
    assert server.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost"])
def test_an_address_in_the_url_is_looked_at_like_any_other(host):
    """By the system's own resolver, which has spellings of its own for 127.0.0.1."""
    guarded = Fetcher(Reach(private=False, seconds=5))
    answer = guarded.get(f"https://{host}:1/", accept="*/*")
    assert answer in (NotFetched(Failure.FORBIDDEN_ADDRESS), NotFetched(Failure.UNRESOLVED))


class Recording:
    """Connects nobody, and remembers to where it should have."""

    def __init__(self):
        self.asked = []

    def connect_tcp(self, host, port, timeout=None):
        self.asked.append(host)
        return self


def test_a_name_that_changes_is_asked_for_once():
    """DNS rebinding: public when it is checked, private when it is used."""
    names, plain = Names([[PUBLIC], [PRIVATE]]), Recording()
    reach = Reach(private=False, seconds=5)
    network = CheckedNetwork(Resolver(names, 1), reach.allows, Deadline(5), plain)
    network.connect_tcp(HOST, 443)
    assert (names.questions, plain.asked) == ([HOST], [PUBLIC])
    with pytest.raises(ForbiddenAddress):
        network.connect_tcp(HOST, 443)
    assert plain.asked == [PUBLIC]


def test_the_next_address_is_tried_where_one_does_not_answer(ours):
    with peer(answering(), ours.server) as server:
        several = fetcher("127.0.0.2", "127.0.0.1", ca_file=ours.ca_file)
        assert several.get(server.url(), accept="*/*").status == 200


def test_a_host_that_does_not_answer():
    with peer(answering()) as server:
        pass
    answer = fetcher().get(server.url(scheme="http"), accept="*/*")
    assert answer == NotFetched(Failure.UNREACHABLE)


@pytest.mark.parametrize("found", [OSError("no such host"), UnicodeError("label too long"), None])
def test_a_host_that_has_no_address(found):
    def resolve(host, port):
        if found is None:
            return []
        raise found

    unknown = Fetcher(Reach(private=True, seconds=5), resolve=resolve)
    assert unknown.get("https://a.example/", accept="*/*") == NotFetched(Failure.UNRESOLVED)


def dripping(head):
    """A byte every now and then, for ever: each of them comes in time."""

    def script(connection):
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return script


ENDLESS_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"],
    ids=["nothing", "head", "body"],
)
def test_the_deadline_is_for_the_whole_answer(head):
    with peer(dripping(head)) as server:
        started = time.monotonic()
        answer = fetcher(seconds=0.5).get(server.url(scheme="http"), accept="*/*")
        took = time.monotonic() - started
    assert answer in (NotFetched(Failure.TIMED_OUT), NotFetched(Failure.NOT_HTTP))
    assert answer == NotFetched(Failure.TIMED_OUT) or head == b""
    assert took < 2


def test_a_silent_server_is_left():
    with peer(lambda connection: time.sleep(3)) as server:
        answer = fetcher(seconds=0.3).get(server.url(scheme="http"), accept="*/*")
    assert answer == NotFetched(Failure.TIMED_OUT)


def test_a_handshake_that_does_not_come_is_left(ours):
    with peer(lambda connection: time.sleep(3)) as server:
        answer = fetcher(seconds=0.3).get(server.url(), accept="*/*")
    assert answer == NotFetched(Failure.TIMED_OUT)


def test_a_resolver_that_hangs_is_left():
    answered = threading.Event()

    def hang(host, port):
        answered.wait(10)
        return [PUBLIC]

    slow = Fetcher(Reach(private=True, seconds=0.3), resolve=hang)
    try:
        assert slow.get("https://a.example/", accept="*/*") == NotFetched(Failure.TIMED_OUT)
    finally:
        answered.set()


@pytest.mark.parametrize(("length", "failure"), [(1000, None), (1001, Failure.TOO_LARGE)])
def test_a_body_has_a_longest_length(length, failure):
    with peer(answering(b"x" * length)) as server:
        answer = fetcher().get(server.url(scheme="http"), accept="*/*", max_bytes=1000)
    assert answer == (NotFetched(failure) if failure else Fetched(200, "", b"x" * length))


def endless(head, part):
    def script(connection):
        connection.sendall(head)
        while True:
            connection.sendall(part)

    return script


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        (ENDLESS_CHUNKS, b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 4096),
    ],
    ids=["to the end", "chunked", "announced"],
)
def test_an_endless_body_is_left_at_the_limit(head, part):
    with peer(endless(head, part)) as server:
        started = time.monotonic()
        answer = fetcher().get(server.url(scheme="http"), accept="*/*", max_bytes=100_000)
    assert answer == NotFetched(Failure.TOO_LARGE)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 4096 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 4096),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b""),
        (b"\0\1\2\3\r\n\r\n", b""),
    ],
    ids=["headers", "header", "ssh", "bytes"],
)
def test_what_is_not_http_is_left(head, part):
    def script(connection):
        endless(head, part)(connection) if part else connection.sendall(head)

    with peer(script) as server:
        answer = fetcher().get(server.url(scheme="http"), accept="*/*")
    assert answer == NotFetched(Failure.NOT_HTTP)


@pytest.mark.parametrize(
    ("headers", "media_type"),
    [
        ([], ""),
        (["Content-Type: text/html"], "text/html"),
        (["Content-Type: application/jwk-set+json ;x=y"], "application/jwk-set+json"),
        (["Content-Type: application/json", "Content-Type: text/html"], ""),
    ],
)
def test_the_media_type(headers, media_type):
    with peer(answering(headers=headers)) as server:
        assert fetcher().get(server.url(scheme="http"), accept="*/*").media_type == media_type


def test_few_requests_are_made_at_a_time():
    """Slow peers hold some threads of a worker, never all of them."""
    go_on, fetching = threading.Event(), threading.Semaphore(0)

    def script(connection):
        fetching.release()
        go_on.wait(10)
        answering()(connection)

    answers = []
    with peer(script) as server:
        url = server.url(scheme="http")
        two = Fetcher(Reach(private=True, seconds=5), resolve=Names([[PRIVATE]]), at_once=2)
        threads = [
            threading.Thread(target=lambda: answers.append(two.get(url, accept="*/*")))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        assert all(fetching.acquire(timeout=5) for _ in threads)
        assert two.get(url, accept="*/*") == NotFetched(Failure.BUSY)
        go_on.set()
        for thread in threads:
            thread.join()
        assert [answer.status for answer in answers] == [200, 200]
        # A failure gives its place back as well.
        for _ in range(5):
            assert two.get("https://a.example:1/", accept="*/*").failure is Failure.UNREACHABLE
        assert two.get(url, accept="*/*").status == 200


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with peer(answering()) as server:
        assert fetcher().get(server.url(scheme="http"), accept="*/*").status == 200


def test_the_systems_authorities_stay_beside_a_private_one(ours):
    context = trusting(ours.ca_file)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == len(trusting(None).get_ca_certs()) + 1


def test_nothing_of_the_answer_is_in_a_repr():
    assert "secret" not in repr(Fetched(200, "text/html", b"secret"))
