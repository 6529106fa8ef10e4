"""`token-service purge`."""

import time
from dataclasses import asdict

import click

from token_service.cli.answers import Output, json_option
from token_service.cli.opening import open_parts
from token_service.services import housekeeping, keys


@click.command()
@json_option
def purge(output: Output) -> None:
    """Make the keys that are due and drop all that is over.

    The server does this by itself; the command is for the impatient, and for servers of others.
    """
    from token_service.app import retention

    parts = open_parts()
    pause_seconds = parts.settings.housekeeping.pause_milliseconds / 1000
    purged = housekeeping.purge_all(
        parts.database, parts.clock, retention(parts.settings), lambda: time.sleep(pause_seconds)
    )
    answer = asdict(purged) | {
        "keys_made": keys.ensure(parts.database, parts.clock, parts.keys),
        "keys_dropped": keys.drop_gone(parts.database, parts.clock),
    }
    output.show(answer, ", ".join(f"{name} {count}" for name, count in answer.items()))
