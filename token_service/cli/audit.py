"""`token-service audit`."""

import click

from token_service.cli.accounts import resolved
from token_service.cli.answers import Output, json_option
from token_service.cli.opening import open_parts
from token_service.services import audit_log
from token_service.storage.audit import Recorded


@click.group()
def audit() -> None:
    """Read the audit log."""


@audit.command("list")
@click.option("--account", "reference", help="An account's id or name.  [default: no account's]")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(reference: str | None, limit: int, output: Output) -> None:
    """List the newest events of an account, or those of the configuration; oldest first."""
    parts = open_parts()
    account_id = resolved(parts.database, reference) if reference else None
    found = audit_log.newest(parts.database, account_id, limit)
    columns = ("at", "event", "reason", "actor", "tenant", "client_id", "sid")
    output.show_items([_shown(one) for one in found], columns)


def _shown(recorded: Recorded) -> dict[str, object]:
    event = recorded.event
    return {
        "at": recorded.at,
        "event": event.event.value,
        "reason": event.reason,
        "actor": event.actor,
        "account": event.account_id,
        "tenant": event.tenant_id,
        "client_id": event.client_id,
        "sid": event.sid,
        "address": event.origin.address,
        "request_id": event.origin.request_id,
        "details": event.details,
    }
