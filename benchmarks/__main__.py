"""`python -m benchmarks`: all figures, one after the other, in bounded time."""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
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
from benchmarks.peers.peer import Scene
from benchmarks.peers.running import PORTS, Peers, running
from benchmarks.plan import FULL, QUICK, Plan, Stopped
from benchmarks.postgres import Postgres
from benchmarks.process import require_free
from benchmarks.service import Service

_PORT = 18_400
_PORTS = 4 + PORTS
"""Of three services, of PostgreSQL, and of the peers."""
_CHEAP_PASSWORDS = {
    "TOKEN_SERVICE_ARGON2_MEMORY_KIB": "8",
    "TOKEN_SERVICE_ARGON2_ITERATIONS": "1",
}
"""Thousands of sign-ins are only the way to thousands of sessions here."""


def main() -> int:
    """0: all figures are met, aims apart; 1: some are not; 2: the run stopped."""
    arguments = _arguments()
    plan = QUICK if arguments.quick else FULL
    write = arguments.write or not (arguments.quick or arguments.alone)
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="token-service-benchmark-") as name:
            # The server of PostgreSQL is another user where this one is root.
            Path(name).chmod(0o711)
            found = _measure(plan, Path(name), arguments.port, alone=arguments.alone)
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
        print("\nThis run writes nothing down; with --write it does.")
    return 0 if all(figure["met"] or figure.get("aim") for figure in found["figures"]) else 1


def _measure(plan: Plan, folder: Path, port: int, *, alone: bool) -> dict:
    ports = range(port, port + _PORTS)
    for one in ports:
        require_free(one)
    generator = Generator.built(folder)
    with Postgres(folder, ports[3]) as postgres:
        found = {
            "quick": plan is QUICK,
            "plan": plan.described(),
            "machine": machine.described(folder),
            "versions": machine.versions() | postgres.versions(),
            "postgresql": postgres.settings(),
            "policies": policies.measure(),
        }
        scene = Scene(folder, postgres, plan.chains, iter(ports[4:]))
        with Service(folder / "main", postgres.create("benchmark"), port) as service:
            with (
                Service(folder / "sqlite", _sqlite(folder), port + 1) as embedded,
                nullcontext(Peers()) if alone else running(scene) as peers,
            ):
                found |= rates.measure(plan, generator, postgres, service, embedded, peers)
                found["peers"] = peers.described()
            # Alone, so that no second service shares its libraries and halves its part of them.
            found["memory"] = machine.memory(service.pid)
            found["cold_start_s"] = service.cold_start_s
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
    parser.add_argument("--quick", action="store_true", help="under 5 minutes; writes nothing down")
    parser.add_argument("--write", action="store_true", help="write such a run down all the same")
    parser.add_argument(
        "--port", type=int, default=_PORT, help=f"the first of {_PORTS} free ports [{_PORT}]"
    )
    parser.add_argument("--alone", action="store_true", help="without the peers; the same")
    return parser.parse_args()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
