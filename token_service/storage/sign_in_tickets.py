"""Tickets of sign-ins that wait: written, read, taken once."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, insert, select

from token_service.domain.sign_in_tickets import SignInTicket, TicketUse
from token_service.storage.database import Transaction
from token_service.storage.tables import sign_in_tickets


def add(tx: Transaction, ticket: SignInTicket, most: int) -> None:
    """Write a ticket; of the account's others at most `most - 1` stay, the newest.

    The caller holds the account's row.
    """
    mine = sign_in_tickets.c.account_id == ticket.account_id
    kept = (
        select(sign_in_tickets.c.ticket_id)
        .where(mine)
        .order_by(sign_in_tickets.c.ticket_id.desc())
        .limit(most - 1)
    )
    tx.execute(delete(sign_in_tickets).where(mine, sign_in_tickets.c.ticket_id.not_in(kept)))
    tx.execute(
        insert(sign_in_tickets).values(
            account_id=ticket.account_id,
            ticket_id=ticket.ticket_id,
            secret_hash=ticket.secret_hash,
            client_id=ticket.client_id,
            tenant_id=ticket.tenant_id,
            scope=ticket.scope,
            methods=" ".join(ticket.methods),
            remembered=ticket.remembered,
            password_proof=ticket.password_proof,
            expires_at=ticket.expires_at,
        )
    )


def read(tx: Transaction, account_id: str, ticket_id: str) -> SignInTicket | None:
    """One ticket, good or not; None where there is none, or none any more."""
    row = tx.execute(select(sign_in_tickets).where(_is(account_id, ticket_id))).one_or_none()
    if row is None:
        return None
    return SignInTicket(
        account_id=row.account_id,
        ticket_id=row.ticket_id,
        client_id=row.client_id,
        tenant_id=row.tenant_id,
        scope=row.scope,
        methods=tuple(row.methods.split()),
        remembered=row.remembered,
        secret_hash=row.secret_hash,
        password_proof=row.password_proof,
        expires_at=row.expires_at,
    )


def take(tx: Transaction, use: TicketUse, now: datetime) -> bool:
    """Spend a ticket: the one guarded statement; False where it is not good, or was spent."""
    taken = tx.execute(
        delete(sign_in_tickets)
        .where(
            _is(use.account_id, use.ticket_id),
            sign_in_tickets.c.secret_hash == use.secret_hash,
            sign_in_tickets.c.client_id == use.client_id,
            sign_in_tickets.c.password_proof == use.password_proof,
            sign_in_tickets.c.expires_at > now,
        )
        .returning(sign_in_tickets.c.ticket_id)
    )
    return taken.one_or_none() is not None


def _is(account_id: str, ticket_id: str) -> ColumnElement[bool]:
    return and_(
        sign_in_tickets.c.account_id == account_id, sign_in_tickets.c.ticket_id == ticket_id
    )
