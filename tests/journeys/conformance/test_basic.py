"""Basic OP and Form Post Basic OP: each test does what the module of its name asks for."""

import time
from typing import Any

import pytest

from tests.journeys.conformance.conftest import PROFILE
from tests.journeys.conformance.party import CALLBACK, Party, challenge
from tests.journeys.conformance.provider import Provider
from tests.journeys.conformance.visitor import Callback, Page, Visitor

VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
OF_PROFILE = {*PROFILE, "preferred_username", "updated_at"} - {"address"}
OF_EMAIL = {"email", "email_verified"}
OF_PHONE = {"phone_number", "phone_number_verified"}

SUCCEED: dict[str, tuple[dict[str, str | None], set[str]]] = {
    "oidcc-server": ({}, set()),
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": ({"nonce": None}, set()),
    "oidcc-scope-profile": ({"scope": "openid profile"}, OF_PROFILE),
    "oidcc-scope-email": ({"scope": "openid email"}, OF_EMAIL),
    "oidcc-scope-address": ({"scope": "openid address"}, {"address"}),
    "oidcc-scope-phone": ({"scope": "openid phone"}, OF_PHONE),
    "oidcc-scope-all": (
        {"scope": "openid profile email address phone"},
        OF_PROFILE | OF_EMAIL | {"address"} | OF_PHONE,
    ),
    "oidcc-display-page": ({"display": "page"}, set()),
    "oidcc-display-popup": ({"display": "popup"}, set()),
    "oidcc-max-age-10000": ({"max_age": "10000"}, set()),
    "oidcc-ensure-request-with-unknown-parameter-succeeds": ({"extra": "foobar"}, set()),
    "oidcc-login-hint": ({"login_hint": "bob@example.com"}, set()),
    "oidcc-ui-locales": ({"ui_locales": "se"}, set()),
    "oidcc-claims-locales": ({"claims_locales": "se"}, set()),
    "oidcc-ensure-request-with-acr-values-succeeds": ({"acr_values": "1 2"}, set()),
    "oidcc-claims-essential": (
        {"claims": '{"userinfo":{"name":{"essential":true}}}'},
        {"name"},
    ),
    "oidcc-ensure-request-with-valid-pkce-succeeds": (
        {"code_challenge": challenge(VERIFIER), "code_challenge_method": "S256"},
        set(),
    ),
}
"""What is asked for beside the least, and which claims must come of it at userinfo."""


@pytest.fixture
def visitor(provider: Provider) -> Visitor:
    """A browser in which nobody is signed in."""
    return Visitor(provider.person)


@pytest.mark.parametrize("mode", [None, "form_post"])
@pytest.mark.parametrize("module", SUCCEED)
def test_a_request_succeeds(party: Party, visitor: Visitor, module: str, mode: str | None) -> None:
    changes, expected = SUCCEED[module]
    asked = party.asking(response_mode=mode, **changes)
    code = party.code(visitor, asked)
    with_verifier = {"code_verifier": VERIFIER} if "code_challenge" in changes else {}
    body = party.tokens(party.redeem(code, **with_verifier))
    claims = party.id_token(body, asked.get("nonce")).claims
    if "max_age" in changes:
        assert abs(claims["auth_time"] - time.time()) < 60
    if "acr_values" in changes:
        assert claims["acr"] in ("1", "2")
    told = party.userinfo(body["access_token"]).json()
    assert told.keys() == {"sub"} | expected
    assert told["sub"] == claims["sub"]
    known: dict[str, Any] = PROFILE
    assert {name: told[name] for name in expected & known.keys()} == {
        name: known[name] for name in expected & known.keys()
    }


def test_oidcc_ensure_post_request_succeeds(party: Party, visitor: Visitor) -> None:
    asked = party.asking()
    body = party.tokens(party.redeem(party.code(visitor, asked, "POST")))
    party.id_token(body, asked["nonce"])


@pytest.mark.parametrize("by", ["header", "posted header", "posted body"])
def test_oidcc_userinfo(party: Party, visitor: Visitor, by: str) -> None:
    assert party.who(party.signed_in(visitor), by)


@pytest.mark.parametrize("mode", [None, "form_post"])
def test_oidcc_response_type_missing(party: Party, visitor: Visitor, mode: str | None) -> None:
    asked = party.asking(response_type=None, response_mode=mode)
    assert party.error(visitor, asked) in ("invalid_request", "unsupported_response_type")


@pytest.mark.parametrize("mode", [None, "form_post"])
def test_oidcc_prompt_none_not_logged_in(party: Party, visitor: Visitor, mode: str | None) -> None:
    asked = party.asking(prompt="none", response_mode=mode, state="s" * 128)
    assert party.error(visitor, asked) in ("login_required", "interaction_required")
    assert visitor.was_asked == []


@pytest.mark.parametrize(
    ("module", "changes"),
    [("oidcc-prompt-none-logged-in", {}), ("oidcc-id-token-hint", {"id_token_hint": "as before"})],
)
def test_oidcc_prompt_none_logged_in(
    party: Party, visitor: Visitor, module: str, changes: dict[str, str]
) -> None:
    first = party.signed_in(visitor)
    again = party.signed_in(visitor, prompt="none", **dict.fromkeys(changes, first.id_token.token))
    assert visitor.was_asked == []
    for name in ("sub", "auth_time"):
        assert again.id_token.claims[name] == first.id_token.claims[name]


@pytest.mark.parametrize(
    ("module", "changes"),
    [("oidcc-prompt-login", {"prompt": "login"}), ("oidcc-max-age-1", {"max_age": "1"})],
)
def test_who_has_to_sign_in_again(
    party: Party, visitor: Visitor, module: str, changes: dict[str, str]
) -> None:
    first = party.signed_in(visitor)
    time.sleep(2)  # `auth_time` is in whole seconds, and the service's clock is the real one
    again = party.signed_in(visitor, **changes)
    assert "sign-in" in visitor.was_asked
    assert again.id_token.claims["auth_time"] > first.id_token.claims["auth_time"]
    assert again.id_token.claims["sub"] == first.id_token.claims["sub"]


def test_oidcc_codereuse(party: Party, visitor: Visitor) -> None:
    code = party.code(visitor, party.asking())
    body = party.tokens(party.redeem(code))
    again = party.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert party.userinfo(body["access_token"]).status_code == 401


@pytest.mark.parametrize("uri", [f"{CALLBACK}/more", f"{CALLBACK}?more", "https://evil.example/"])
def test_oidcc_ensure_registered_redirect_uri(party: Party, visitor: Visitor, uri: str) -> None:
    shown = party.send(visitor, party.asking(redirect_uri=uri))
    assert isinstance(shown, Page)
    assert shown.status == 400


def test_oidcc_server_client_secret_post(provider: Provider, visitor: Visitor) -> None:
    party = Party.registered(provider, token_endpoint_auth_method="client_secret_post")
    assert party.who(party.signed_in(visitor))


@pytest.mark.parametrize("name", ["request", "request_uri"])
def test_unsigned_request_objects_are_not_offered(
    party: Party, visitor: Visitor, name: str
) -> None:
    """Where `none` is not among the algorithms, the modules about unsigned objects are skipped;
    one that comes all the same is refused, and nothing in it is used."""
    assert "none" not in party.provider.metadata["request_object_signing_alg_values_supported"]
    unsigned = "eyJhbGciOiJub25lIn0.eyJyZXNwb25zZV90eXBlIjoiY29kZSJ9."
    value = unsigned if name == "request" else "https://rp.example/object#1"
    back = party.send(visitor, party.asking(**{name: value}))
    assert isinstance(back, Callback)
    assert back.parameters["error"] in (f"invalid_{name}", "invalid_request_object")


def test_oidcc_refresh_token(provider: Provider, party: Party, visitor: Visitor) -> None:
    first = party.signed_in(visitor, scope="openid offline_access", prompt="consent")
    assert "consent" in visitor.was_asked
    form = {"grant_type": "refresh_token", "refresh_token": str(first.body["refresh_token"])}
    body = party.tokens(party.token(form))
    assert body["access_token"] != first.access_token
    claims = party.verified(body["id_token"]).claims
    for name in ("iss", "sub", "aud", "auth_time"):
        assert claims[name] == first.id_token.claims[name]
    assert claims["iat"] >= first.id_token.claims["iat"]
    assert "nonce" not in claims
    other = Party.registered(provider)
    stolen = other.token(form | {"refresh_token": str(body["refresh_token"])})
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert party.userinfo(body["access_token"]).status_code == 200
