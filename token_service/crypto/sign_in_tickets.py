"""Tickets of sign-ins that wait: `tst_`, with the ids of account and ticket (`addressed`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto import opaque
from token_service.crypto.addressed import Kind
from token_service.crypto.locators import LocatorKey

_KIND = Kind("sign-in ticket", "tst_", ids=2)

PREFIX, TICKET_LENGTH = _KIND.prefix, _KIND.frame.length

hash_of, names_unknown_key = _KIND.hash_of, _KIND.frame.names_unknown_key


@dataclass(frozen=True, slots=True)
class Presented:
    """What a genuine ticket says. That it is genuine does not mean that it is still good."""

    account_id: str
    ticket_id: str
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """What the ticket's row holds if the secret is the right one."""
        return hash_of(self.secret)


def proof_of(secret: bytes, *facts: object) -> str:
    """A hash of some facts that only the ticket's holder can check: keyed by its secret."""
    return opaque.keyed_hash(secret, "facts of a sign-in ticket", " ".join(map(str, facts)))


def issue(key: LocatorKey, account_id: str, ticket_id: str, secret: bytes) -> str:
    """A ticket; the ids are 32 hexadecimal characters each."""
    return _KIND.issue(key, (account_id, ticket_id), secret)


def parse(keys: Mapping[int, LocatorKey], ticket: str) -> Presented | None:
    """What the ticket says if one of the keys has sealed it, otherwise None, without a database."""
    found = _KIND.parse(keys, ticket)
    return None if found is None else Presented(found.ids[0], found.ids[1], found.secret)
