"""Flask-SQLAlchemy owns the engine; this is the one place where storage meets Flask."""

from pathlib import Path

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL, Engine, make_url

from token_service.storage.pinned import CONNECT_TIMEOUT
from token_service.storage.tables import metadata

db = SQLAlchemy(metadata=metadata)
"""For Flask-Migrate, and for the engine; no models and no sessions of it are used."""


def engine_of(
    app: Flask,
    url: str,
    *,
    pool_size: int,
    pool_timeout_seconds: int,
    connect_timeout_seconds: int,
) -> Engine:
    """Bind the extension to the application and give its engine.

    Every connection to PostgreSQL is made from the engine's URL, the pool's, the pinned ones and
    the one that watches, so the time limit for connecting stands there.
    """
    address = _absolute(url)
    if address.get_backend_name() == "postgresql":
        address = address.update_query_dict({CONNECT_TIMEOUT: str(connect_timeout_seconds)})
    app.config["SQLALCHEMY_DATABASE_URI"] = address
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _options(url, pool_size, pool_timeout_seconds)
    db.init_app(app)
    with app.app_context():
        return db.engine


def _absolute(url: str) -> URL:
    """A SQLite file is meant from the working directory, as every other path of the settings.

    Flask-SQLAlchemy would look for it in the instance folder of Flask.
    """
    parsed = make_url(url)
    name = parsed.database
    if parsed.get_backend_name() != "sqlite" or not name or name.startswith((":", "file:")):
        return parsed
    return parsed.set(database=str(Path.cwd() / name))


def _options(url: str, pool_size: int, pool_timeout_seconds: int) -> dict[str, object]:
    # Or the text of an error would show what was written: names, hashes, addresses.
    hidden = {"hide_parameters": True}
    if url.startswith("sqlite"):
        return {**hidden, "connect_args": {"timeout": 2}}
    return {
        **hidden,
        "pool_size": pool_size,
        "max_overflow": 0,
        # A burst beyond the pool waits its turn; that is not a database that is away.
        "pool_timeout": pool_timeout_seconds,
        # Statements of busy transactions are prepared beside psycopg (storage/ready.py), which
        # would deallocate all of them with its own whenever a transaction is rolled back.
        "connect_args": {"application_name": "token-service", "prepare_threshold": None},
    }
