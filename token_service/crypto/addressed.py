"""Secrets that carry the sealed address of their own row: opaque, and only their hash is stored.

One is a prefix + base64url of

    version          1 byte, 1
    address          sealed (`locators`): 18 bytes more than what it names
    secret          32 bytes, random

The sealed address finds the row by its key and keeps garbage away from the database; the secret is
what nobody can make who reads the database or holds the key. Each kind has purposes of its own, so
that nothing that was made for one passes for another.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from token_service.crypto import locators, opaque
from token_service.crypto.locators import SEAL_LENGTH, LocatorKey

SECRET_LENGTH = 32

_VERSION = b"\x01"
_ID_LENGTH = 16


def new_secret() -> bytes:
    """32 random bytes."""
    return opaque.new_bytes(SECRET_LENGTH)


@dataclass(frozen=True)
class Frame:
    """How one kind is written: its prefix, and how long the two parts behind the version are."""

    prefix: str
    sealed_length: int
    secret_length: int = SECRET_LENGTH

    @cached_property
    def length(self) -> int:
        """Of each text of the kind, in characters."""
        data = bytes(len(_VERSION) + self.sealed_length + self.secret_length)
        return len(self.prefix) + len(opaque.encode(data))

    def written(self, sealed: bytes, secret: bytes) -> str:
        """The text that holds the two."""
        return self.prefix + opaque.encode(_VERSION + sealed + secret)

    def read(self, text: str) -> tuple[bytes, bytes] | None:
        """The two out of a text in good form, otherwise None."""
        if len(text) != self.length or not text.startswith(self.prefix):
            return None
        data = opaque.decode(text[len(self.prefix) :])
        if data is None or data[:1] != _VERSION:
            return None
        end = 1 + self.sealed_length
        return data[1:end], data[end:]

    def names_unknown_key(self, keys: Mapping[int, LocatorKey], text: str) -> bool:
        """Whether a text in good form is refused only because nobody here knows its key's number.

        Another worker may have made it with a newer key: the caller confirms its configuration.
        """
        found = self.read(text)
        return found is not None and locators.sealed_by(found[0]) not in keys


@dataclass(frozen=True, slots=True)
class Addressed:
    """What a genuine text says. That it is genuine does not mean that it is still good."""

    ids: tuple[str, ...]
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Kind:
    """A kind whose rows have so many ids for a key, each of 32 hexadecimal characters."""

    name: str
    prefix: str
    ids: int

    @cached_property
    def frame(self) -> Frame:
        """How it is written."""
        return Frame(self.prefix, SEAL_LENGTH + self.ids * _ID_LENGTH)

    @cached_property
    def _purpose(self) -> bytes:
        return f"token-service {self.name} v1".encode()

    def hash_of(self, secret: bytes) -> str:
        """What a row stores of its secret: SHA-256 in base64url, 43 characters."""
        return hash_of(self.name, secret)

    def issue(self, key: LocatorKey, ids: tuple[str, ...], secret: bytes) -> str:
        """The text for a row."""
        address = b"".join(map(bytes.fromhex, ids))
        return self.frame.written(locators.seal_address(key, self._purpose, address), secret)

    def parse(self, keys: Mapping[int, LocatorKey], text: str) -> Addressed | None:
        """What it says if one of the keys has sealed it, otherwise None, without a database."""
        found = self.frame.read(text)
        address = locators.unseal_address(keys, self._purpose, found[0]) if found else None
        if found is None or address is None:
            return None
        starts = range(0, len(address), _ID_LENGTH)
        return Addressed(tuple(address[at : at + _ID_LENGTH].hex() for at in starts), found[1])


def hash_of(name: str, secret: bytes) -> str:
    """What the row of something with this name stores of a secret."""
    purpose = f"token-service {name} secret v1\0".encode()
    return opaque.encode(hashlib.sha256(purpose + secret).digest())
