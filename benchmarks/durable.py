"""What one refresh makes durable: its records in PostgreSQL's write-ahead log, read back."""

import re
import subprocess

from benchmarks.driver import Driver
from benchmarks.plan import Stopped
from benchmarks.postgres import Postgres

_TIMES = 200
_ROW = r"^Heap/(?:INSERT|UPDATE|HOT_UPDATE|DELETE)(?:\+INIT)?"
_ENTRY = r"^Btree/INSERT_\w+"


def measure(postgres: Postgres, driver: Driver) -> dict:
    """Per refresh, one at a time: commits, row versions, index entries, bytes of the log.

    Images of whole pages are not counted: they depend on when the last checkpoint was.
    """
    driver.refresh_one_by_one(driver.plan.connections)
    start = _end_of_log(postgres)
    done = driver.refresh_one_by_one(_TIMES)
    text = _statistics(postgres, start, _end_of_log(postgres))
    sums = {
        "commits": _sum(text, r"^Transaction/COMMIT", 1),
        "row_versions": _sum(text, _ROW, 1),
        "index_entries": _sum(text, _ENTRY, 1),
        "wal_bytes": _sum(text, r"^\w+/\w\S*", 2),
    }
    return {name: round(value / done, 1) for name, value in sums.items()}


def _end_of_log(postgres: Postgres) -> str:
    with postgres.connect("postgres") as connection:
        return connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()[0]


def _statistics(postgres: Postgres, start: str, end: str) -> str:
    done = subprocess.run(
        [
            *(postgres.program("pg_waldump"), "--stats=record", "--path", postgres.log),
            *("--start", start, "--end", end),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Transaction/COMMIT" not in done.stdout:
        raise Stopped(f"pg_waldump finds no commit: {done.stderr}")
    return done.stdout


def _sum(text: str, kind: str, column: int) -> int:
    """Of a column (1: records, 2: their bytes) of `pg_waldump --stats=record`."""
    lines = [line for line in text.splitlines() if re.match(kind, line)]
    return sum(int(re.findall(r"(\d+) \(", line)[column - 1]) for line in lines)
