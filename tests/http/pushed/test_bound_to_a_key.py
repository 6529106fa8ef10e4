"""A DPoP proof at `/oauth2/par` (RFC 9449 section 10.1): the code is bound to its key."""

from tests.http.building import assert_refused
from tests.http.dpop.proving import Key
from tests.http.pushed.building import page_with, push, refusals, try_push
from tests.world.browser import Browser, Shown, redeem, web_app
from tests.world.world import ISSUER, App, World
from token_service.domain.events import NO_ACCOUNT, Event

URL = f"{ISSUER}/oauth2/par"


def code_for(world: World, app: App, request_uri: str) -> str:
    """Go through the page and be given a code."""
    browser = Browser(world)
    shown = page_with(browser, app, request_uri)
    back = browser.sign_in_at(shown, world.person(world.tenant()))
    assert not isinstance(back, Shown), back.answer.text
    return back.code


def used(world: World, app: App, code: str, key: Key | None) -> int:
    """Use the code with a proof of the key, or without any."""
    headers = {"DPoP": key.proof()} if key else None
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "https://app.example/cb",
        "code_verifier": "a-verifier-of-at-least-forty-three-characters-0123456789",
    }
    return world.token(app, headers, **form).status_code


def test_the_code_is_good_with_the_key_alone(world: World) -> None:
    app, key = web_app(world), Key()
    for other in (Key(), None):
        pushed = push(world, app, {"DPoP": key.proof(url=URL)})
        assert used(world, app, code_for(world, app, pushed), other) == 400
    pushed = push(world, app, {"DPoP": key.proof(url=URL)})
    assert used(world, app, code_for(world, app, pushed), key) == 200


def test_the_same_key_may_be_stated_too(world: World) -> None:
    app, key = web_app(world), Key()
    pushed = push(world, app, {"DPoP": key.proof(url=URL)}, dpop_jkt=key.thumbprint)
    assert used(world, app, code_for(world, app, pushed), key) == 200


def test_another_key_may_not_be_stated(world: World) -> None:
    app, key = web_app(world), Key()
    answer = try_push(world, app, {"DPoP": key.proof(url=URL)}, dpop_jkt=Key().thumbprint)
    assert_refused(answer, 400, "invalid_dpop_proof")
    expected = {"error": "invalid_dpop_proof", "fault": "wrong_key"}
    assert refusals(world) == [(f"client:{app.client_id}", expected)]


def test_a_proof_that_is_none_is_refused(world: World) -> None:
    app, key = web_app(world), Key()
    proof = key.proof(url=URL)
    push(world, app, {"DPoP": proof})
    for wrong in (proof, key.proof(), key.proof("GET", URL), "x"):
        assert_refused(try_push(world, app, {"DPoP": wrong}), 400, "invalid_dpop_proof")
    reasons = [one.reason for one in world.events(NO_ACCOUNT) if one.event is Event.PROOF_REFUSED]
    assert len(reasons) == 4
    assert reasons[0] == "proof_replayed"


def test_a_client_that_has_bound_tokens_only_may_still_leave_the_key_open(world: World) -> None:
    """FAPI 2.0 has the key proved where tokens are issued."""
    app, key = web_app(world, metadata={"dpop_bound_access_tokens": True}), Key()
    code = code_for(world, app, push(world, app))
    assert redeem(world, app, code).status_code == 400
    assert used(world, app, code, key) == 200


def test_a_nonce_is_asked_for_and_given(world: World) -> None:
    strict = world.second_worker({"TOKEN_SERVICE_DPOP_NONCE": "required"})
    app, key = web_app(strict), Key()
    asked = try_push(strict, app, {"DPoP": key.proof(url=URL)})
    assert_refused(asked, 400, "use_dpop_nonce")
    proof = key.proof(url=URL, nonce=asked.headers["DPoP-Nonce"])
    assert try_push(strict, app, {"DPoP": proof}).status_code == 201
    strict.close()
