"""The cookie of a browser that has signed in to an account before, and the device token of an
application (`POST /v1/sign-in`): the same, opaque, and stored nowhere.

It is `tsk_` with no secret (`addressed`). Its address is the ids of account and browser, then the
account's epoch and the end in seconds since 1970 (8 bytes each). It opens nothing by itself. Who
has no key can neither make one nor read it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from token_service.crypto import locators
from token_service.crypto.addressed import Frame
from token_service.crypto.locators import SEAL_LENGTH, LocatorKey
from token_service.domain.known_browsers import KnownBrowser

_ID_LENGTH = 16
_NUMBER_LENGTH = 8
_PURPOSE = b"token-service device cookie v1"
_FRAME = Frame("tsk_", SEAL_LENGTH + 2 * _ID_LENGTH + 2 * _NUMBER_LENGTH, secret_length=0)

PREFIX, COOKIE_LENGTH = _FRAME.prefix, _FRAME.length


def issue(key: LocatorKey, browser: KnownBrowser) -> str:
    """The cookie of a known browser."""
    address = (
        bytes.fromhex(browser.account_id)
        + bytes.fromhex(browser.device_id)
        + browser.epoch.to_bytes(_NUMBER_LENGTH)
        + int(browser.ends_at.timestamp()).to_bytes(_NUMBER_LENGTH)
    )
    return _FRAME.written(locators.seal_address(key, _PURPOSE, address), b"")


def parse(keys: Mapping[int, LocatorKey], cookie: str) -> KnownBrowser | None:
    """What the cookie says if one of the keys has sealed it, otherwise None."""
    found = _FRAME.read(cookie)
    address = None if found is None else locators.unseal_address(keys, _PURPOSE, found[0])
    return _browser(address) if address is not None else None


def _browser(address: bytes) -> KnownBrowser:
    ids, numbers = address[: 2 * _ID_LENGTH], address[2 * _ID_LENGTH :]
    return KnownBrowser(
        account_id=ids[:_ID_LENGTH].hex(),
        device_id=ids[_ID_LENGTH:].hex(),
        epoch=int.from_bytes(numbers[:_NUMBER_LENGTH]),
        ends_at=datetime.fromtimestamp(int.from_bytes(numbers[_NUMBER_LENGTH:]), UTC),
    )
