"""Device codes: opaque, polled with by a device, and only their hash is stored (RFC 8628).

A device code is `tsd_` + base64url of

    version          1 byte, 1
    address         34 bytes, the id of the device authorization, sealed (`locators`)
    secret          32 bytes, random

The sealed address finds the row by its key and keeps garbage away from the database; the secret is
what nobody can make who reads the database or holds the key.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto import locators, opaque
from token_service.crypto.locators import SEAL_LENGTH, LocatorKey

PREFIX = "tsd_"
SECRET_LENGTH = 32

_VERSION = b"\x01"
_SEALED_END = 1 + SEAL_LENGTH + 16
_PURPOSE = b"token-service device code v1"
_HASH_PURPOSE = b"token-service device code secret v1\0"

CODE_LENGTH = len(PREFIX) + len(opaque.encode(bytes(_SEALED_END + SECRET_LENGTH)))


@dataclass(frozen=True, slots=True)
class PresentedDeviceCode:
    """What a genuine device code says. That it is genuine does not mean that it is still good."""

    device_id: str
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """What the row holds if the secret is the right one."""
        return hash_of(self.secret)


def hash_of(secret: bytes) -> str:
    """What a row stores of a device code's secret: SHA-256 in base64url, 43 characters."""
    return opaque.encode(hashlib.sha256(_HASH_PURPOSE + secret).digest())


def issue(key: LocatorKey, device_id: str, secret: bytes) -> str:
    """A device code; the id is 32 hexadecimal characters."""
    sealed = locators.seal_address(key, _PURPOSE, bytes.fromhex(device_id))
    return PREFIX + opaque.encode(_VERSION + sealed + secret)


def parse(keys: Mapping[int, LocatorKey], code: str) -> PresentedDeviceCode | None:
    """What the code says if one of the keys has sealed it, otherwise None, without a database."""
    data = _data(code)
    if data is None:
        return None
    address = locators.unseal_address(keys, _PURPOSE, data[1:_SEALED_END])
    return None if address is None else PresentedDeviceCode(address.hex(), data[_SEALED_END:])


def names_unknown_key(keys: Mapping[int, LocatorKey], code: str) -> bool:
    """Whether `parse` refused a code in good form only because it does not know the key's number.

    Another worker may have made it with a newer key: the caller confirms its configuration once.
    """
    data = _data(code)
    return data is not None and locators.sealed_by(data[1:]) not in keys


def _data(code: str) -> bytes | None:
    """The decoded code, always of the same length and version."""
    if len(code) != CODE_LENGTH or not code.startswith(PREFIX):
        return None
    data = opaque.decode(code[len(PREFIX) :])
    return data if data is not None and data[:1] == _VERSION else None
