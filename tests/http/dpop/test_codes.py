"""Codes that are bound to a key (RFC 9449 section 10), and what they open."""

import pytest
from werkzeug.test import TestResponse

from tests.http.building import assert_refused
from tests.http.dpop.proving import Key, claims_of, outcome, refreshed
from tests.world.browser import REDIRECT, VERIFIER, Browser, web_app
from tests.world.world import App, World


def redeem(world: World, app: App, code: str, key: Key | None) -> TestResponse:
    """Use a code with a proof of the key, or with none."""
    form = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    headers = key.shown() if key else {}
    return world.token(app, headers, grant_type="authorization_code", **form)


def test_a_code_that_named_a_key_is_good_with_that_key(world: World) -> None:
    key, app, person = Key(), web_app(world), world.person(world.tenant())
    code = Browser(world).sign_in(app, person, dpop_jkt=key.thumbprint).code
    answer = redeem(world, app, code, key)
    assert outcome(answer) == (200, "DPoP")
    assert claims_of(answer.get_json()["access_token"])["cnf"] == {"jkt": key.thumbprint}


@pytest.mark.parametrize("has_a_key", [True, False])
def test_whoever_stole_the_code_has_not_the_key(world: World, has_a_key: bool) -> None:
    key, app, person = Key(), web_app(world), world.person(world.tenant())
    code = Browser(world).sign_in(app, person, dpop_jkt=key.thumbprint).code
    answer = redeem(world, app, code, Key() if has_a_key else None)
    assert_refused(answer, 400, "invalid_grant")
    assert world.events(person.account_id)[-1].reason == "wrong_key"
    assert_refused(redeem(world, app, code, key), 400, "invalid_grant")  # one attempt


def test_a_refused_proof_uses_no_code_up(world: World) -> None:
    key, app, person = Key(), web_app(world), world.person(world.tenant())
    code = Browser(world).sign_in(app, person).code
    form = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    wrong = world.token(app, key.shown(htm="GET"), grant_type="authorization_code", **form)
    assert_refused(wrong, 400, "invalid_dpop_proof")
    assert outcome(redeem(world, app, code, key)) == (200, "DPoP")


def test_the_chain_that_a_public_clients_code_opens_is_bound(world: World) -> None:
    key, app = Key(), web_app(world, "public")
    code = Browser(world).sign_in(app, world.person(world.tenant())).code
    answer = redeem(world, app, code, key)
    assert outcome(answer) == (200, "DPoP")
    token = answer.get_json()["refresh_token"]
    assert_refused(refreshed(world, app, token), 400, "invalid_grant")
    assert outcome(refreshed(world, app, token, key)) == (200, "DPoP")
