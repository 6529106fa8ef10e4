"""What is stored per session: after one refresh and after ten thousand."""

import psycopg

from benchmarks.generator import Generator
from benchmarks.plan import Plan, Stopped
from benchmarks.service import Service, Sessions

_PATIENCE = 240


def measure(
    plan: Plan, generator: Generator, connection: psycopg.Connection, service: Service
) -> dict:
    """Rows and bytes, of all tables with their indexes, after VACUUM FULL."""
    print(f"storing {plan.stored_sessions} sessions", flush=True)
    service.sign_in(generator, 1, "first")  # re-hashes the password, if need be
    empty = _sizes(connection)
    sessions = service.sign_in(generator, plan.stored_sessions, "stored")
    _refresh(plan, generator, service, sessions, 1)
    once = _sizes(connection)
    chosen = _some(sessions, plan.refreshed_sessions)
    print(f"refreshing {plan.refreshed_sessions} of them {plan.refreshed_often} times", flush=True)
    _refresh(plan, generator, service, chosen, plan.refreshed_often - 1)
    often = _sizes(connection)
    _require_refreshed(plan, connection)
    sizes = {"before": empty, "after_once": once, "after_often": often}
    rows = {when: _sum(found, 0) for when, found in sizes.items()}
    size = {when: _sum(found, 1) for when, found in sizes.items()}
    return {
        "sessions": plan.stored_sessions,
        "refreshed": plan.refreshed_sessions,
        "often": plan.refreshed_often,
        "tables": {name: {when: found[name] for when, found in sizes.items()} for name in often},
        "rows": rows,
        "bytes": size,
        "rows_per_session": round((rows["after_once"] - rows["before"]) / plan.stored_sessions, 3),
        "bytes_per_session": round((size["after_once"] - size["before"]) / plan.stored_sessions),
        "more_rows_after_often": rows["after_often"] - rows["after_once"],
        "more_bytes_per_refreshed_session": round(
            (size["after_often"] - size["after_once"]) / plan.refreshed_sessions
        ),
    }


def _refresh(
    plan: Plan, generator: Generator, service: Service, sessions: Sessions, each: int
) -> None:
    seeds = len(sessions.refresh.read_text().split())
    connections = min(plan.connections, seeds)
    done = service.refresh(
        generator, sessions.refresh, each=each, c=connections, max_seconds=_PATIENCE
    )
    expected = each * seeds
    if done["ok"] != expected:
        raise Stopped(f"{done['ok']} of {expected} refreshes were done in {_PATIENCE} s")


def _some(sessions: Sessions, number: int) -> Sessions:
    """The first ones: they stand together in the table, which is worst for it."""
    path = sessions.refresh.with_name("chosen.refresh")
    path.write_text("\n".join(sessions.refresh.read_text().split()[:number]))
    return Sessions(path, sessions.access)


def _require_refreshed(plan: Plan, connection: psycopg.Connection) -> None:
    found = connection.execute(
        "SELECT generation, count(*) FROM grants WHERE generation > 0 GROUP BY 1 ORDER BY 1"
    ).fetchall()
    rest = plan.stored_sessions - plan.refreshed_sessions
    if found != [(1, rest), (plan.refreshed_often, plan.refreshed_sessions)]:
        raise Stopped(f"refreshes do not add up (generation, sessions): {found}")


def _sizes(connection: psycopg.Connection) -> dict[str, tuple[int, int]]:
    """Rows and bytes of each table that has any."""
    # FULL: what is stored, without the free room in the files, which the next refreshes reuse.
    connection.execute("VACUUM (FULL, ANALYZE)")
    tables = connection.execute(
        "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
    ).fetchall()
    return {
        name: (connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0], size)
        for name, size in tables
    }


def _sum(sizes: dict[str, tuple[int, int]], column: int) -> int:
    return sum(row[column] for row in sizes.values())
