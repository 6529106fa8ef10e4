"""Databases of addresses in MaxMind's format, written for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

LONDON = "81.2.69.160"
ZURICH = "195.176.255.9"
TOKYO = "2001:218::1"


def place(city: str, country: str, code: str, latitude: float, longitude: float) -> dict[str, Any]:
    """A record as GeoLite2 City has it."""
    return {
        "city": {"names": {"en": city, "de": f"{city} (de)"}},
        "country": {"iso_code": code, "names": {"en": country, "de": f"{country} (de)"}},
        "location": {"latitude": latitude, "longitude": longitude, "time_zone": "UTC"},
    }


PLACES = {
    "81.2.69.0/24": place("London", "United Kingdom", "GB", 51.5142, -0.0931),
    "195.176.255.0/24": place("Zürich", "Switzerland", "CH", 47.3667, 8.55),
    "2001:218::/32": place("Tokyo", "Japan", "JP", 35.6895, 139.6917),
}


def write_addresses(
    path: Path, places: Mapping[str, Mapping[str, Any]] = PLACES, *, ip_version: int = 6
) -> None:
    """Write the file beside, and rename it over the old one, as operators do."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6)
    for network, record in places.items():
        writer.insert_network(IPSet([network]), dict(record))
    written = path.with_suffix(".new")
    writer.to_db_file(str(written))
    written.replace(path)
