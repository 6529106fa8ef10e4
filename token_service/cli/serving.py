"""`token-service serve`."""

import ctypes
import gc
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from token_service import settings
from token_service.cli.answers import Output, Unready, json_option
from token_service.domain.failures import Unavailable
from token_service.server import group
from token_service.server.limits import Limits
from token_service.settings import Settings
from token_service.web.hashing_paths import HASHING_PATHS

if TYPE_CHECKING:
    from flask import Flask

    from token_service.web.parts import Parts

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


@click.command()
@click.option("--host", help="[default: server.host of the settings]")
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="[default: server.port of the settings]"
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="[default: server.workers of the settings]"
)
@json_option
def serve(host: str | None, port: int | None, workers: int | None, output: Output) -> None:
    """Serve until SIGTERM. The database must have been migrated (db upgrade)."""
    loaded = settings.load()
    configured = loaded.server
    host, port = host or configured.host, port or configured.port
    workers = workers or configured.workers
    answer = {"host": host, "port": port, "workers": workers}
    line = f"serving on http://{host}:{port} with {workers} workers"
    _spare_memory()
    with _metrics_folder():
        group.serve(
            partial(_load, loaded),
            started=partial(output.show, answer, line),
            host=host,
            port=port,
            workers=workers,
            limits=_limits(loaded),
        )


def _limits(loaded: Settings) -> Limits:
    configured = loaded.server
    return Limits(
        threads=configured.threads,
        slow_paths=HASHING_PATHS,
        # While passwords are hashed, one more request does what comes before or after it.
        slow_threads=loaded.argon2.threads + 1,
        header_timeout_seconds=configured.header_timeout_seconds,
        body_timeout_seconds=configured.body_timeout_seconds,
        drain_seconds=configured.drain_seconds,
        max_body_bytes=configured.max_body_bytes,
    )


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """A folder in which the workers add up their metrics; an old one would count twice."""
    with tempfile.TemporaryDirectory(prefix="token-service-metrics-") as folder:
        # prometheus-client reads it when a worker loads it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # noqa: TID251
        yield


def _spare_memory() -> None:
    """Have glibc give memory back: it would keep the 19 MiB of a password hash in every worker.

    The settings of `mallopt(3)` outlive the fork. Another C library goes without.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)
        library.mallopt(_M_ARENA_MAX, 2)


def _load(loaded: Settings) -> "Callable[[], Flask]":
    """The application, which the workers are forked with.

    Only here, not at the top: the process that waits for their end stays small. What counts must
    be loaded with the folder of the metrics in the environment, besides.
    """
    from token_service import app
    from token_service.web.parts import EXTENSION

    application = app.create_app(loaded)
    _require_schema(application.extensions[EXTENSION])
    # What is here now stays for good; a collector that walked it would copy every page of it.
    gc.collect()
    gc.freeze()
    return partial(app.at_work, application)


def _require_schema(parts: "Parts") -> None:
    """Exit where the database is known to have another schema.

    Asked in a process of its own: a connection, or the thread that watches it, must not be in the
    one that the workers fork from.
    """
    child = multiprocessing.get_context("fork").Process(target=_exit_by_schema, args=[parts])
    child.start()
    child.join()
    if child.exitcode == Unready.exit_code:
        raise SystemExit(Unready.exit_code)


def _exit_by_schema(parts: "Parts") -> None:
    from token_service.cli.opening import require_schema

    try:
        require_schema(parts)
    except Unready as unready:
        unready.show()
        sys.exit(unready.exit_code)
    except Unavailable as unavailable:
        # It may come back at any moment: a restart must not depend on the order of things.
        click.echo(f"the database does not answer ({unavailable.private}); serving 503", err=True)
