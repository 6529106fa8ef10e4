"""`python -m benchmarks.enumeration`: does the time of a refused sign-in tell whom there is?

Sign-ins that are refused for different reasons take turns on one thread, in an order drawn anew for
each round, and each kind is compared with a name that nobody has by the Mann-Whitney U test.
In-process, with the default password hash, on PostgreSQL: a network would only add noise.
"""

import argparse
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median
from time import perf_counter_ns

from benchmarks.plan import Stopped
from benchmarks.postgres import Postgres
from token_service import settings
from token_service.app import create_app
from token_service.domain.accounts import NameKind, sign_in_name
from token_service.domain.clients import ClientKind
from token_service.services import accounts, client_registration, tenants
from token_service.services.accounts import NewAccount
from token_service.services.changes import Author
from token_service.services.client_registration import NewClient
from token_service.web.parts import EXTENSION

_EXECUTABLE = Path(sys.executable).with_name("token-service")
_AUTHOR = Author("cli")
_PASSWORD = "the password of everybody here"
_FREE = 100
_TRIES = 80
"""Sign-ins per name: fewer than are free, so that nobody is told to wait."""
_WARM_UP = 10
_LEAST_P = 0.01
_MOST_MILLISECONDS = 2
_UNKNOWN = "unknown name"
_KINDS = {
    "wrong password": "wrong",
    "locked, right password": _PASSWORD,
    "disabled, right password": _PASSWORD,
    "no password": "wrong",
}


class Sample:
    """A service in this process, with people of each kind."""

    def __init__(self, url: str, folder: Path, samples: int) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "TOKEN_SERVICE_DATABASE_URL": url,
            "TOKEN_SERVICE_DATA_FOLDER": str(folder),
            "TOKEN_SERVICE_LOGGING_LEVEL": "error",
            "TOKEN_SERVICE_POLICY_LOCKOUT_FAILURES": str(_FREE),
            "TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES": "1000000",
        }
        subprocess.run([_EXECUTABLE, "db", "upgrade"], env=environ, check=True)
        app = create_app(settings.load(environ))
        self._http = app.test_client()
        self._parts = app.extensions[EXTENSION]
        here = self._parts
        tenant = tenants.create(here.database, here.clock, "Sample", _AUTHOR).tenant_id
        new = NewClient(kind=ClientKind.APP, name="Sample")
        registered = client_registration.register(
            here.database, here.clock, here.settings.secrets.pepper, new, _AUTHOR
        )
        self._client = registered.client.client_id, registered.secret
        names = range(math.ceil((samples + _WARM_UP) / _TRIES))
        self._people = {_UNKNOWN: [f"nobody-{number}" for number in names]}
        ids = {}
        for index, kind in enumerate(_KINDS):
            self._people[kind] = [f"kind{index}-{number}" for number in names]
            ids[kind] = [self._account(name, tenant) for name in self._people[kind]]
        self._prepare(ids)

    def elapsed(self, kind: str, number: int) -> float:
        """Milliseconds of one refused sign-in."""
        names = self._people[kind]
        body = {
            "identifier": names[number % len(names)],
            "password": _KINDS.get(kind, "wrong"),
            "client_id": self._client[0],
        }
        began = perf_counter_ns()
        answer = self._http.post("/v1/sign-in", json=body, auth=self._client)
        took = perf_counter_ns() - began
        if answer.status_code != 401:
            raise Stopped(f"{kind}: {answer.status_code} {answer.text}")
        return took / 1_000_000

    def close(self) -> None:
        """Give the connections back."""
        self._parts.database.close()

    def _account(self, name: str, tenant: str) -> str:
        here = self._parts
        held = (sign_in_name(NameKind.USERNAME, name),)
        new = NewAccount(held, _PASSWORD, ((tenant, ()),))
        made = accounts.create(here.database, here.clock, here.gate, new, _AUTHOR)
        return made.account_id

    def _prepare(self, ids: dict[str, list[str]]) -> None:
        """Lock, disable and take passwords away: the lock outlasts the run, and nobody sees it."""
        here = self._parts
        locked, disabled, without = list(_KINDS)[1:]
        for account_id in ids[disabled]:
            accounts.disable(here.database, here.clock, account_id, _AUTHOR)
        subjects = [here.gate.throttle.account_subject(one) for one in ids[locked]]
        now = int(here.clock.now().timestamp() * 1_000_000)
        rows = [
            {"subject": one, "failures": 1, "now": now, "until": now + 86_400_000_000}
            for one in subjects
        ]
        with here.database.transaction() as tx:
            for account_id in ids[without]:
                where = {"account_id": account_id}
                tx.exec_driver_sql(
                    "UPDATE accounts SET password_hash = NULL WHERE account_id = %(account_id)s",
                    where,
                )
            for row in rows:
                tx.exec_driver_sql(
                    "INSERT INTO failure_counts"
                    " (subject, failures, first_failure_at, last_failure_at, locked_until)"
                    " VALUES (%(subject)s, %(failures)s, %(now)s, %(now)s, %(until)s)",
                    row,
                )


def measure(sample: Sample, samples: int) -> dict[str, list[float]]:
    """Milliseconds by kind, as many of each."""
    kinds, found = [_UNKNOWN, *_KINDS], {kind: [] for kind in (_UNKNOWN, *_KINDS)}
    order = random.Random(1)
    for number in range(samples + _WARM_UP):
        order.shuffle(kinds)
        for kind in kinds:
            took = sample.elapsed(kind, number)
            if number >= _WARM_UP:
                found[kind].append(took)
    return found


def mann_whitney(ours: list[float], theirs: list[float]) -> float:
    """The two-sided p of the hypothesis that neither tends to be larger, by the normal
    approximation with its correction for ties: good from some twenty samples on."""
    ranks = _ranks(ours + theirs)
    n, m = len(ours), len(theirs)
    u = sum(ranks[:n]) - n * (n + 1) / 2
    tied = sum(count**3 - count for count in Counter(ours + theirs).values())
    variance = n * m / 12 * ((n + m + 1) - tied / ((n + m) * (n + m - 1)))
    distance = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(distance / math.sqrt(2))


def _ranks(values: list[float]) -> list[float]:
    """Each value's rank from 1, the mean of them among equals."""
    first, seen = {}, Counter(values)
    for index, value in enumerate(sorted(values), start=1):
        first.setdefault(value, index)
    return [first[value] + (seen[value] - 1) / 2 for value in values]


def main() -> int:
    """0: nothing tells; 1: something does; 2: the run stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.enumeration", description=__doc__)
    parser.add_argument("--samples", type=int, default=500, help="of each kind (500)")
    samples = parser.parse_args().samples
    try:
        with tempfile.TemporaryDirectory(prefix="token-service-enumeration-") as name:
            # The server of PostgreSQL is another user where this one is root.
            Path(name).chmod(0o711)
            with Postgres(Path(name)) as postgres:
                sample = Sample(postgres.create("enumeration"), Path(name), samples)
                found = measure(sample, samples)
                sample.close()
    except (Stopped, OSError, subprocess.SubprocessError) as stopped:
        print(f"enumeration: stopped: {stopped}", file=sys.stderr)
        return 2
    return _tell(found)


def _tell(found: dict[str, list[float]]) -> int:
    unknown, told = found.pop(_UNKNOWN), 0
    print(f"{_UNKNOWN}: median {median(unknown):.2f} ms of {len(unknown)}")
    for kind, times in found.items():
        p, difference = mann_whitney(times, unknown), median(times) - median(unknown)
        tells = p <= _LEAST_P or abs(difference) >= _MOST_MILLISECONDS
        told += tells
        print(
            f"{kind}: median {median(times):.2f} ms ({difference:+.3f}), p = {p:.3f}"
            + (": tells" if tells else "")
        )
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
