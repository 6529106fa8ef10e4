"""No credential is written down anywhere: not in a log at any level, and not in the database."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.http.secrecy import flow
from tests.world.world import REPOSITORY, World
from token_service.storage.tables import metadata


@pytest.fixture
def logged(world: World, tmp_path: Path) -> tuple[list[str], str]:
    """The credentials that were used, and the whole log of it."""
    command = [sys.executable, "-m", flow.__name__, world.url, str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_no_log_contains_a_credential(logged: tuple[list[str], str]) -> None:
    credentials, log = logged
    assert len(credentials) > 35
    assert [one for one in credentials if one in log] == []


def test_no_log_contains_the_telling_part_of_a_token(logged: tuple[list[str], str]) -> None:
    """Neither the signature of a JWT nor the secret inside of a refresh token."""
    credentials, log = logged
    assert [one for one in credentials if len(one) > 40 and one[-30:] in log] == []


def test_the_log_tells_of_every_request_in_lines_of_json(logged: tuple[list[str], str]) -> None:
    _, log = logged
    lines = [json.loads(line) for line in log.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) > 20
    assert all({"method", "route", "status", "request_id"} <= line.keys() for line in requests)
    assert {line["route"] for line in requests} >= {"/oauth2/token", "/v1/sign-in", "none"}
    assert [line for line in lines if line["event"] == "internal_error"]


def test_no_table_contains_a_credential(world: World) -> None:
    credentials = flow.run(world)
    stored = "".join(
        str(tuple(row)) for table in metadata.tables for row in world.sql(f"SELECT * FROM {table}")
    )
    assert len(stored) > 5_000
    assert [one for one in credentials if one in stored] == []
    assert [one for one in credentials if len(one) > 40 and one[-30:] in stored] == []
