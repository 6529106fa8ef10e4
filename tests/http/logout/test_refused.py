"""Log-outs that are refused: a page, never a redirect, nothing ended, and the reason on record."""

import jwt
import pytest

from tests.http import administration
from tests.http.building import SignedIn, live_at
from tests.http.logout.building import (
    BACK,
    DONE,
    REFUSED,
    ask,
    by_openid,
    confirm,
    heading,
    with_hint,
)
from tests.http.openid.building import id_token_of
from tests.world.world import World

MUTANTS = [
    "https://app.example/signed-out/",
    "https://app.example/signed-ou",
    "https://app.example//signed-out",
    "https://app.example/./signed-out",
    "https://app.example/x/../signed-out",
    "https://app.example/x/..;/signed-out",
    "https://app.example/%2e%2e/signed-out",
    "https://app.example/Signed-out",
    "https://app.example/signed%2Dout",
    "https://app.example/signed%2dout",
    "https://app.example/signed-out?",
    "https://app.example/signed-out?a=1",
    "https://app.example/signed-out;p=1",
    "https://app.example/signed-out#",
    "https://app.example/signed-out#f",
    "https://app.example:443/signed-out",
    "https://app.example:8443/signed-out",
    "https://app.example./signed-out",
    "https://APP.example/signed-out",
    "HTTPS://app.example/signed-out",
    "http://app.example/signed-out",
    "https://user@app.example/signed-out",
    "https://a@b@app.example/signed-out",
    "https://app.example@evil.example/signed-out",
    "https://app.example\\signed-out",
    "https:\\\\app.example/signed-out",
    "https://evil.example\\@app.example/signed-out",
    "https://app.example/signed-out\t",
    "https://app.example/signed-out\n",
    "\nhttps://app.example/signed-out",
    " https://app.example/signed-out",
    "https:/app.example/signed-out",
    "https:app.example/signed-out",
    "//app.example/signed-out",
    "/signed-out",
    "https://sub.app.example/signed-out",
    "https://app.example.evil.example/signed-out",
    "https://app.exampl\u0435/signed-out",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://evil.example",
]


def assert_refused(who: SignedIn, answer: object, status: int = 400) -> None:
    """A page without a way on, and nothing has ended."""
    assert (answer.status_code, heading(answer)) == (status, REFUSED)  # type: ignore[attr-defined]
    assert "Location" not in answer.headers  # type: ignore[attr-defined]
    assert "http-equiv" not in answer.text  # type: ignore[attr-defined]
    assert "evil" not in answer.text  # type: ignore[attr-defined]
    assert live_at(who)


@pytest.fixture
def who(world: World) -> SignedIn:
    return by_openid(world)


@pytest.mark.parametrize("uri", MUTANTS)
def test_only_a_registered_address_is_led_back_to(who: SignedIn, uri: str) -> None:
    assert_refused(who, with_hint(who, post_logout_redirect_uri=uri))
    assert who.happened[-1] == ("logout_refused", "wrong_redirect_uri")
    anonymous = ask(who.world, client_id=who.app.client_id, post_logout_redirect_uri=uri)
    assert_refused(who, anonymous)


def test_an_address_that_another_client_registered_is_not_one(world: World, who: SignedIn) -> None:
    by_openid(world, post_logout_redirect_uris=("https://other.example/",))
    answer = with_hint(who, post_logout_redirect_uri="https://other.example/")
    assert_refused(who, answer)


def test_an_address_of_nobody_is_not_led_to(who: SignedIn) -> None:
    assert_refused(who, ask(who.world, post_logout_redirect_uri=BACK))
    assert_refused(who, ask(who.world, post_logout_redirect_uri=BACK, client_id="unheard-of"))


def test_a_changed_form_leads_nowhere_else(world: World, who: SignedIn) -> None:
    page = with_hint(who, post_logout_redirect_uri=BACK)
    answer = confirm(page, world, post_logout_redirect_uri="https://evil.example")
    assert_refused(who, answer)


def test_a_hint_of_another_client(world: World, who: SignedIn) -> None:
    other = world.client()
    answer = with_hint(who, client_id=other.client_id, post_logout_redirect_uri=BACK)
    assert_refused(who, answer)
    assert who.happened[-1] == ("logout_refused", "foreign_client")
    own = with_hint(who, client_id=who.app.client_id, post_logout_redirect_uri=BACK)
    assert confirm(own, world).headers["Location"] == BACK


def test_a_forged_hint(world: World, who: SignedIn) -> None:
    token = id_token_of(who)
    claims = jwt.decode(token, options={"verify_signature": False})
    header = {"kid": jwt.get_unverified_header(token)["kid"], "typ": "JWT"}
    forged = [
        token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8),
        token.rsplit(".", 1)[0] + ".",
        jwt.encode(claims, None, "none", headers=header),
        jwt.encode(claims, "x" * 40, "HS256", headers=header),
        "x",
        "a.b.c",
        who.tokens.access,
        who.tokens.refresh,
    ]
    for hint in forged:
        assert_refused(who, ask(world, id_token_hint=hint))
        both = ask(
            world,
            id_token_hint=hint,
            client_id=who.app.client_id,
            post_logout_redirect_uri=BACK,
        )
        assert_refused(who, both)


def test_a_hint_of_a_client_that_was_disabled(world: World, who: SignedIn) -> None:
    administration.disable_client(world, who.app)
    answer = with_hint(who, post_logout_redirect_uri=BACK)
    assert (answer.status_code, heading(answer)) == (400, REFUSED)
    assert who.happened[-1] == ("logout_refused", "unknown_client")


def test_the_way_out_of_a_refusal(world: World, who: SignedIn) -> None:
    """A person who wants to sign out can."""
    answer = ask(world, id_token_hint="x")
    assert '<a href="../oauth2/logout">' in answer.text
    assert heading(ask(world)) == DONE
