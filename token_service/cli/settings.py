"""`token-service config`."""

import click

from token_service import settings
from token_service.cli.answers import Output, json_option


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@json_option
def check(output: Output) -> None:
    """Show every setting and where it came from, or the one line that stops a start."""
    rows = settings.describe(settings.load())
    items = [{"key": key, "value": value, "source": source} for key, value, source in rows]
    output.show_items(items, ("key", "value", "source"))
