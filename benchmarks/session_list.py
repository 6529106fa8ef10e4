"""The first page of the sessions of an account that has a million of them."""

import time

import psycopg

from benchmarks.generator import Generator
from benchmarks.plan import Plan
from benchmarks.service import Service

_COPY = """
WITH one AS (SELECT {table} AS row FROM {table} WHERE account_id = %(account)s::uuid LIMIT 1)
INSERT INTO {table}
SELECT copy.*
FROM one, generate_series(1, %(number)s) AS n, LATERAL jsonb_populate_record(
  one.row, jsonb_build_object('sid', '0190' || lpad(to_hex(n), 28, '0'))
) AS copy
"""


def measure(
    plan: Plan, generator: Generator, connection: psycopg.Connection, service: Service
) -> dict:
    """Latencies, one request at a time. The sessions are copies of one real one, by SQL."""
    print(f"inserting {plan.listed_sessions} sessions", flush=True)
    account = service.demo["accounts"][0]["id"]
    began = time.monotonic()
    for table in ("sessions", "grants"):
        connection.execute(
            _COPY.format(table=table), {"account": account, "number": plan.listed_sessions}
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
