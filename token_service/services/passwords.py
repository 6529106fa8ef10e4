"""Passwords that are chosen: whether they may be, their hashes, and what a new one makes void."""

from collections.abc import Iterable
from datetime import datetime

from token_service.crypto.common_passwords import common_passwords
from token_service.crypto.password_hints import hints
from token_service.crypto.passwords import HashingBusy
from token_service.domain.failures import Unavailable
from token_service.domain.letters import LetterKind
from token_service.domain.passwords import PasswordFault, Unsuitable, faults
from token_service.domain.refusals import Refusal
from token_service.services.changes import Author
from token_service.services.letters import notify
from token_service.services.signing_in import Gate
from token_service.storage import (
    accounts,
    epochs,
    failure_counts,
    letters,
    logout_notices,
    password_resets,
)
from token_service.storage.database import Transaction
from token_service.storage.epochs import Raised

_SERVICE = "token service"


def hashed(gate: Gate, password: str, known_words: Iterable[str]) -> str | Unsuitable:
    """The hash of a password that may be chosen, made before any transaction: no lock is held for
    as long as it takes.

    `known_words` are what anybody can know of its owner. Raises `Unavailable` where the password
    does not get hashed in time.
    """
    found = faults(password, gate.rules, (_SERVICE, *known_words), common_passwords())
    if found:
        return unsuitable(password, found)
    try:
        return gate.passwords.hash(password)
    except HashingBusy as busy:
        raise Unavailable("password: the hash queue is full", retry_after=1) from busy


def unsuitable(password: str, found: tuple[PasswordFault, ...]) -> Unsuitable:
    """The refusal of a password, with what would make a better one."""
    return Unsuitable(faults=found, hints=hints(password))


def known_words(tx: Transaction, account_id: str) -> tuple[str, ...]:
    """What anybody can know of the account: its names and those of its tenants."""
    held = accounts.names_of(tx, account_id)
    return (*(name.display for name in held), *accounts.tenant_names(tx, account_id))


def replace(
    tx: Transaction, gate: Gate, account_id: str, new_hash: str, author: Author, now: datetime
) -> bool:
    """Store a password whose predecessor nobody asked for; False where there is no such account.

    Every session ends by one raised epoch, no failure counts any more, and the person is told.
    """
    epoch = accounts.set_password(tx, account_id, new_hash, now)
    if epoch is None:
        return False
    raised = Raised(Refusal.PASSWORD_RESET, author.actor, now)
    epochs.record_account(tx, account_id, epoch, raised)
    logout_notices.end_account(tx, account_id, None, now)
    failure_counts.clear(tx, gate.throttle.account_subject(account_id))
    drop_pending(tx, account_id)
    notify(tx, account_id, LetterKind.PASSWORD_WAS_RESET, author.origin, now)
    return True


def drop_pending(tx: Transaction, account_id: str) -> None:
    """Make void what rests on the old password or would replace the new one.

    The letters first: a postman that is just making a link holds its letter, and the link is gone
    with the others once it let go.
    """
    letters.drop_kind(tx, account_id, LetterKind.PASSWORD_RESET)
    password_resets.drop_pending(tx, account_id)
