"""The machine on both databases. `MODEL_STEPS=10000` runs that many steps on each."""

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import STEPS, Machine
from tests.model.service import Service
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import prepare

STEPS_OF_EXAMPLE = 50
DEFAULT_STEPS = {"sqlite": 2500, "postgresql": 1500}


@pytest.fixture
def service(databases: Postgres | SqliteFiles, tmp_path: Path) -> Iterator[Service]:
    """One service for all examples: each brings its own tenants, clients and accounts."""
    url = databases.create(prepare)
    service = Service(url, tmp_path)
    yield service
    service.close()
    databases.drop(url)


@pytest.mark.slow
def test_the_service_does_what_the_model_says(
    service: Service, databases: Postgres | SqliteFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = "sqlite" if isinstance(databases, SqliteFiles) else "postgresql"
    steps = int(os.environ.get("MODEL_STEPS", DEFAULT_STEPS[kind]))
    STEPS.clear()
    began = time.perf_counter()
    run_state_machine_as_test(
        lambda: Machine(service),
        settings=settings(
            max_examples=math.ceil(steps / STEPS_OF_EXAMPLE),
            stateful_step_count=STEPS_OF_EXAMPLE,
            deadline=None,
            database=None,
            derandomize=False,
            print_blob=True,
            # An example is fifty requests to a database: slow by design.
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    seconds = time.perf_counter() - began
    with capsys.disabled():
        print(f"\nmodel: {dict(STEPS)} on {kind} in {seconds:.0f} s")
