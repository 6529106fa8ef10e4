"""Standard claims: where each comes from, and which scope lets it out."""

from datetime import UTC, datetime
from typing import Any

import pytest

from token_service.domain.accounts import NameKind
from token_service.domain.openid_claims import (
    SCOPE_OF,
    SCOPES,
    Identity,
    KnownName,
    claims_about,
    claims_of_scope,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = 1772366400


def about(profile: dict[str, Any], *names: KnownName) -> dict[str, object]:
    """The claims, without the one that is always there."""
    found = claims_about(Identity(names, profile, NOW))
    assert found.pop("updated_at") == SECONDS
    return found


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("", set()),
        ("openid", set()),
        ("openid offline_access admin", set()),
        ("email", {"email", "email_verified"}),
        ("phone", {"phone_number", "phone_number_verified"}),
        ("address", {"address"}),
        ("openid profile", set(SCOPES["profile"])),
        ("address email openid phone profile", set(SCOPE_OF)),
        ("emails", set()),
    ],
)
def test_the_claims_of_a_scope(scope: str, expected: set[str]) -> None:
    assert claims_of_scope(scope) == expected


def test_every_claim_is_of_one_scope() -> None:
    assert len(SCOPE_OF) == sum(map(len, SCOPES.values())) == 19


TEXTS = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "gender",
    "zoneinfo",
    "locale",
]
WEB = ["profile", "picture", "website"]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", ["x", "Zoë", "a" * 1000])
def test_a_text_is_told(name: str, value: str) -> None:
    assert about({name: value}) == {name: value}


@pytest.mark.parametrize("name", [*TEXTS, *WEB, "birthdate", "address"])
@pytest.mark.parametrize("value", ["", 1, True, None, [], ["x"], {}, {"a": "b"}, "a" * 1001, 1.5])
def test_what_is_of_another_type_is_not(name: str, value: object) -> None:
    assert about({name: value}) == {}


@pytest.mark.parametrize("name", WEB)
@pytest.mark.parametrize(
    ("value", "is_told"),
    [
        ("https://ada.example/a?b#c", True),
        ("http://ada.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//ada.example", False),
        ("https://a b", False),
        ("https://", False),
        ("HTTPS://\u00e9", False),
    ],
)
def test_an_address_of_the_web_is_one(name: str, value: str, is_told: bool) -> None:
    assert about({name: value}) == ({name: value} if is_told else {})


@pytest.mark.parametrize(
    ("value", "is_told"),
    [
        ("1815-12-10", True),
        ("0000-12-10", True),
        ("1815", True),
        ("10.12.1815", False),
        ("1815-12", False),
        ("\u0661\u0668\u0661\u0665", False),
    ],
)
def test_a_birthdate(value: str, is_told: bool) -> None:
    assert about({"birthdate": value}) == ({"birthdate": value} if is_told else {})


def test_an_address_has_its_own_members_only() -> None:
    given = {
        "formatted": "1 St\nLondon",
        "street_address": "1 St",
        "locality": "London",
        "region": "",
        "postal_code": 1,
        "country": "GB",
        "planet": "Earth",
    }
    told = {key: given[key] for key in ("formatted", "street_address", "locality", "country")}
    assert about({"address": given}) == {"address": told}


@pytest.mark.parametrize("name", ["sub", "iss", "aud", "acr", "sid", "roles", "tenantId", "x"])
def test_what_is_no_standard_claim_of_a_person_is_not_told(name: str) -> None:
    assert about({name: "x"}) == {}


@pytest.mark.parametrize("name", ["email", "phone_number", "preferred_username"])
def test_names_come_from_the_account_alone(name: str) -> None:
    assert about({name: "x", "email_verified": True, "phone_number_verified": True}) == {}


def test_updated_at_is_no_claim_of_the_profile() -> None:
    assert claims_about(Identity((), {"updated_at": 5}, NOW)) == {"updated_at": SECONDS}


def test_a_verified_name_comes_before_another() -> None:
    names = (
        KnownName(NameKind.EMAIL, "a@x.test", False),
        KnownName(NameKind.EMAIL, "b@x.test", True),
        KnownName(NameKind.EMAIL, "c@x.test", True),
        KnownName(NameKind.PHONE, "+41790000001", False),
        KnownName(NameKind.PHONE, "+41790000002", False),
        KnownName(NameKind.USERNAME, "Ada", False),
    )
    assert about({}, *names) == {
        "email": "b@x.test",
        "email_verified": True,
        "phone_number": "+41790000001",
        "phone_number_verified": False,
        "preferred_username": "Ada",
    }


def test_nothing_personal_is_in_a_representation() -> None:
    identity = Identity((KnownName(NameKind.EMAIL, "a@x.test", True),), {"name": "Ada"}, NOW)
    assert "Ada" not in repr(identity)
    assert "a@x.test" not in repr(identity)
