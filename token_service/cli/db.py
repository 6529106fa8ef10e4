"""`token-service db`."""

import click

from token_service.cli.answers import Output, Unready, json_option
from token_service.cli.opening import AUTHOR, Bare, open_bare, open_parts
from token_service.services import environment, keys
from token_service.storage import schema


@click.group()
def db() -> None:
    """Migrate the database; say that it was restored."""


@db.command()
@json_option
def upgrade(output: Output) -> None:
    """Bring the schema to this release's and make the keys that are due.

    Any number of these may run at once: they come one after the other.
    """
    bare = open_bare()
    made = upgrade_and_ensure_keys(bare)
    answer = {"revision": schema.SCHEMA_REVISION, "keys_made": made}
    output.show(answer, f"the schema is {schema.SCHEMA_REVISION}; {made} keys made")


@db.command()
@json_option
def restored(output: Output) -> None:
    """Say that the database was restored from a backup: every session ends.

    The backup would otherwise honour tokens that were revoked after it was made.
    """
    parts = open_parts()
    epoch = environment.restored(parts.database, parts.clock, AUTHOR)
    output.show({"epoch": epoch}, "every session has ended")


def upgrade_and_ensure_keys(bare: Bare) -> int:
    """Migrate, then make the keys that are due; answers how many."""
    database = bare.parts.database
    schema.make_file(database)
    with database.migrating():
        _migrate(bare)
    return keys.ensure(database, bare.parts.clock, bare.parts.keys)


def _migrate(bare: Bare) -> None:
    # Only here: no server ever carries Alembic.
    import flask_migrate

    from token_service.storage.extension import db as extension

    migrate = flask_migrate.Migrate(bare.app, extension, directory=str(schema.MIGRATIONS))
    try:
        with bare.app.app_context():
            flask_migrate.command.upgrade(migrate.get_config(), "head")
    except flask_migrate.CommandError as error:
        raise Unready(f"the database cannot be migrated: {error}") from error
