"""`token-service sessions`."""

import click

from token_service.cli.accounts import resolved
from token_service.cli.answers import Output, json_option, refuse
from token_service.cli.forms import IDENTIFIER
from token_service.cli.opening import AUTHOR, open_parts, with_snapshot
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import LiveSession
from token_service.services import account_sessions
from token_service.services.endings import Cause

_account_option = click.option(
    "--account", "reference", required=True, help="The account's id or one of its names."
)


@click.group()
def sessions() -> None:
    """List and end sessions of an account."""


@sessions.command("list")
@_account_option
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--cursor", type=IDENTIFIER, help="Where the last list said it goes on.")
@json_option
def list_(reference: str, limit: int, cursor: str | None, output: Output) -> None:
    """List the live sessions of an account, newest first."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    page = with_snapshot(
        parts,
        lambda snapshot: account_sessions.list_live(
            parts.database, parts.clock, snapshot, account_id, cursor, limit
        ),
    )
    if page is None:
        refuse("there is no such account")
    columns = ("sid", "last_active_at", "ends_at", "ip", "browser", "os", "clients", "impersonator")
    output.show_items([_shown(one) for one in page.items], columns, page.next_sid)


@sessions.command()
@_account_option
@click.option("--sid", type=IDENTIFIER, help="The one session to end.  [default: all of them]")
@json_option
def end(reference: str, sid: str | None, output: Output) -> None:
    """End one session of an account, or all of them; saying it twice is fine."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    cause = Cause(Refusal.ENDED_BY_ADMIN, AUTHOR.actor, AUTHOR.origin)
    if sid is None:
        account_sessions.end_all(parts.database, parts.clock, account_id, cause)
        line = f"every session of account {account_id} has ended"
    elif account_sessions.end_one(parts.database, parts.clock, account_id, sid, cause):
        line = f"session {sid} has ended"
    else:
        refuse("the account has no such session")
    output.show({"account": account_id, "sid": sid}, line)


def _shown(live: LiveSession) -> dict[str, object]:
    session, device = live.session, live.session.device
    return {
        "sid": session.sid,
        "created_at": session.created_at,
        "authenticated_at": session.authenticated_at,
        "last_active_at": live.last_active_at,
        "ends_at": live.ends_at,
        "ip": device.ip,
        "browser": device.browser,
        "os": device.os,
        "device": device.device,
        "clients": live.clients,
        "tenants": live.tenants,
        "remembered": session.remembered,
        "impersonator": session.impersonator,
    }
