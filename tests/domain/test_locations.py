"""A record of a database of addresses is somebody else's: whatever is odd in it says nothing."""

import pytest

from token_service.domain.locations import NOWHERE, Location, location_in

PARIS = {
    "city": {"geoname_id": 1, "names": {"de": "Paris (de)", "en": "Paris"}},
    "country": {"iso_code": "FR", "names": {"en": "France"}},
    "location": {"latitude": 48.8566, "longitude": 2, "accuracy_radius": 5},
    "registered_country": {"names": {"en": "Germany"}},
}


def test_english_names_and_degrees():
    assert location_in(PARIS) == Location("Paris", "France", 48.8566, 2.0)


def test_a_country_without_a_name_is_told_by_its_code():
    assert location_in({"country": {"iso_code": "FR", "names": {"de": "Frankreich"}}}) == Location(
        country="FR"
    )


@pytest.mark.parametrize(
    "record",
    [
        None,
        "Paris",
        [],
        {},
        {"city": None, "country": [], "location": "48,2"},
        {"city": {"names": "Paris"}, "country": {"names": {"en": 5}, "iso_code": 33}},
        {"city": {"names": {"en": ""}}, "country": {"names": {"en": "  "}}},
        {"city": {"names": {"en": "Pa\0ris"}}, "country": {"names": {"en": "\x1b[31mFrance"}}},
        {"city": {"names": {"en": "\ud800"}}},
        {"location": {"latitude": 48.8}},
        {"location": {"latitude": True, "longitude": 2.0}},
        {"location": {"latitude": 91, "longitude": 2.0}},
        {"location": {"latitude": 48.8, "longitude": -180.1}},
        {"location": {"latitude": float("nan"), "longitude": 2.0}},
        {"location": {"latitude": 48.8, "longitude": float("inf")}},
        {"registered_country": {"names": {"en": "Germany"}}},
    ],
)
def test_what_has_another_form_says_nothing(record):
    assert location_in(record) == NOWHERE


def test_a_name_fits_its_column():
    found = location_in({"city": {"names": {"en": "x" * 1_000}}})
    assert found.city == "x" * 120
