"""Authlib and requests-oauthlib sign a person in by code and PKCE, and refresh."""

from collections.abc import Mapping
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from requests_oauthlib import OAuth2Session as RequestsSession

from tests.journeys.person import address_after
from tests.journeys.service import Service
from tests.world.world import App, Person, World
from token_service.domain.client_metadata import ClientMetadata

REDIRECT = "http://127.0.0.1:3999/callback"
SCOPE = "openid profile offline_access"


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries refuse http unless told that this is a test."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def person(world: World) -> Person:
    """Somebody who signs in."""
    return world.person(world.tenant())


@pytest.fixture
def app(world: World) -> App:
    """Their application."""
    return world.client("app", metadata=ClientMetadata(redirect_uris=(REDIRECT,)))


@pytest.fixture
def facts(service: Service) -> Mapping[str, Any]:
    """What the issuer says of itself: all that a client is told."""
    answer = requests.get(f"{service.issuer}/.well-known/openid-configuration", timeout=10)
    return dict(answer.json())


def test_authlib_signs_in_by_code(person: Person, app: App, facts: Mapping[str, Any]) -> None:
    verifier = "an-authlib-verifier-of-forty-three-characters-or-more"
    session = AuthlibSession(
        app.client_id,
        app.secret,
        scope=SCOPE,
        redirect_uri=REDIRECT,
        code_challenge_method="S256",
        token_endpoint=facts["token_endpoint"],
    )
    url, state = session.create_authorization_url(
        facts["authorization_endpoint"], code_verifier=verifier
    )
    back = address_after(url, person, REDIRECT)
    first = session.fetch_token(
        facts["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    assert session.get(facts["userinfo_endpoint"]).json()["sub"]
    second = session.refresh_token(facts["token_endpoint"])
    assert second["refresh_token"] != first["refresh_token"]
    assert session.get(facts["userinfo_endpoint"]).status_code == 200


def test_requests_oauthlib_signs_in_by_code(
    person: Person, app: App, facts: Mapping[str, Any]
) -> None:
    session = RequestsSession(app.client_id, scope=SCOPE, redirect_uri=REDIRECT, pkce="S256")
    url, _ = session.authorization_url(facts["authorization_endpoint"])
    first = session.fetch_token(
        facts["token_endpoint"],
        authorization_response=address_after(url, person, REDIRECT),
        client_secret=app.secret,
    )
    assert session.get(facts["userinfo_endpoint"]).json()["sub"]
    second = session.refresh_token(facts["token_endpoint"], auth=(app.client_id, str(app.secret)))
    assert second["refresh_token"] != first["refresh_token"]
    assert session.get(facts["userinfo_endpoint"]).status_code == 200
