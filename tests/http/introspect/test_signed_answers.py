"""Introspection answered as a signed JWT (RFC 9701)."""

from typing import Any

import jwt
import pytest

from tests.http.building import assert_refused, signed_in
from tests.http.introspect.test_introspection import signed_in_for
from tests.http.openid.building import metadata, now_of, published_key, read
from tests.world.world import ISSUER, App, World

PATH = "/oauth2/introspect"
SIGNED = "application/token-introspection+jwt"


def signed(world: World, caller: App, token: str) -> str:
    """The JWT."""
    headers = {**caller.basic, "Accept": SIGNED}
    answer = world.http.post(PATH, data={"token": token}, headers=headers)
    assert (answer.status_code, answer.content_type) == (200, SIGNED), answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.get_data(as_text=True)


def said(world: World, caller: App, token: str) -> dict[str, Any]:
    """What it says, to this caller."""
    return read(world, signed(world, caller, token), caller.client_id)


def test_it_wraps_what_the_plain_answer_says(world: World) -> None:
    """Section 5: iss, aud, iat and the answer; nothing that would make a token of it."""
    api = world.client("resource_server")
    who = signed_in_for(world, api)
    found = said(world, api, who.tokens.access)
    assert found == {
        "iss": ISSUER,
        "aud": api.client_id,
        "iat": now_of(world),
        "token_introspection": world.introspect(api, who.tokens.access),
    }
    assert found["token_introspection"]["active"] is True


def test_it_says_its_type(world: World) -> None:
    who = signed_in(world)
    header = jwt.get_unverified_header(signed(world, who.app, who.tokens.access))
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", "RS256")


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
def test_it_is_signed_by_the_algorithm_that_the_caller_registered(
    world: World, algorithm: str
) -> None:
    api = world.client(
        "resource_server", metadata=metadata(introspection_signed_response_alg=algorithm)
    )
    who = signed_in_for(world, api)
    token = signed(world, api, who.tokens.access)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert said(world, api, who.tokens.access)["token_introspection"]["active"] is True


def test_a_token_that_is_not_active_is_one_word(world: World) -> None:
    who, stranger = signed_in(world), world.client("resource_server")
    ended = signed_in(world)
    world.invalidate(token=ended.tokens.access)
    for caller, token in (
        (stranger, who.tokens.access),
        (ended.app, ended.tokens.access),
        (who.app, "garbage"),
    ):
        assert said(world, caller, token)["token_introspection"] == {"active": False}


def test_it_is_for_the_caller_alone(world: World) -> None:
    api, other = world.client("resource_server"), world.client("resource_server")
    who = signed_in_for(world, api)
    token = signed(world, api, who.tokens.access)
    with pytest.raises(jwt.InvalidAudienceError):
        read(world, token, other.client_id)


def test_it_is_no_token_itself(world: World) -> None:
    """Section 8.1: it cannot be used in place of the token that it tells of."""
    who = signed_in(world)
    answer = signed(world, who.app, who.tokens.access)
    assert world.validate(answer) == {"active": False}
    assert world.introspect(who.app, answer) == {"active": False}
    bearer = {"Authorization": f"Bearer {answer}"}
    assert_refused(world.http.get("/v1/me/sessions", headers=bearer), 401, "invalid_token")
    assert_refused(world.http.get("/oauth2/userinfo", headers=bearer), 401, "invalid_token")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (f"application/json, {SIGNED};q=0.5", "application/json"),
        (f"{SIGNED};q=0", "application/json"),
        (SIGNED, SIGNED),
        (f"{SIGNED}, application/json;q=0.9", SIGNED),
        ("text/html", "application/json"),
        ("garbage;;,q=", "application/json"),
    ],
)
def test_only_who_asks_for_it_gets_it(world: World, accept: str | None, media_type: str) -> None:
    """By `Accept` alone (section 4); whoever asks for neither is not turned away."""
    api = world.client(
        "resource_server", metadata=metadata(introspection_signed_response_alg="ES256")
    )
    headers = dict(api.basic) if accept is None else {**api.basic, "Accept": accept}
    answer = world.http.post(PATH, data={"token": "x"}, headers=headers)
    assert (answer.status_code, answer.content_type) == (200, media_type)
    assert answer.headers["Vary"] == "Accept"


def test_who_does_not_authenticate_gets_none(world: World) -> None:
    who = signed_in(world)
    sent = {"data": {"token": who.tokens.access}, "headers": {"Accept": SIGNED}}
    answer = world.http.post(PATH, **sent)
    assert_refused(answer, 401, "invalid_client")
    assert answer.content_type == "application/json"


def test_a_long_token_does_not_break_it(world: World) -> None:
    """Base64 makes the answer longer than the token that it tells of."""
    long = tuple(f"https://api{number}.example.test/{'x' * 200}" for number in range(23))
    api = world.client("resource_server", resource_identifier=long[0])
    who = signed_in(world)
    tokens = world.sign_in(who.person, world.client(audiences=long))
    token = signed(world, api, tokens.access)
    assert len(token) > 8192
    assert published_key(world, token).algorithm_name == "RS256"
    assert said(world, api, tokens.access)["token_introspection"]["aud"] == list(long)
