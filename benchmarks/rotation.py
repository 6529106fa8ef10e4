"""pgbench runs the very statement of a refresh: what PostgreSQL alone makes of it.

The SQL is taken from `token_service.storage.grant_statements`; each client has a session of its own
and presents the generation that the statement returned before. The one difference: every 50th
transaction also asks the server for the time, because the guard compares clocks and pgbench has
none.
"""

import os
import re
import subprocess

from benchmarks.plan import Plan, Stopped
from benchmarks.postgres import Postgres
from benchmarks.service import Service
from token_service.domain.policies import MICROSECONDS, NEVER
from token_service.storage import grant_statements
from token_service.storage.compiled import Flavour

_DATABASE = "benchmark"
_SCHEMA = "token_service_benchmark"
_IDLE_SECONDS = 86_400
_PARAMETER = re.compile(r"%\((\w+)\)s")

_FIRST = f"""\
\\if :started = 0
SELECT g.*, g.key_number AS next_key_number, e.configuration_version,
  {NEVER}::bigint AS force_relogin, {NEVER}::bigint AS client_relogin, 0 AS may_impersonate
FROM {_SCHEMA}.rotated r JOIN grants g USING (account_id, sid), environment e
WHERE r.client = :client_id \\gset p_
\\set started 1
\\set counted 0
\\endif
\\if :counted % 50 = 0
SELECT now, now - {_IDLE_SECONDS * MICROSECONDS} AS used_after,
  now + {_IDLE_SECONDS * MICROSECONDS} AS slid_end,
  now - {_IDLE_SECONDS * MICROSECONDS} AS remembered_used_after,
  now + {_IDLE_SECONDS * MICROSECONDS} AS remembered_slid_end
FROM (SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS now) AS clock
\\gset p_
\\endif
\\set counted :counted + 1
"""


class Rotation:
    """Sessions that only pgbench refreshes, and its script."""

    def __init__(self, plan: Plan, postgres: Postgres, service: Service) -> None:
        self._plan = plan
        self._pgbench = postgres.program("pgbench")
        self._postgres = postgres
        self._script = service.folder / "rotation.sql"
        self._script.write_text(_FIRST + _statement())
        with postgres.connect(_DATABASE) as connection:
            connection.execute(f"CREATE SCHEMA {_SCHEMA}")
            # The newest sessions are those that nobody else refreshes.
            connection.execute(
                f"CREATE TABLE {_SCHEMA}.rotated AS SELECT account_id, sid, row_number() "
                "OVER (ORDER BY sid DESC) - 1 AS client FROM sessions ORDER BY sid DESC "
                f"LIMIT {plan.connections}"
            )

    def run(self) -> dict:
        """One round; as many rotations must be in the rows as pgbench says it did."""
        before = self._generations()
        done = subprocess.run(
            [
                *(self._pgbench, "--no-vacuum", "--protocol=prepared"),
                *(f"--client={self._plan.connections}", "--jobs=2"),
                *(f"--time={self._plan.seconds:.0f}", "--define=started=0"),
                *(f"--file={self._script}", self._postgres.uri(_DATABASE)),
            ],
            env={**os.environ, "PGOPTIONS": "-c plan_cache_mode=force_generic_plan"},
            capture_output=True,
            text=True,
            check=False,
        )
        rotations = _number(r"actually processed: (\d+)", done.stdout)
        if done.returncode or self._generations() - before != rotations:
            raise Stopped(f"pgbench: {rotations} rotations, not in the rows: {done.stderr}")
        return {"ok": rotations, "rate": _number(r"^tps = ([\d.]+)", done.stdout)}

    def _generations(self) -> int:
        with self._postgres.connect(_DATABASE) as connection:
            row = connection.execute(
                f"SELECT sum(generation)::bigint FROM grants JOIN {_SCHEMA}.rotated "
                "USING (account_id, sid)"
            ).fetchone()
        return row[0]


def _statement() -> str:
    """The statement with pgbench's parameters; the constants stand in it as parameters too."""
    compiled = grant_statements.rotate(Flavour("postgresql", "asked"), "=")
    names = set(_PARAMETER.findall(compiled.sql))
    constants = [
        f"\\set p_{name} {value}\n" for name, value in compiled.constants.items() if name in names
    ]
    # A refresh enters no other tenant; pgbench has no way to say NULL.
    sql = compiled.sql.replace("%(entered_tenant_id)s", "NULL")
    sql = _PARAMETER.sub(r":p_\1", sql).replace("\n", " ")
    return "".join(constants) + f"{sql} \\gset p_\n"


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text, re.MULTILINE)
    return float(found[1]) if found else 0
