"""How Alembic gets at the database: through the application that Flask-Migrate was given.

All revisions that are due run in one transaction, on SQLite as well, so a failure leaves the schema
as it was. Any number of processes may start at once: the first takes a lock, the others wait and
then find nothing left to do.
"""

from alembic import context
from flask import current_app
from sqlalchemy import Connection

# An arbitrary number that nothing else in the database uses.
LOCK = 7_045_210_331
LOCK_SECONDS = 5
SQLITE_WAIT_SECONDS = 60


def migrate() -> None:
    database = current_app.extensions["migrate"].db
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Before the transaction begins, and with it the only write lock that SQLite has.
            connection.connection.driver_connection.execute(
                f"PRAGMA busy_timeout = {SQLITE_WAIT_SECONDS * 1000}"
            )
        with connection.begin():
            if connection.dialect.name == "postgresql":
                lock_postgresql(connection)
            context.configure(
                connection=connection,
                target_metadata=database.metadata,
                compare_type=True,
                transactional_ddl=True,
            )
            context.run_migrations()


def lock_postgresql(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
    # A statement that waits for a table makes everybody wait who comes after it.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")


if context.is_offline_mode():
    raise RuntimeError("the database must be there: a revision may look before it changes")
migrate()
