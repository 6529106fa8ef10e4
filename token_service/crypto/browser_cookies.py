"""The cookie of a browser's sign-in: opaque, and only its hash is stored.

A cookie is `tsb_` + base64url of

    version          1 byte, 1
    locator         74 bytes, the sealed address of the pages' grant (`locators`)
    secret          32 bytes, random

The cookie of a browser that nobody needs to have signed in to, which interactions are bound to, is
32 random bytes; forms carry a hash of an interaction that only who has it can make.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto import locators, opaque
from token_service.crypto.locators import LOCATOR_LENGTH, Locator, LocatorKey

PREFIX = "tsb_"
SECRET_LENGTH = 32

_VERSION = b"\x01"
_SEALED_END = 1 + LOCATOR_LENGTH
_HASH_PURPOSE = b"token-service browser sign-in secret v1\0"
_BROWSER_PURPOSE = b"token-service browser v1\0"

COOKIE_LENGTH = len(PREFIX) + len(opaque.encode(bytes(_SEALED_END + SECRET_LENGTH)))
_BROWSER_LENGTH = len(opaque.encode(bytes(SECRET_LENGTH)))


@dataclass(frozen=True, slots=True)
class PresentedCookie:
    """What a genuine cookie says. That it is genuine does not mean that it is still good."""

    locator: Locator
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """What the grant's row holds if the secret is the right one."""
        return hash_of(self.secret)


def hash_of(secret: bytes) -> str:
    """What a grant's row stores of a cookie's secret: SHA-256 in base64url, 43 characters."""
    return opaque.encode(hashlib.sha256(_HASH_PURPOSE + secret).digest())


def issue(key: LocatorKey, locator: Locator, secret: bytes) -> str:
    """A cookie for the pages' grant at this address."""
    return PREFIX + opaque.encode(_VERSION + locators.seal(key, locator) + secret)


def parse(keys: Mapping[int, LocatorKey], cookie: str) -> PresentedCookie | None:
    """What the cookie says if one of the keys has sealed it, otherwise None, without a database."""
    data = _data(cookie)
    locator = locators.unseal(keys, data[1:_SEALED_END]) if data is not None else None
    if data is None or locator is None:
        return None
    return PresentedCookie(locator, data[_SEALED_END:])


def names_unknown_key(keys: Mapping[int, LocatorKey], cookie: str) -> bool:
    """Whether `parse` refused a cookie in good form only because it does not know the key's number.

    Another worker may have made it with a newer key: the caller confirms its configuration once.
    """
    data = _data(cookie)
    return data is not None and locators.sealed_by(data[1:]) not in keys


def new_browser() -> str:
    """What marks a browser from now on: 32 random bytes in base64url."""
    return opaque.encode(opaque.new_bytes(SECRET_LENGTH))


def browser_hash(browser: str) -> str | None:
    """What an interaction's row stores of it; None for what this service never gives out."""
    data = opaque.decode(browser) if len(browser) == _BROWSER_LENGTH else None
    if data is None:
        return None
    return opaque.encode(hashlib.sha256(_BROWSER_PURPOSE + data).digest())


def form_token(browser: str, interaction_id: str) -> str:
    """What a form of the interaction carries: a page of another origin cannot make it."""
    return opaque.keyed_hash(browser.encode(), "form of an interaction", interaction_id)


def _data(cookie: str) -> bytes | None:
    """The decoded cookie, always of the same length and version."""
    if len(cookie) != COOKIE_LENGTH or not cookie.startswith(PREFIX):
        return None
    data = opaque.decode(cookie[len(PREFIX) :])
    return data if data is not None and data[:1] == _VERSION else None
