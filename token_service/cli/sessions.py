"""`token-service sessions`."""

from datetime import timedelta

import click

from token_service.cli.accounts import resolved
from token_service.cli.answers import Output, json_option, refuse
from token_service.cli.forms import IDENTIFIER
from token_service.cli.opening import AUTHOR, open_parts, with_snapshot
from token_service.domain.refusals import Refusal
from token_service.domain.session_ends import EndedSession
from token_service.domain.sessions import LiveSession
from token_service.services import account_sessions, session_history
from token_service.services.endings import Cause
from token_service.services.session_history import Asked

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


@sessions.command("ended")
@_account_option
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--cursor", type=IDENTIFIER, help="Where the last list said it goes on.")
@json_option
def ended(reference: str, limit: int, cursor: str | None, output: Output) -> None:
    """List the sessions of an account that are over: why, since when and by whom."""
    parts = open_parts()
    account_id = resolved(parts.database, reference)
    kept = timedelta(seconds=parts.settings.housekeeping.retention_seconds)
    page = with_snapshot(
        parts,
        lambda snapshot: session_history.list_ended(
            parts.database, parts.clock, snapshot, Asked(account_id, None, kept), cursor, limit
        ),
    )
    if page is None:
        refuse("there is no such account")
    columns = ("sid", "ended_at", "end_reason", "ended_by", "ended_device", "ip", "clients")
    output.show_items([_shown_ended(one) for one in page.items], columns, page.next_sid)


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


def _shown_ended(one: EndedSession) -> dict[str, object]:
    end = one.end
    return _shown(one) | {
        "ended_at": end.at,
        "end_reason": end.reason.value,
        "ended_by": end.actor,
        "ended_device": end.device,
    }


def _shown(live: LiveSession | EndedSession) -> dict[str, object]:
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
