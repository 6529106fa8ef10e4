"""The first page of the sessions of an account that has a million of them."""

import time

import psycopg

from benchmarks import copies
from benchmarks.generator import Generator
from benchmarks.plan import Plan
from benchmarks.service import Service


def measure(
    plan: Plan, generator: Generator, connection: psycopg.Connection, service: Service
) -> dict:
    """Latencies, one request at a time. The sessions are copies of one real one, by SQL."""
    print(f"inserting {plan.listed_sessions} sessions", flush=True)
    account = service.demo["accounts"][0]["id"]
    began = time.monotonic()
    numbers = range(1, plan.listed_sessions + 1)
    for table in ("sessions", "grants"):
        copies.multiply(
            connection, table, numbers, {"account_id": account}, {"sid": copies.key("0190")}
        )
    connection.execute("VACUUM (ANALYZE) sessions, grants")
    seconds = time.monotonic() - began
    newest = connection.execute(
        "SELECT sid FROM sessions WHERE account_id = %s::uuid ORDER BY sid DESC LIMIT 1", [account]
    ).fetchone()[0]
    done = generator.run(
        "get",
        f"{service.issuer}/v1/accounts/{account}/sessions",
        **service.credentials("backend"),
        expect=f'"sid":"{newest.hex}"',
        c=1,
        n=plan.listings,
        warm=10,
    )
    return done | {"sessions": plan.listed_sessions, "insert_seconds": round(seconds, 1)}
