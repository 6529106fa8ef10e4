"""Requests per second: all modes in turn, round by round, so that noise meets all of them alike."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.browsers import Browsers, signed_in
from benchmarks.generator import Generator
from benchmarks.machine import cpu_ms
from benchmarks.plan import Plan
from benchmarks.postgres import Postgres
from benchmarks.rotation import Rotation
from benchmarks.service import Service, Sessions

RATIOS = {
    "refresh / livez": ("refresh", "livez"),
    "introspect / refresh": ("introspect", "refresh"),
    "validate / introspect": ("validate", "introspect"),
    "validate by batches / validate": ("validate by batches", "validate"),
    "introspect by batches / introspect": ("introspect by batches", "introspect"),
    "code flow / refresh": ("code flow", "refresh"),
    "refresh / single statement": ("refresh", "single statement"),
}

_BATCH = 100


@dataclass(frozen=True)
class Driver:
    """Runs one mode against one service for one round."""

    plan: Plan
    generator: Generator
    service: Service
    sessions: Sessions
    database: int
    browsers: Browsers | None = None

    def livez(self) -> dict:
        """An ordinary Flask route that reads no database."""
        return self._run("get", "/livez", expect='"live"')

    def refresh(self) -> dict:
        """Chains by form and client_secret_basic; each use takes the successor of the last."""
        refresh = self.sessions.refresh
        return self._run("refresh", "/oauth2/token", **self._app(), seeds=refresh, save=refresh)

    def introspect(self) -> dict:
        """By the client that the token was issued to."""
        access = self.sessions.access
        return self._run("introspect", "/oauth2/introspect", **self._app(), seeds=access)

    def validate(self) -> dict:
        """By whoever holds the token."""
        return self._run("validate", "/v1/token/validate", seeds=self.sessions.access)

    def introspect_by_batches(self) -> dict:
        """A hundred tokens a request; what is counted are tokens, but for the latencies."""
        return self._by_batches("/v1/token/introspect/batch")

    def validate_by_batches(self) -> dict:
        """The same."""
        return self._by_batches("/v1/token/validate/batch")

    def client_credentials(self) -> dict:
        """A service's own token, with its default scope."""
        credentials = self.service.credentials("service")
        return self._run("client-credentials", "/oauth2/token", **credentials)

    def code_flow(self) -> dict:
        """From a browser that is signed in to an application that has tokens: two requests."""
        held = self.browsers
        options = {"authorize": held.authorize, "redirect": held.redirect}
        options |= {"verifier": held.verifier, "seeds": held.cookies}
        return self._run("code", "/oauth2/token", **self._app(), **options)

    def _by_batches(self, path: str) -> dict:
        found = self._run("batch", path, **self._app(), seeds=self.sessions.access)
        costs = {
            key: round(value / _BATCH, 4) for key, value in found.items() if key.startswith("cpu_")
        }
        return found | costs | {"rate": found["rate"] * _BATCH, "ok": found["ok"] * _BATCH}

    def _app(self) -> dict[str, object]:
        return self.service.credentials("app")

    def _run(self, mode: str, path: str, **options: object) -> dict:
        return self.generator.run(
            mode,
            self.service.issuer + path,
            **options,
            c=self.plan.connections,
            warm=self.plan.warm,
            max_seconds=self.plan.seconds,
            server=self.service.pid,
            database=self.database,
        )


def measure(
    plan: Plan, generator: Generator, postgres: Postgres, service: Service, embedded: Service
) -> dict:
    """Rates and the ratios between them."""
    on_postgres = Driver(
        plan,
        generator,
        service,
        service.sign_in(generator, plan.chains, "chains"),
        postgres.pid,
        signed_in(service, plan.connections),
    )
    on_sqlite = Driver(
        plan, generator, embedded, embedded.sign_in(generator, plan.chains, "chains"), 0
    )
    service.sign_in(generator, plan.connections, "rotated")
    rotation = Rotation(plan, postgres, service)
    modes = {
        "livez": on_postgres.livez,
        "refresh": on_postgres.refresh,
        "introspect": on_postgres.introspect,
        "validate": on_postgres.validate,
        "introspect by batches": on_postgres.introspect_by_batches,
        "validate by batches": on_postgres.validate_by_batches,
        "client credentials": on_postgres.client_credentials,
        "code flow": on_postgres.code_flow,
        "single statement": lambda: _with_cpu(rotation.run, postgres.pid),
        "refresh, SQLite": on_sqlite.refresh,
        "introspect, SQLite": on_sqlite.introspect,
    }
    rounds = [_round(modes, number) for number in range(plan.rounds)]
    return {
        "rates": {name: summary([one[name] for one in rounds]) for name in modes},
        "ratios": {
            name: spread([one[a]["rate"] / one[b]["rate"] for one in rounds])
            for name, (a, b) in RATIOS.items()
        },
    }


def _round(modes: dict[str, Callable[[], dict]], number: int) -> dict:
    """Each round begins with another mode."""
    names = list(modes)
    start = number % len(names)
    found = {}
    for name in names[start:] + names[:start]:
        found[name] = modes[name]()
        print(f"round {number + 1}: {name}: {found[name]['rate']:.0f}/s", flush=True)
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
