"""Whose pairwise subjects a client is given (OpenID Connect Core section 8.1)."""

from dataclasses import replace

import pytest

from tests.domain.test_clients import APP
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import well_formed_id
from token_service.domain.subjects import PREFIX, for_itself_alone, is_pairwise, sector

OWN = "client=app"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"redirect_uris": ("https://a.example/cb",)}, "a.example"),
        ({"redirect_uris": ("https://A.example:8443/cb", "https://a.example/x")}, "a.example"),
        ({"redirect_uris": ("https://a.example/", "https://b.example/")}, OWN),
        ({"redirect_uris": ()}, OWN),
        (
            {
                "redirect_uris": ("https://a.example/", "https://b.example/"),
                "sector_identifier_uri": "https://c.example/sector.json",
            },
            "c.example",
        ),
        ({"redirect_uris": ("com.example.app:/cb",), "application_type": "native"}, OWN),
        ({"redirect_uris": ("http://127.0.0.1/cb",), "application_type": "native"}, OWN),
        ({"redirect_uris": ("http://[::1]/cb",), "application_type": "native"}, OWN),
        ({"redirect_uris": ("https://a.example/cb",), "application_type": "native"}, "a.example"),
        ({"redirect_uris": ("http://localhost/cb",)}, "localhost"),
    ],
)
def test_the_sector(metadata: dict, expected: str) -> None:
    found = replace(APP, client_id="app", metadata=ClientMetadata(**metadata))
    assert sector(found) == expected


@pytest.mark.parametrize(("kind", "expected"), [("public", False), ("pairwise", True)])
def test_which_clients(kind: str, expected: bool) -> None:
    assert is_pairwise(replace(APP, metadata=ClientMetadata(subject_type=kind))) is expected


@pytest.mark.parametrize(
    ("audience", "resource_identifier", "expected"),
    [
        (("app",), None, True),
        (("https://api",), "https://api", True),
        (("app", "https://api"), "https://api", True),
        (("https://api",), None, False),
        (("app", "https://other"), "https://api", False),
    ],
)
def test_whom_a_token_is_for(
    audience: tuple[str, ...], resource_identifier: str | None, expected: bool
) -> None:
    found = replace(APP, client_id="app", resource_identifier=resource_identifier)
    assert for_itself_alone(found, audience) is expected


def test_no_client_can_be_named_like_a_subject() -> None:
    assert not well_formed_id(PREFIX + "a" * 43)
