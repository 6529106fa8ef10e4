"""What an OpenID Connect request gets beside its tokens, and whom it can name."""

import base64
import json
from typing import Any

from tests.world.browser import Browser, Returned, redeemed, web_app
from tests.world.world import App, Time, Tokens, World


def told(tokens: Tokens) -> dict[str, Any]:
    """The claims of the ID token."""
    payload = tokens.body["id_token"].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "==")))


def error(back: object) -> str:
    """The error that an application is told."""
    assert isinstance(back, Returned), back
    return back.parameters["error"]


def test_the_nonce_and_the_sign_in_are_those_of_the_request(world: World, time: Time) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    first = browser.sign_in(app, person, nonce="one").code
    time.pass_(seconds=30)
    second = browser.sign_in_at(browser.page(app, nonce="two", prompt="login"), person).code
    one, two = told(redeemed(world, app, first)), told(redeemed(world, app, second))
    assert (one["nonce"], two["nonce"]) == ("one", "two")
    assert two["auth_time"] - one["auth_time"] == 30
    assert one["sid"] == two["sid"]
    assert one["amr"] == ["pwd"]
    without = redeemed(world, app, browser.back(app, nonce=None).code)
    assert "nonce" not in told(without)
    plain = redeemed(world, app, browser.back(app, scope="profile").code)
    assert "id_token" not in plain.body


def test_claims_that_are_asked_for_by_name_are_told(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    claims = '{"id_token": {"email": null}}'
    tokens = redeemed(world, app, browser.sign_in(app, person, claims=claims).code)
    assert told(tokens)["email"] == person.email


def test_a_hint_names_who_is_to_be_signed_in(world: World) -> None:
    tenant_id, app, browser = world.tenant(), web_app(world), Browser(world)
    ada, eve = world.person(tenant_id), world.person(tenant_id)
    hint = redeemed(world, app, browser.sign_in(app, ada).code).body["id_token"]
    assert browser.back(app, prompt="none", id_token_hint=hint).code
    browser.sign_in_at(browser.page(app, prompt="login"), eve)
    assert error(browser.back(app, prompt="none", id_token_hint=hint)) == "login_required"
    page = browser.page(app, id_token_hint=hint)
    assert page.path == "/sign-in"
    assert error(browser.sign_in_at(page, eve)) == "login_required"
    assert browser.sign_in_at(browser.page(app, id_token_hint=hint), ada).code


def test_a_pairwise_client_names_people_by_its_own_subjects(world: World) -> None:
    app = web_app(world, metadata={"subject_type": "pairwise"})
    person, browser = world.person(world.tenant()), Browser(world)
    tokens = redeemed(world, app, browser.sign_in(app, person).code)
    assert told(tokens)["sub"] != person.account_id
    hint = tokens.body["id_token"]
    assert browser.back(app, prompt="none", id_token_hint=hint).code


def test_a_hint_that_is_none_is_refused(world: World) -> None:
    app, other = web_app(world), web_app(world)
    person, browser = world.person(world.tenant()), Browser(world)
    tokens = redeemed(world, app, browser.sign_in(app, person).code)
    hint = tokens.body["id_token"]
    for asked, wrong in (
        (other, hint),
        (app, hint[:-4] + "AAAA"),
        (app, tokens.access),
        (app, "x"),
        (app, unsigned(app, person.account_id)),
    ):
        back = browser.back(asked, prompt="none", id_token_hint=wrong)
        assert error(back) == "invalid_request"


def unsigned(app: App, subject: str) -> str:
    """An ID token that nobody has signed."""
    parts = ({"alg": "none", "typ": "JWT"}, {"sub": subject, "aud": app.client_id})
    encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts]
    return ".".join(one.rstrip("=") for one in encoded) + "."
