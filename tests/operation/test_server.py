"""The server as clients see it: real processes, raw sockets, and clients that mean no good.

The server under test runs this file as a program, with a small application of its own.
"""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from flask import Flask, Response, jsonify, request

from token_service.server.group import StartError, serve
from token_service.server.limits import Limits

# Long enough for a machine that does three other things; no test that passes waits so long.
PATIENCE_SECONDS = 30
POLL_SECONDS = 0.02
ROOT = Path(__file__).parents[2]


# --- the application under the server -------------------------------------------------------------


def make_app(folder: Path) -> Flask:
    app = Flask(__name__)
    if (folder / "broken").exists():
        raise RuntimeError("this application does not load")

    @app.get("/pid")
    def pid() -> Response:
        return jsonify(os.getpid())

    @app.route("/environ", defaults={"rest": ""}, methods=["GET", "POST", "OPTIONS"])
    @app.route("/environ/<path:rest>", methods=["GET", "POST"])
    def environ(rest: str) -> Response:
        kept = {key: value for key, value in request.environ.items() if isinstance(value, str)}
        return jsonify(environ=kept, body=request.get_data(as_text=True))

    @app.post("/count")
    def count() -> Response:
        with (folder / "counted").open("a") as counted:
            counted.write("x")
        return jsonify(len(request.get_data()))

    @app.route("/wait", methods=["GET", "POST"])
    def wait() -> Response:
        (folder / f"started-{request.args['name']}").touch()
        wait_until((folder / "go").exists, 3 * PATIENCE_SECONDS)  # outlasts every test
        return jsonify("done")

    @app.get("/large")
    def large() -> Response:
        return Response(b"x" * 60_000)

    @app.get("/cookies")
    def cookies() -> Response:
        response = Response("cookies")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    return app


def raising(application: WSGIApplication) -> WSGIApplication:
    """Flask would answer for an exception of a view; this one happens outside of Flask."""

    def wrapper(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        error = {"/exit": SystemExit, "/error": ZeroDivisionError}.get(environ["PATH_INFO"])
        if error:
            raise error("the secret detail")
        return application(environ, start_response)

    return wrapper


def main(folder: Path, port: int, workers: int, limits: dict[str, Any]) -> None:
    def load() -> Callable[[], WSGIApplication]:
        if (folder / "unprepared").exists():
            (folder / "unprepared").write_text("tried")
            sys.exit(7)
        while (folder / "hanging").exists():
            (folder / "hanging").write_text("tried")
            time.sleep(POLL_SECONDS)
        application = raising(make_app(folder))
        return lambda: application

    try:
        serve(
            load,
            started=(folder / "started").touch,
            port=port,
            workers=workers,
            limits=Limits(**limits),
        )
    except StartError as error:
        sys.exit(str(error))


# --- how the tests speak to it --------------------------------------------------------------------


def wait_until(is_so: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(POLL_SECONDS)


def running(pid: int) -> bool:
    """A process that has ended may remain as a zombie, where nobody takes notice of orphans."""
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, header: str) -> list[str]:
        return [value for name, value in self.headers if name == header]


@dataclass
class Client:
    """One connection. What it sends is not checked by anybody on its way."""

    port: int
    connection: socket.socket = field(init=False)
    received: bytes = b""

    def __post_init__(self) -> None:
        self.connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, text: str | bytes) -> "Client":
        data = text.encode("latin-1") if isinstance(text, str) else text
        # Whoever is refused may find the door closed before the last byte is out.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.sendall(data)
        return self

    def has_answer(self) -> bool:
        return bool(select.select([self.connection], [], [], 0)[0])

    def is_cut(self) -> bool:
        """Whether the server has given up this connection, learned by sending something on it."""
        try:
            self.connection.send(b"x")
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            return True
        return False

    def answer(self, *, of_head: bool = False) -> Answer:
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        headers = [
            (name.lower(), value) for name, _, value in (line.partition(": ") for line in head[1:])
        ]
        length = 0 if of_head else int(dict(headers).get("content-length", 0))
        while len(self.received) < length:
            self._more()
        body, self.received = self.received[:length], self.received[length:]
        return Answer(int(head[0].split()[1]), headers, body)

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                self._more()
        return self.received

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.received:
            self._more()
        end = self.received.index(mark) + len(mark)
        found, self.received = self.received[:end], self.received[end:]
        return found

    def _more(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise EOFError(self.received)
        self.received += data


@dataclass
class Server:
    program: ClassVar[str] = __file__
    folder: Path
    workers: int = 2
    limits: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> "Server":
        self.start()
        self.get("/pid")
        return self

    def __exit__(self, *_: object) -> None:
        children = self.children()
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not any(map(running, children)))

    def start(self) -> None:
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
        arguments = [str(self.folder), self.port, self.workers, self.limits]
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, self.program, json.dumps(arguments)],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=log,
            )

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def client(self) -> Client:
        """Waits for a server that is on its way up."""
        wait_until(lambda: self.is_listening() or self.process.poll() is not None)
        return Client(self.port)

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, text: str) -> Answer:
        with self.client() as client:
            return client.send(text).answer()

    def get(self, target: str, *headers: str) -> Answer:
        return self.ask(get(target, *headers))

    def worker_pids(self) -> list[int]:
        """Those that serve: the process that they are forked from has one thread only."""
        threads = {pid: Path(f"/proc/{pid}/task") for pid in self.children()}
        return [pid for pid, found in threads.items() if len(list(found.glob("*"))) > 1]

    def children(self) -> list[int]:
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        children = []
        for pid in pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                state, parent, *_ = _stat(pid)
                if int(parent) == self.process.pid and state != "Z":
                    children.append(pid)
        return children

    def port_is_free(self) -> bool:
        try:
            socket.create_server(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True


def get(target: str, *headers: str) -> str:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: localhost", *headers, "", ""])


def post(target: str, *headers: str) -> str:
    return get(target, *headers).replace("GET", "POST", 1)


HALF_SENT = {
    "with a length": post("/count", "Content-Length: 10") + "token",
    "in chunks": post("/count", "Transfer-Encoding: chunked") + "5\r\ntoken\r\n5\r\nto",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It waits longer for a slow client than any test does: what it answers, it answers at once."""
    patient = {"threads": 2, "body_timeout_seconds": 60, "header_timeout_seconds": 60}
    with Server(tmp_path_factory.mktemp("patient"), limits=patient) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It has all the time limits short."""
    limits = {
        "threads": 2,
        "body_timeout_seconds": 0.5,
        "header_timeout_seconds": 0.5,
        "read_timeout_seconds": 0.5,
    }
    with Server(tmp_path_factory.mktemp("hasty"), limits=limits) as running:
        yield running


# --- slow clients ---------------------------------------------------------------------------------


def test_fifty_half_sent_bodies_delay_nobody(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        halves = [*HALF_SENT.values()] * 25
        slow = [stack.enter_context(server.client()).send(half) for half in halves]
        for _ in range(20):
            assert server.get("/pid").status == 200
        assert not any(client.has_answer() for client in slow)


@pytest.mark.parametrize("half", HALF_SENT.values(), ids=HALF_SENT)
def test_a_half_sent_body_is_cut_at_its_deadline(hasty: Server, half: str) -> None:
    with hasty.client() as client:
        sent_at = time.monotonic()
        assert client.send(half).answer().status == 408
        assert time.monotonic() - sent_at > 0.4
        assert client.rest() == b""


def test_a_trickling_body_wins_no_time(hasty: Server) -> None:
    with hasty.client() as client:
        client.send(post("/count", "Content-Length: 60000"))
        wait_until(lambda: client.send("x").has_answer())
        assert client.answer().status == 408


def test_the_deadline_does_not_touch_a_body_that_arrived(hasty: Server) -> None:
    with hasty.client() as client:
        for _ in range(3):
            body = client.send(post("/environ", "Content-Length: 5") + "token").answer().body
            assert json.loads(body)["body"] == "token"


@pytest.mark.parametrize("sent", ["", "GET / HTTP/1.1\r\nHost: loc", get("/pid")])
def test_slow_heads_and_idle_connections_are_closed(hasty: Server, sent: str) -> None:
    with hasty.client() as client:
        answers = client.send(sent).rest()
        assert answers.count(b"HTTP/1.1 200") == (sent == get("/pid"))


def test_clients_that_do_not_read_hold_no_thread_and_are_cut(hasty: Server) -> None:
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(hasty.client()) for _ in range(8)]
        for client in greedy:
            client.connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.send(get("/large") * 400)  # more than the buffers on the way hold
        for _ in range(20):
            assert hasty.get("/pid").status == 200
        for client in greedy:
            wait_until(client.is_cut)


# --- too much -------------------------------------------------------------------------------------

LIMIT = Limits().max_body_bytes


def test_a_body_over_the_limit_is_refused_before_it_is_sent(server: Server) -> None:
    with server.client() as client:
        client.send(post("/count", f"Content-Length: {LIMIT + 1}", "Expect: 100-continue"))
        assert client.answer().status == 413
        assert client.rest() == b""


def test_a_chunked_body_is_refused_once_it_is_over_the_limit(server: Server) -> None:
    with server.client() as client:
        client.send(post("/count", "Transfer-Encoding: chunked"))
        client.send(f"{LIMIT:x}\r\n{'x' * LIMIT}\r\n")
        assert client.send("1\r\nx").answer().status == 413
        assert client.rest() == b""


def test_a_body_of_exactly_the_limit_is_taken(server: Server) -> None:
    body = "x" * LIMIT
    assert json.loads(server.ask(post("/count", f"Content-Length: {LIMIT}") + body).body) == LIMIT
    chunks = f"{LIMIT:x}\r\n{body}\r\n0\r\n\r\n"
    assert (
        json.loads(server.ask(post("/count", "Transfer-Encoding: chunked") + chunks).body) == LIMIT
    )


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/pid?" + "x" * 9000, [], 414),
        ("/pid", [f"X-{number}: x" for number in range(64)], 431),
        ("/pid", [f"X-{number}: x" for number in range(200)], 431),
        ("/pid", ["X: " + "x" * 20_000], 431),
    ],
)
def test_a_head_over_its_limits_is_refused(
    server: Server, target: str, headers: list[str], status: int
) -> None:
    assert server.get(target, *headers).status == status


def test_what_finds_the_queue_full_is_told_to_come_back(tmp_path: Path) -> None:
    limits = {"threads": 1, "max_waiting": 1}
    with Server(tmp_path, workers=1, limits=limits) as server, contextlib.ExitStack() as stack:
        first, *others = [stack.enter_context(server.client()) for _ in range(3)]
        first.send(get("/wait?name=first"))
        wait_until((tmp_path / "started-first").exists)
        for client in others:
            client.send(get("/pid"))
        wait_until(lambda: any(client.has_answer() for client in others))
        refused = next(client for client in others if client.has_answer())
        answer = refused.answer()
        assert (answer.status, answer.values("retry-after")) == (503, ["1"])
        (tmp_path / "go").touch()
        others.remove(refused)
        assert [client.answer().status for client in [first, *others]] == [200, 200]


def test_slow_requests_wait_for_threads_of_their_own(tmp_path: Path) -> None:
    limits = {"threads": 1, "slow_threads": 1, "slow_paths": ["/wait"]}
    with Server(tmp_path, workers=1, limits=limits) as server, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(server.client()) for _ in range(3)]
        for number, client in enumerate(slow):
            client.send(post(f"/wait?name={number}", "Content-Length: 0"))
        wait_until(lambda: list(tmp_path.glob("started-*")))
        assert server.get("/pid").status == 200
        assert len(list(tmp_path.glob("started-*"))) == 1
        (tmp_path / "go").touch()
        assert [client.answer().status for client in slow] == [200] * 3


def test_what_has_waited_too_long_for_a_thread_is_not_begun(tmp_path: Path) -> None:
    with Server(tmp_path, workers=1, limits={"longest_wait_seconds": 0}) as server:
        answer = server.ask(post("/count", "Content-Length: 1") + "x")
    assert (answer.status, answer.values("retry-after")) == (503, ["1"])
    assert not (tmp_path / "counted").exists()


# --- what the application is told -----------------------------------------------------------------


def environ_of(server: Server, text: str) -> dict[str, str]:
    answer = server.ask(text)
    assert answer.status == 200
    environ: dict[str, str] = json.loads(answer.body)["environ"]
    return environ


def test_the_environ_is_that_of_pep_3333(server: Server) -> None:
    environ = environ_of(server, get("/environ/a%2Fb%20%C3%A9?q=%20&r=1", "Accept: a", "Accept: b"))
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/environ/a/b \u00c3\u00a9",
        "QUERY_STRING": "q=%20&r=1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "a,b",
    }
    assert expected.items() <= environ.items()


def test_a_chunked_body_gets_a_length(server: Server) -> None:
    head = post("/environ", "Transfer-Encoding: chunked", "Content-Type: text/plain")
    answer = json.loads(server.ask(head + "2\r\nto\r\n3\r\nken\r\n0\r\n\r\n").body)
    assert answer["body"] == "token"
    environ = answer["environ"]
    assert (environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"]) == ("5", "text/plain")
    assert not {"HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_LENGTH"} & environ.keys()


def test_headers_that_deceive_do_not_arrive(server: Server) -> None:
    forged = ["X_Forwarded_For: 6.6.6.6", "X-Forwarded_For: 6.6.6.6", "Proxy: http://evil"]
    environ = environ_of(server, get("/environ", *forged))
    assert not {"HTTP_X_FORWARDED_FOR", "HTTP_PROXY"} & environ.keys()


def test_cookies_are_joined_as_cookies(server: Server) -> None:
    assert (
        environ_of(server, get("/environ", "Cookie: a=1", "Cookie: b=2"))["HTTP_COOKIE"]
        == "a=1; b=2"
    )


def test_an_absolute_target_overrides_the_host(server: Server) -> None:
    environ = environ_of(server, get("http://user@issuer.example:81/environ?q"))
    assert environ["HTTP_HOST"] == "issuer.example:81"
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/environ", "q")


def test_http_1_0_needs_no_host(server: Server) -> None:
    with server.client() as client:
        answer = client.send("GET /environ HTTP/1.0\r\n\r\n").answer()
        assert json.loads(answer.body)["environ"]["SERVER_PROTOCOL"] == "HTTP/1.0"
        assert client.rest() == b""


def test_options_of_the_whole_server(server: Server) -> None:
    assert server.ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 404


# --- what comes back ------------------------------------------------------------------------------


def test_each_cookie_is_a_header_of_its_own(server: Server) -> None:
    assert server.get("/cookies").values("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]


def test_head_is_answered_without_a_body(server: Server) -> None:
    with server.client() as client:
        head = client.send(get("/large").replace("GET", "HEAD")).answer(of_head=True)
        assert (head.status, head.values("content-length")) == (200, ["60000"])
        assert client.send(get("/pid")).answer().status == 200


def test_no_answer_names_the_server(server: Server) -> None:
    for answer in (
        server.get("/pid"),
        server.get("/error"),
        server.ask("GET /pid HTTP/1.1\r\n\r\n"),
    ):
        assert not any(answer.values("server"))


@pytest.mark.parametrize("target", ["/error", "/exit"])
def test_an_exception_is_a_bare_500_and_costs_no_thread(server: Server, target: str) -> None:
    for _ in range(2 * 2 * 2):  # more than there are threads in all workers
        answer = server.get(target)
        assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
    assert "the secret detail" in server.log()


def test_also_a_bare_refusal_keeps_browsers_from_mischief(server: Server) -> None:
    for answer in (server.get("/error"), server.get("/pid?" + "x" * 9000)):
        assert answer.status in {414, 500}
        assert answer.values("x-frame-options") == ["DENY"]
        assert answer.values("cross-origin-opener-policy") == ["same-origin"]
        assert answer.values("cross-origin-resource-policy") == ["same-origin"]
        assert answer.values("content-security-policy") == [
            "default-src 'none'; frame-ancestors 'none'"
        ]


# --- requests that two servers would read differently ---------------------------------------------

SMUGGLED = get("/environ/smuggled")
DISPUTED = {
    "a length and chunks": post("/count", "Content-Length: 5", "Transfer-Encoding: chunked")
    + "0\r\n\r\n"
    + SMUGGLED,
    "chunks and a length": post("/count", "Transfer-Encoding: chunked", "Content-Length: 5")
    + "0\r\n\r\n"
    + SMUGGLED,
    "two lengths": post("/count", f"Content-Length: {len(SMUGGLED)}", "Content-Length: 0")
    + SMUGGLED,
    "a list of lengths": post("/count", "Content-Length: 0, 0") + SMUGGLED,
    "a length with a sign": post("/count", "Content-Length: +0") + SMUGGLED,
    "a length in hexadecimal": post("/count", "Content-Length: 0x0") + SMUGGLED,
    "a space before the colon": post("/count", "Content-Length : 0") + SMUGGLED,
    "an unknown coding": post("/count", "Transfer-Encoding: xchunked") + SMUGGLED,
    "a coding after chunked": post("/count", "Transfer-Encoding: chunked, identity") + SMUGGLED,
    "a coding before chunked": post("/count", "Transfer-Encoding: gzip, chunked")
    + "0\r\n\r\n"
    + SMUGGLED,
    "chunked twice": post("/count", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")
    + "0\r\n\r\n"
    + SMUGGLED,
    "a coding behind a tab": post("/count", "Transfer-Encoding: \x0bchunked") + SMUGGLED,
    "a folded coding": post("/count", "Transfer-Encoding:\r\n chunked") + "0\r\n\r\n" + SMUGGLED,
    "a folded header": get("/pid", "X: a\r\n b") + SMUGGLED,
    "a bare CR": get("/pid", "X: a\rTransfer-Encoding: chunked") + SMUGGLED,
    "a NUL": get("/pid", "X: a\0b") + SMUGGLED,
    "chunked in HTTP/1.0": post("/count", "Transfer-Encoding: chunked").replace("1.1", "1.0")
    + "0\r\n\r\n"
    + SMUGGLED,
    "a bare LF after a chunk size": post("/count", "Transfer-Encoding: chunked")
    + "0\n\n"
    + SMUGGLED,
    "a negative chunk": post("/count", "Transfer-Encoding: chunked") + "-1\r\n" + SMUGGLED,
    "a chunk size that wraps": post("/count", "Transfer-Encoding: chunked")
    + "10000000000000000\r\n\r\n"
    + SMUGGLED,
    "more than the chunk": post("/count", "Transfer-Encoding: chunked")
    + "1\r\nxy\r\n0\r\n\r\n"
    + SMUGGLED,
    "trailers": post("/count", "Transfer-Encoding: chunked")
    + "0\r\nContent-Length: 5\r\n\r\n"
    + SMUGGLED,
}


@pytest.mark.parametrize("text", DISPUTED.values(), ids=DISPUTED)
def test_a_disputed_request_ends_the_connection(server: Server, text: str) -> None:
    with server.client() as client:
        answers = client.send(text).rest()
    assert re.findall(rb"HTTP/1\.[01] (\d+)", answers) == [b"400"]
    assert b"smuggled" not in answers


def test_bare_line_feeds_hide_no_second_request(server: Server) -> None:
    with server.client() as client:
        text = post("/count", "Content-Length: 5\nContent-Length: 0") + SMUGGLED
        assert client.send(text).answer().status == 400
        assert client.rest() == b""


@pytest.mark.parametrize(
    "twice",
    [
        ["Authorization: Basic YTpi", "Authorization: Basic YTpj"],
        ["Host: other"],
        ["Content-Type: text/plain", "Content-Type: application/json"],
    ],
)
def test_a_second_one_of_a_single_header_is_refused(server: Server, twice: list[str]) -> None:
    with server.client() as client:
        assert client.send(get("/pid", *twice)).answer().status == 400
        assert client.rest() == b""


def test_http_1_1_without_a_host_is_refused(server: Server) -> None:
    assert server.ask("GET /pid HTTP/1.1\r\n\r\n").status == 400


@pytest.mark.parametrize("half", HALF_SENT.values(), ids=HALF_SENT)
def test_half_a_body_never_passes_for_a_whole_one(server: Server, half: str) -> None:
    counted = server.folder / "counted"
    whole = post("/count", "Content-Length: 1") + "x"
    server.ask(whole)
    before = counted.stat().st_size
    with server.client() as client:
        client.send(half).connection.shutdown(socket.SHUT_WR)
        assert re.findall(rb"HTTP/1\.1 (\d+)", client.rest()) in ([], [b"400"])
    server.ask(whole)
    assert counted.stat().st_size == before + 1


# --- processes ------------------------------------------------------------------------------------


def test_sigterm_lets_what_has_begun_finish(tmp_path: Path) -> None:
    with Server(tmp_path) as server, server.client() as client, server.client() as idle:
        client.send(get("/wait?name=last"))
        wait_until((tmp_path / "started-last").exists)
        workers = server.worker_pids()
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not server.is_listening())
        assert idle.rest() == b""
        (tmp_path / "go").touch()
        assert client.answer().status == 200
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert not any(map(running, workers))
        assert server.port_is_free()


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
def test_what_hangs_is_cut_when_the_time_to_drain_is_over(
    tmp_path: Path, stop_signal: signal.Signals
) -> None:
    limits = {"drain_seconds": 1, "body_timeout_seconds": 60, "header_timeout_seconds": 60}
    with Server(tmp_path, limits=limits) as server, contextlib.ExitStack() as stack:
        stack.enter_context(server.client()).send(get("/wait?name=hanging"))
        stack.enter_context(server.client()).send(HALF_SENT["in chunks"])
        stack.enter_context(server.client()).send("GET / HT")
        wait_until((tmp_path / "started-hanging").exists)
        workers = server.worker_pids()
        stopped_at = time.monotonic()
        os.kill(server.process.pid, stop_signal)
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - stopped_at < 10
        assert not any(map(running, workers))


def test_a_killed_worker_is_replaced_again_and_again(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        for _ in range(2):
            wait_until(lambda: len(server.worker_pids()) == 2)
            workers = server.worker_pids()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda pids=workers: not any(map(running, pids)))
            # Nobody is turned away meanwhile: who comes waits for the next worker.
            assert int(server.get("/pid").body) not in workers
            wait_until(lambda: len(server.worker_pids()) == 2)
            assert f"worker {workers[0]} ended with -9 and is replaced" in server.log()
        assert server.process.poll() is None


def test_what_workers_share_is_prepared_before_them_or_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "unprepared").touch()
    server = Server(tmp_path)
    server.start()
    assert server.process.wait(PATIENCE_SECONDS) == 7
    assert not (tmp_path / "started").exists()
    (tmp_path / "unprepared").unlink()
    with server:
        wait_until((tmp_path / "started").exists)


def test_a_worker_that_cannot_be_replaced_yet_is_replaced_later(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        wait_until(lambda: len(server.worker_pids()) == 2)
        killed, other = server.worker_pids()
        (tmp_path / "unprepared").touch()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: (tmp_path / "unprepared").read_text() == "tried")
        assert running(other)
        (tmp_path / "unprepared").unlink()
        wait_until(lambda: len(server.worker_pids()) == 2)
        assert other in server.worker_pids()


def test_sigterm_ends_a_start_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "hanging").touch()
    server = Server(tmp_path)
    server.start()
    wait_until(lambda: (tmp_path / "hanging").read_text() == "tried")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert server.port_is_free()


def test_a_killed_group_leaves_no_orphan(tmp_path: Path) -> None:
    with Server(tmp_path, limits={"drain_seconds": 1}) as server, server.client() as client:
        client.send(get("/wait?name=hanging"))
        wait_until((tmp_path / "started-hanging").exists)
        workers = server.worker_pids()
        server.process.kill()
        server.process.wait()
        server.start()  # at once, as a supervisor would, and on the same port
        wait_until(lambda: not any(map(running, workers)))
        assert int(server.get("/pid").body) in server.worker_pids()


def test_a_taken_port_and_a_broken_application_stop_the_start(
    tmp_path: Path, server: Server
) -> None:
    late = Server(tmp_path / "late", port=server.port)
    late.start()
    assert late.process.wait(PATIENCE_SECONDS) == 1
    assert "cannot listen on 127.0.0.1" in late.log()

    broken = Server(tmp_path / "broken")
    broken.folder.mkdir()
    (broken.folder / "broken").touch()
    broken.start()
    assert broken.process.wait(PATIENCE_SECONDS) == 1
    assert "this application does not load" in broken.log()


if __name__ == "__main__":
    folder, *rest = json.loads(sys.argv[1])
    main(Path(folder), *rest)
