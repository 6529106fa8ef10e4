"""The entry point of `token-service`."""

import click

from token_service.cli.accounts import account
from token_service.cli.answers import ServiceGroup
from token_service.cli.audit import audit
from token_service.cli.clients import client
from token_service.cli.db import db
from token_service.cli.demo_data import demo_data
from token_service.cli.housekeeping import purge
from token_service.cli.keys import keys
from token_service.cli.policies import policy
from token_service.cli.serving import dev, serve
from token_service.cli.sessions import sessions
from token_service.cli.settings import config
from token_service.cli.tenants import tenant

_COMMANDS: tuple[click.Command, ...] = (
    serve,
    dev,
    db,
    demo_data,
    tenant,
    account,
    client,
    policy,
    keys,
    sessions,
    audit,
    purge,
    config,
)


@click.group(cls=ServiceGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The token service: run it, and manage what it keeps.

    Ends with 0 (done), 1 (refused), 2 (wrong usage) or 3 (the configuration is wrong, or the
    database does not answer).
    """


for _command in _COMMANDS:
    main.add_command(_command)
