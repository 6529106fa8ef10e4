"""One connection and what may happen on it: requests ahead of their answers, halves, upgrades."""

import asyncio
import json
import os
import re
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.operation.test_server import LIMIT, PATIENCE_SECONDS, Server, get, post, wait_until
from token_service.server.connection import Connection, Exchange, Shared
from token_service.server.limits import Limits
from token_service.server.wsgi import common_environ


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {"threads": 4, "body_timeout_seconds": 60, "header_timeout_seconds": 60}
    with Server(tmp_path_factory.mktemp("served"), workers=1, limits=limits) as running:
        yield running


def path_of(body: bytes) -> str:
    return str(json.loads(body)["environ"]["PATH_INFO"])


@pytest.mark.parametrize("number", [2, 50, 3000])
def test_requests_sent_ahead_are_answered_in_their_order(server: Server, number: int) -> None:
    """However many: more than one buffer holds, and more than one piece of it."""
    asked = "".join(get(f"/environ/{place}") for place in range(number))
    with server.client() as client:
        client.send(asked)
        found = [path_of(client.answer().body) for _ in range(number)]
    assert found == [f"/environ/{place}" for place in range(number)]


def test_bodies_sent_ahead_stay_with_their_requests(server: Server) -> None:
    bodies = ["", "a" * 5_000, "b", "c" * 40_000, "", "d"]
    asked = "".join(
        post(f"/environ/{place}", f"Content-Length: {len(body)}") + body
        for place, body in enumerate(bodies)
    )
    with server.client() as client:
        client.send(asked)
        answers = [json.loads(client.answer().body) for _ in bodies]
    assert [one["body"] for one in answers] == bodies
    assert [one["environ"]["PATH_INFO"] for one in answers] == [f"/environ/{n}" for n in range(6)]


@pytest.mark.parametrize("step", [1, 7, 4_095, 4_096, 4_097])
def test_a_request_may_come_in_pieces_of_any_size(server: Server, step: int) -> None:
    body = "x" * (3 if step == 1 else 9_000)
    text = post("/environ/pieces", f"Content-Length: {len(body)}", "X: " + "y" * 200) + body
    with server.client() as client:
        client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(text), step):
            client.send(text[start : start + step])
        answer = json.loads(client.answer().body)
        assert client.send(get("/pid")).answer().status == 200
    assert (answer["body"], answer["environ"]["HTTP_X"]) == (body, "y" * 200)


def test_what_is_wrong_behind_a_request_does_not_cost_it_its_answer(server: Server) -> None:
    with server.client() as client:
        client.send(get("/environ/right") + "GET / HTTP/1.1\r\nHost : x\r\n\r\n" + get("/never"))
        assert path_of(client.answer().body) == "/environ/right"
        assert client.answer().status == 400
        assert client.rest() == b""


def test_who_sends_no_more_still_gets_all_answers(server: Server) -> None:
    with server.client() as client:
        client.send(get("/environ/1") + get("/environ/2"))
        client.connection.shutdown(socket.SHUT_WR)
        assert [path_of(client.answer().body) for _ in range(2)] == ["/environ/1", "/environ/2"]
        assert client.rest() == b""


def test_who_sends_no_more_and_reads_late_gets_all_answers() -> None:
    """As the loop brings it: a first answer fills the buffers, then comes the end, then room."""
    letters: list[bytes] = []

    class Full(asyncio.Transport):
        """One that has no more room after the first answer."""

        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return ("127.0.0.1", 1)

        def get_write_buffer_size(self) -> int:
            return 0

        def write(self, data: Any) -> None:
            letters.append(bytes(data))
            if len(letters) == 1:
                connection.pause_writing()

        def close(self) -> None:
            letters.append(b"closed")

    async def life() -> None:
        nonlocal connection
        given: list[Exchange] = []
        common = common_environ("127.0.0.1", 1)
        shared = Shared(Limits(), common, lambda _, exchange: given.append(exchange))
        connection = Connection(shared)
        connection.connection_made(Full())
        asked = (get("/1") + get("/2")).encode()
        connection.get_buffer(-1)[: len(asked)] = asked
        connection.buffer_updated(len(asked))
        given[0].give((200, [], b"first"))
        assert len(given) == 1
        assert connection.eof_received()
        connection.resume_writing()
        given[1].give((200, [], b"second"))

    connection: Connection
    asyncio.run(life())
    assert [letter.rpartition(b"\r\n")[2] for letter in letters] == [b"first", b"second", b"closed"]


def test_in_http_1_0_nobody_is_told_to_go_on(server: Server) -> None:
    """RFC 9110 section 10.1.1."""
    asked = post("/count", "Content-Length: 3", "Expect: 100-continue").replace("/1.1", "/1.0")
    with server.client() as client:
        assert client.send(asked + "abc").answer().status == 200


def test_a_body_that_is_asked_about_is_let_come(server: Server) -> None:
    with server.client() as client:
        client.send(post("/count", "Content-Length: 3", "Expect: 100-continue"))
        assert client.answer().status == 100
        assert json.loads(client.send("abc").answer().body) == 3


def test_nobody_is_told_to_go_on_before_the_answer_that_comes_first(tmp_path: Path) -> None:
    with Server(tmp_path, workers=1) as server, server.client() as client:
        expecting = post("/count", "Content-Length: 3", "Expect: 100-continue")
        client.send(get("/wait?name=first") + expecting)
        wait_until((tmp_path / "started-first").exists)
        assert server.get("/pid").status == 200
        assert not client.has_answer()
        (tmp_path / "go").touch()
        assert [client.answer().status for _ in range(2)] == [200, 100]
        assert json.loads(client.send("abc").answer().body) == 3


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("Content-Length: 5", "token"),
        ("Transfer-Encoding: chunked", "2\r\nto\r\n3\r\nken\r\n0\r\n\r\n"),
        ("Content-Length: 0", ""),
    ],
)
def test_nothing_is_upgraded_to(server: Server, protocol: str, framing: str, body: str) -> None:
    """RFC 9110 section 7.8: it may be ignored; then it is a request as any other, with its body."""
    asking = ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AA")
    with server.client() as client:
        client.send(2 * (post("/environ/same", *asking, framing) + body) + get("/environ/next"))
        for _ in range(2):
            answer = json.loads(client.answer().body)
            assert answer["environ"]["PATH_INFO"] == "/environ/same"
            assert answer["body"] == ("token" if body else "")
        assert path_of(client.answer().body) == "/environ/next"


@pytest.mark.parametrize(
    "text",
    [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /pid HTTP/1.2\r\nHost: localhost\r\n\r\n",
        "GET /pid HTTP/3.0\r\nHost: localhost\r\n\r\n",
        "GET /pid\r\n\r\n",
        "CONNECT http://localhost/pid HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET pid HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET http:///pid HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET ftp: HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /pid#fragment HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_of_ours_is_refused(server: Server, text: str) -> None:
    with server.client() as client:
        answers = client.send(text + get("/environ/smuggled")).rest()
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) in ([b"400"], [b"505"])


@pytest.mark.parametrize("length", [LIMIT + 1, 20 * LIMIT])
def test_who_sends_too_much_can_read_why_it_is_refused(server: Server, length: int) -> None:
    """Though it sends all of it first: closed with something unread, a connection is reset."""
    with server.client() as client:
        client.send(post("/count", f"Content-Length: {length}"))
        client.send(b"x" * length)
        assert client.answer().status == 413
        assert client.rest() == b""


def test_who_goes_on_sending_after_a_refusal_can_send_it_all(server: Server) -> None:
    """And is let go at once when it stops."""
    with server.client() as client:
        client.send(post("/count", f"Content-Length: {40 * LIMIT}") + "x" * 60_000)
        for _ in range(40):
            client.connection.sendall(b"x" * LIMIT)
        assert client.answer().status == 413
        assert client.rest() == b""


def test_who_resets_before_being_let_in_leaves_nothing(tmp_path: Path) -> None:
    with Server(tmp_path, workers=1) as server:
        [pid] = server.worker_pids()
        before = open_files(pid)
        os.kill(pid, signal.SIGSTOP)
        for _ in range(50):
            with server.client() as client:
                client.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
        os.kill(pid, signal.SIGCONT)
        assert server.get("/pid").status == 200
        wait_until(lambda: open_files(pid) <= before + 1)
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("sent", ["", "ab"])
def test_a_request_whose_body_is_on_its_way_is_finished_when_all_stops(
    tmp_path: Path, sent: str
) -> None:
    limits = {"body_timeout_seconds": 60}
    with Server(tmp_path, workers=1, limits=limits) as server, server.client() as client:
        client.send(post("/count", "Content-Length: 3", "Expect: 100-continue") + sent)
        assert client.answer().status == 100
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not server.is_listening())
        answer = client.send("abc"[len(sent) :]).answer()
        assert (answer.status, answer.values("connection")) == (200, ["close"])
        assert server.process.wait(PATIENCE_SECONDS) == 0


def test_a_worker_that_waits_for_its_end_does_nothing(tmp_path: Path) -> None:
    """While it drains, it sleeps."""
    with Server(tmp_path, workers=1, limits={"drain_seconds": 2}) as server:
        [pid] = server.worker_pids()
        with server.client() as client:
            client.send(get("/wait?name=hanging"))
            wait_until((tmp_path / "started-hanging").exists)
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not server.is_listening())
            before = processor_seconds(pid)
            time.sleep(1)  # of its time, in which it would be busy
            assert processor_seconds(pid) - before < 0.5


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_who_finds_too_many_there_is_told_so(tmp_path: Path) -> None:
    with Server(tmp_path, workers=1, limits={"max_connections": 3}) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(6)]
        answers = [client.send(get("/pid")).answer() for client in clients]
        refused = [place for place, answer in enumerate(answers) if answer.status == 503]
        assert len(refused) >= 3
        assert {answer.status for answer in answers} <= {200, 503}
        for place in refused:
            assert answers[place].values("retry-after") == ["1"]
            assert clients[place].rest() == b""
        stack.close()
        wait_until(lambda: server.get("/pid").status == 200)


def test_who_comes_after_all_too_many_is_not_even_told(tmp_path: Path) -> None:
    with Server(tmp_path, workers=1, limits={"max_connections": 1}) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(100)]
        told = [client.rest() for client in clients[30:]]
        assert b"" in told
        stack.close()
        wait_until(lambda: server.get("/pid").status == 200)


def test_who_reads_slowly_gets_everything(tmp_path: Path) -> None:
    """An answer that its client still takes is no idle connection."""
    number, limits = 200, {"header_timeout_seconds": 0.5, "read_timeout_seconds": 30}
    with Server(tmp_path, workers=1, limits=limits) as server, server.client() as client:
        client.send(get("/large") * number)
        time.sleep(1.5)  # of the server's patience; nothing of ours is waited for
        answers = [client.answer() for _ in range(number)]
    assert {(answer.status, len(answer.body)) for answer in answers} == {(200, 60_000)}


def test_answers_are_dated(server: Server) -> None:
    """RFC 9110 section 6.6.1."""
    [date] = server.get("/pid").values("date")
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date)
    [date] = server.get("/error").values("date")
    assert date.endswith("GMT")
