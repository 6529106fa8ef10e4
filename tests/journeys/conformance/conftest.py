"""The running service as a provider, and what relying parties have."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.http.registration.building import permit
from tests.journeys.conformance.party import Party
from tests.journeys.conformance.provider import Provider
from tests.journeys.conformance.site import Site
from tests.journeys.service import Service
from tests.world.world import Person, World

PROFILE: dict[str, Any] = {
    "name": "Ada King",
    "family_name": "King",
    "given_name": "Ada",
    "middle_name": "Augusta",
    "nickname": "AAL",
    "profile": "https://ada.example/profile",
    "picture": "https://ada.example/picture",
    "website": "https://ada.example/",
    "gender": "female",
    "birthdate": "1815-12-10",
    "zoneinfo": "Europe/London",
    "locale": "en-GB",
    "address": {"locality": "London", "country": "GB"},
}


@pytest.fixture(scope="package")
def person(world: World) -> Person:
    """Somebody with a value for every claim."""
    person = world.person(world.tenant())
    tokens = world.sign_in(person, world.client())
    kept = world.http.patch("/v1/me", json={"profile": PROFILE}, headers=tokens.bearer)
    assert kept.status_code == 200, kept.text
    return person


@pytest.fixture(scope="package")
def provider(service: Service, world: World, person: Person) -> Provider:
    """The provider as its metadata describes it."""
    return Provider.discovered(service.issuer, permit(world, uses=1000), person)


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """What relying parties publish, and where they hear of log-outs."""
    with Site.serving() as site:
        yield site


@pytest.fixture(scope="package")
def party(provider: Provider) -> Party:
    """A relying party that has registered itself."""
    return Party.registered(provider)
