"""What is known of each peer alike: its clients, its paths, and how it runs."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.driver import Server
from benchmarks.postgres import Postgres
from benchmarks.process import Process
from benchmarks.service import Sessions

SECRET = "a-secret-that-is-none-0123456789abcdef"
"""Of every client of every peer."""


class Skipped(Exception):
    """Why a peer is left out, in one clear line."""


@dataclass(frozen=True)
class Scene:
    """What a peer is prepared with."""

    folder: Path
    postgres: Postgres
    sessions: int
    """How many each of its clients begins with."""
    ports: Iterator[int]

    def place(self, name: str) -> Path:
        """A folder of the peer's own."""
        place = self.folder / name
        place.mkdir()
        return place

    def database(self, name: str) -> dict[str, str]:
        """A database of the peer's own, as libpq's variables name it."""
        self.postgres.create(name)
        return {
            "PGHOST": str(self.postgres.sockets),
            "PGPORT": str(self.postgres.port),
            "PGUSER": self.postgres.user,
            "PGDATABASE": name,
        }

    def environ(self, seeds: Path, **more: str) -> dict[str, str]:
        """What each program reads."""
        return {
            "PATH": os.environ["PATH"],
            "SECRET": SECRET,
            "SESSIONS": str(self.sessions),
            "SEEDS": str(seeds),
            **more,
        }


@dataclass(frozen=True)
class Client:
    """One client of a peer, by the name that the figures have for both together."""

    name: str
    work: tuple[str, ...]
    """Of refresh, introspect and client credentials: what it is measured at."""
    refresh: Path
    """Its sessions' refresh tokens, one a line."""
    app: str
    """The client's id."""
    service: str
    """The id of the one that gets tokens of its own."""


@dataclass(frozen=True)
class Peer:
    """A peer that is installed and has its sessions; it serves while its process runs."""

    name: str
    version: str
    url: str
    token: str
    """The path of the token endpoint."""
    introspection: str
    process: Process
    clients: tuple[Client, ...]
    stores: bool = True
    """In PostgreSQL; if not, nowhere."""
    settling: int = 0
    """As of a server."""
    begin: Callable[[], None] = lambda: None
    """What makes its sessions, where only a peer that serves can."""

    def server(self, client: Client, database: int) -> Server:
        """What a driver works against, for one of the clients."""
        secret = client.refresh.with_suffix(".secret")
        secret.write_text(SECRET)
        return Server(
            token=self.url + self.token,
            introspection=self.url + self.introspection,
            app={"id": client.app, "secret": secret},
            service={"id": client.service, "secret": secret},
            # By the whole name: two clients' sessions differ in the last part of it.
            sessions=Sessions(client.refresh, Path(f"{client.refresh}.access")),
            process=self.process.pid,
            database=database if self.stores else 0,
            settling=self.settling,
        )
