"""The secret in a link that sets a new password: self-addressed, good once, stored as a hash only.

A token is `tsp_` + base64url of

    version       1 byte, 1
    key number    2 bytes, names the opaque key that sealed the account
    account      32 bytes, AES-SIV (RFC 5297) of the account's id
    secret       32 bytes, random

The account is sealed with the locators' key under a purpose of its own: no locator opens as the
account of a link, and no link as a locator.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag

from token_service.crypto import opaque
from token_service.crypto.locators import LocatorKey

PREFIX = "tsp_"

_VERSION = b"\x01"
_NUMBER_LENGTH = 2
_SEALED_LENGTH = 32
_SECRET_LENGTH = 32
_SEAL_PURPOSE = b"token-service password reset v1"
_HASH_PURPOSE = b"token-service password reset secret v1\0"

_LENGTH = len(_VERSION) + _NUMBER_LENGTH + _SEALED_LENGTH + _SECRET_LENGTH
TOKEN_LENGTH = len(PREFIX) + len(opaque.encode(bytes(_LENGTH)))


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token, and what is stored of it."""

    token: str = field(repr=False)
    secret_hash: str


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """What a token in good form says. That it is genuine does not mean that it is still good."""

    account_id: str
    secret_hash: str


def new(key: LocatorKey, account_id: str) -> NewToken:
    """A token for the account (32 lowercase hexadecimal characters)."""
    number = key.number.to_bytes(_NUMBER_LENGTH)
    sealed = key.cipher.encrypt(bytes.fromhex(account_id), [_SEAL_PURPOSE, number])
    secret = opaque.new_bytes(_SECRET_LENGTH)
    return NewToken(
        PREFIX + opaque.encode(_VERSION + number + sealed + secret), _hash_of(account_id, secret)
    )


def parse(keys: Mapping[int, LocatorKey], token: str) -> PresentedToken | None:
    """What the token says if one of the keys, by number, has sealed it; otherwise None."""
    data = _data(token)
    key = keys.get(_number(data)) if data else None
    if data is None or key is None:
        return None
    number, rest = data[1:3], data[3:]
    try:
        account = key.cipher.decrypt(rest[:_SEALED_LENGTH], [_SEAL_PURPOSE, number])
    except InvalidTag:
        return None
    account_id = account.hex()
    return PresentedToken(account_id, _hash_of(account_id, rest[_SEALED_LENGTH:]))


def names_unknown_key(keys: Mapping[int, LocatorKey], token: str) -> bool:
    """Whether `parse` refused a token in good form only because it does not know the key's number:
    a worker that is behind confirms its configuration before it refuses."""
    data = _data(token)
    return data is not None and _number(data) not in keys


def _data(token: str) -> bytes | None:
    if len(token) != TOKEN_LENGTH or not token.startswith(PREFIX):
        return None
    data = opaque.decode(token[len(PREFIX) :])
    return data if data is not None and data[:1] == _VERSION else None


def _number(data: bytes) -> int:
    return int.from_bytes(data[1:3])


def _hash_of(account_id: str, secret: bytes) -> str:
    """SHA-256 in base64url, bound to the account: the secret is 256 random bits, which no search
    can find."""
    return opaque.encode(
        hashlib.sha256(_HASH_PURPOSE + bytes.fromhex(account_id) + secret).digest()
    )
