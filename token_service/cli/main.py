"""The entry point of `token-service`."""

import importlib
from typing import cast

import click

from token_service.cli.answers import ServiceGroup

_COMMANDS = {
    "account": "accounts.account",
    "audit": "audit.audit",
    "client": "clients.client",
    "config": "settings.config",
    "db": "db.db",
    "demo-data": "demo_data.demo_data",
    "dev": "dev.dev",
    "keys": "keys.keys",
    "policy": "policies.policy",
    "purge": "housekeeping.purge",
    "serve": "serving.serve",
    "sessions": "sessions.sessions",
    "tenant": "tenants.tenant",
}
"""Where each command is. Only the one that is asked for is loaded: `serve` stays small so."""


class _Commands(ServiceGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(".")
        loaded = importlib.import_module(f"token_service.cli.{module}")
        return cast(click.Command, getattr(loaded, name))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The token service: run it, and manage what it keeps.

    Ends with 0 (done), 1 (refused), 2 (wrong usage) or 3 (the configuration is wrong, or the
    database does not answer).
    """
