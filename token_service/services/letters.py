"""Writing letters into the outbox, in the transaction of what they tell of."""

from datetime import datetime

from token_service.crypto import opaque
from token_service.domain.accounts import NameKind
from token_service.domain.events import Origin
from token_service.domain.letters import LetterKind
from token_service.storage import accounts, letters
from token_service.storage.database import Transaction


def notify(
    tx: Transaction, account_id: str, kind: LetterKind, origin: Origin, now: datetime
) -> None:
    """Tell the person, at each of their e-mail addresses, what was done with their account."""
    details = {"time": f"{now:%Y-%m-%d %H:%M} UTC", "address": origin.address or "-"}
    for name in accounts.names_of(tx, account_id):
        if name.kind is NameKind.EMAIL:
            letter_id = opaque.new_id(now)
            letters.insert_letter(tx, account_id, letter_id, kind, name.display, details, now)


def ask_for_link(tx: Transaction, account_id: str, recipient: str, now: datetime) -> None:
    """Have a link for a new password sent; it is made when its letter is.

    Those that were not sent yet are not needed any more: one that is tried again later would make
    void the link that has arrived.
    """
    letter_id = opaque.new_id(now)
    kind = LetterKind.PASSWORD_RESET
    letters.drop_kind(tx, account_id, kind)
    letters.insert_letter(tx, account_id, letter_id, kind, recipient, {}, now)
