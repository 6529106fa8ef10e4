"""A million sessions that expired at once: refreshes beside the purge that drops them."""

import time
from pathlib import Path
from statistics import median

import psycopg

from benchmarks import copies
from benchmarks.generator import Generator
from benchmarks.plan import Plan, Stopped
from benchmarks.postgres import Postgres
from benchmarks.service import Service, Sessions

_NEVER = "86400"
_DAY = 86_400


def measure(plan: Plan, generator: Generator, postgres: Postgres, folder: Path, port: int) -> dict:
    """p99 of refreshes while nothing is purged, and while the purge runs."""
    url, settings = postgres.create("purged"), {"TOKEN_SERVICE_HOUSEKEEPING_RETENTION_SECONDS": "0"}
    at_rest = settings | {"TOKEN_SERVICE_HOUSEKEEPING_INTERVAL_SECONDS": _NEVER}
    with (
        postgres.connect("purged") as connection,
        Service(folder / "resting", url, port, at_rest) as service,
    ):
        sessions = service.sign_in(generator, plan.chains, "chains")
        _insert(connection, service.demo["accounts"][0]["id"], plan.purged_sessions)
        resting = [_refresh(plan, generator, service, sessions) for _ in range(plan.rounds)]
    # The first round of housekeeping begins with the worker.
    with (
        postgres.connect("purged") as connection,
        Service(folder / "resting", url, port, settings, again=True) as service,
    ):
        before, began = _left(connection), time.monotonic()
        purging = [_refresh(plan, generator, service, sessions) for _ in range(plan.rounds)]
        seconds, left = time.monotonic() - began, _left(connection)
    if not 0 < left < before:
        raise Stopped(f"no purge was measured: {before} sessions were due, and {left} are left")
    p99 = {
        name: median(one["p99_ms"] for one in found)
        for name, found in (("resting", resting), ("purging", purging))
    }
    return {
        "sessions": plan.purged_sessions,
        "dropped_per_second": round((before - left) / seconds),
        "resting": resting,
        "purging": purging,
        "p99_resting_ms": p99["resting"],
        "p99_purging_ms": p99["purging"],
        "ratio": round(p99["purging"] / p99["resting"], 2),
    }


def _insert(connection: psycopg.Connection, account: str, number: int) -> None:
    """Each of another account; their keys are spread over the tables as those of real ones are."""
    print(f"inserting {number} expired sessions", flush=True)
    now = time.time_ns() // 1_000
    past, day = str(now - 3 * _DAY * 1_000_000), str(now // 1_000_000 // _DAY - 2)
    identifiers = {"account_id": copies.key("0191"), "sid": copies.key("0191")}
    over = {"sessions": {"purge_day": day}, "grants": {"ends_at": past, "used_at": past}}
    for table, changed in over.items():
        copies.multiply(
            connection, table, range(1, number + 1), {"account_id": account}, identifiers | changed
        )
    connection.execute("VACUUM (ANALYZE) sessions, grants")
    connection.execute("CHECKPOINT")


def _refresh(plan: Plan, generator: Generator, service: Service, sessions: Sessions) -> dict:
    return service.refresh(
        generator, sessions.refresh, c=plan.connections, warm=plan.warm, max_seconds=plan.seconds
    )


def _left(connection: psycopg.Connection) -> int:
    return connection.execute(
        "SELECT count(*) FROM sessions WHERE purge_day <= %s",
        [time.time_ns() // 1_000_000_000 // _DAY - 2],
    ).fetchone()[0]
