"""Dynamic OP and third-party-initiated login: relying parties that register themselves."""

import re
import secrets
from typing import Any

import pytest
import requests
from joserfc.jwk import RSAKey

from tests.journeys.conformance.party import CALLBACK, Party
from tests.journeys.conformance.provider import Provider
from tests.journeys.conformance.site import Site
from tests.journeys.conformance.visitor import Callback, Page, Visitor


@pytest.fixture
def visitor(provider: Provider) -> Visitor:
    """A browser in which nobody is signed in."""
    return Visitor(provider.person)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_oidcc_idtoken(provider: Provider, visitor: Visitor, algorithm: str) -> None:
    party = Party.registered(provider, id_token_signed_response_alg=algorithm)
    assert party.signed_in(visitor).id_token.header["alg"] == algorithm


def test_oidcc_userinfo_rs256(provider: Provider, visitor: Visitor) -> None:
    party = Party.registered(provider, userinfo_signed_response_alg="RS256")
    signed_in = party.signed_in(visitor)
    answer = party.userinfo(signed_in.access_token)
    assert answer.headers["Content-Type"] == "application/jwt"
    told = party.verified(answer.text)
    assert told.header["alg"] == "RS256"
    assert told.claims["sub"] == signed_in.id_token.claims["sub"]
    assert told.claims["iss"] == provider.issuer
    assert told.claims["aud"] in (party.held["client_id"], [party.held["client_id"]])
    assert "nonce" not in told.claims


REFUSED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "oidcc-idtoken-unsigned": (
        {"id_token_signed_response_alg": "none"},
        {"invalid_client_metadata"},
    ),
    "oidcc-redirect-uri-regfrag": (
        {"redirect_uris": [f"{CALLBACK}#fragment"]},
        {"invalid_redirect_uri", "invalid_client_metadata"},
    ),
    "oidcc-3rdparty-init-login-no-https": (
        {"initiate_login_uri": "http://rp.example/login"},
        {"invalid_client_metadata"},
    ),
}


@pytest.mark.parametrize("module", REFUSED)
def test_a_registration_is_refused(provider: Provider, module: str) -> None:
    members, errors = REFUSED[module]
    answer = Party.try_to_register(provider, **members)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"] in errors


def test_oidcc_3rdparty_init_login(provider: Provider) -> None:
    held = Party.registered(provider, initiate_login_uri="https://rp.example/login").held
    assert held["initiate_login_uri"] == "https://rp.example/login"
    headers = {"Authorization": f"Bearer {held['registration_access_token']}"}
    told = requests.get(held["registration_client_uri"], headers=headers, timeout=10)
    assert told.status_code == 200
    assert told.json()["initiate_login_uri"] == "https://rp.example/login"


def test_oidcc_ensure_redirect_uri_in_authorization_request(
    provider: Provider, visitor: Visitor
) -> None:
    party = Party.registered(provider, redirect_uris=[CALLBACK, f"{CALLBACK}2"])
    shown = party.send(visitor, party.asking(redirect_uri=None))
    assert isinstance(shown, Page)
    assert shown.status == 400


def test_oidcc_redirect_uri_query_ok(provider: Provider, visitor: Visitor) -> None:
    with_query = f"{CALLBACK}?foo=bar"
    party = Party.registered(provider, redirect_uris=[with_query])
    asked = party.asking(redirect_uri=with_query)
    back = party.answered(party.send(visitor, asked), asked)
    assert back["foo"] == "bar"
    assert party.tokens(party.redeem(back["code"], redirect_uri=with_query))


@pytest.mark.parametrize(
    ("module", "registered", "sent"),
    [
        ("oidcc-redirect-uri-query-mismatch", "?foo=bar", "?bar=foo"),
        ("oidcc-redirect-uri-query-added", "", "?foo=bar"),
    ],
)
def test_oidcc_redirect_uri_query(
    provider: Provider, visitor: Visitor, module: str, registered: str, sent: str
) -> None:
    party = Party.registered(provider, redirect_uris=[CALLBACK + registered])
    shown = party.send(visitor, party.asking(redirect_uri=CALLBACK + sent))
    assert isinstance(shown, Page)
    assert shown.status == 400


@pytest.mark.parametrize(
    ("member", "words"), [("policy_uri", "data"), ("tos_uri", "terms of use"), ("logo_uri", "")]
)
def test_oidcc_registration_uris_for_people(
    provider: Provider, visitor: Visitor, member: str, words: str
) -> None:
    """Links to documents are shown; a picture is not: no page loads anything from elsewhere."""
    address = f"https://rp.example/{member}"
    party = Party.registered(provider, **{member: address})
    assert party.held[member] == address
    party.signed_in(visitor)
    [consent] = [page for page in visitor.seen if "/consent" in page.url]
    links = dict(re.findall(r'<a href="([^"]+)"[^>]*>([^<]*)</a>', consent.text))
    assert words in links.get(address, "")
    assert (address in links) == bool(words)
    assert "<img" not in consent.text


def test_oidcc_registration_jwks_uri(provider: Provider, visitor: Visitor, site: Site) -> None:
    """Also what oidcc-ensure-client-assertion-with-iss-aud-succeeds does."""
    key = RSAKey.generate_key(2048, auto_kid=True)
    party = Party.registered(
        provider,
        key=key,
        jwks_uri=site.publish("/jwks.json", {"keys": [key.as_dict(private=False)]}),
        token_endpoint_auth_method="private_key_jwt",
    )
    assert party.who(party.signed_in(visitor))


def test_a_key_without_a_name(provider: Provider, visitor: Visitor) -> None:
    """The only key of a relying party needs no `kid` (OpenID Connect Core section 10.1)."""
    key, method = RSAKey.generate_key(2048), "private_key_jwt"
    party = Party.registered(provider, key=key, token_endpoint_auth_method=method)
    assert "kid" not in party.held["jwks"]["keys"][0]
    assert party.who(party.signed_in(visitor))


def test_oidcc_registration_sector(provider: Provider, visitor: Visitor, site: Site) -> None:
    """oidcc-registration-sector-uri, and -sector-bad: what is published must name all of them."""
    uris = [CALLBACK, "https://other.example/callback"]
    good = {
        "subject_type": "pairwise",
        "redirect_uris": uris,
        "sector_identifier_uri": site.publish("/sector.json", uris),
    }
    party = Party.registered(provider, **good)
    known = Party.registered(provider).signed_in(visitor).id_token.claims["sub"]
    assert party.signed_in(visitor).id_token.claims["sub"] != known
    bad = good | {"sector_identifier_uri": site.publish("/bad.json", ["https://other.example/"])}
    answer = Party.try_to_register(provider, **bad)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_client_metadata", "invalid_redirect_uri")


def test_oidcc_request_uri_signed_rs256(provider: Provider, visitor: Visitor, site: Site) -> None:
    path = f"/{secrets.token_hex(4)}.jwt"
    party = Party.registered(
        provider,
        request_uris=[f"{site.origin}{path}#5fa1"],
        request_object_signing_alg="RS256",
    )
    inside = party.asking()
    signed = party.signed(inside | {"iss": party.held["client_id"], "aud": provider.issuer})
    site.publish(path, signed, "application/jwt")
    beside = {one: inside[one] for one in ("client_id", "response_type", "scope", "redirect_uri")}
    back = party.send(visitor, beside | {"request_uri": f"{site.origin}{path}#5fa1"})
    assert isinstance(back, Callback)
    code = party.answered(back, inside)["code"]
    party.id_token(party.tokens(party.redeem(code)), inside["nonce"])
