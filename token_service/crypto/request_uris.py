"""The names of pushed authorization requests: opaque, and only their hash is stored.

A name is `urn:ietf:params:oauth:request_uri:` (RFC 9126 section 2.2) + base64url of

    version          1 byte, 1
    address         34 bytes, the id of the request, sealed (`locators`)
    secret          32 bytes, random

The sealed address finds the row by its key and keeps garbage away from the database; the secret is
what nobody can make who reads the database or holds the key.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto import locators, opaque
from token_service.crypto.locators import SEAL_LENGTH, LocatorKey
from token_service.domain.pushed_requests import REQUEST_URI

SECRET_LENGTH = 32

_VERSION = b"\x01"
_ID_LENGTH = 16
_SEALED_END = 1 + SEAL_LENGTH + _ID_LENGTH
_PURPOSE = b"token-service pushed request v1"
_HASH_PURPOSE = b"token-service pushed request secret v1\0"

LENGTH = len(REQUEST_URI) + len(opaque.encode(bytes(_SEALED_END + SECRET_LENGTH)))


@dataclass(frozen=True, slots=True)
class PresentedUri:
    """What a genuine name says. That it is genuine does not mean that it is still good."""

    request_id: str
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """What the request's row holds if the secret is the right one."""
        return hash_of(self.secret)


def hash_of(secret: bytes) -> str:
    """What a request's row stores of its secret: SHA-256 in base64url, 43 characters."""
    return opaque.encode(hashlib.sha256(_HASH_PURPOSE + secret).digest())


def issue(key: LocatorKey, request_id: str, secret: bytes) -> str:
    """A name; the id is 32 hexadecimal characters."""
    sealed = locators.seal_address(key, _PURPOSE, bytes.fromhex(request_id))
    return REQUEST_URI + opaque.encode(_VERSION + sealed + secret)


def parse(keys: Mapping[int, LocatorKey], uri: str) -> PresentedUri | None:
    """What the name says if one of the keys has sealed it, otherwise None, without a database."""
    data = _data(uri)
    if data is None:
        return None
    address = locators.unseal_address(keys, _PURPOSE, data[1:_SEALED_END])
    return None if address is None else PresentedUri(address.hex(), data[_SEALED_END:])


def names_unknown_key(keys: Mapping[int, LocatorKey], uri: str) -> bool:
    """Whether `parse` refused a name in good form only because it does not know the key's number.

    Another worker may have made it with a newer key: the caller confirms its configuration once.
    """
    data = _data(uri)
    return data is not None and locators.sealed_by(data[1:]) not in keys


def _data(uri: str) -> bytes | None:
    """The decoded name, always of the same length and version."""
    if len(uri) != LENGTH or not uri.startswith(REQUEST_URI):
        return None
    data = opaque.decode(uri[len(REQUEST_URI) :])
    return data if data is not None and data[:1] == _VERSION else None
