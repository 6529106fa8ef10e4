"""The ID token that comes for an authorization code (OpenID Connect Core section 3.1.3.3)."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.openid.building import PROFILE, id_claims, keep_profile, metadata, now_of
from tests.http.openid.test_id_tokens import half_hash
from tests.world.world import ISSUER, Time, World, tokens_of
from token_service.crypto import authorization_codes
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.services import codes
from token_service.services.codes import SignedInAs

REDIRECT = "https://app.example/cb"
VERIFIER = "v" * 43


def code_for(who: SignedIn, **request: Any) -> str:
    """A code for the person's session, as a silent authorization makes one."""
    world = who.world
    asked = AuthorizationRequest(
        **{
            "client_id": who.app.client_id,
            "redirect_uri": REDIRECT,
            "redirect_uri_given": True,
            "response_mode": "query",
            "scope": "openid",
            "code_challenge": authorization_codes.challenge_of(VERIFIER),
            **request,
        }
    )
    now = world.parts.clock.now()
    signed_in_as = SignedInAs(who.account_id, who.tokens.sid, who.tenant_id, now)
    with world.database.transaction() as tx:
        return codes.issue(world.parts.configuration.current(), tx, asked, signed_in_as, now)


def exchanged(who: SignedIn, **request: Any) -> SignedIn:
    """The same person with the tokens of a code."""
    form = {"code": code_for(who, **request), "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    answer = who.world.token(who.app, grant_type="authorization_code", **form)
    assert answer.status_code == 200, answer.text
    return replace(who, tokens=tokens_of(answer))


def somebody(world: World, **members: Any) -> SignedIn:
    """Somebody with a session, at an application with a redirect URI."""
    who = signed_in(world)
    app = world.client(metadata=metadata(redirect_uris=(REDIRECT,), **members))
    return replace(who, app=app, tokens=world.sign_in(who.person, app))


def test_it_says_who_signed_in_when_and_how_and_for_which_request(world: World) -> None:
    found = exchanged(somebody(world), nonce="n-0S6_WzA2Mj")
    now = now_of(world)
    assert id_claims(found) == {
        "iss": ISSUER,
        "sub": found.account_id,
        "aud": found.app.client_id,
        "iat": now,
        "exp": now + 300,
        "auth_time": now,
        "amr": ["pwd"],
        "acr": "1",
        "nonce": "n-0S6_WzA2Mj",
        "sid": found.tokens.sid,
        "tenantId": found.tenant_id,
        "at_hash": half_hash("RS256", found.tokens.access),
    }


@pytest.mark.parametrize("nonce", ["a", "ä€\U0001f600", "'\"<>&%00", "n" * 512])
def test_the_nonce_comes_back_exactly(world: World, nonce: str) -> None:
    assert id_claims(exchanged(somebody(world), nonce=nonce))["nonce"] == nonce


def test_without_a_nonce_there_is_none(world: World) -> None:
    assert "nonce" not in id_claims(exchanged(somebody(world)))


def test_without_openid_there_is_no_id_token(world: World) -> None:
    found = exchanged(somebody(world), scope="email", nonce="n")
    assert "id_token" not in found.tokens.body
    assert "id_token" not in found.refreshed().tokens.body


def test_at_refresh_it_is_the_same_sign_in_without_the_nonce(world: World, time: Time) -> None:
    """OpenID Connect Core section 12.2."""
    found = exchanged(somebody(world), nonce="n")
    first = id_claims(found)
    time.pass_(hours=1)
    later = id_claims(found.refreshed())
    changed = {"iat", "exp", "at_hash"}
    assert {**first, **{name: later[name] for name in changed}} == {**later, "nonce": "n"}
    assert all(later[name] != first[name] for name in changed)


def test_claims_that_were_asked_for_come_with_it(world: World) -> None:
    who = somebody(world)
    keep_profile(world, who.person, who.app, PROFILE)
    asked = '{"id_token":{"email":null,"name":{"essential":true}},"userinfo":{"locale":null}}'
    found = exchanged(who, claims=asked)
    for one in (found, found.refreshed()):
        claims = id_claims(one)
        assert (claims["email"], claims["name"]) == (who.person.email, "Ada King")
        assert "locale" not in claims
    userinfo = world.http.get("/oauth2/userinfo", headers=found.tokens.bearer).get_json()
    assert userinfo == {"sub": found.account_id, "locale": "en-GB"}


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_its_algorithm_is_the_clients(world: World, algorithm: str) -> None:
    found = exchanged(somebody(world, id_token_signed_response_alg=algorithm))
    assert id_claims(found)["at_hash"] == half_hash(algorithm, found.tokens.access)


def test_a_code_that_is_used_twice_gives_none(world: World) -> None:
    who = somebody(world)
    form = {"code": code_for(who), "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    assert world.token(who.app, grant_type="authorization_code", **form).status_code == 200
    again = world.token(who.app, grant_type="authorization_code", **form)
    assert_refused(again, 400, "invalid_grant")
    assert "id_token" not in again.get_json()
    assert ("grant_ended", "code_replayed") in who.happened


def test_the_challenge_is_the_one_of_the_specification() -> None:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert authorization_codes.challenge_of(VERIFIER) == expected
