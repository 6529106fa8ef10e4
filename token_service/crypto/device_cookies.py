"""The cookie of a browser that has signed in to an account before: opaque, and stored nowhere.

A cookie is `tsk_` + base64url of

    version          1 byte, 1
    address         66 bytes, sealed (`locators`): the ids of account and browser, the account's
                    epoch and the end in seconds since 1970 (8 bytes each)

It opens nothing by itself. Who has no key can neither make one nor read it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from token_service.crypto import locators, opaque
from token_service.crypto.locators import SEAL_LENGTH, LocatorKey
from token_service.domain.known_browsers import KnownBrowser

PREFIX = "tsk_"

_VERSION = b"\x01"
_ID_LENGTH = 16
_NUMBER_LENGTH = 8
_PURPOSE = b"token-service device cookie v1"
_LENGTH = 1 + SEAL_LENGTH + 2 * _ID_LENGTH + 2 * _NUMBER_LENGTH

COOKIE_LENGTH = len(PREFIX) + len(opaque.encode(bytes(_LENGTH)))


def issue(key: LocatorKey, browser: KnownBrowser) -> str:
    """The cookie of a known browser."""
    address = (
        bytes.fromhex(browser.account_id)
        + bytes.fromhex(browser.device_id)
        + browser.epoch.to_bytes(_NUMBER_LENGTH)
        + int(browser.ends_at.timestamp()).to_bytes(_NUMBER_LENGTH)
    )
    return PREFIX + opaque.encode(_VERSION + locators.seal_address(key, _PURPOSE, address))


def parse(keys: Mapping[int, LocatorKey], cookie: str) -> KnownBrowser | None:
    """What the cookie says if one of the keys has sealed it, otherwise None."""
    if len(cookie) != COOKIE_LENGTH or not cookie.startswith(PREFIX):
        return None
    data = opaque.decode(cookie[len(PREFIX) :])
    if data is None or data[:1] != _VERSION:
        return None
    address = locators.unseal_address(keys, _PURPOSE, data[1:])
    return _browser(address) if address is not None else None


def _browser(address: bytes) -> KnownBrowser:
    ids, numbers = address[: 2 * _ID_LENGTH], address[2 * _ID_LENGTH :]
    return KnownBrowser(
        account_id=ids[:_ID_LENGTH].hex(),
        device_id=ids[_ID_LENGTH:].hex(),
        epoch=int.from_bytes(numbers[:_NUMBER_LENGTH]),
        ends_at=datetime.fromtimestamp(int.from_bytes(numbers[_NUMBER_LENGTH:]), UTC),
    )
