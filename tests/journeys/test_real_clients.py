"""Clients that nobody here wrote, against a running service."""

from typing import Any

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from jwt import PyJWKClient
from requests_oauthlib import OAuth2Session as RequestsSession

from tests.journeys.service import Service


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries refuse http unless told that this is a test."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")


def expired(tokens: dict[str, Any]) -> dict[str, Any]:
    """The same tokens, as a client sees them once the access token has expired."""
    return tokens | {"expires_in": -30, "expires_at": 1}


def test_authlib_refreshes_by_itself(service: Service) -> None:
    client_id, secret = service.credentials("app")
    updates: list[dict[str, Any]] = []
    first = service.sign_in()
    session = AuthlibSession(
        client_id,
        secret,
        token=expired(first),
        token_endpoint=f"{service.issuer}/oauth2/token",
        update_token=lambda token, **_: updates.append(token),
    )
    for expected in (1, 2, 3):
        assert session.get(f"{service.issuer}/v1/me/sessions").status_code == 200
        assert len(updates) == expected
        session.token = expired(dict(session.token))
    assert len({first["refresh_token"], *(one["refresh_token"] for one in updates)}) == 4


def test_requests_oauthlib_refreshes_by_itself(service: Service) -> None:
    client_id, secret = service.credentials("app")
    updates: list[dict[str, Any]] = []
    session = RequestsSession(
        client_id,
        token=expired(service.sign_in()),
        auto_refresh_url=f"{service.issuer}/oauth2/token",
        auto_refresh_kwargs={"client_id": client_id, "client_secret": secret},
        token_updater=updates.append,
    )
    assert session.get(f"{service.issuer}/v1/me/sessions").status_code == 200
    assert len(updates) == 1


def test_authlib_gets_a_token_for_itself(service: Service) -> None:
    client_id, secret = service.credentials("service")
    session = AuthlibSession(client_id, secret)
    token = session.fetch_token(f"{service.issuer}/oauth2/token", grant_type="client_credentials")
    assert service.is_live(token["access_token"])
    assert "refresh_token" not in token


def test_authlib_introspects_and_revokes(service: Service) -> None:
    client_id, secret = service.credentials("app")
    tokens = service.sign_in()
    session = AuthlibSession(client_id, secret)
    url = f"{service.issuer}/oauth2/introspect"
    assert session.introspect_token(url, token=tokens["access_token"]).json()["active"] is True
    session.revoke_token(f"{service.issuer}/oauth2/revoke", token=tokens["refresh_token"])
    assert session.introspect_token(url, token=tokens["access_token"]).json() == {"active": False}


def test_a_public_client_refreshes_with_its_name_alone(service: Service) -> None:
    client = service.client("public")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": service.sign_in("public")["refresh_token"],
        "client_id": client["client_id"],
    }
    assert requests.post(f"{service.issuer}/oauth2/token", data=form, timeout=10).ok


def test_pyjwt_verifies_through_a_key_rotation(service: Service) -> None:
    verifier = PyJWKClient(f"{service.issuer}/.well-known/jwks.json", cache_keys=True)

    def verified(token: str) -> dict[str, Any]:
        key = verifier.get_signing_key_from_jwt(token)
        return dict(
            jwt.decode(
                token,
                key,
                algorithms=["ES256"],
                audience=service.client("resource_server")["client_id"],
                issuer=service.issuer,
            )
        )

    before = service.sign_in()
    assert verified(before["access_token"])["sid"] == before["sid"]
    known = {key.key_id for key in verifier.get_signing_keys()}
    service.command("keys", "rotate", "ES256")
    published = {key.key_id for key in verifier.get_signing_keys(refresh=True)}
    assert known < published
    after = service.sign_in()
    assert verified(after["access_token"])["sid"] == after["sid"]
    assert verified(before["access_token"])["sid"] == before["sid"]


def test_a_retired_key_is_refused_at_once_and_refreshing_goes_on(service: Service) -> None:
    tokens = service.sign_in()
    kid = jwt.get_unverified_header(tokens["access_token"])["kid"]
    service.command("keys", "retire", "--reason", "a drill", "--", kid)
    for _ in range(6):
        assert not service.is_live(tokens["access_token"])
    renewed = service.refresh(tokens["refresh_token"])
    assert renewed.status_code == 200
    assert service.is_live(renewed.json()["access_token"])
