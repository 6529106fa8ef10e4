"""Bursts of requests from several worker processes at the same moment."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.world.databases import URL_VARIABLE, Postgres, SqliteFiles
from tests.world.world import REPOSITORY, App, Person, World, prepare_now

PROCESSES = 4
THREADS = 64


class Workers:
    """Some worker processes of one service, each with many threads and caches of its own."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def burst(self, requests: Sequence[dict[str, Any]]) -> list[tuple[int, Any]]:
        """Send the requests, dealt out to the processes, and answer all that came back."""
        dealt = [requests[number :: len(self._processes)] for number in range(len(self._processes))]
        busy = [pair for pair in zip(self._processes, dealt, strict=True) if pair[1]]
        for process, part in busy:
            assert process.stdin is not None
            process.stdin.write(json.dumps(part) + "\n")
            process.stdin.flush()
        answers: list[tuple[int, Any]] = []
        for process, _ in busy:
            assert process.stdout is not None
            answers += [(status, body) for status, body in json.loads(process.stdout.readline())]
        return answers


@contextmanager
def in_real_time(databases: Postgres | SqliteFiles, folder: Path) -> Iterator[World]:
    """A world in real time, because its worker processes have clocks of their own."""
    # Not from the template: that one is prepared in the frozen time.
    url = databases.empty()
    prepare_now(url)
    world = World(url, folder)
    yield world
    world.close()
    databases.drop(url)


@contextmanager
def workers(world: World) -> Iterator[Workers]:
    """Start the worker processes on the world's database, and end them."""
    command = [sys.executable, "-m", "tests.races.worker", world.url, str(world.folder)]
    with ExitStack() as stack:
        stack.enter_context(_one_crowd_at_a_time())
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, str(THREADS)],
                    cwd=REPOSITORY,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(PROCESSES)
        ]
        for process in processes:
            stack.callback(process.kill)
        yield Workers(processes)


@contextmanager
def _one_crowd_at_a_time() -> Iterator[None]:
    """Two crowds would need more connections than the run's PostgreSQL has."""
    with psycopg.connect(os.environ[URL_VARIABLE]) as server:
        server.execute("SELECT pg_advisory_xact_lock(1)")
        yield


def refresh(app: App, token: str, **fields: str) -> dict[str, Any]:
    """A refresh as a request of a burst."""
    form = {"grant_type": "refresh_token", "refresh_token": token} | fields
    return {"path": "/oauth2/token", "form": form, "headers": app.basic}


def invalidate(token: str) -> dict[str, Any]:
    """An invalidation as a request of a burst."""
    return {"path": "/v1/token/invalidate", "json": {"token": token}}


def revoke(app: App, token: str) -> dict[str, Any]:
    """A revocation as a request of a burst."""
    return {"path": "/oauth2/revoke", "form": {"token": token}, "headers": app.basic}


def sign_in(person: Person, app: App, password: str | None = None) -> dict[str, Any]:
    """A sign-in as a request of a burst; the right password unless one is given."""
    body = {
        "identifier": person.email,
        "password": password or person.password,
        "client_id": app.client_id,
    }
    return {"path": "/v1/sign-in", "json": body, "headers": app.basic}


def continue_sign_in(app: App, ticket: str, end_sid: str) -> dict[str, Any]:
    """Going on with a sign-in as a request of a burst."""
    body = {"ticket": ticket, "end_sid": end_sid, "client_id": app.client_id}
    return {"path": "/v1/sign-in/continue", "json": body, "headers": app.basic}
