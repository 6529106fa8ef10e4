"""Authorization codes: `tsc_`, with the ids of account and code (`addressed`)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto import opaque
from token_service.crypto.addressed import Kind
from token_service.crypto.locators import LocatorKey

_KIND = Kind("authorization code", "tsc_", ids=2)

PREFIX, CODE_LENGTH = _KIND.prefix, _KIND.frame.length

hash_of, names_unknown_key = _KIND.hash_of, _KIND.frame.names_unknown_key


@dataclass(frozen=True, slots=True)
class PresentedCode:
    """What a genuine code says. That it is genuine does not mean that it is still good."""

    account_id: str
    code_id: str
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """What the code's row holds if the secret is the right one."""
        return hash_of(self.secret)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a code verifier (RFC 7636 section 4.6)."""
    digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    return opaque.encode(digest)


def mark(kind: str, owner: str, value: str) -> str:
    """What is remembered of a value that should be used once: a hash, 43 characters.

    The kind goes first, so that a value of one kind never counts as one of another.
    """
    text = f"{kind}\0{owner}\0{value}".encode("utf-8", "surrogatepass")
    return opaque.encode(hashlib.sha256(text).digest())


def issue(key: LocatorKey, account_id: str, code_id: str, secret: bytes) -> str:
    """A code; the ids are 32 hexadecimal characters each."""
    return _KIND.issue(key, (account_id, code_id), secret)


def parse(keys: Mapping[int, LocatorKey], code: str) -> PresentedCode | None:
    """What the code says if one of the keys has sealed it, otherwise None, without a database."""
    found = _KIND.parse(keys, code)
    return None if found is None else PresentedCode(found.ids[0], found.ids[1], found.secret)
