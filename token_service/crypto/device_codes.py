"""Device codes, which a device polls with (RFC 8628): `tsd_`, with the id of its row
(`addressed`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto.addressed import Kind
from token_service.crypto.locators import LocatorKey

_KIND = Kind("device code", "tsd_", ids=1)

PREFIX, CODE_LENGTH = _KIND.prefix, _KIND.frame.length

hash_of, names_unknown_key = _KIND.hash_of, _KIND.frame.names_unknown_key


@dataclass(frozen=True, slots=True)
class PresentedDeviceCode:
    """What a genuine device code says. That it is genuine does not mean that it is still good."""

    device_id: str
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """What the row holds if the secret is the right one."""
        return hash_of(self.secret)


def issue(key: LocatorKey, device_id: str, secret: bytes) -> str:
    """A device code; the id is 32 hexadecimal characters."""
    return _KIND.issue(key, (device_id,), secret)


def parse(keys: Mapping[int, LocatorKey], code: str) -> PresentedDeviceCode | None:
    """What the code says if one of the keys has sealed it, otherwise None, without a database."""
    found = _KIND.parse(keys, code)
    return None if found is None else PresentedDeviceCode(found.ids[0], found.secret)
