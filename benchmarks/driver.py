"""The work that is the same for all: refreshes, introspections, tokens for a client itself."""

from dataclasses import dataclass

from benchmarks.generator import Generator
from benchmarks.plan import Plan
from benchmarks.service import Sessions

OURS = "token-service"
"""Its name beside those of the peers."""


@dataclass(frozen=True)
class Server:
    """Where one answers, for which clients and sessions, and whose CPU time is counted."""

    token: str
    introspection: str
    app: dict[str, object]
    """The client that the sessions belong to, as the generator takes it: id, file with secret."""
    service: dict[str, object]
    """The client that gets tokens of its own."""
    sessions: Sessions
    process: int
    database: int
    """The process of PostgreSQL; 0 without one."""
    settling: int = 0
    """Measurements of each kind until a program that is compiled as it runs is fast."""


@dataclass(frozen=True)
class Driver:
    """Runs one mode against one server for one round."""

    plan: Plan
    generator: Generator
    server: Server

    def refresh(self) -> dict:
        """Chains by form and client_secret_basic; each use takes the successor of the last."""
        return self._run("refresh", self.server.token, **self.server.app, **self._chains())

    def introspect(self) -> dict:
        """The newest access tokens, by the client that they were issued to."""
        server = self.server
        return self._run(
            "introspect", server.introspection, **server.app, seeds=server.sessions.access
        )

    def client_credentials(self) -> dict:
        """A service's own token, with its default scope."""
        return self._run("client-credentials", self.server.token, **self.server.service)

    def refresh_one_by_one(self, number: int) -> int:
        """At most so many, on one connection; how many were done in a minute."""
        server = self.server
        options = {**server.app, **self._chains(), "n": number, "c": 1}
        return self.generator.run("refresh", server.token, **options)["ok"]

    def _chains(self) -> dict[str, object]:
        sessions = self.server.sessions
        return {"seeds": sessions.refresh, "save": sessions.refresh, "save_access": sessions.access}

    def _run(self, mode: str, url: str, **options: object) -> dict:
        return self.generator.run(
            mode,
            url,
            **options,
            c=self.plan.connections,
            warm=self.plan.warm,
            max_seconds=self.plan.seconds,
            server=self.server.process,
            database=self.server.database,
        )
