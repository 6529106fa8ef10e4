"""The service beside its peers: one table, and one picture."""

from benchmarks.chart import Bar, chart
from benchmarks.driver import OURS
from benchmarks.tables import table

_WORK = ("refresh", "introspect", "client credentials")
_DURABLE = ("commits", "row_versions", "index_entries", "wal_bytes")


def text(found: dict) -> str:
    """Each server's rates, its memory and start, and what one refresh of it makes durable."""
    head = ("", "version", *(f"{work}/s" for work in _WORK), "PSS MiB", "start s")
    head += ("commits", "row versions", "index entries", "log bytes")
    rows = [
        (name, one["version"], *_rates(found, name), *_process(one), *_written(found, name))
        for name, one in _servers(found).items()
    ]
    skipped = [
        f"* {name} is left out: {one['skipped']}."
        for name, one in found["peers"].items()
        if "skipped" in one
    ]
    return "\n\n".join([table(head, rows), *skipped])


def picture(found: dict) -> str:
    """As SVG: the rates of each kind of work, the fastest first."""
    panels = {}
    for work in _WORK:
        rates = {name: found["rates"].get(_mode(work, name)) for name in _servers(found)}
        bars = [
            Bar(name, rate["median"], rate["lowest"], rate["highest"], ours=name == OURS)
            for name, rate in ((name, one["rate"]) for name, one in rates.items() if one)
        ]
        panels[f"{work}, requests a second"] = sorted(bars, key=lambda bar: -bar.median)
    return chart(panels)


def _servers(found: dict) -> dict[str, dict]:
    """Ours and each client of the peers, by the name that the rates have."""
    ours = {"version": found["versions"]["commit"], "memory": found["memory"]}
    servers = {OURS: ours | {"cold_start_s": found["cold_start_s"]}}
    for peer in found["peers"].values():
        servers |= dict.fromkeys(peer.get("clients", ()), peer)
    return servers


def _mode(work: str, name: str) -> str:
    return work if name == OURS else f"{work}, {name}"


def _rates(found: dict, name: str) -> list[str]:
    rates = [found["rates"].get(_mode(work, name)) for work in _WORK]
    return [f"{one['rate']['median']:.0f}" if one else "-" for one in rates]


def _process(one: dict) -> list[str]:
    return [f"{one['memory']['pss_mib']:.0f}", f"{one['cold_start_s']:.1f}"]


def _written(found: dict, name: str) -> list[str]:
    durable = found["durable"].get(name)
    return [f"{durable[key]:g}" if durable else "-" for key in _DURABLE]
