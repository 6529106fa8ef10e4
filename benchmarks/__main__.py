"""`python -m benchmarks`: all figures, one after the other, in bounded time."""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

import psycopg

from benchmarks import (
    figures,
    growth,
    machine,
    policies,
    pressure,
    purging,
    rates,
    report,
    session_list,
    stored,
)
from benchmarks.generator import Generator
from benchmarks.plan import FULL, QUICK, Plan, Stopped
from benchmarks.postgres import Postgres
from benchmarks.service import Service, require_free

_PORT = 18_400
_CHEAP_PASSWORDS = {
    "TOKEN_SERVICE_ARGON2_MEMORY_KIB": "8",
    "TOKEN_SERVICE_ARGON2_ITERATIONS": "1",
}
"""Thousands of sign-ins are only the way to thousands of sessions here."""


def main() -> int:
    """0: all figures are met; 1: some are not; 2: the run stopped."""
    arguments = _arguments()
    plan = QUICK if arguments.quick else FULL
    write = not arguments.quick or arguments.write
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="token-service-benchmark-") as name:
            # The server of PostgreSQL is another user where this one is root.
            Path(name).chmod(0o711)
            found = _measure(plan, Path(name), arguments.port)
    except (Stopped, OSError, psycopg.Error) as stopped:
        print(f"benchmark: stopped: {stopped}", file=sys.stderr)
        return 2
    except subprocess.SubprocessError as failed:
        print(f"benchmark: stopped: {machine.said(failed)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmark: interrupted", file=sys.stderr)
        return 2
    found["minutes"] = round((time.monotonic() - began) / 60, 1)
    print("\n" + report.text(found))
    if write:
        report.write(found)
    else:
        print("\nA quick run writes nothing down; with --write it does.")
    return 0 if all(figure["met"] for figure in found["figures"]) else 1


def _measure(plan: Plan, folder: Path, port: int) -> dict:
    for one in range(port, port + 3):
        require_free(one)
    generator = Generator.built(folder)
    with Postgres(folder) as postgres:
        found = {
            "quick": plan is QUICK,
            "plan": plan.described(),
            "machine": machine.described(folder),
            "versions": machine.versions() | postgres.versions(),
            "durability": postgres.durability(),
            "policies": policies.measure(),
        }
        with Service(folder / "main", postgres.create("benchmark"), port) as service:
            with Service(folder / "sqlite", _sqlite(folder), port + 1) as embedded:
                found |= rates.measure(plan, generator, postgres, service, embedded)
            # Alone, so that no second service shares its libraries and halves its part of them.
            found["memory"] = machine.memory(service.pid)
        url = postgres.create("stored")
        with (
            Service(folder / "stored", url, port + 2, _CHEAP_PASSWORDS) as service,
            postgres.connect("stored") as connection,
        ):
            found["stored"] = stored.measure(plan, generator, connection, service)
            if plan.listed_sessions:
                found["session_list"] = session_list.measure(plan, generator, connection, service)
        found["pressure"] = pressure.measure(plan, generator, postgres, folder, port)
        found["growth"] = growth.measure(plan, generator, postgres, folder, port)
        if plan.purged_sessions:
            found["purging"] = purging.measure(plan, generator, postgres, folder, port)
    found["figures"] = figures.judged(found)
    return found


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'embedded.sqlite3'}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 3 minutes; writes nothing down")
    parser.add_argument("--write", action="store_true", help="write a quick run down all the same")
    parser.add_argument(
        "--port", type=int, default=_PORT, help=f"the first of three free ports [{_PORT}]"
    )
    return parser.parse_args()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
