"""Tickets of sign-ins that wait: opaque, and only their hash is stored.

A ticket is `tst_` + base64url of

    version          1 byte, 1
    address         50 bytes, the ids of account and ticket, sealed (`locators`)
    secret          32 bytes, random

The sealed address finds the row by its key and keeps garbage away from the database; the secret is
what nobody can make who reads the database or holds the key.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto import locators, opaque
from token_service.crypto.locators import SEAL_LENGTH, LocatorKey

PREFIX = "tst_"
SECRET_LENGTH = 32

_VERSION = b"\x01"
_ID_LENGTH = 16
_SEALED_END = 1 + SEAL_LENGTH + 2 * _ID_LENGTH
_PURPOSE = b"token-service sign-in ticket v1"
_HASH_PURPOSE = b"token-service sign-in ticket secret v1\0"

TICKET_LENGTH = len(PREFIX) + len(opaque.encode(bytes(_SEALED_END + SECRET_LENGTH)))


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


def hash_of(secret: bytes) -> str:
    """What a ticket's row stores of its secret: SHA-256 in base64url, 43 characters."""
    return opaque.encode(hashlib.sha256(_HASH_PURPOSE + secret).digest())


def proof_of(secret: bytes, *facts: object) -> str:
    """A hash of some facts that only the ticket's holder can check: keyed by its secret."""
    return opaque.keyed_hash(secret, "facts of a sign-in ticket", " ".join(map(str, facts)))


def issue(key: LocatorKey, account_id: str, ticket_id: str, secret: bytes) -> str:
    """A ticket; the ids are 32 hexadecimal characters each."""
    address = bytes.fromhex(account_id) + bytes.fromhex(ticket_id)
    sealed = locators.seal_address(key, _PURPOSE, address)
    return PREFIX + opaque.encode(_VERSION + sealed + secret)


def parse(keys: Mapping[int, LocatorKey], ticket: str) -> Presented | None:
    """What the ticket says if one of the keys has sealed it, otherwise None, without a database."""
    data = _data(ticket)
    if data is None:
        return None
    address = locators.unseal_address(keys, _PURPOSE, data[1:_SEALED_END])
    if address is None:
        return None
    account_id, ticket_id = address[:_ID_LENGTH].hex(), address[_ID_LENGTH:].hex()
    return Presented(account_id, ticket_id, data[_SEALED_END:])


def names_unknown_key(keys: Mapping[int, LocatorKey], ticket: str) -> bool:
    """Whether `parse` refused a ticket in good form only because it does not know the key's number.

    Another worker may have made it with a newer key: the caller confirms its configuration once.
    """
    data = _data(ticket)
    return data is not None and locators.sealed_by(data[1:]) not in keys


def _data(ticket: str) -> bytes | None:
    """The decoded ticket, always of the same length and version."""
    if len(ticket) != TICKET_LENGTH or not ticket.startswith(PREFIX):
        return None
    data = opaque.decode(ticket[len(PREFIX) :])
    return data if data is not None and data[:1] == _VERSION else None
