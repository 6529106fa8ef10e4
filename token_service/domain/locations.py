"""Where an address is, by what a database of addresses says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Location:
    """City and country by their English names, and degrees; None where unknown."""

    city: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None


NOWHERE = Location()


def location_in(record: object) -> Location:
    """What a record in the form of GeoIP2 City says; whatever in it has another form says nothing.

    A country without an English name is told by its ISO 3166 code.
    """
    country = _member(record, "country")
    latitude, longitude = _degrees(record, "latitude", 90), _degrees(record, "longitude", 180)
    if latitude is None or longitude is None:
        latitude = longitude = None
    return Location(
        city=_english(_member(record, "city")),
        country=_english(country) or _text(_member(country, "iso_code")),
        latitude=latitude,
        longitude=longitude,
    )


def _member(record: object, name: str) -> object:
    return record.get(name) if isinstance(record, Mapping) else None


def _english(place: object) -> str | None:
    return _text(_member(_member(place, "names"), "en"))


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value.isprintable():
        return None
    return value[:_LONGEST_NAME].strip() or None


def _degrees(record: object, name: str, most: int) -> float | None:
    value = _member(_member(record, "location"), name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) and abs(value) <= most else None
