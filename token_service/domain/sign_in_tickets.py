"""Sign-ins with the right password that wait until one of the account's sessions is ended."""

from dataclasses import dataclass, field
from datetime import datetime

from token_service.domain.refusals import Refusal

LIFETIME = 300
"""Seconds that a sign-in waits."""
MOST = 10
"""Sign-ins of one account that may wait at once; the longest waiting gives way."""


@dataclass(frozen=True, slots=True)
class SignInTicket:
    """A sign-in that waits: what it asked for, and what must be the same when it goes on.

    `password_proof` is a keyed hash of the password hash and the epochs that were in force.
    """

    account_id: str
    ticket_id: str
    client_id: str
    tenant_id: str
    scope: str
    methods: tuple[str, ...]
    remembered: bool
    secret_hash: str = field(repr=False)
    password_proof: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TicketUse:
    """A genuine ticket as it is presented: by whom, and what is true of the account by now."""

    account_id: str
    ticket_id: str
    client_id: str
    secret_hash: str = field(repr=False)
    password_proof: str = field(repr=False)


def ticket_refusal(ticket: SignInTicket | None, use: TicketUse, now: datetime) -> Refusal | None:
    """Why the ticket is not good, or None. No reason is told: all of them look alike outside."""
    if ticket is None or ticket.secret_hash != use.secret_hash:
        return Refusal.UNKNOWN_TICKET
    if ticket.client_id != use.client_id:
        return Refusal.FOREIGN_CLIENT
    if now >= ticket.expires_at:
        return Refusal.EXPIRED
    if ticket.password_proof != use.password_proof:
        return Refusal.REVOKED
    return None
