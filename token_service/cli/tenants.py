"""`token-service tenant`."""

import click

from token_service.cli.answers import Output, granted, json_option, page_options, paged
from token_service.cli.forms import IDENTIFIER
from token_service.cli.opening import AUTHOR, open_parts
from token_service.domain.tenants import Tenant
from token_service.services import tenants


@click.group()
def tenant() -> None:
    """Create, list and switch tenants."""


@tenant.command()
@click.argument("name")
@json_option
def create(name: str, output: Output) -> None:
    """Create a tenant called NAME; it inherits every policy."""
    parts = open_parts()
    made = granted(tenants.create(parts.database, parts.clock, name, AUTHOR))
    output.show(_shown(made), f"tenant {made.tenant_id}")


@tenant.command("list")
@page_options
@json_option
def list_(limit: int, cursor: str, output: Output) -> None:
    """List tenants, oldest first."""
    parts = open_parts()
    found, next_cursor = paged(
        lambda after, count: tenants.page(parts.database, after, count),
        cursor,
        limit,
        lambda one: one.tenant_id,
    )
    output.show_items([_shown(one) for one in found], ("id", "name", "enabled"), next_cursor)


@tenant.command()
@click.argument("tenant_id", type=IDENTIFIER)
@json_option
def disable(tenant_id: str, output: Output) -> None:
    """End every grant in the tenant, and let nobody sign in to it."""
    parts = open_parts()
    now_is = granted(tenants.disable(parts.database, parts.clock, tenant_id, AUTHOR))
    output.show(_shown(now_is), f"tenant {tenant_id} is disabled")


@tenant.command()
@click.argument("tenant_id", type=IDENTIFIER)
@json_option
def enable(tenant_id: str, output: Output) -> None:
    """Let members sign in to the tenant again; what ended stays ended."""
    parts = open_parts()
    now_is = granted(tenants.enable(parts.database, parts.clock, tenant_id, AUTHOR))
    output.show(_shown(now_is), f"tenant {tenant_id} is enabled")


def _shown(one: Tenant) -> dict[str, object]:
    return {"id": one.tenant_id, "name": one.name, "enabled": one.enabled}
