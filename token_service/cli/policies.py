"""`token-service policy`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from token_service.cli.accounts import resolved
from token_service.cli.answers import Output, accepted, granted, json_option, refuse
from token_service.cli.forms import BOUND, FIELD, IDENTIFIER
from token_service.cli.opening import AUTHOR, open_parts
from token_service.domain.policies import Explained
from token_service.domain.policy_changes import BOUNDS
from token_service.domain.refusals import Refused
from token_service.services import effective_policies, policies
from token_service.services.effective_policies import Question
from token_service.services.policies import LevelPolicy

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def policy() -> None:
    """Show, set and explain policies: the environment's, a tenant's, a client's."""


def _level_options(command: Command) -> Command:
    tenant = click.option("--tenant", "tenant_id", type=IDENTIFIER, help="Of this tenant.")
    client = click.option("--client", "client_id", help="Of this client: what it tightens.")
    return tenant(client(command))


@policy.command()
@_level_options
@json_option
def show(tenant_id: str | None, client_id: str | None, output: Output) -> None:
    """Show the environment's policy, or that of one tenant or client.

    What the level itself states is marked.
    """
    _one_level(tenant_id, client_id)
    parts = open_parts()
    database, defaults = parts.database, parts.configuration.defaults
    if client_id is not None:
        _show_limits(granted(policies.of_client(database, client_id, None)), output)
    elif tenant_id is not None:
        _show(granted(policies.of_tenant(database, defaults, tenant_id)), output)
    else:
        _show(policies.of_environment(database, defaults), output)


@policy.command("set")
@click.argument("fields", type=FIELD, nargs=-1, metavar="[FIELD=VALUE]...")
@click.option(
    "--bound",
    "bounds",
    type=BOUND,
    multiple=True,
    help="FIELD=MIN..MAX, either end may be left out, or FIELD=none; for the environment only.",
)
@_level_options
@json_option
def set_(
    fields: tuple[tuple[str, object], ...],
    bounds: tuple[tuple[str, object], ...],
    tenant_id: str | None,
    client_id: str | None,
    output: Output,
) -> None:
    """Change the environment's policy, or that of one tenant or client, as a whole.

    VALUE is a number (of seconds), a word like off or true, or inherit to state nothing.
    """
    _one_level(tenant_id, client_id)
    if bounds and (tenant_id or client_id):
        raise click.UsageError("bounds are the environment's")
    change: dict[str, object] = dict(fields)
    if bounds:
        change[BOUNDS] = dict(bounds)
    parts = open_parts()
    database, clock, defaults = parts.database, parts.clock, parts.configuration.defaults
    if client_id is not None:
        limits = policies.change_client(database, clock, client_id, None, change, AUTHOR)
        _show_limits(accepted(limits), output)
    elif tenant_id is not None:
        after = policies.change_tenant(database, clock, defaults, tenant_id, change, AUTHOR)
        _show(accepted(after), output)
    else:
        after = policies.change_environment(database, clock, defaults, change, AUTHOR)
        _show(accepted(after), output)


@policy.command()
@click.option("--account", "reference", help="An account's id or name.")
@_level_options
@json_option
def explain(
    reference: str | None, tenant_id: str | None, client_id: str | None, output: Output
) -> None:
    """Explain the policy in effect: each value and where it comes from."""
    from token_service.web.schemas.policies import EffectiveSchema

    parts = open_parts()
    account_id = resolved(parts.database, reference) if reference else None
    question = Question(account_id, tenant_id, client_id, asked_in=None)
    found = effective_policies.explain(parts.database, parts.configuration.defaults, question)
    if isinstance(found, Refused):
        refuse("there is no such tenant or client, or it does not go with the others")
    told = found.in_effect
    lines = {
        **found.policy,
        "access token in effect": told.access_token_lifetime,
        "refresh token in effect": told.refresh_token_lifetime,
        "unused limit in effect": told.unused_limit,
        "re-login in effect": Explained(told.force_relogin.value, told.force_relogin.source),
    }
    output.show(
        EffectiveSchema().dump(found),
        *(f"{name} {one.value} ({one.source})" for name, one in lines.items()),
    )


def _one_level(tenant_id: str | None, client_id: str | None) -> None:
    if tenant_id is not None and client_id is not None:
        raise click.UsageError("give --tenant or --client, not both")


def _show(found: LevelPolicy, output: Output) -> None:
    flat = found.policy.flat()
    stated = dict.fromkeys(found.overrides, " (stated here)")
    lines = [f"{name} {value}{stated.get(name, '')}" for name, value in flat.items()]
    lines += [f"bound {name} {_ends(bound)}" for name, bound in sorted(found.bounds.items())]
    output.show({**flat, "overrides": found.overrides, BOUNDS: found.bounds}, *lines)


def _ends(bound: Mapping[str, int]) -> str:
    return f"{bound.get('min', '')}..{bound.get('max', '')}"


def _show_limits(limits: Mapping[str, Any], output: Output) -> None:
    output.show(limits, *(f"{name} {value}" for name, value in limits.items()))
