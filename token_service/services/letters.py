"""Writing letters into the outbox, in the transaction of what they tell of."""

import re
from datetime import datetime

from token_service.crypto import opaque
from token_service.domain.accounts import NameKind
from token_service.domain.events import Origin
from token_service.domain.letters import LetterKind
from token_service.domain.sessions import Device
from token_service.storage import accounts, letters
from token_service.storage.database import Transaction

_LONGEST_DEVICE = 60
_NOT_IN_LETTERS = re.compile(r"[^A-Za-z0-9 ()+_-]")


def notify(
    tx: Transaction, account_id: str, kind: LetterKind, origin: Origin, now: datetime
) -> None:
    """Tell the person, at each of their e-mail addresses, what was done with their account."""
    _write(tx, account_id, kind, _when_and_where(origin, now), now)


def notify_of_device(
    tx: Transaction, account_id: str, device: Device, origin: Origin, now: datetime
) -> None:
    """Tell the person of a sign-in with a device that is new.

    A browser names itself, and whoever knows the password chooses the browser: few characters of
    that come into the letter, and none that make a link.
    """
    named = _NOT_IN_LETTERS.sub("", device.kind)[:_LONGEST_DEVICE]
    details = _when_and_where(origin, now) | {"device": named}
    _write(tx, account_id, LetterKind.NEW_DEVICE, details, now)


def _when_and_where(origin: Origin, now: datetime) -> dict[str, str]:
    return {"time": f"{now:%Y-%m-%d %H:%M} UTC", "address": origin.address or "-"}


def _write(
    tx: Transaction, account_id: str, kind: LetterKind, details: dict[str, str], now: datetime
) -> None:
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
