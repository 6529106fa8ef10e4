"""What was found, as tables: on the terminal, in results.json and in README.md."""

import json
from pathlib import Path

from benchmarks import comparison
from benchmarks.tables import table

_FOLDER = Path(__file__).parent
_BEGIN, _END = "<!-- figures: made by make benchmark -->", "<!-- end of the figures -->"


def text(found: dict) -> str:
    """All tables, in Markdown."""
    parts = (_figures(found), comparison.text(found), _rates(found), _ratios(found))
    parts += (_pressure(found["pressure"]), _growth(found["growth"]))
    parts += (_stored(found), _rest(found))
    return "\n\n".join([_where(found), *parts])


def write(found: dict) -> None:
    """Into results.json, into peers.svg, and into README.md between its markers."""
    (_FOLDER / "peers.svg").write_text(comparison.picture(found))
    (_FOLDER / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    place(_BEGIN, text(found), _END)


def place(begin: str, content: str, end: str) -> None:
    """Into README.md, between two markers."""
    readme = _FOLDER / "README.md"
    before, _, rest = readme.read_text().partition(begin)
    after = rest.partition(end)[2]
    readme.write_text(f"{before}{begin}\n\n{content}\n\n{end}{after}")


def _where(found: dict) -> str:
    machine, plan = found["machine"], found["plan"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    settings = ", ".join(f"{name} {value}" for name, value in found["postgresql"].items())
    kind = "A quick run" if found["quick"] else "A full run"
    others = _disturbance(found)
    return f"""\
{kind} of {found["minutes"]} minutes: {plan["rounds"]} rounds, {plan["seconds"]} s a measurement.

* Machine: {machine["processor"]}, {machine["cores"]} cores, {machine["memory_gib"]} GiB, \
{machine["system"]}, {machine["file_system"]}; a flush to disk (8 KiB, fdatasync) takes \
{machine["fsync_ms"]} ms.
* Versions: {versions}.
* PostgreSQL: {settings}.
* Everything else on the machine used up to {others:.2f} cores meanwhile (load at the start \
{machine["load_at_start"]:.1f}){": **too much, measure again**" if others > 0.2 else ""}."""


def _disturbance(found: dict) -> float:
    """The most that others used in the median round of a mode."""
    return max(
        one["other_cores"]["median"] for one in found["rates"].values() if "other_cores" in one
    )


def _figures(found: dict) -> str:
    rows = (
        (one["name"], f"{one['value']:g}", _bound(one), "met" if one["met"] else "**missed**")
        for one in found["figures"]
    )
    return table(("figure", "measured", "asked", ""), rows)


def _bound(figure: dict) -> str:
    return f"{figure['bound']}, as an aim" if figure.get("aim") else figure["bound"]


def _rates(found: dict) -> str:
    head = ("", "requests/s", "range", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "of PostgreSQL")
    rows = []
    for name, one in found["rates"].items():
        rows.append(
            (
                name,
                *_rate(one),
                *(_median(one, key) for key in ("p50_ms", "p95_ms", "p99_ms")),
                _median(one, "cpu_server_ms", 3),
                _median(one, "cpu_database_ms", 3),
            )
        )
    return table(head, rows)


def _median(one: dict, key: str, digits: int = 1) -> str:
    return f"{one[key]['median']:.{digits}f}" if one.get(key, {}).get("median") else "-"


def _ratios(found: dict) -> str:
    rows = (
        (name, f"{one['median']:.2f}", f"{one['lowest']:.2f}-{one['highest']:.2f}")
        for name, one in found["ratios"].items()
    )
    return table(("ratio within a round", "median", "range"), rows)


def _pressure(found: dict) -> str:
    head = ("refresh under pressure", "requests/s", "range", "p50 ms", "p95 ms", "p99 ms")
    rows = [
        (name, *_rate(one), *(_median(one, key) for key in ("p50_ms", "p95_ms", "p99_ms")))
        for name, one in found["modes"].items()
    ]
    beside, lossy = found["modes"]["beside sign-ins"], found["modes"]["with lost answers"]
    sign_in = found["sign_in"]
    return f"""\
{table(head, rows)}

* Sign-ins, at the default cost of a password hash: {_median(beside, "sign_ins")} a second beside \
refreshes. One takes {sign_in["cpu_server_ms"]:.0f} ms of CPU, and \
{sign_in["cpu_database_ms"]:.1f} ms of PostgreSQL's.
* {_total(lossy, "repeated"):,} of {_total(lossy, "ok"):,} refreshes lost their answer and were \
asked again with the same token; every chain went on, by one generation for each refresh."""


def _growth(found: dict) -> str:
    head = ("sessions", "refreshes/s", "range", "to the first", "p99 ms", "WAL", "stored")
    rows = [
        (
            f"{number:,}",
            *_rate(one),
            f"{one['ratio']['median']:.2f}",
            _median(one, "p99_ms"),
            f"{one['wal_bytes']['median']:,.0f} bytes",
            f"{one['bytes'] / 2**20:,.0f} MiB in {one['insert_s']:.0f} s",
        )
        for number, one in found.items()
    ]
    return table(head, rows)


def _rate(one: dict) -> tuple[str, str]:
    rate = one["rate"]
    return f"{rate['median']:.0f}", f"{rate['lowest']:.0f}-{rate['highest']:.0f}"


def _total(one: dict, key: str) -> int:
    return sum(found[key] for found in one["rounds"])


def _stored(found: dict) -> str:
    stored = found["stored"]
    rows = [
        (name, *(f"{sizes[when][0]:,} / {sizes[when][1]:,}" for when in sizes))
        for name, sizes in stored["tables"].items()
        if sizes["before"] != sizes["after_often"]
    ]
    rows.append(("all tables", *(f"{stored['rows'][w]:,} / {stored['bytes'][w]:,}" for w in _WHEN)))
    head = (
        "rows / bytes",
        "before",
        f"{stored['sessions']:,} sessions, refreshed once",
        f"{stored['refreshed']:,} of them {stored['often']:,} times",
    )
    return (
        table(head, rows) + f"\n\nA session takes {stored['rows_per_session']:g} rows and "
        f"{stored['bytes_per_session']:,} bytes, indexes included."
    )


_WHEN = ("before", "after_once", "after_often")


def _rest(found: dict) -> str:
    memory = found["memory"]
    processes, pss, most = memory["processes"], memory["pss_mib"], memory["at_most_mib"]
    lines = [
        f"* Memory after the load: {processes} processes, {pss} MiB (PSS); {most} MiB at most.",
    ]
    if "session_list" in found:
        listed = found["session_list"]
        lines.append(
            f"* First page of an account with {listed['sessions']:,} sessions: p50 "
            f"{listed['p50_ms']:.1f} ms, p99 {listed['p99_ms']:.1f} ms, slowest "
            f"{listed['max_ms']:.1f} ms of {listed['ok']} requests."
        )
    used, computed = found["policies"]["used_us"], found["policies"]["computed_us"]
    lines.append(
        f"* The effective policy: {used} us in each refresh, {computed} us where it is computed "
        "anew for a tenant and client (medians of 10,000)."
    )
    if "purging" in found:
        purging = found["purging"]
        lines.append(
            f"* {purging['sessions']:,} sessions that expired at once: "
            f"{purging['dropped_per_second']:,} dropped a second beside refreshes, whose p99 is "
            f"{purging['p99_purging_ms']:.1f} ms ({purging['p99_resting_ms']:.1f} without)."
        )
    return "\n".join(lines)
