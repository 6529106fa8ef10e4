"""Refreshes of services that hold a million sessions, and ten millions, beside one with few.

The sessions are copies of a real one, by SQL, four of each account. Each refresh is of another one,
anywhere in the tables: their tokens are made here, with the service's own keys.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import copies
from benchmarks.generator import Generator
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres
from benchmarks.rates import spread, summary
from benchmarks.service import Service
from token_service import settings
from token_service.app import create_app
from token_service.crypto import refresh_tokens
from token_service.web.parts import EXTENSION

_ACCOUNT, _SESSION = "f191", "f192"
_SESSIONS_OF_AN_ACCOUNT = 4
_MOST_A_SECOND = 4_000


def measure(plan: Plan, generator: Generator, postgres: Postgres, folder: Path, port: int) -> dict:
    """Per number of sessions: what they take, and the rate beside that of the first number.

    The services take turns, as the modes of the other rates do.
    """
    services, seeds, found = {}, {}, {}
    with ExitStack() as stack:
        for offset, number in enumerate(plan.grown_sessions):
            url = postgres.create(_database(number))
            service = Service(folder / _database(number), url, port + offset)
            services[number] = stack.enter_context(service)
            one = service.sign_in(generator, 1, "one").refresh.read_text().strip()
            found[number] = _load(postgres, service, number)
            seeds[number] = _deal(plan, service, one, number)
        rounds = [
            {
                number: _refresh(plan, generator, postgres, services[number], files[turn])
                for number, files in seeds.items()
            }
            for turn in range(plan.rounds)
        ]
    few = plan.grown_sessions[0]
    for number in plan.grown_sessions:
        found[number] |= summary([one[number] for one in rounds])
        found[number]["ratio"] = spread([one[number]["rate"] / one[few]["rate"] for one in rounds])
    return found


def _database(number: int) -> str:
    return f"grown-{number}"


def _load(postgres: Postgres, service: Service, number: int) -> dict:
    """Copy the rows of the first session, two tables at a time; what they take on disk."""
    print(f"inserting {number:,} sessions", flush=True)
    account = service.demo["accounts"][0]
    own, member = {"account_id": account["id"]}, {"tenant_id": account["tenants"][0]}
    accounts = range(number // _SESSIONS_OF_AN_ACCOUNT + 1)
    sessions = range(number)
    whose = copies.key(_ACCOUNT, f"n / {_SESSIONS_OF_AN_ACCOUNT}")
    held = {"account_id": whose, "sid": copies.key(_SESSION)}
    copied = [
        ("grants", sessions, own, held),
        ("sessions", sessions, own, held),
        ("accounts", accounts, own, {"account_id": copies.key(_ACCOUNT)}),
        ("memberships", accounts, own | member, {"account_id": copies.key(_ACCOUNT)}),
    ]

    def copy(table: str, *how: object) -> None:
        with postgres.connect(_database(number)) as connection:
            copies.multiply(connection, table, *how)
            connection.execute(f"VACUUM (ANALYZE) {table}")

    began = time.monotonic()
    with ThreadPoolExecutor(2) as loaders:
        list(loaders.map(lambda one: copy(*one), copied))
    with postgres.connect(_database(number)) as connection:
        connection.execute("CHECKPOINT")
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()[0]
    return {"insert_seconds": round(time.monotonic() - began, 1), "bytes": size}


def _deal(plan: Plan, service: Service, token: str, number: int) -> list[Path]:
    """Files with the refresh tokens of random sessions, a file per round; `token` is the real one.

    A copy has the secret of its original, so its token differs in the address only.
    """
    parts = create_app(settings.load(service.environ)).extensions[EXTENSION]
    keys = parts.configuration.current().keyring.opaque_keys(parts.clock.now())
    parts.database.close()
    real = refresh_tokens.parse(keys, token)

    def token_of(copy: int) -> str:
        account_id = copies.identifier(_ACCOUNT, copy // _SESSIONS_OF_AN_ACCOUNT)
        sid = copies.identifier(_SESSION, copy)
        return refresh_tokens.issue(
            keys,
            locator=replace(real.locator, account_id=account_id, sid=sid),
            generation=real.generation,
            key_number=real.key_number,
            secret=real.secret,
        )

    enough = min(number // plan.rounds, round(plan.seconds * _MOST_A_SECOND))
    chosen = random.sample(range(number), enough * plan.rounds)
    files = [service.folder / f"round-{turn}.refresh" for turn in range(plan.rounds)]
    for turn, file in enumerate(files):
        tokens = map(token_of, chosen[turn * enough : (turn + 1) * enough])
        file.write_text("\n".join(tokens) + "\n")
    return files


def _refresh(
    plan: Plan, generator: Generator, postgres: Postgres, service: Service, chains: Path
) -> dict:
    """One round, with the bytes of write-ahead log that a refresh takes."""
    before = postgres.written()
    found = service.refresh(
        generator, chains, c=plan.connections, warm=plan.warm, max_seconds=plan.seconds
    )
    written = postgres.written() - before
    return found | {"wal_bytes": written / (plan.warm + found["ok"])}
