"""The cookie of a browser's sign-in: `tsb_`, with the locator of the pages' grant (`addressed`).

The cookie of a browser that nobody needs to have signed in to, which interactions are bound to, is
32 random bytes; forms carry a hash of an interaction that only who has it can make.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto import addressed, locators, opaque
from token_service.crypto.addressed import SECRET_LENGTH, Frame
from token_service.crypto.locators import LOCATOR_LENGTH, Locator, LocatorKey

_FRAME = Frame("tsb_", LOCATOR_LENGTH)
_BROWSER_PURPOSE = b"token-service browser v1\0"

PREFIX, COOKIE_LENGTH = _FRAME.prefix, _FRAME.length
_BROWSER_LENGTH = len(opaque.encode(bytes(SECRET_LENGTH)))

names_unknown_key = _FRAME.names_unknown_key


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
    return addressed.hash_of("browser sign-in", secret)


def issue(key: LocatorKey, locator: Locator, secret: bytes) -> str:
    """A cookie for the pages' grant at this address."""
    return _FRAME.written(locators.seal(key, locator), secret)


def parse(keys: Mapping[int, LocatorKey], cookie: str) -> PresentedCookie | None:
    """What the cookie says if one of the keys has sealed it, otherwise None, without a database."""
    found = _FRAME.read(cookie)
    locator = locators.unseal(keys, found[0]) if found is not None else None
    if found is None or locator is None:
        return None
    return PresentedCookie(locator, found[1])


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
