"""The sealed address of a grant's row: inside refresh tokens and codes, and first in every `jti`.

Other credentials seal the address of their own rows in the same way, each kind under a purpose.

AES-SIV (RFC 5297) is deterministic: one grant has one sealed locator per key, so that a retried
refresh gives the identical token. Who has no key can neither read a locator, nor make one, nor see
that two of them belong to the same account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from token_service.crypto.opaque import MAX_GRANT_ID

KEY_LENGTH = 64
MAX_KEY_NUMBER = 2**16 - 1

_NUMBER_LENGTH = 2
_IDENTIFIER_LENGTH = 16
_PLAIN_LENGTH = 3 * _IDENTIFIER_LENGTH + 8
_SYNTHETIC_IV_LENGTH = 16
_PURPOSE = b"token-service locator v1"

SEAL_LENGTH = _NUMBER_LENGTH + _SYNTHETIC_IV_LENGTH
LOCATOR_LENGTH = SEAL_LENGTH + _PLAIN_LENGTH


@dataclass(frozen=True, slots=True)
class Locator:
    """Where a grant lives. The identifiers are 32 lowercase hexadecimal characters each.

    It remembers its last sealed form: a refresh needs the one that it came in for the refresh token
    and for the `jti`, and sealing gives the same bytes each time.
    """

    account_id: str
    sid: str
    tenant_id: str
    grant_id: int
    _sealed: bytes = field(default=b"", init=False, repr=False, compare=False)

    def sealed_as(self, data: bytes) -> Self:
        """The same locator, which remembers that this is its sealed form."""
        object.__setattr__(self, "_sealed", data)
        return self

    def sealed_under(self, number: int) -> bytes | None:
        """The form remembered, if the key of that number has sealed it."""
        return self._sealed if sealed_by(self._sealed) == number else None


@dataclass(frozen=True, slots=True)
class LocatorKey:
    """One key for locators, under the number (1 to 65535) that each locator names in the clear."""

    number: int
    cipher: AESSIV = field(repr=False)

    @classmethod
    def of(cls, number: int, secret: bytes) -> Self:
        """`secret` is 64 bytes: two AES-256 keys."""
        if len(secret) != KEY_LENGTH:
            raise ValueError(f"a locator key has {KEY_LENGTH} bytes")
        return cls(number, AESSIV(secret))


def seal(key: LocatorKey, locator: Locator) -> bytes:
    """The locator as `LOCATOR_LENGTH` opaque bytes: key number (2), synthetic IV and text.

    Raises ValueError for a locator that could not be told from another one once it is packed.
    """
    remembered = locator.sealed_under(key.number)
    if remembered is not None:
        return remembered
    sealed = seal_address(key, _PURPOSE, _packed(locator))
    locator.sealed_as(sealed)
    return sealed


def unseal(keys: Mapping[int, LocatorKey], data: bytes) -> Locator | None:
    """The locator that one of `keys`, by number, has sealed; None for anything else."""
    plain = unseal_address(keys, _PURPOSE, data) if len(data) == LOCATOR_LENGTH else None
    if plain is None:
        return None
    return Locator(
        account_id=plain[:16].hex(),
        sid=plain[16:32].hex(),
        tenant_id=plain[32:48].hex(),
        grant_id=int.from_bytes(plain[48:], "big"),
    ).sealed_as(data)


def seal_address(key: LocatorKey, purpose: bytes, address: bytes) -> bytes:
    """An address of a row, sealed: `SEAL_LENGTH` bytes longer, the key's number first.

    What is sealed for one purpose unseals for no other.
    """
    number = key.number.to_bytes(_NUMBER_LENGTH, "big")
    return number + key.cipher.encrypt(address, [purpose, number])


def unseal_address(keys: Mapping[int, LocatorKey], purpose: bytes, data: bytes) -> bytes | None:
    """The address that one of `keys`, by number, has sealed; None for anything else."""
    number, sealed = data[:_NUMBER_LENGTH], data[_NUMBER_LENGTH:]
    key = keys.get(sealed_by(data))
    if key is None:
        return None
    try:
        return key.cipher.decrypt(sealed, [purpose, number])
    except InvalidTag:
        return None


def sealed_by(data: bytes) -> int:
    """The number of the key that something sealed names in the clear."""
    return int.from_bytes(data[:_NUMBER_LENGTH], "big")


def _packed(locator: Locator) -> bytes:
    if not 1 <= locator.grant_id <= MAX_GRANT_ID:
        raise ValueError("a grant id is at least 1 and below 2**63")
    identifiers = (locator.account_id, locator.sid, locator.tenant_id)
    return b"".join(map(_identifier, identifiers)) + locator.grant_id.to_bytes(8, "big")


def _identifier(text: str) -> bytes:
    data = bytes.fromhex(text)
    if data.hex() != text or len(data) != _IDENTIFIER_LENGTH:
        raise ValueError("an identifier is 32 lowercase hexadecimal characters")
    return data
