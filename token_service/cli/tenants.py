"""`token-service tenant`."""

import click

from token_service.cli.answers import Output, granted, json_option, page_options, paged, refuse
from token_service.cli.forms import DOMAIN, IDENTIFIER, ROLE
from token_service.cli.opening import AUTHOR, open_parts
from token_service.domain.clients import ROLE_PERMISSIONS, Permission
from token_service.domain.refusals import Refused
from token_service.domain.roles import Roles, written
from token_service.domain.tenants import Tenant
from token_service.services import roles as tenant_roles
from token_service.services import tenant_domains, tenants


@click.group()
def tenant() -> None:
    """Create, list and switch tenants; say what their members' roles permit."""


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


@tenant.group("roles")
def roles() -> None:
    """Show and set what the roles of a tenant's members permit."""


@roles.command("show")
@click.argument("tenant_id", type=IDENTIFIER)
@json_option
def show_roles(tenant_id: str, output: Output) -> None:
    """Show the roles that the tenant defines."""
    found = tenant_roles.read(open_parts().database, tenant_id)
    if found is None:
        refuse("there is no such tenant")
    _show_roles(output, tenant_id, found)


@roles.command("set")
@click.argument("tenant_id", type=IDENTIFIER)
@click.argument("role", type=ROLE)
@click.option(
    "--permission",
    "permissions",
    type=click.Choice(sorted(one.value for one in ROLE_PERMISSIONS)),
    multiple=True,
    help="May be given several times; without it the role permits nothing.",
)
@click.option("--remove", is_flag=True, help="Take the role away; members keep its name.")
@json_option
def set_role(
    tenant_id: str, role: str, permissions: tuple[str, ...], remove: bool, output: Output
) -> None:
    """Define what ROLE permits in the tenant."""
    if remove and permissions:
        raise click.UsageError("give --permission or --remove, not both")
    held = None if remove else frozenset(Permission(one) for one in permissions)
    parts = open_parts()
    after = granted(
        tenant_roles.change(parts.database, parts.clock, tenant_id, {role: held}, AUTHOR)
    )
    _show_roles(output, tenant_id, after)


@tenant.group("domains")
def domains() -> None:
    """Show and set the domains by which applications may name a tenant (domain_hint)."""


@domains.command("list")
@click.argument("tenant_id", type=IDENTIFIER)
@json_option
def list_domains(tenant_id: str, output: Output) -> None:
    """List the domains of the tenant."""
    _show_domains(output, tenant_id, tenant_domains.read(open_parts().database, tenant_id))


@domains.command()
@click.argument("tenant_id", type=IDENTIFIER)
@click.argument("domain", type=DOMAIN)
@json_option
def add(tenant_id: str, domain: str, output: Output) -> None:
    """Let applications name the tenant by DOMAIN, which is no other tenant's."""
    parts = open_parts()
    after = tenant_domains.add(parts.database, parts.clock, tenant_id, domain, AUTHOR)
    _show_domains(output, tenant_id, after)


@domains.command()
@click.argument("tenant_id", type=IDENTIFIER)
@click.argument("domain", type=DOMAIN)
@json_option
def remove(tenant_id: str, domain: str, output: Output) -> None:
    """Let DOMAIN name the tenant no more."""
    parts = open_parts()
    after = tenant_domains.remove(parts.database, parts.clock, tenant_id, domain, AUTHOR)
    _show_domains(output, tenant_id, after)


def _show_domains(output: Output, tenant_id: str, found: list[str] | Refused) -> None:
    shown = granted(found)
    output.show({"id": tenant_id, "domains": shown}, *(shown or ["no domains"]))


def _show_roles(output: Output, tenant_id: str, found: Roles) -> None:
    shown = written(found)
    lines = [f"{name}: {', '.join(held or ()) or '-'}" for name, held in shown.items()]
    output.show({"id": tenant_id, "roles": shown}, *(lines or ["no roles"]))


def _shown(one: Tenant) -> dict[str, object]:
    return {"id": one.tenant_id, "name": one.name, "enabled": one.enabled}
