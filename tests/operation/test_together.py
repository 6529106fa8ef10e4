"""The server's short way: what it brings together, and that nobody is lost whatever comes of it.

The application under the server is a small one: it writes down who came together, and does with
each what its name says.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.operation.test_server import Answer, Client, Server, get, post, wait_until
from token_service.server.group import serve
from token_service.server.limits import Limits
from token_service.waits import Apart, Ready, Wait

HEADERS = [("content-type", "text/plain")]
MOST = 16
"""How many are brought together at most."""


# --- the application under the server -------------------------------------------------------------


class Together:
    """The short way of the small application."""

    paths = frozenset({"/together", "/also"})

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        os.mkfifo(folder / "fifo")
        self._told = os.open(folder / "fifo", os.O_RDWR | os.O_NONBLOCK)

    def steps(
        self, environs: Sequence[WSGIEnvironment]
    ) -> Generator[Wait | tuple[int, tuple[int, list[tuple[str, str]], bytes]], Any, None]:
        """Backwards, so that an answer that goes to the wrong place is seen."""
        names = [str(environ["QUERY_STRING"]) for environ in environs]
        with (self._folder / "groups").open("a") as groups:
            groups.write(json.dumps(names) + "\n")
        if "wait" in names:
            yield from self._wait()
        if "fail" in names:
            raise ZeroDivisionError("the secret detail")
        for place, name in reversed(list(enumerate(names))):
            if name == "exit":
                raise SystemExit
            if not name.startswith("leave"):
                body: Any = environs[place]["wsgi.input"].read()
                headers: Any = [("x: y\r\n", None)] if name == "bad" else HEADERS
                yield place, (200, headers, b"short " + name.encode() + b" " + body)

    def _wait(self) -> Generator[Wait, Any, None]:
        """For a file descriptor, as one that asks a database, and for what another thread does."""
        yield Ready(self._told)
        assert os.read(self._told, 1) == b"1"
        future = yield Apart(lambda: wait_until((self._folder / "go").exists, 90))
        assert future.result() is None
        failed = yield Apart(lambda: 1 / 0)
        assert isinstance(failed.exception(), ZeroDivisionError)


class Application:
    """Both ways."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.express = Together(folder)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if environ["QUERY_STRING"] == "wait":
            (self._folder / "held").touch()
            wait_until((self._folder / "go").exists, 90)
        start_response("200 OK", [*HEADERS])
        body: bytes = environ["wsgi.input"].read()
        name = str(environ["QUERY_STRING"]).encode()
        return [b"long " + name + b" " + body]


def main(folder: Path, port: int, workers: int, limits: dict[str, Any]) -> None:
    def load() -> Callable[[], Application]:
        return lambda: Application(folder)

    serve(load, port=port, workers=workers, limits=Limits(**limits))


# --- how the tests speak to it --------------------------------------------------------------------


class Serving(Server):
    """A server with that application."""

    program = __file__

    def groups(self) -> list[list[str]]:
        """Who came together, so far."""
        path = self.folder / "groups"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def go(self) -> None:
        """Let go who waits."""
        (self.folder / "go").touch()
        with (self.folder / "fifo").open("wb", buffering=0) as told:
            told.write(b"1")


def asking(name: str, body: str = "", path: str = "/together") -> str:
    """A request by its name."""
    return post(f"{path}?{name}", f"Content-Length: {len(body)}") + body


def said(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body.decode()


Start = Callable[..., Serving]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server with one worker, of which one thread answers whatever waits together."""
    with contextlib.ExitStack() as stack:

        def serving(**limits: object) -> Serving:
            limits = {"threads": 1} | limits
            return stack.enter_context(Serving(tmp_path / "served", workers=1, limits=limits))

        yield serving


@contextlib.contextmanager
def crowd(server: Serving, *requests: str) -> Iterator[list[Client]]:
    """Clients whose requests come in while the one thread is busy."""
    with contextlib.ExitStack() as stack:
        first, *others = [stack.enter_context(server.client()) for _ in range(len(requests) + 1)]
        first.send(asking("wait"))
        wait_until(lambda: ["wait"] in server.groups())
        for client, request in zip(others, requests, strict=True):
            client.send(request)
        settled(server)
        server.go()
        assert said(first.answer()) == (200, "short wait ")
        yield others


def settled(server: Serving) -> None:
    """Everything that was sent before is in the server: one more is answered that came after."""
    for _ in range(3):
        assert server.get("/pid").status == 200


def test_whatever_waits_is_brought_together_and_each_gets_its_own(start: Start) -> None:
    server = start()
    names = [f"n{number}" for number in range(8)]
    with crowd(server, *(asking(name, f"body of {name}") for name in names)) as clients:
        answers = [said(client.answer()) for client in clients]
    assert answers == [(200, f"short {name} body of {name}") for name in names]
    first, *rest = server.groups()
    assert first == ["wait"]
    assert sorted(name for group in rest for name in group) == names
    assert len(rest) == 1


def test_not_more_than_so_many_come_together(start: Start) -> None:
    server = start()
    names = [f"n{number:02}" for number in range(2 * MOST + 3)]
    with crowd(server, *map(asking, names)) as clients:
        assert [client.answer().status for client in clients] == [200] * len(names)
    assert [len(group) for group in server.groups()] == [1, MOST, MOST, 3]


def test_nobody_is_waited_for(start: Start) -> None:
    server = start()
    assert said(server.ask(asking("alone"))) == (200, "short alone ")
    assert server.groups() == [["alone"]]


def test_only_posts_to_its_paths_go_the_short_way(start: Start) -> None:
    server = start()
    for request in (
        get("/together?x"),
        get("/together?x").replace("GET", "PUT"),
        asking("x", path="/other"),
        asking("x", path="/together/"),
        asking("x", path="//together"),
    ):
        assert said(server.ask(request)) == (200, "long x ")
    assert server.groups() == []
    assert said(server.ask(asking("x", path="/also"))) == (200, "short x ")


def test_who_is_left_over_is_answered_by_the_long_way_with_its_whole_body(start: Start) -> None:
    server = start()
    names = ["leave1", "n1", "leave2", "n2"]
    with crowd(server, *(asking(name, f"body of {name}") for name in names)) as clients:
        answers = [said(client.answer()) for client in clients]
    ways = ["long", "short", "long", "short"]
    assert answers == [
        (200, f"{way} {name} body of {name}") for way, name in zip(ways, names, strict=True)
    ]


@pytest.mark.parametrize("how", ["fail", "exit"])
def test_an_exception_loses_nobody_and_ends_no_thread(start: Start, how: str) -> None:
    server = start()
    names = ["n1", how, "n2"]
    with crowd(server, *(asking(name, "body") for name in names)) as clients:
        answers = [said(client.answer()) for client in clients]
    assert [status for status, _ in answers] == [200] * 3
    assert answers[1] == (200, f"long {how} body")
    # Who was answered before it is not answered again.
    assert answers[2] == (200, f"{'short' if how == 'exit' else 'long'} n2 body")
    assert answers[0] == (200, "long n1 body")
    for _ in range(3):
        assert said(server.ask(asking("after"))) == (200, "short after ")
    assert "Traceback" in server.log()


def test_an_answer_that_cannot_be_given_loses_nobody(start: Start) -> None:
    server = start()
    with crowd(server, asking("n1"), asking("bad"), asking("n2")) as clients:
        assert [clients[place].answer().status for place in (0, 2)] == [200, 200]
        wait_until(clients[1].has_answer, 5)
        assert clients[1].answer().status == 500
    assert said(server.ask(asking("after"))) == (200, "short after ")


def test_a_client_that_has_gone_costs_nobody_else_theirs(start: Start) -> None:
    server = start()
    with crowd(server, asking("n1"), asking("gone"), asking("n2")) as clients:
        clients[1].connection.close()
        assert [clients[place].answer().status for place in (0, 2)] == [200, 200]
    assert said(server.ask(asking("after"))) == (200, "short after ")


def test_who_has_waited_too_long_is_told_so_and_nothing_is_done_for_them(start: Start) -> None:
    server = start(longest_wait_seconds=0)
    answer = server.ask(asking("late"))
    assert (answer.status, answer.values("retry-after")) == (503, ["1"])
    assert [name for group in server.groups() for name in group] == []


def test_who_has_waited_too_long_is_left_out_and_the_others_keep_their_places(
    start: Start,
) -> None:
    server = start(longest_wait_seconds=1)
    with contextlib.ExitStack() as stack:
        first, late, *others = [stack.enter_context(server.client()) for _ in range(4)]
        first.send(asking("wait"))
        wait_until(lambda: ["wait"] in server.groups())
        late.send(asking("late"))
        time.sleep(1.2)
        for client, name in zip(others, ("n1", "leave"), strict=True):
            client.send(asking(name))
        settled(server)
        server.go()
        assert late.answer().status == 503
        assert [said(client.answer())[1] for client in others] == ["short n1 ", "long leave "]
    assert [sorted(group) for group in server.groups()] == [["wait"], ["leave", "n1"]]


def test_a_full_queue_is_told_at_once(start: Start) -> None:
    server = start(max_waiting=2)
    with contextlib.ExitStack() as stack:
        first, *others = [stack.enter_context(server.client()) for _ in range(6)]
        first.send(asking("wait"))
        wait_until(lambda: ["wait"] in server.groups())
        for client in others:
            client.send(asking("n"))
        wait_until(lambda: sum(client.has_answer() for client in others) == 3)
        # Its own queue is full; nobody else's is.
        assert said(server.get("/other?x")) == (200, "long x ")
        server.go()
        statuses = sorted(client.answer().status for client in others)
    assert statuses == [200, 200, 503, 503, 503]


def test_a_body_in_chunks_is_whole_by_either_way(start: Start) -> None:
    server = start()
    chunks = "2\r\nto\r\n3\r\nken\r\n0\r\n\r\n"
    for name, way in (("n", "short"), ("leave", "long")):
        request = post(f"/together?{name}", "Transfer-Encoding: chunked") + chunks
        assert said(server.ask(request)) == (200, f"{way} {name} token")


def test_half_a_body_never_passes_for_a_whole_one(start: Start) -> None:
    server = start(body_timeout_seconds=0.5)
    for half in (
        post("/together?n", "Content-Length: 10") + "token",
        post("/together?n", "Transfer-Encoding: chunked") + "5\r\ntoken\r\n5\r\nto",
    ):
        assert server.ask(half).status == 408
    assert server.groups() == []


def test_requests_on_one_connection_are_answered_in_their_order(start: Start) -> None:
    server = start(threads=2)
    names = ["n1", "leave", "n2", "n3", "leave", "n4"]
    with server.client() as client:
        for name in names:
            assert said(client.send(asking(name)).answer())[1].split()[1] == name


def test_a_busy_long_way_keeps_the_short_one_free(start: Start) -> None:
    """Each has threads of its own."""
    server = start()
    with server.client() as busy:
        busy.send(get("/other?wait"))
        wait_until((server.folder / "held").exists)
        assert said(server.ask(asking("n"))) == (200, "short n ")
        server.go()
        assert said(busy.answer()) == (200, "long wait ")


def test_an_answer_names_no_server(start: Start) -> None:
    assert not any(start().ask(asking("n")).values("server"))


if __name__ == "__main__":
    folder, *rest = json.loads(sys.argv[1])
    main(Path(folder), *rest)
