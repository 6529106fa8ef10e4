"""Nobody is logged out by an accident: killed workers, killed services, databases that go away."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
import requests

from tests.journeys.service import Service, serving, wait_until
from tests.world.databases import OwnServer


def half_refresh(service: Service, token: str) -> socket.socket:
    """Send a refresh and do not wait for the answer."""
    form = urlencode({"grant_type": "refresh_token", "refresh_token": token})
    client_id, secret = service.credentials("app")
    body = f"{form}&client_id={client_id}&client_secret={secret}".encode()
    host, port = service.issuer.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(
        b"POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
    return connection


def drain(connection: socket.socket) -> None:
    """Wait for whatever becomes of the request: an answer, or the end of the connection."""
    connection.settimeout(60)
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        pass


def retried(service: Service, token: str) -> requests.Response:
    """What a patient client does: ask again until somebody answers."""
    answers: list[requests.Response] = []

    def answered() -> bool:
        try:
            answers.append(service.refresh(token))
        except requests.RequestException:
            return False
        return answers[-1].status_code != 503

    wait_until(answered)
    return answers[-1]


def test_a_worker_killed_in_the_middle_of_a_refresh_loses_nothing(service: Service) -> None:
    token = service.sign_in()["refresh_token"]
    for _ in range(10):
        with half_refresh(service, token) as connection:
            os.kill(service.workers()[0], signal.SIGKILL)
            drain(connection)
        answer = retried(service, token)
        assert answer.status_code == 200, answer.text
        token = answer.json()["refresh_token"]
        wait_until(lambda: len(service.workers()) == 2)


def test_a_lost_answer_gives_the_same_successor(service: Service) -> None:
    token = service.sign_in()["refresh_token"]
    with half_refresh(service, token):
        pass
    first, second = retried(service, token).json(), retried(service, token).json()
    assert first["refresh_token"] == second["refresh_token"]


def test_slow_bodies_do_not_stop_the_others(service: Service) -> None:
    host, port = service.issuer.removeprefix("http://").split(":")
    head = (
        b"POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\ngrant"
    )
    slow = [socket.create_connection((host, int(port)), timeout=30) for _ in range(40)]
    try:
        for connection in slow:
            connection.sendall(head)
        for _ in range(20):
            assert requests.get(f"{service.issuer}/livez", timeout=4).status_code == 200
    finally:
        for connection in slow:
            connection.close()


@pytest.fixture
def own_server() -> OwnServer:
    """A PostgreSQL that a test may hurt."""
    return OwnServer()


def postmaster(server: OwnServer) -> int:
    """The process id of the server."""
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    return int(Path(row[0], "postmaster.pid").read_text().splitlines()[0])


def family(pid: int) -> list[int]:
    """A process and its children."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, check=True
    )
    return [pid, *map(int, found.stdout.split())]


def test_a_database_that_is_away_means_503_and_no_more(
    own_server: OwnServer, tmp_path: Path
) -> None:
    url = own_server.url.replace("postgresql://", "postgresql+psycopg://")
    with serving(url, tmp_path) as service:
        tokens = service.sign_in()
        processes = family(postmaster(own_server))
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                answer = service.refresh(tokens["refresh_token"])
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) >= 1
                assert answer.elapsed.total_seconds() < 4
            live = requests.post(
                f"{service.issuer}/v1/token/validate",
                json={"token": tokens["access_token"]},
                timeout=10,
            )
            assert live.status_code == 503
            assert requests.get(f"{service.issuer}/livez", timeout=10).status_code == 200
            assert requests.get(f"{service.issuer}/readyz", timeout=10).status_code == 503
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)
        answer = retried(service, tokens["refresh_token"])
        assert answer.status_code == 200
    own_server.stop()


def test_the_whole_service_killed_loses_nothing(own_server: OwnServer, tmp_path: Path) -> None:
    url = own_server.url.replace("postgresql://", "postgresql+psycopg://")
    with serving(url, tmp_path) as service:
        token = service.sign_in()["refresh_token"]
        with half_refresh(service, token):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()
    with serving(url, tmp_path) as again:
        answer = retried(again, token)
        assert answer.status_code == 200
        assert retried(again, token).json()["refresh_token"] == answer.json()["refresh_token"]
    own_server.stop()
