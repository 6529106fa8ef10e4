"""Requests per second: all modes in turn, round by round, so that noise meets all of them alike."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks import durable
from benchmarks.browsers import Browsers, signed_in
from benchmarks.driver import OURS, Driver, Server
from benchmarks.generator import Generator
from benchmarks.machine import cpu_ms
from benchmarks.peers.running import Peers
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres
from benchmarks.rotation import Rotation
from benchmarks.service import Service

_COMPARED = {
    "refresh": Driver.refresh,
    "introspect": Driver.introspect,
    "client credentials": Driver.client_credentials,
}
"""What the peers are measured at too."""
RATIOS = {
    "refresh / livez": ("refresh", "livez"),
    "introspect / refresh": ("introspect", "refresh"),
    "validate / introspect": ("validate", "introspect"),
    "validate by batches / validate": ("validate by batches", "validate"),
    "introspect by batches / introspect": ("introspect by batches", "introspect"),
    "code flow / refresh": ("code flow", "refresh"),
    "code flow, RS256 / refresh": ("code flow, RS256", "refresh"),
    "refresh / single statement": ("refresh", "single statement"),
    "introspect, SQLite / oidc-provider in memory": (
        "introspect, SQLite",
        "introspect, oidc-provider in memory",
    ),
}
"""And each compared work of ours, over that of each peer: `refresh / Keycloak`."""

_BATCH = 100


@dataclass(frozen=True)
class OwnDriver(Driver):
    """And the modes that only ours has."""

    service: Service
    browsers: Browsers | None = None

    def livez(self) -> dict:
        """An ordinary Flask route that reads no database."""
        return self._run("get", f"{self.service.issuer}/livez", expect='"live"')

    def validate(self) -> dict:
        """By whoever holds the token."""
        url = f"{self.service.issuer}/v1/token/validate"
        return self._run("validate", url, seeds=self.server.sessions.access)

    def introspect_by_batches(self) -> dict:
        """A hundred tokens a request; what is counted are tokens, but for the latencies."""
        return self._by_batches("/v1/token/introspect/batch")

    def validate_by_batches(self) -> dict:
        """The same."""
        return self._by_batches("/v1/token/validate/batch")

    def code_flow(self, algorithm: str = "ES256") -> dict:
        """From a browser that is signed in to an application that has tokens: two requests.

        `algorithm` is that of the ID token, as the application has registered it.
        """
        held = self.browsers
        options = {"authorize": held.authorize, "redirect": held.redirect, "seeds": held.cookies}
        application = held.applications[algorithm]
        return self._run("code", self.server.token, **application, **options)

    def _by_batches(self, path: str) -> dict:
        seeds = self.server.sessions.access
        found = self._run("batch", self.service.issuer + path, **self.server.app, seeds=seeds)
        costs = {
            key: round(value / _BATCH, 4) for key, value in found.items() if key.startswith("cpu_")
        }
        return found | costs | {"rate": found["rate"] * _BATCH, "ok": found["ok"] * _BATCH}


def measure(
    plan: Plan,
    generator: Generator,
    postgres: Postgres,
    service: Service,
    embedded: Service,
    peers: Peers,
) -> dict:
    """Rates, the ratios between them, and what one refresh of each makes durable."""
    own = OwnDriver(
        plan,
        generator,
        _server(service, generator, plan, postgres.pid),
        service,
        signed_in(service, plan.connections, plan.chains),
    )
    on_sqlite = OwnDriver(plan, generator, _server(embedded, generator, plan, 0), embedded)
    service.sign_in(generator, plan.connections, "rotated")
    rotation = Rotation(plan, postgres, service)
    compared = {
        name: (work, Driver(plan, generator, server))
        for name, (work, server) in peers.servers(postgres.pid).items()
    }
    modes = {
        "livez": own.livez,
        **_alike(own, compared),
        "validate": own.validate,
        "introspect by batches": own.introspect_by_batches,
        "validate by batches": own.validate_by_batches,
        "code flow": own.code_flow,
        "code flow, RS256": partial(own.code_flow, "RS256"),
        "single statement": lambda: _with_cpu(rotation.run, postgres.pid),
        "refresh, SQLite": on_sqlite.refresh,
        "introspect, SQLite": on_sqlite.introspect,
    }
    for works, driver in compared.values():
        for work in works * driver.server.settling:
            _COMPARED[work](driver)
    # The first round is nobody's: caches and prepared statements warm up in it.
    rounds = [_round(modes, number) for number in range(plan.rounds + 1)][1:]
    writing = {OURS: own}
    writing |= {name: driver for name, (_, driver) in compared.items() if driver.server.database}
    return {
        "rates": {name: summary([one[name] for one in rounds]) for name in modes},
        "ratios": {
            name: spread([one[a]["rate"] / one[b]["rate"] for one in rounds])
            for name, (a, b) in _ratios(modes).items()
        },
        "durable": {name: durable.measure(postgres, one) for name, one in writing.items()},
    }


def _server(service: Service, generator: Generator, plan: Plan, database: int) -> Server:
    """Ours, with sessions of its own."""
    return Server(
        token=f"{service.issuer}/oauth2/token",
        introspection=f"{service.issuer}/oauth2/introspect",
        app=service.credentials("app"),
        service=service.credentials("service"),
        sessions=service.sign_in(generator, plan.chains, "chains"),
        process=service.pid,
        database=database,
    )


def _alike(own: Driver, compared: dict[str, tuple[tuple[str, ...], Driver]]) -> dict:
    """The compared modes, ours and then the peers', one work after the other."""
    modes = {}
    for work, method in _COMPARED.items():
        modes[work] = partial(method, own)
        for name, (works, driver) in compared.items():
            if work in works:
                modes[f"{work}, {name}"] = partial(method, driver)
    return modes


def _ratios(modes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Those whose two modes there are."""
    found = {name: pair for name, pair in RATIOS.items() if set(pair) <= set(modes)}
    for mode in modes:
        work, _, peer = mode.partition(", ")
        if work in _COMPARED and peer not in {"", "SQLite"}:
            found[f"{work} / {peer}"] = (work, mode)
    return found


def _round(modes: dict[str, Callable[[], dict]], number: int) -> dict:
    """Each round begins with another mode; the first, number 0, with a refresh before others."""
    names = list(modes)
    start = number % len(names)
    found = {}
    for name in names[start:] + names[:start]:
        found[name] = modes[name]()
        print(f"round {number}: {name}: {found[name]['rate']:.0f}/s", flush=True)
    return found


def _with_cpu(run: Callable[[], dict], database: int) -> dict:
    before = cpu_ms(database)
    found = run()
    return found | {"cpu_database_ms": round((cpu_ms(database) - before) / found["ok"], 3)}


def summary(rounds: list[dict]) -> dict:
    """Each number of the rounds with its median and range, and the rounds."""
    numbers = {key: [one[key] for one in rounds] for key in rounds[0]}
    return {key: spread(values) for key, values in numbers.items()} | {"rounds": rounds}


def spread(values: list[float]) -> dict:
    """Median and range."""
    return {
        "median": round(median(values), 3),
        "lowest": round(min(values), 3),
        "highest": round(max(values), 3),
    }
