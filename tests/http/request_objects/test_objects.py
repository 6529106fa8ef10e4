"""Signed requests (RFC 9101): what they say counts, and nothing beside them."""

from typing import Any

import pytest

from tests.http.building import assert_refused
from tests.http.client_authentication.proving import jwk, private_key
from tests.http.pushed.building import page_with
from tests.http.request_objects.signing import (
    Signer,
    assert_not_taken,
    assert_taken,
    signer,
)
from tests.world.browser import REDIRECT, Browser, Returned, Shown, asking, redeemed, web_app
from tests.world.world import App, World

EVIL: dict[str, str] = {
    "redirect_uri": "https://evil.example/cb",
    "state": "planted",
    "nonce": "planted",
    "prompt": "none",
    "code_challenge": "A" * 43,
    "response_mode": "form_post",
    "max_age": "0",
}


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "EdDSA"])
def test_a_signed_request_gives_a_code(world: World, algorithm: str) -> None:
    one, browser = signer(world, algorithm), Browser(world)
    shown = one.come(browser, one.signed())
    assert isinstance(shown, Shown), shown
    back = browser.sign_in_at(shown, world.person(world.tenant()))
    assert isinstance(back, Returned)
    assert (back.uri, back.parameters["state"]) == (REDIRECT, "a state")
    assert redeemed(world, one.app, back.code).body["scope"] == "openid profile"


def test_a_signed_request_can_be_pushed(world: World) -> None:
    one, browser = signer(world), Browser(world)
    pushed = one.pushes(one.signed())
    assert pushed.status_code == 201, pushed.text
    shown = page_with(browser, one.app, pushed.get_json()["request_uri"])
    back = browser.sign_in_at(shown, world.person(world.tenant()))
    assert isinstance(back, Returned)
    assert redeemed(world, one.app, back.code).body["scope"] == "openid profile"


def test_nothing_beside_it_counts(world: World) -> None:
    one, browser = signer(world), Browser(world)
    beside = EVIL | {"scope": "openid email", "response_type": "token"}
    shown = one.come(browser, one.signed(), **beside)
    assert isinstance(shown, Shown), shown
    back = browser.sign_in_at(shown, world.person(world.tenant()))
    assert isinstance(back, Returned)
    assert (back.uri, back.parameters["state"]) == (REDIRECT, "a state")
    assert redeemed(world, one.app, back.code).body["scope"] == "openid profile"


def test_nothing_beside_it_is_pushed(world: World) -> None:
    one, browser = signer(world), Browser(world)
    pushed = one.pushes(one.signed(state=None), **EVIL).get_json()["request_uri"]
    back = browser.sign_in_at(page_with(browser, one.app, pushed), world.person(world.tenant()))
    assert isinstance(back, Returned)
    assert "state" not in back.parameters


@pytest.mark.parametrize("missing", ["response_type", "code_challenge"])
def test_what_it_lacks_is_not_taken_from_beside_it(world: World, missing: str) -> None:
    one = signer(world)
    token = one.signed(**{missing: None})
    answer = one.sends(token, **asking(one.app, client_id=None))
    assert "error=invalid_request&" in answer.headers["Location"]
    assert_refused(one.pushes(token, **asking(one.app)), 400, "invalid_request")


def test_a_redirect_uri_beside_it_is_none(world: World) -> None:
    one = signer(world)
    token = one.signed(redirect_uri=None)
    answer = one.sends(token, **asking(one.app, client_id=None))
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert_refused(one.pushes(token, **asking(one.app)), 400, "invalid_request")


def test_parameters_that_are_no_texts(world: World) -> None:
    one, browser = signer(world, default_max_age=10), Browser(world)
    more: dict[str, Any] = {
        "max_age": 3600,
        "claims": {"id_token": {"email": {"essential": True}}},
        "ui_locales": "de",
        "login_hint": "",
        "x_unknown": {"a": [1]},
        "client_id": None,
    }
    shown = one.come(browser, one.signed(**more))
    assert isinstance(shown, Shown), shown
    assert "Anmelden" in shown.answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": ["s"]},
        {"scope": ["openid"]},
        {"scope": {"openid": True}},
        {"redirect_uri": [REDIRECT]},
        {"max_age": 1.5},
        {"max_age": True},
        {"prompt": False},
        {"nonce": "a\0b"},
        {"resource": ["https://a.example", 1]},
    ],
)
def test_a_parameter_that_can_be_none(world: World, wrong: dict[str, Any]) -> None:
    one = signer(world)
    assert_not_taken(one, one.signed(**wrong), "parameter")


def test_several_resources(world: World) -> None:
    audiences = ("https://a.example", "https://b.example")
    one = signer(world)
    two = Signer(
        world, web_app(world, metadata=metadata(one), audiences=audiences), "ES256", one.key
    )
    assert_taken(two, two.signed(resource=list(audiences)))
    assert_taken(two, two.signed(resource=audiences[0]))
    answer = two.sends(two.signed(resource=["https://evil.example"]))
    assert "error=invalid_target" in answer.headers["Location"]


def metadata(one: Signer) -> dict[str, Any]:
    """The keys of the signer, for another client."""
    return {"jwks": {"keys": [jwk(one.algorithm, one.key, kid="k1")]}}


# Whose it is, and for whom.


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"iss": None}, "issuer"),
        ({"iss": "other"}, "issuer"),
        ({"iss": ["x"]}, "issuer"),
        ({"aud": None}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": "https://id.example.test/"}, "audience"),
        ({"aud": "https://other.example"}, "audience"),
        ({"aud": {"https://id.example.test": 1}}, "audience"),
        ({"aud": ["https://other.example"]}, "audience"),
        ({"client_id": "other"}, "client"),
        ({"client_id": ["x"]}, "client"),
        ({"request": "e30.e30."}, "nested"),
        ({"request_uri": "https://app.example/r"}, "nested"),
    ],
)
def test_what_it_says_of_itself_is_wrong(world: World, changes: dict[str, Any], fault: str) -> None:
    one = signer(world)
    assert_not_taken(one, one.signed(**changes), fault)


def test_it_may_be_for_several(world: World) -> None:
    one = signer(world)
    assert_taken(one, one.signed(aud=["https://other.example", "https://id.example.test"]))


def test_its_subject_is_not_its_client(world: World) -> None:
    """RFC 9101 section 10.8: it would be an assertion by which its finder authenticates."""
    one = signer(world)
    assert_not_taken(one, one.signed(sub=one.app.client_id, jti="j"), "subject")


def test_another_clients_object_is_not_this_ones(world: World) -> None:
    one, two = signer(world), signer(world)
    assert one.key is two.key
    token = one.signed()
    assert_taken(one, token)
    assert_not_taken(two, token, "issuer")


def test_without_its_client_beside_it(world: World) -> None:
    one = signer(world)
    answer = Browser(world).get("/oauth2/authorize", request=one.signed())
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


# When.


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"exp": -9}, None),
        ({"exp": -10}, "expired"),
        ({"exp": -60}, "expired"),
        ({"exp": 3610}, None),
        ({"exp": 3611}, "lifetime"),
        ({"exp": 48 * 3600}, "lifetime"),
        ({"nbf": 10}, None),
        ({"nbf": 11}, "not_yet"),
        ({"nbf": 60}, "not_yet"),
        ({"nbf": -3609, "exp": 0}, None),
        ({"nbf": -3610, "exp": 0}, "expired"),
        ({"nbf": -600, "exp": 3010}, None),
        ({"nbf": -600, "exp": 3011}, "lifetime"),
        ({"iat": 10}, None),
        ({"iat": 60}, "not_yet"),
    ],
)
def test_ten_seconds_of_difference_and_an_hour(
    world: World, changes: dict[str, int], fault: str | None
) -> None:
    one = signer(world)
    now = int(world.parts.clock.now().timestamp())
    token = one.signed(**{name: now + seconds for name, seconds in changes.items()})
    if fault is None:
        assert_taken(one, token)
    else:
        assert_not_taken(one, token, fault)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"exp": None}, "lifetime"),
        ({"exp": "9999999999"}, "lifetime"),
        ({"exp": True}, "lifetime"),
        ({"exp": 10**18}, "lifetime"),
        ({"exp": -1}, "expired"),
        ({"nbf": "now"}, "not_yet"),
        ({"iat": [1]}, "not_yet"),
    ],
)
def test_times_that_are_none(world: World, changes: dict[str, Any], fault: str) -> None:
    one = signer(world)
    assert_not_taken(one, one.signed(**changes), fault)


def test_since_when_is_for_those_who_have_to_sign(world: World) -> None:
    """FAPI 2.0 Message Signing section 5.3.1; others may leave it out."""
    one, strict = signer(world), signer(world, require_signed_request_object=True)
    assert_taken(one, one.signed(nbf=None))
    assert_not_taken(strict, strict.signed(nbf=None), "lifetime")
    assert_taken(strict, strict.signed())


# Who has to sign.


def test_a_client_that_has_to_sign(world: World) -> None:
    one = signer(world, require_signed_request_object=True)
    assert Browser(world).back(one.app).parameters["error"] == "invalid_request"
    form = asking(one.app)
    pushed = world.http.post("/oauth2/par", data=form, headers=one.app.basic)
    assert_refused(pushed, 400, "invalid_request")
    taken = one.pushes(one.signed())
    shown = page_with(Browser(world), one.app, taken.get_json()["request_uri"])
    assert shown.path == "/sign-in"


def test_a_client_that_has_to_sign_and_to_push(world: World) -> None:
    one = signer(
        world, require_signed_request_object=True, require_pushed_authorization_requests=True
    )
    answer = one.sends(one.signed())
    assert "error=invalid_request&" in answer.headers["Location"]
    taken = one.pushes(one.signed())
    shown = page_with(Browser(world), one.app, taken.get_json()["request_uri"])
    assert shown.path == "/sign-in"


def test_a_client_without_keys(world: World) -> None:
    one = signer(world)
    other = Signer(world, web_app(world), "ES256", one.key)
    assert_not_taken(other, other.signed(), "unknown_key")


# Where an error goes.


def test_an_error_goes_where_the_object_says_if_that_is_the_clients(world: World) -> None:
    one = signer(world)
    location = one.sends(one.signed(exp=1)).headers["Location"]
    assert location.startswith(f"{REDIRECT}?error=invalid_request_object&")
    assert "state=a+state" in location
    answer = one.sends(one.signed(exp=1, redirect_uri="https://evil.example/cb"))
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("token", ["x", "e30", "a.b.c", "..", "é", "x" * 8000])
def test_what_is_no_object_goes_nowhere(world: World, token: str) -> None:
    one = signer(world)
    answer = one.sends(token)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert "This link is not right" in answer.text
    assert_not_taken(one, token, "malformed")


def test_both_ways_at_once(world: World) -> None:
    one = signer(world, request_uris=("https://app.example/r",))
    answer = one.sends(one.signed(), request_uri="https://app.example/r", redirect_uri=REDIRECT)
    assert "error=invalid_request&" in answer.headers["Location"]


def test_in_a_form(world: World) -> None:
    one, browser = signer(world), Browser(world)
    form = {"client_id": one.app.client_id, "request": one.signed()}
    shown = browser.follow("/oauth2/authorize", browser.post("/oauth2/authorize", form))
    assert isinstance(shown, Shown)
    assert shown.path == "/sign-in"


def test_a_public_client_signs_too(world: World) -> None:
    key = private_key("ES256")
    jwks = {"jwks": {"keys": [jwk("ES256", key, kid="k1")]}}
    app: App = web_app(world, "public", metadata=jwks)
    one = Signer(world, app, "ES256", key)
    shown = one.come(Browser(world), one.signed())
    assert isinstance(shown, Shown)
    assert shown.path == "/sign-in"
