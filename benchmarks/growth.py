"""Refreshes of services that hold a million sessions, and ten millions, beside one with few.

Each refresh is of another session, anywhere in the tables; where there are few, their turns come
again.
"""

import random
from contextlib import ExitStack
from pathlib import Path

from benchmarks.crowd import Crowd
from benchmarks.generator import Generator
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres
from benchmarks.rates import spread, summary
from benchmarks.service import Service

_MOST_A_SECOND = 5_500
_READ = (
    ("grants", "account_id, sid, grant_id", "used_at"),
    ("sessions", "account_id, sid", "ended_at"),
    ("accounts", "account_id", "epoch"),
    ("memberships", "account_id, tenant_id", "number"),
)
"""Table, primary key, and one of the columns that a refresh reads."""


def measure(plan: Plan, generator: Generator, postgres: Postgres, folder: Path, port: int) -> dict:
    """Per number of sessions: what they take, and the rate beside that of the first number.

    The services take turns, as the modes of the other rates do.
    """
    services, chains, found = {}, {}, {}
    with ExitStack() as stack:
        for offset, number in enumerate(plan.grown_sessions):
            database = f"grown-{number}"
            url = postgres.create(database)
            service = stack.enter_context(Service(folder / database, url, port + offset))
            crowd = Crowd(generator, postgres, database, service, number)
            services[number] = service
            chains[number] = _deal(plan, crowd, service.folder, number)
            found[number] = {"insert_s": crowd.seconds, "bytes": postgres.size(database)}
        # The largest first: what there is no room for is then its own, as of one alone.
        for number in reversed(services):
            _read_through(postgres, f"grown-{number}")
        rounds = [
            {
                number: _refresh(plan, generator, postgres, services[number], chains[number][turn])
                for number in services
            }
            for turn in range(plan.grown_settling + plan.grown_rounds)
        ][plan.grown_settling :]
    few = plan.grown_sessions[0]
    for number in plan.grown_sessions:
        found[number] |= summary([one[number] for one in rounds])
        found[number]["ratio"] = spread([one[number]["rate"] / one[few]["rate"] for one in rounds])
    return found


def _deal(plan: Plan, crowd: Crowd, folder: Path, number: int) -> list[Path]:
    """Files with the tokens of random sessions, a file per round; no session is in two of them.

    Where there are too few for that, all are in one file for every round.
    """
    rounds = plan.grown_settling + plan.grown_rounds
    enough = round(plan.grown_seconds * _MOST_A_SECOND)
    if number < enough * rounds:
        everybody = folder / "everybody.refresh"
        everybody.write_text(crowd.tokens(random.sample(range(number), number)))
        return [everybody] * rounds
    chosen = random.sample(range(number), enough * rounds)
    files = [folder / f"round-{turn}.refresh" for turn in range(rounds)]
    for turn, file in enumerate(files):
        file.write_text(crowd.tokens(chosen[turn * enough : (turn + 1) * enough]))
    return files


def _read_through(postgres: Postgres, database: str) -> None:
    """Read by their keys what refreshes need, as those of the last hours would have.

    Else each would be the first to want its pages since the server began.
    """
    with postgres.connect(database) as connection:
        connection.execute("SET enable_seqscan = off")
        for table, keys, column in _READ:
            rows = f"SELECT {column} AS needed FROM {table} ORDER BY {keys} OFFSET 0"
            connection.execute(f"SELECT max(needed) FROM ({rows}) AS read")


def _refresh(
    plan: Plan, generator: Generator, postgres: Postgres, service: Service, chains: Path
) -> dict:
    """One round, with the bytes of write-ahead log that a refresh takes."""
    before = postgres.written()
    found = service.refresh(
        generator, chains, c=plan.connections, warm=plan.warm, max_seconds=plan.grown_seconds
    )
    written = postgres.written() - before
    return found | {"wal_bytes": written / (plan.warm + found["ok"])}
