"""What of a sign-in is news: only what differs from something that was seen before."""

import pytest

from token_service.domain.sessions import Device
from token_service.domain.sightings import (
    KEPT,
    NOTHING_SEEN,
    Seen,
    Sighting,
    kind_of,
    sighting,
)

FIREFOX = Device(browser="Firefox", os="Windows", country="Japan")
IPHONE = Device(browser="Mobile Safari", os="iOS", device="iPhone", country="Peru")
NAMELESS = Device()
ON_WINDOWS, ON_IPHONE, UNKNOWN = (
    "Firefox on Windows",
    "Mobile Safari on iOS, iPhone",
    "unknown browser on unknown system",
)


@pytest.mark.parametrize(
    ("seen", "device", "found"),
    [
        # The first sign-in of an account is no news.
        (NOTHING_SEEN, FIREFOX, Sighting(Seen((ON_WINDOWS,), ("Japan",)), None, None)),
        (NOTHING_SEEN, NAMELESS, Sighting(Seen((UNKNOWN,), ()), None, None)),
        # Nor is what was there before.
        (
            Seen((ON_WINDOWS, ON_IPHONE), ("Japan", "Peru")),
            FIREFOX,
            Sighting(Seen((ON_WINDOWS, ON_IPHONE), ("Japan", "Peru")), None, None),
        ),
        # Another device, another country, or both.
        (
            Seen((ON_WINDOWS,), ("Peru",)),
            IPHONE,
            Sighting(Seen((ON_WINDOWS, ON_IPHONE), ("Peru",)), ON_IPHONE, None),
        ),
        (
            Seen((ON_IPHONE,), ("Japan",)),
            IPHONE,
            Sighting(Seen((ON_IPHONE,), ("Japan", "Peru")), None, "Peru"),
        ),
        (
            Seen((ON_WINDOWS,), ("Japan",)),
            IPHONE,
            Sighting(Seen((ON_WINDOWS, ON_IPHONE), ("Japan", "Peru")), ON_IPHONE, "Peru"),
        ),
        # A country that is not known is none, and the first known one is no news.
        (
            Seen((UNKNOWN,), ("Japan",)),
            NAMELESS,
            Sighting(Seen((UNKNOWN,), ("Japan",)), None, None),
        ),
        (
            Seen((ON_WINDOWS,), ()),
            FIREFOX,
            Sighting(Seen((ON_WINDOWS,), ("Japan",)), None, None),
        ),
        # A device that says nothing is another one than those that do.
        (Seen((ON_WINDOWS,), ()), NAMELESS, Sighting(Seen((ON_WINDOWS, UNKNOWN)), UNKNOWN, None)),
    ],
)
def test_news(seen, device, found):
    assert sighting(seen, device) == found


def test_the_newest_are_kept():
    kinds = tuple(f"Browser {number} on Linux" for number in range(KEPT))
    countries = tuple(f"Country {number}" for number in range(KEPT))
    found = sighting(Seen(kinds, countries), FIREFOX)
    assert found.seen == Seen((*kinds[1:], ON_WINDOWS), (*countries[1:], "Japan"))
    assert (found.new_device, found.new_country) == (ON_WINDOWS, "Japan")
    assert sighting(found.seen, FIREFOX) == Sighting(found.seen, None, None)


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        (FIREFOX, ON_WINDOWS),
        (Device(browser="Firefox", os="Windows 11"), ON_WINDOWS),
        (Device(browser="Firefox", os="Windows 8.1"), ON_WINDOWS),
        (Device(browser="Chrome", os="Chrome OS", device="X1"), "Chrome on Chrome OS, X1"),
        (Device(ip="192.0.2.1", user_agent="x", city="Rome"), UNKNOWN),
        (Device(browser="b" * 80, os="o" * 80, device="d" * 80), f"{'b' * 80} on {'o' * 36}"),
    ],
)
def test_a_kind_has_no_version_and_no_address(device, kind):
    assert kind_of(device) == kind


def test_what_is_stored_comes_back():
    for seen in (NOTHING_SEEN, Seen((ON_WINDOWS,), ("Japan", "Peru"))):
        assert Seen.of(seen.stored()) == seen
    assert Seen.of({}) == NOTHING_SEEN
