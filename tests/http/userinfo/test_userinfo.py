"""`/oauth2/userinfo` (OpenID Connect Core section 5.3): what a token lets its client learn."""

from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from tests.http.administration import disable_account, disable_client
from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.faults import failing
from tests.http.openid.building import (
    EVERY_SCOPE,
    PROFILE,
    id_claims,
    keep_profile,
    metadata,
    now_of,
    openid_signed_in,
    read,
)
from tests.world.world import ISSUER, Time, World

PATH = "/oauth2/userinfo"


def asked(who: SignedIn) -> TestResponse:
    """The answer to the header form."""
    return who.world.http.get(PATH, headers=who.tokens.bearer)


def told(who: SignedIn) -> dict[str, Any]:
    """What it says."""
    answer = asked(who)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.get_json())


def with_profile(who: SignedIn, profile: object = None) -> SignedIn:
    """The same, after the account's owner has kept a profile."""
    keep_profile(who.world, who.person, who.app, PROFILE if profile is None else profile)
    return who


# Scopes and claims.


def by_scope(who: SignedIn) -> dict[str, dict[str, Any]]:
    """All that each scope stands for, of this person (OpenID Connect Core section 5.4)."""
    return {
        "profile": {
            "name": "Ada King",
            "family_name": "King",
            "given_name": "Ada",
            "nickname": "AAL",
            "website": "https://ada.example/",
            "birthdate": "1815-12-10",
            "locale": "en-GB",
            "preferred_username": who.person.username,
            "updated_at": now_of(who.world),
        },
        "email": {"email": who.person.email, "email_verified": True},
        "phone": {"phone_number": who.person.phone, "phone_number_verified": True},
        "address": {"address": {"locality": "London", "country": "GB"}},
    }


@pytest.mark.parametrize(
    "scope",
    [
        "openid",
        "openid profile",
        "email openid",
        "openid phone",
        "address openid",
        "offline_access openid",
        EVERY_SCOPE,
    ],
)
def test_each_scope_lets_its_own_claims_out_and_no_other(world: World, scope: str) -> None:
    who = with_profile(openid_signed_in(world, scope=scope))
    expected = {"sub": who.account_id}
    for one, claims in by_scope(who).items():
        if one in scope.split():
            expected |= claims
    assert told(who) == expected


def test_a_narrowed_token_tells_no_more_than_its_scope(world: World) -> None:
    who = with_profile(openid_signed_in(world, scope=EVERY_SCOPE))
    narrow = world.refresh(who.app, who.tokens.refresh, scope="openid email")
    answer = world.http.get(PATH, headers=narrow.bearer)
    assert set(answer.get_json()) == {"sub", "email", "email_verified"}


def test_sub_is_that_of_the_id_token(world: World) -> None:
    """Section 5.3.2: a client must compare them."""
    for kind in ("public", "pairwise"):
        who = openid_signed_in(world, metadata=metadata(subject_type=kind)).refreshed()
        assert told(who)["sub"] == id_claims(who)["sub"]


def test_no_profile_makes_a_claim_of_the_account(world: World) -> None:
    who = with_profile(
        openid_signed_in(world, scope=EVERY_SCOPE),
        {
            "sub": "somebody",
            "iss": "https://evil.example",
            "email": "boss@example.test",
            "email_verified": True,
            "phone_number": "+41791111111",
            "preferred_username": "admin",
            "updated_at": 1,
            "roles": ["admin"],
        },
    )
    assert told(who) == {
        "sub": who.account_id,
        "email": who.person.email,
        "email_verified": True,
        "phone_number": who.person.phone,
        "phone_number_verified": True,
        "preferred_username": who.person.username,
        "updated_at": now_of(world),
    }


def test_an_address_that_nobody_vouched_for_is_not_verified(world: World) -> None:
    who = openid_signed_in(world, scope="openid email phone")
    world.sql(
        "UPDATE account_names SET verified_at = NULL WHERE account_id = :id", id=who.account_id
    )
    found = told(who)
    assert (found["email_verified"], found["phone_number_verified"]) == (False, False)


def test_of_several_addresses_a_verified_one_is_told(world: World) -> None:
    who = openid_signed_in(world, scope="openid email")
    world.sql(
        "INSERT INTO account_names VALUES ('a@a.test', :id, 'email', 'A@a.test', NULL)",
        id=who.account_id,
    )
    assert told(who)["email"] == who.person.email


def test_updated_at_is_when_the_profile_last_changed(world: World, time: Time) -> None:
    who = openid_signed_in(world, scope="openid profile")
    created = now_of(world)
    time.pass_(minutes=5)
    assert told(who)["updated_at"] == created
    with_profile(who)
    assert told(who)["updated_at"] == created + 300
    time.pass_(minutes=5)
    with_profile(who)  # the same once more is no change
    assert told(who)["updated_at"] == created + 300


# The claims parameter.


def test_claims_that_were_asked_for_by_name_are_told(world: World) -> None:
    asked_for = {"userinfo": {"email": None, "nickname": {"essential": True}}}
    who = with_profile(openid_signed_in(world, scope="openid", claims=asked_for))
    assert told(who) == {"sub": who.account_id, "email": who.person.email, "nickname": "AAL"}


def test_claims_for_the_id_token_are_not_told_here(world: World) -> None:
    who = openid_signed_in(world, scope="openid", claims={"id_token": {"email": None}})
    assert told(who) == {"sub": who.account_id}


def test_a_claim_beyond_what_the_client_may_have_is_not_told(world: World) -> None:
    asked_for = {"userinfo": {"email": {"essential": True}}}
    who = openid_signed_in(world, scope="openid", claims=asked_for)
    assert "email" in told(who)
    world.sql(
        "UPDATE clients SET scope = 'openid profile' WHERE client_id = :id", id=who.app.client_id
    )
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    assert told(who) == {"sub": who.account_id}


def test_without_asking_for_more_nobody_learns_of_what_others_asked(world: World) -> None:
    first = openid_signed_in(world, scope="openid", claims={"userinfo": {"email": None}})
    other = openid_signed_in(world, scope="openid")
    assert "email" in told(first)
    assert told(other) == {"sub": other.account_id}


# How the token comes.


def test_by_post_in_the_header_or_in_the_form(world: World) -> None:
    who = openid_signed_in(world)
    expected = told(who)
    in_header = world.http.post(PATH, headers=who.tokens.bearer)
    form = {"access_token": who.tokens.access}
    in_form = world.http.post(PATH, data=form)
    beside_another = world.http.post(PATH, data={"a": "b"}, headers=who.tokens.bearer)
    assert [one.get_json() for one in (in_header, in_form, beside_another)] == [expected] * 3


def test_never_in_two_ways_at_once(world: World) -> None:
    who = openid_signed_in(world)
    form = {"access_token": who.tokens.access}
    answer = world.http.post(PATH, data=form, headers=who.tokens.bearer)
    assert_refused(answer, 400, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_never_in_the_url(world: World, method: str) -> None:
    who = openid_signed_in(world)
    answer = world.http.open(PATH, method=method, query_string={"access_token": who.tokens.access})
    assert_refused(answer, 401, "invalid_token")


def test_who_brings_none_is_told_what_is_needed(world: World) -> None:
    """RFC 6750 section 3.1: no error code where there were no credentials at all."""
    answer = world.http.get(PATH)
    assert_refused(answer, 401, "invalid_token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="token-service"'


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_there(world: World, method: str) -> None:
    who = openid_signed_in(world)
    answer = world.http.open(PATH, method=method, headers=who.tokens.bearer)
    assert_refused(answer, 405, "invalid_request")


# Which tokens.


def test_a_token_that_is_not_live_is_refused_at_once(world: World, time: Time) -> None:
    expired = openid_signed_in(world)
    time.pass_(minutes=15)
    ended, disabled, without_client = (openid_signed_in(world) for _ in range(3))
    world.invalidate(token=ended.tokens.access)
    disable_account(world, disabled.person)
    disable_client(world, without_client.app)
    for who in (expired, ended, disabled, without_client):
        answer = asked(who)
        assert_refused(answer, 401, "invalid_token")
        challenge = 'Bearer realm="token-service", error="invalid_token"'
        assert answer.headers["WWW-Authenticate"] == challenge
        in_form = world.http.post(PATH, data={"access_token": who.tokens.access})
        assert_refused(in_form, 401, "invalid_token")


def test_another_worker_knows_at_once(world: World, second_worker: World) -> None:
    who = openid_signed_in(world)
    assert second_worker.http.get(PATH, headers=who.tokens.bearer).status_code == 200
    world.invalidate(token=who.tokens.access)
    assert_refused(second_worker.http.get(PATH, headers=who.tokens.bearer), 401, "invalid_token")


@pytest.mark.parametrize("text", ["garbage", "a.b.c", "tsr_x", "ö", "x" * 8000])
def test_what_is_no_token_of_ours_is_refused(world: World, text: str) -> None:
    assert_refused(world.http.post(PATH, data={"access_token": text}), 401, "invalid_token")


def test_scope_openid_is_needed(world: World) -> None:
    who = openid_signed_in(world, scope="email profile")
    answer = asked(who)
    assert_refused(answer, 403, "insufficient_scope")
    challenge = 'Bearer realm="token-service", error="insufficient_scope", scope="openid"'
    assert answer.headers["WWW-Authenticate"] == challenge


def test_a_clients_own_token_is_of_nobody(world: World) -> None:
    service = world.client("service", scope="openid email", default_scope="openid email")
    bearer = {"Authorization": f"Bearer {world.client_token(service)}"}
    assert_refused(world.http.get(PATH, headers=bearer), 403, "insufficient_scope")


def test_a_refresh_token_is_no_access_token(world: World) -> None:
    who = openid_signed_in(world)
    bearer = {"Authorization": f"Bearer {who.tokens.refresh}"}
    assert_refused(world.http.get(PATH, headers=bearer), 401, "invalid_token")


def test_a_sign_in_without_openid_connect_may_ask_too(world: World) -> None:
    """Its scope says openid: the first-party applications of /v1/sign-in need no second way."""
    who = signed_in(world)
    assert told(who)["sub"] == who.account_id


def test_asking_extends_nothing(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    time.pass_(minutes=6)
    assert asked(who).status_code == 200
    time.pass_(minutes=5)
    assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
    assert ("session_ended", "idle_timeout") in who.happened


def test_a_database_that_is_away_is_neither_yes_nor_no(world: World) -> None:
    who = openid_signed_in(world)
    for place in ("storage.grants.asking", "storage.identities.read"):
        with failing(place):
            answer = asked(who)
        assert_refused(answer, 503, "temporarily_unavailable")
        assert "Retry-After" in answer.headers


# Signed.


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
def test_a_client_may_have_the_answer_signed(world: World, algorithm: str) -> None:
    who = with_profile(
        openid_signed_in(
            world, scope="openid email", metadata=metadata(userinfo_signed_response_alg=algorithm)
        )
    )
    answer = asked(who)
    assert answer.content_type == "application/jwt"
    token = answer.get_data(as_text=True)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert read(world, token, who.app.client_id) == {
        "iss": ISSUER,
        "aud": who.app.client_id,
        "sub": who.account_id,
        "email": who.person.email,
        "email_verified": True,
    }
    assert world.validate(token) == {"active": False}


def test_a_long_profile_can_be_signed(world: World) -> None:
    app_metadata = metadata(userinfo_signed_response_alg="RS256")
    who = openid_signed_in(world, scope="openid profile", metadata=app_metadata)
    names = ("name", "family_name", "given_name", "middle_name", "nickname", "gender", "zoneinfo")
    with_profile(who, dict.fromkeys(names, "ä" * 500))
    found = read(world, asked(who).get_data(as_text=True), who.app.client_id)
    assert {found[name] for name in names} == {"ä" * 500}
