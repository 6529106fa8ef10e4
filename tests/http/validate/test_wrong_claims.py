"""Tokens that our own key has signed, with claims that we would never write."""

from collections.abc import Mapping

import jwt
import pytest

from tests.crypto.building import forged, header_of
from tests.http.building import SignedIn, signed_in
from tests.world.world import World
from token_service.crypto.keyring import SigningKey

INACTIVE = {"active": False}
MISSING = object()


@pytest.fixture
def who(world: World) -> SignedIn:
    """Somebody whose token is taken apart."""
    return signed_in(world)


def signing_key(world: World) -> SigningKey:
    """The service's own key."""
    snapshot = world.parts.configuration.current()
    return snapshot.keyring.signing_key("ES256", world.parts.clock.now())


def resigned(who: SignedIn, changes: Mapping[str, object]) -> str:
    """The person's token with some claims changed, really signed."""
    claims = jwt.decode(who.tokens.access, options={"verify_signature": False}) | changes
    kept = {name: value for name, value in claims.items() if value is not MISSING}
    key = signing_key(who.world)
    return forged(key, header_of(key), kept)


def is_active(who: SignedIn, token: str) -> bool:
    """What all that ask for an access token make of it; they must agree."""
    world, bearer = who.world, {"Authorization": f"Bearer {token}"}
    answers = {
        world.validate(token)["active"],
        world.introspect(who.app, token)["active"],
        world.http.get("/v1/token/validate", headers=bearer).status_code == 200,
        world.http.get("/v1/me/sessions", headers=bearer).status_code == 200,
    }
    (answer,) = answers
    return bool(answer)


def test_the_method_of_these_tests_gives_good_tokens(who: SignedIn) -> None:
    assert is_active(who, resigned(who, {}))


CLAIMS = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "sid", "tenantId")
WRONG = (MISSING, None, True, 1.5, -1, 2**70, [], {}, [[]], ["x", 1])


def test_a_claim_that_is_missing_or_of_another_type_is_refused(who: SignedIn) -> None:
    changes = [{claim: value} for claim in CLAIMS for value in WRONG]
    assert [change for change in changes if is_active(who, resigned(who, change))] == []


def test_times_are_whole_numbers_of_this_millennium(who: SignedIn) -> None:
    now = int(who.world.parts.clock.now().timestamp())
    wrong = (now, now - 1, str(now + 600), float(now + 600), now + 600.5, 10**15, 0, False)
    assert [value for value in wrong if is_active(who, resigned(who, {"exp": value}))] == []


def test_a_token_from_the_future_is_refused_beyond_the_skew_of_clocks(who: SignedIn) -> None:
    now = int(who.world.parts.clock.now().timestamp())
    for claim in ("iat", "nbf"):
        assert is_active(who, resigned(who, {claim: now + 60}))
        assert not is_active(who, resigned(who, {claim: now + 61}))
        assert not is_active(who, resigned(who, {claim: str(now)}))


def test_a_token_of_one_grant_cannot_speak_for_another(who: SignedIn) -> None:
    """The locator in `jti` says which grant it is; every claim must agree with it."""
    other = signed_in(who.world)
    claims = jwt.decode(other.tokens.access, options={"verify_signature": False})
    for claim in ("sid", "tenantId", "client_id", "jti"):
        assert not is_active(who, resigned(who, {claim: claims[claim]})), claim


def test_a_jwt_of_another_kind_is_no_access_token(who: SignedIn) -> None:
    key = signing_key(who.world)
    claims = jwt.decode(who.tokens.access, options={"verify_signature": False})
    for typ in ("JWT", "at+JWT", "application/at+jwt", "logout+jwt", "secevent+jwt", ""):
        assert not is_active(who, forged(key, header_of(key, typ=typ), claims)), typ
