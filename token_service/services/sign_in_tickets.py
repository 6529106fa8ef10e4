"""Tickets with which exactly the person who gave the right password goes on with a sign-in.

A ticket is as good as that sign-in was: it is void once the password, the account's epoch or the
environment's is another, and it is spent by one guarded statement in the transaction that opens the
session. The caller holds the account's row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from token_service.clock import Clock
from token_service.crypto import addressed, opaque
from token_service.crypto import sign_in_tickets as tickets
from token_service.crypto.sign_in_tickets import Presented
from token_service.domain.accounts import Account
from token_service.domain.clients import Client
from token_service.domain.sign_in_tickets import LIFETIME, MOST, SignInTicket, TicketUse
from token_service.services.configuration import Snapshot, genuine
from token_service.storage import sign_in_tickets
from token_service.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """What a sign-in asked for; `methods` are `amr` values (RFC 8176)."""

    client_id: str
    tenant_id: str
    scope: str
    methods: tuple[str, ...]
    remembered: bool


def issue(
    snapshot: Snapshot, tx: Transaction, account: Account, pending: PendingSignIn, now: datetime
) -> str:
    """A new ticket for a sign-in that has given the right password."""
    ticket_id, secret = opaque.new_id(now), addressed.new_secret()
    ticket = SignInTicket(
        account_id=account.account_id,
        ticket_id=ticket_id,
        client_id=pending.client_id,
        tenant_id=pending.tenant_id,
        scope=pending.scope,
        methods=pending.methods,
        remembered=pending.remembered,
        secret_hash=tickets.hash_of(secret),
        password_proof=_proof(snapshot, account, secret),
        expires_at=now + timedelta(seconds=LIFETIME),
    )
    sign_in_tickets.add(tx, ticket, MOST)
    key = snapshot.keyring.opaque_keys(now).current.locator_key
    return tickets.issue(key, account.account_id, ticket_id, secret)


def parsed(database: Database, clock: Clock, snapshot: Snapshot, ticket: str) -> Presented | None:
    """A genuine ticket, or None; garbage is refused without touching the database."""
    return genuine(database, clock, snapshot, tickets, ticket)


def use_of(snapshot: Snapshot, account: Account, client: Client, presented: Presented) -> TicketUse:
    """What a presented ticket is measured by, as the account is now."""
    return TicketUse(
        account_id=presented.account_id,
        ticket_id=presented.ticket_id,
        client_id=client.client_id,
        secret_hash=presented.secret_hash,
        password_proof=_proof(snapshot, account, presented.secret),
    )


def _proof(snapshot: Snapshot, account: Account, secret: bytes) -> str:
    """The epochs are in it, so that "log out everywhere" voids what has not signed in yet."""
    return tickets.proof_of(secret, snapshot.epoch, account.epoch, account.password_hash)
