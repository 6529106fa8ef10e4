"""The secret in a link that sets a new password: good once, stored as a hash only.

It is `tsp_`, with the account's id for an address (`addressed`). The hash is bound to the account.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto import addressed, locators, opaque
from token_service.crypto.addressed import Frame
from token_service.crypto.locators import SEAL_LENGTH, LocatorKey

_SEAL_PURPOSE = b"token-service password reset v1"
_HASH_PURPOSE = b"token-service password reset secret v1\0"

_FRAME = Frame("tsp_", SEAL_LENGTH + 16)

PREFIX, TOKEN_LENGTH = _FRAME.prefix, _FRAME.length

names_unknown_key = _FRAME.names_unknown_key


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
    sealed = locators.seal_address(key, _SEAL_PURPOSE, bytes.fromhex(account_id))
    secret = addressed.new_secret()
    return NewToken(_FRAME.written(sealed, secret), _hash_of(account_id, secret))


def parse(keys: Mapping[int, LocatorKey], token: str) -> PresentedToken | None:
    """What the token says if one of the keys, by number, has sealed it; otherwise None."""
    found = _FRAME.read(token)
    account = None if found is None else locators.unseal_address(keys, _SEAL_PURPOSE, found[0])
    if found is None or account is None:
        return None
    account_id = account.hex()
    return PresentedToken(account_id, _hash_of(account_id, found[1]))


def _hash_of(account_id: str, secret: bytes) -> str:
    """SHA-256 in base64url, bound to the account: the secret is 256 random bits, which no search
    can find."""
    return opaque.encode(
        hashlib.sha256(_HASH_PURPOSE + bytes.fromhex(account_id) + secret).digest()
    )
