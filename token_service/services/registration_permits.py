"""Permits: what lets somebody whom we know register clients of their own (RFC 7591 section 3)."""

from datetime import datetime, timedelta

from token_service.clock import Clock
from token_service.crypto import registration_tokens
from token_service.domain.events import Event
from token_service.services.changes import Author, Subject, record
from token_service.storage import initial_access_tokens
from token_service.storage.database import Database, Transaction


def permit(
    database: Database, clock: Clock, pepper: bytes, uses: int, lifetime: timedelta, author: Author
) -> tuple[str, datetime]:
    """A new permit for so many clients, which nobody can be told again, and when it ends."""
    made = registration_tokens.new_permit()
    with database.transaction() as tx:
        now = clock.now()
        ends = now + lifetime
        stored = registration_tokens.stored_permit(pepper, made)
        initial_access_tokens.add(tx, stored, uses, author.actor, ends)
        details = {"uses": uses, "expires_at": ends.isoformat(timespec="seconds")}
        record(tx, author, Event.PERMIT_CREATED, Subject(), now, details=details)
    return made, ends


def withdraw_all(database: Database, clock: Clock, author: Author) -> int:
    """Let nobody register with any permit that is out; how many were. Nobody can name a single one:
    it was told once, and is not kept. Clients that were registered with one stay."""
    with database.transaction() as tx:
        now = clock.now()
        withdrawn = initial_access_tokens.withdraw_all(tx, now)
        details = {"number": withdrawn}
        record(tx, author, Event.PERMITS_WITHDRAWN, Subject(), now, details=details)
    return withdrawn


def is_good(database: Database, clock: Clock, pepper: bytes, presented: str) -> bool:
    """Whether somebody may register a client with this; looking uses nothing."""
    stored = registration_tokens.stored_permit(pepper, presented)
    with database.reading() as tx:
        return initial_access_tokens.is_good(tx, stored, clock.now())


def use(tx: Transaction, pepper: bytes, presented: str, now: datetime) -> bool:
    """Use it for the client that the transaction registers."""
    stored = registration_tokens.stored_permit(pepper, presented)
    return initial_access_tokens.use(tx, stored, now)
