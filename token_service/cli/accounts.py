"""`token-service account`."""

import click

from token_service.cli.answers import (
    Output,
    accepted,
    granted,
    json_option,
    page_options,
    paged,
    refuse,
)
from token_service.cli.forms import (
    EMAIL,
    IDENTIFIER,
    MEMBERSHIP,
    PHONE,
    ROLE,
    SESSION_LIMIT,
    USERNAME,
)
from token_service.cli.opening import AUTHOR, open_parts
from token_service.cli.passwords import choose, password_options
from token_service.domain.accounts import SignInName
from token_service.services import account_limits, accounts, lock_outs, members, password_resets
from token_service.services.accounts import NewAccount
from token_service.storage.accounts import ListedAccount
from token_service.storage.database import Database


@click.group()
def account() -> None:
    """Create, list and switch accounts; set passwords, unlock; join and leave tenants.

    ACCOUNT is an account's id or one of its sign-in names.
    """


@account.command()
@click.option("--email", type=EMAIL)
@click.option("--username", type=USERNAME)
@click.option("--phone", type=PHONE, help="With + and country code.")
@click.option(
    "--tenant",
    "memberships",
    type=MEMBERSHIP,
    multiple=True,
    help="A tenant's id, with the roles there; may be given several times.",
)
@click.option("--default-tenant", type=IDENTIFIER, help="Where a sign-in goes that names none.")
@password_options
@json_option
def create(
    email: SignInName | None,
    username: SignInName | None,
    phone: SignInName | None,
    memberships: tuple[tuple[str, tuple[str, ...]], ...],
    default_tenant: str | None,
    password_from: str | None,
    output: Output,
) -> None:
    """Create an account with at least one name."""
    names = tuple(name for name in (email, username, phone) if name is not None)
    if not names:
        raise click.UsageError("give --email, --username or --phone")
    parts = open_parts()
    password = choose(password_from)
    new = NewAccount(names, password.text, memberships, default_tenant)
    made = granted(accounts.create(parts.database, parts.clock, parts.gate, new, AUTHOR))
    shown = {"password": password.shown} if password.shown else {}
    lines = [f"password {password.shown}"] if password.shown else []
    listed = ListedAccount(made, tuple(name.display for name in names))
    output.show(_shown(listed) | shown, f"account {made.account_id}", *lines)


@account.command("list")
@page_options
@json_option
def list_(limit: int, cursor: str, output: Output) -> None:
    """List accounts, oldest first."""
    parts = open_parts()
    found, next_cursor = paged(
        lambda after, count: accounts.page(parts.database, after, count),
        cursor,
        limit,
        lambda one: one.account.account_id,
    )
    items = [_shown(one) for one in found]
    output.show_items(items, ("id", "names", "enabled", "tenants"), next_cursor)


@account.command()
@click.argument("reference", metavar="ACCOUNT")
@json_option
def disable(reference: str, output: Output) -> None:
    """End every session of ACCOUNT, and let it sign in no more."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    granted(accounts.disable(parts.database, parts.clock, account_id, AUTHOR))
    output.show({"id": account_id, "enabled": False}, f"account {account_id} is disabled")


@account.command()
@click.argument("reference", metavar="ACCOUNT")
@json_option
def enable(reference: str, output: Output) -> None:
    """Let ACCOUNT sign in again; what ended stays ended."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    granted(accounts.enable(parts.database, parts.clock, account_id, AUTHOR))
    output.show({"id": account_id, "enabled": True}, f"account {account_id} is enabled")


@account.command("set-password")
@click.argument("reference", metavar="ACCOUNT")
@password_options
@json_option
def set_password(reference: str, password_from: str | None, output: Output) -> None:
    """Set the password of ACCOUNT; every session of it ends."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    password = choose(password_from)
    database, clock, gate = parts.database, parts.clock, parts.gate
    granted(accounts.reset_password(database, clock, gate, account_id, password.text, AUTHOR))
    shown = {"password": password.shown} if password.shown else {}
    lines = [f"password {password.shown}"] if password.shown else []
    output.show({"id": account_id} | shown, f"account {account_id} has another password", *lines)


@account.command("send-reset")
@click.argument("reference", metavar="ACCOUNT")
@json_option
def send_reset(reference: str, output: Output) -> None:
    """Mail the owner of ACCOUNT a link for a new password; a running service sends it."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    granted(password_resets.send(parts.database, parts.clock, account_id, AUTHOR))
    output.show({"id": account_id, "queued": True}, f"a link for account {account_id} is queued")


@account.command("lock-out")
@click.argument("reference", metavar="ACCOUNT")
@json_option
def lock_out(reference: str, output: Output) -> None:
    """Tell how many sign-ins of ACCOUNT failed in a row, and until when it is locked."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    throttle = parts.gate.throttle
    found = granted(lock_outs.look(parts.database, parts.clock, throttle, account_id, None))
    until = found.locked_until
    output.show(
        {"id": account_id, "failures": found.failures, "locked_until": until},
        f"failures {found.failures}",
        f"locked until {until:%Y-%m-%dT%H:%M:%SZ}" if until else "not locked",
    )


@account.command()
@click.argument("reference", metavar="ACCOUNT")
@json_option
def unlock(reference: str, output: Output) -> None:
    """Unlock ACCOUNT and forget its failed sign-ins."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    throttle = parts.gate.throttle
    granted(lock_outs.unlock(parts.database, parts.clock, throttle, account_id, None, AUTHOR))
    output.show({"id": account_id, "locked": False}, f"account {account_id} is not locked")


@account.command()
@click.argument("reference", metavar="ACCOUNT")
@click.argument("tenant_id", type=IDENTIFIER, metavar="TENANT")
@click.option("--role", "roles", type=ROLE, multiple=True, help="May be given several times.")
@json_option
def join(reference: str, tenant_id: str, roles: tuple[str, ...], output: Output) -> None:
    """Make ACCOUNT a member of TENANT."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    granted(accounts.join(parts.database, parts.clock, account_id, tenant_id, roles, AUTHOR))
    answer = {"id": account_id, "tenant": tenant_id, "roles": roles}
    output.show(answer, f"account {account_id} is a member of {tenant_id}")


@account.command("set-roles")
@click.argument("reference", metavar="ACCOUNT")
@click.argument("tenant_id", type=IDENTIFIER, metavar="TENANT")
@click.option("--role", "roles", type=ROLE, multiple=True, help="May be given several times.")
@json_option
def set_roles(reference: str, tenant_id: str, roles: tuple[str, ...], output: Output) -> None:
    """Give ACCOUNT exactly these roles in TENANT; without --role it has none."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    held = tuple(sorted(set(roles)))
    granted(members.set_roles(parts.database, parts.clock, account_id, tenant_id, held, AUTHOR))
    answer = {"id": account_id, "tenant": tenant_id, "roles": held}
    output.show(answer, f"account {account_id} has the roles: {', '.join(held) or 'none'}")


@account.command()
@click.argument("reference", metavar="ACCOUNT")
@click.argument("tenant_id", type=IDENTIFIER, metavar="TENANT")
@json_option
def leave(reference: str, tenant_id: str, output: Output) -> None:
    """End ACCOUNT's membership of TENANT, and its grants there."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    granted(accounts.leave(parts.database, parts.clock, account_id, tenant_id, AUTHOR))
    answer = {"id": account_id, "tenant": tenant_id}
    output.show(answer, f"account {account_id} is no longer a member of {tenant_id}")


@account.command("session-limit")
@click.argument("reference", metavar="ACCOUNT")
@click.argument("limit", type=SESSION_LIMIT, required=False)
@json_option
def session_limit(reference: str, limit: object, output: Output) -> None:
    """Show how many sessions ACCOUNT may have, or set it: a number, off, or none of its own."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    if limit is None:
        now_is = granted(account_limits.of_account(parts.database, account_id))
    else:
        change = {"max_sessions": None if limit == "none" else limit}
        now_is = accepted(
            account_limits.change(parts.database, parts.clock, account_id, change, AUTHOR)
        )
    shown = "none of its own" if now_is is None else now_is
    answer = {"id": account_id, "max_sessions": now_is}
    output.show(answer, f"account {account_id}: max_sessions {shown}")


def resolved(database: Database, reference: str) -> str:
    """The id of the account with this id or name; ends the command where there is none."""
    found = accounts.find(database, reference)
    if found is None:
        refuse("there is no account with this id or name")
    return found


def _shown(listed: ListedAccount) -> dict[str, object]:
    account = listed.account
    return {
        "id": account.account_id,
        "names": listed.names,
        "enabled": account.enabled,
        "tenants": [one.tenant_id for one in account.memberships],
        "default_tenant": account.default_tenant_id,
    }
