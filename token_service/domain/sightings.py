"""With what and from where an account signed in before, and what of a sign-in is new."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from token_service.domain.sessions import Device

KEPT = 50
"""Kinds of device, and countries, that are remembered of an account: the newest ones."""
_LONGEST_KIND = 120
_VERSION = re.compile(r" [0-9.]+\Z")


@dataclass(frozen=True, slots=True)
class Seen:
    """Kinds of device and countries of an account's sign-ins, each at its first one, in order."""

    devices: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Iterable[str]]) -> Self:
        """From the JSON object that is stored."""
        return cls(tuple(stored.get("devices", ())), tuple(stored.get("countries", ())))

    def stored(self) -> dict[str, Any]:
        """As the JSON object that is stored."""
        return {"devices": list(self.devices), "countries": list(self.countries)}


NOTHING_SEEN = Seen()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a sign-in adds to what was seen, and what of it is news (None: nothing)."""

    seen: Seen
    new_device: str | None
    new_country: str | None


def sighting(seen: Seen, device: Device) -> Sighting:
    """A sign-in with this device.

    Only what differs from something is news: neither the first sign-in of an account, nor the first
    one with a location after many without.
    """
    kind = kind_of(device)
    devices, new_device = _with(seen.devices, kind)
    countries, new_country = _with(seen.countries, device.country)
    return Sighting(Seen(devices, countries), new_device, new_country)


def kind_of(device: Device) -> str:
    """What kind of device it is, in words: `Firefox on Windows`, `Safari on iOS, iPhone`.

    Without versions: a system that was upgraded is no other device.
    """
    browser = device.browser or "unknown browser"
    system = _VERSION.sub("", device.os) or "unknown system"
    model = f", {device.device}" if device.device else ""
    return f"{browser} on {system}{model}"[:_LONGEST_KIND]


def _with(known: tuple[str, ...], found: str | None) -> tuple[tuple[str, ...], str | None]:
    if found is None or found in known:
        return known, None
    return (*known, found)[-KEPT:], found if known else None
