"""ID tokens (OpenID Connect Core section 2), as a refresh of an OpenID Connect grant gives them."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import jwt
import pytest

from tests.http.administration import change_policy, disable_client, join, keep_keys, rotate_key
from tests.http.building import assert_refused, signed_in
from tests.http.impersonation.building import act
from tests.http.openid.building import (
    PROFILE,
    id_claims,
    id_token_of,
    keep_profile,
    metadata,
    now_of,
    openid_signed_in,
    read,
)
from tests.storage.counting import statements
from tests.world.world import ISSUER, Time, World
from token_service.crypto.keyring import Keyring
from token_service.domain.failures import KeyUnreadable, Unavailable
from token_service.services import id_tokens

HASHES = {
    "RS256": hashlib.sha256,
    "PS256": hashlib.sha256,
    "ES256": hashlib.sha256,
    "EdDSA": hashlib.sha512,
}


def half_hash(algorithm: str, text: str) -> str:
    """Written from OpenID Connect Core section 3.1.3.6 once more."""
    digest = HASHES[algorithm](text.encode()).digest()
    half = digest[: len(digest) // 2]
    return base64.urlsafe_b64encode(half).decode().rstrip("=")


# What it says.


def test_it_says_who_signed_in_when_and_how_and_nothing_else(world: World, time: Time) -> None:
    who = openid_signed_in(world)
    signed_in_at = now_of(world)
    time.pass_(minutes=3)
    after = who.refreshed()
    assert id_claims(after) == {
        "iss": ISSUER,
        "sub": who.account_id,
        "aud": who.app.client_id,
        "iat": signed_in_at + 180,
        "exp": signed_in_at + 180 + 300,
        "auth_time": signed_in_at,
        "amr": ["pwd"],
        "acr": "1",
        "sid": who.tokens.sid,
        "tenantId": who.tenant_id,
        "at_hash": half_hash("RS256", after.tokens.access),
    }
    assert jwt.get_unverified_header(id_token_of(after))["typ"] == "JWT"


@pytest.mark.parametrize("algorithm", sorted(HASHES))
def test_a_client_has_it_signed_by_the_algorithm_that_it_registered(
    world: World, algorithm: str
) -> None:
    who = openid_signed_in(world, metadata=metadata(id_token_signed_response_alg=algorithm))
    after = who.refreshed()
    assert jwt.get_unverified_header(id_token_of(after))["alg"] == algorithm
    assert id_claims(after)["at_hash"] == half_hash(algorithm, after.tokens.access)
    # The access token's own algorithm is another matter.
    assert jwt.get_unverified_header(after.tokens.access)["alg"] == "ES256"


def test_rs256_is_what_a_client_gets_that_asks_for_nothing(world: World) -> None:
    after = openid_signed_in(world).refreshed()
    assert jwt.get_unverified_header(id_token_of(after))["alg"] == "RS256"


def test_every_refresh_tells_the_same_sign_in(world: World, time: Time) -> None:
    """OpenID Connect Core section 12.2: same iss, sub and aud, the first auth_time, no nonce."""
    first = openid_signed_in(world).refreshed()
    time.pass_(hours=1)
    second = first.refreshed()
    before, after = id_claims(first), id_claims(second)
    same = ("iss", "sub", "aud", "auth_time", "amr", "acr", "sid", "tenantId")
    assert [before[name] for name in same] == [after[name] for name in same]
    assert after["iat"] == before["iat"] + 3600
    assert "nonce" not in after
    assert "azp" not in after


def test_a_retry_gives_one_for_its_own_access_token(world: World) -> None:
    who = openid_signed_in(world)
    for answered in (who.refreshed(), who.refreshed()):
        assert id_claims(answered)["at_hash"] == half_hash("RS256", answered.tokens.access)


def test_the_grants_auth_time_is_told_and_not_the_sessions(world: World, time: Time) -> None:
    """Signing in again in the same browser renews the session, not what older grants say."""
    who = openid_signed_in(world)
    then = now_of(world)
    time.pass_(hours=1)
    later = world.parts.clock.now()
    world.sql(
        "UPDATE sessions SET authenticated_at = :now WHERE sid = :sid",
        now=int(later.timestamp()) * 1_000_000,
        sid=who.tokens.sid,
    )
    assert id_claims(who.refreshed())["auth_time"] == then


def test_it_does_not_outlive_the_access_token_beside_it(world: World) -> None:
    who = openid_signed_in(world)
    world.sql(
        "UPDATE tenants SET policy = :policy WHERE tenant_id = :id",
        policy='{"access_token_lifetime": 60}',
        id=who.tenant_id,
    )
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    claims = id_claims(who.refreshed())
    assert claims["exp"] - claims["iat"] == 60


# Who gets one.


def test_a_grant_that_did_not_come_by_openid_connect_has_none(world: World) -> None:
    """`/v1/sign-in` is no OpenID Connect, whatever its scope says: nothing more is signed."""
    who = signed_in(world)
    assert "openid" in who.tokens.body["scope"]
    for tokens in (who.tokens, who.refreshed().tokens):
        assert "id_token" not in tokens.body


def test_whoever_asks_for_a_scope_without_openid_gets_none(world: World) -> None:
    who = openid_signed_in(world, scope="openid profile email")
    body = world.try_refresh(who.app, who.tokens.refresh, scope="email").get_json()
    assert "id_token" not in body


def test_the_json_refresh_gives_one_too(world: World) -> None:
    who = openid_signed_in(world)
    body = world.try_json_refresh(who.app, who.tokens.refresh).get_json()
    claims = read(world, body["id_token"], who.app.client_id)
    assert claims["at_hash"] == half_hash("RS256", body["access_token"])


def test_entering_another_tenant_tells_that_tenant(world: World) -> None:
    who = openid_signed_in(world)
    other = world.tenant()
    join(world, who.person, other)
    body = world.try_refresh(who.app, who.tokens.refresh, tenant_id=other).get_json()
    claims = read(world, body["id_token"], who.app.client_id)
    assert (claims["tenantId"], claims["sid"]) == (other, who.tokens.sid)
    assert claims["at_hash"] == half_hash("RS256", body["access_token"])


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("storage.identities.read", Unavailable("database: away")),
        ("crypto.keyring.Keyring.signing_key", KeyUnreadable("key 2")),
    ],
)
def test_a_refresh_does_without_one_that_cannot_be_made(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
) -> None:
    """Section 12.2 allows it. The refresh token is spent by then, and here only once."""
    who = openid_signed_in(world, claims={"id_token": {"email": None}})
    change_policy(world, who.tenant_id, retry_window=0)
    make = Keyring.signing_key

    def fail(*asked: Any) -> Any:
        if place.startswith("crypto") and asked[1] == "ES256":
            return make(*asked)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(f"token_service.{place}", fail)
        answer = world.try_refresh(who.app, who.tokens.refresh)
    assert answer.status_code == 200
    assert "id_token" not in answer.json
    after = world.try_refresh(who.app, answer.json["refresh_token"])
    assert "id_token" in after.json


def test_a_refused_refresh_gives_none(world: World) -> None:
    who = openid_signed_in(world)
    disable_client(world, who.app)
    answer = world.try_refresh(who.app, who.tokens.refresh)
    assert_refused(answer, 401, "invalid_client")
    assert "id_token" not in answer.get_json()


def test_whoever_acts_as_somebody_has_proved_nothing_and_gets_none(world: World) -> None:
    """Not even if such a grant ever came to have the marks of an authentication."""
    who = signed_in(world)
    backend = world.client("backend", scope="openid read", default_scope="openid read")
    found = act(replace(who, backend=backend), scope="openid read")
    world.sql("UPDATE grants SET openid = :yes WHERE sid = :sid", yes=True, sid=found.tokens.sid)
    after = world.refresh(backend, found.tokens.refresh)
    assert "openid" in after.body["scope"].split()
    assert "id_token" not in after.body


# Which claims of the account.


def test_scopes_are_for_the_userinfo_endpoint(world: World) -> None:
    """OpenID Connect Core section 5.4: there is an access token beside it."""
    who = openid_signed_in(world, scope="openid profile email phone address")
    keep_profile(world, who.person, who.app, PROFILE)
    assert {"email", "name", "address", "phone_number"} & id_claims(who.refreshed()).keys() == set()


def test_claims_that_were_asked_for_by_name_are_in_it(world: World) -> None:
    asked = {
        "id_token": {"email": {"essential": True}, "email_verified": None, "given_name": None},
        "userinfo": {"family_name": None},
    }
    who = openid_signed_in(world, claims=asked)
    keep_profile(world, who.person, who.app, PROFILE)
    claims = id_claims(who.refreshed())
    assert (claims["email"], claims["email_verified"]) == (who.person.email, True)
    assert claims["given_name"] == "Ada"
    assert "family_name" not in claims


def test_what_is_asked_for_never_replaces_a_claim_of_the_protocol(world: World) -> None:
    names = ("sub", "iss", "aud", "exp", "sid", "acr", "amr", "auth_time", "tenantId", "at_hash")
    who = openid_signed_in(world, claims={"id_token": dict.fromkeys(names)})
    keep_profile(world, who.person, who.app, dict.fromkeys(names, "mine"))
    after = who.refreshed()
    assert "mine" not in [claim for claim in id_claims(after).values() if isinstance(claim, str)]
    assert id_claims(after)["sub"] == who.account_id


def test_a_claim_whose_scope_the_client_may_not_have_is_not_given(world: World) -> None:
    asked = {"id_token": {"email": {"essential": True}, "nickname": None}}
    who = openid_signed_in(world, claims=asked, scope="openid profile")
    keep_profile(world, who.person, who.app, PROFILE)
    world.sql(
        "UPDATE clients SET scope = 'openid profile' WHERE client_id = :id", id=who.app.client_id
    )
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    claims = id_claims(who.refreshed())
    assert "email" not in claims
    assert claims["nickname"] == "AAL"


def test_a_value_that_is_not_the_accounts_is_not_given(world: World) -> None:
    asked = {
        "id_token": {"given_name": {"value": "Grace"}, "family_name": {"values": ["K", "King"]}}
    }
    who = openid_signed_in(world, claims=asked)
    keep_profile(world, who.person, who.app, PROFILE)
    claims = id_claims(who.refreshed())
    assert claims["family_name"] == "King"
    assert "given_name" not in claims


def test_a_long_profile_is_no_reason_to_fail(world: World) -> None:
    names = [f"{one}_name" for one in ("family", "given", "middle")] + [
        "name",
        "nickname",
        "gender",
    ]
    who = openid_signed_in(world, claims={"id_token": dict.fromkeys(names)})
    keep_profile(world, who.person, who.app, dict.fromkeys(names, "ä" * 600))
    claims = id_claims(who.refreshed())
    assert {claims[name] for name in names} == {"ä" * 600}


def test_nothing_is_read_for_it_where_nothing_was_asked_for(world: World) -> None:
    """The hot path: the very statements of a refresh without an ID token."""
    plain, openid = signed_in(world), openid_signed_in(world)
    plain, openid = plain.refreshed(), openid.refreshed()  # fills the caches
    with statements(world) as of_plain:
        plain.refreshed()
    with statements(world) as of_openid:
        with_token = openid.refreshed()
    assert "id_token" in with_token.tokens.body
    assert of_openid == of_plain != []


# Its keys.


def test_one_that_was_signed_before_a_rotation_remains_verifiable(world: World, time: Time) -> None:
    who = openid_signed_in(world, metadata=metadata(), scope="openid")
    old = who.refreshed()
    new_kid = rotate_key(world, "RS256")
    time.pass_(hours=20)
    still = old.refreshed()
    assert jwt.get_unverified_header(id_token_of(still))["kid"] != new_kid
    time.pass_(hours=5)
    keep_keys(world)
    fresh = openid_signed_in(world).refreshed()
    assert jwt.get_unverified_header(id_token_of(fresh))["kid"] == new_kid
    for one in (old, still, fresh):
        assert id_claims(one)["iss"] == ISSUER


class KeysOfOneDay(jwt.PyJWKClient):
    """A client library's own way to fetch keys; one that it does not have makes it fetch again."""

    def __init__(self, world: World) -> None:
        super().__init__(f"{ISSUER}/.well-known/jwks.json", lifespan=86_400 * 365)
        self.world = world
        self.fetched = 0

    def fetch_data(self) -> Any:
        """Over our interface instead of the network."""
        self.fetched += 1
        found = self.world.http.get("/.well-known/jwks.json").get_json()
        assert self.jwk_set_cache is not None
        self.jwk_set_cache.put(found)
        return found


def test_who_keeps_the_keys_meets_no_signature_of_an_unknown_one(world: World, time: Time) -> None:
    """Published first, signed later: the new key was there when the old one still signed."""
    before = openid_signed_in(world).refreshed()
    new_kid = rotate_key(world, "RS256")
    keys = KeysOfOneDay(world)
    time.pass_(days=1)
    after = openid_signed_in(world).refreshed()
    assert jwt.get_unverified_header(id_token_of(after))["kid"] == new_kid
    for one in (before, after):
        key = keys.get_signing_key_from_jwt(id_token_of(one))
        assert (
            jwt.decode(
                id_token_of(one),
                key,
                algorithms=["RS256"],
                audience=one.app.client_id,
                options={"verify_exp": False, "verify_iat": False},
            )["sid"]
            == one.tokens.sid
        )
    assert keys.fetched == 1


# As a credential it is worth nothing.


def test_it_is_no_access_token(world: World) -> None:
    token = id_token_of(openid_signed_in(world).refreshed())
    assert world.validate(token) == {"active": False}
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/v1/me", "/v1/me/sessions", "/oauth2/userinfo"):
        assert_refused(world.http.get(path, headers=bearer), 401, "invalid_token")


def test_it_comes_back_as_a_hint_whether_it_has_expired_or_not(world: World, time: Time) -> None:
    after = openid_signed_in(world).refreshed()
    token = id_token_of(after)
    for _ in range(2):
        snapshot = world.parts.configuration.current()
        hint = id_tokens.hint(snapshot, token, world.parts.clock.now())
        assert hint is not None
        assert (hint.subject, hint.client_id) == (after.account_id, after.app.client_id)
        assert hint.sid == after.tokens.sid
        time.pass_(hours=2)


def test_nothing_else_that_is_signed_here_is_a_hint(world: World) -> None:
    app_metadata = metadata(userinfo_signed_response_alg="RS256")
    after = openid_signed_in(world, metadata=app_metadata).refreshed()
    userinfo = world.http.get("/oauth2/userinfo", headers=after.tokens.bearer).get_data(
        as_text=True
    )
    introspected = world.http.post(
        "/oauth2/introspect",
        data={"token": after.tokens.access},
        headers={**after.app.basic, "Accept": "application/token-introspection+jwt"},
    ).get_data(as_text=True)
    token = id_token_of(after)
    foreign = f"{token[:-8]}{'A' * 8}"
    snapshot, now = world.parts.configuration.current(), world.parts.clock.now()
    for one in (userinfo, introspected, after.tokens.access, foreign, "garbage"):
        assert id_tokens.hint(snapshot, one, now) is None
