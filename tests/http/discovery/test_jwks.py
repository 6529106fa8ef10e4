"""`/.well-known/jwks.json`: what resource servers verify with, through every change of keys."""

from collections.abc import Iterable
from typing import Any

import jwt
import pytest

from tests.http.administration import keep_keys, revoke_key, rotate_key
from tests.http.building import EVERYWHERE, live_at, signed_in
from tests.world.world import Time, World
from token_service.domain.events import NO_ACCOUNT, Event

PATH = "/.well-known/jwks.json"
PUBLIC_MEMBERS = {
    "ES256": {"kid", "alg", "use", "kty", "crv", "x", "y"},
    "EdDSA": {"kid", "alg", "use", "kty", "crv", "x"},
    "PS256": {"kid", "alg", "use", "kty", "n", "e"},
    "RS256": {"kid", "alg", "use", "kty", "n", "e"},
}
ALGORITHMS = sorted(PUBLIC_MEMBERS)


def published(world: World) -> list[dict[str, Any]]:
    """The keys, as anybody finds them."""
    answer = world.http.get(PATH)
    assert answer.status_code == 200
    return list(answer.get_json()["keys"])


def kid_of(token: str) -> str:
    """Which key has signed it."""
    return str(jwt.get_unverified_header(token)["kid"])


def verified(token: str, keys: Iterable[dict[str, Any]], now: int) -> dict[str, Any]:
    """The claims, by a library that nobody here wrote; raises where a verifier would refuse."""
    key = jwt.PyJWKSet.from_dict({"keys": list(keys)})[kid_of(token)]
    options = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
    claims = jwt.decode(token, key, algorithms=[key.algorithm_name], options=options)
    assert claims["exp"] > now
    return dict(claims)


def now_of(world: World) -> int:
    """Seconds since the epoch."""
    return int(world.parts.clock.now().timestamp())


def kids(world: World, algorithm: str = "ES256") -> list[str]:
    """The published keys of one algorithm, oldest first."""
    return [one["kid"] for one in published(world) if one["alg"] == algorithm]


# The document.


def test_keys_are_public_named_and_strong_enough(world: World) -> None:
    keys = published(world)
    assert {one["alg"]: set(one) for one in keys} == PUBLIC_MEMBERS
    assert {one["use"] for one in keys} == {"sig"}
    assert len({one["kid"] for one in keys}) == len(keys)
    rsa = [jwt.PyJWK(one).key for one in keys if one["kty"] == "RSA"]
    assert {one.key_size for one in rsa} == {3072}
    assert len({one["n"] for one in keys if one["kty"] == "RSA"}) == len(rsa) == 2


def test_it_may_be_kept_for_its_cache_time_and_asked_for_by_its_etag(world: World) -> None:
    first = world.http.get(PATH)
    assert first.headers["Cache-Control"] == "public, max-age=600"
    assert first.content_type == "application/json"
    again = world.http.get(PATH, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = world.http.get(PATH, headers={"If-None-Match": '"another"'})
    assert (other.status_code, other.data) == (200, first.data)


def test_its_etag_changes_with_the_keys_on_every_worker(world: World, second_worker: World) -> None:
    before = second_worker.http.get(PATH).headers["ETag"]
    rotate_key(world, "ES256")
    answer = second_worker.http.get(PATH, headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.data == world.http.get(PATH).data


# Signatures.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_may_have_its_tokens_signed_by_each_algorithm(
    world: World, algorithm: str
) -> None:
    app = world.client(signing_algorithm=algorithm)
    tokens = world.sign_in(world.person(world.tenant()), app)
    assert jwt.get_unverified_header(tokens.access)["alg"] == algorithm
    assert verified(tokens.access, published(world), now_of(world))["sid"] == tokens.sid
    assert world.is_live(tokens)
    assert world.is_live(world.refresh(app, tokens.refresh))


# Rotation.


def test_a_new_key_is_published_before_it_signs(world: World, time: Time) -> None:
    who = signed_in(world)
    new = rotate_key(world, "ES256")
    assert kids(world)[-1] == new
    assert kid_of(who.refreshed().tokens.access) != new
    time.pass_(days=1)
    assert kid_of(who.again().tokens.access) == new


def test_whoever_keeps_the_keys_for_their_cache_time_never_meets_an_unknown_one(
    world: World, time: Time
) -> None:
    """Two years of rotations by themselves: a verifier looks for keys every ten minutes."""
    who = signed_in(world, idle_timeout="off", refresh_token_lifetime=31_536_000)
    signers = set()
    for _ in range(16):
        cached = published(world)
        time.pass_(minutes=10)
        who = who.refreshed()
        verified(who.tokens.access, cached, now_of(world))
        signers.add(kid_of(who.tokens.access))
        time.pass_(days=44.5)
        keep_keys(world)
    assert len(signers) >= 6


def test_what_a_key_has_signed_is_good_until_it_expires_and_then_the_key_goes(
    world: World, time: Time
) -> None:
    longest = 129_600 * 60
    policy = {"access_token_lifetime": longest, "refresh_token_lifetime": 31_536_000}
    who = signed_in(world, idle_timeout="off", **policy)
    old = kid_of(who.tokens.access)
    rotate_key(world, "ES256")
    time.pass_(days=89)
    keep_keys(world)
    assert old in kids(world)
    assert live_at(who) == EVERYWHERE
    time.pass_(days=3)
    keep_keys(world)
    assert old not in kids(world)


def test_rotation_is_on_the_record(world: World) -> None:
    new = rotate_key(world, "RS256")
    event = world.events(NO_ACCOUNT)[-1]
    assert (event.event, event.actor, event.details) == (Event.KEY_CREATED, "cli", {"kid": new})


# The emergency.


def test_everything_that_a_revoked_key_has_signed_is_refused_at_once_on_every_worker(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    service = world.client("service")
    of_client = world.client_token(service)
    assert live_at(who, second_worker) == EVERYWHERE
    revoke_key(world, kid_of(who.tokens.access))
    for worker in (second_worker, world):
        assert not worker.is_live(who.tokens)
        assert not worker.validate(of_client)["active"]
        assert not worker.introspect(who.app, who.tokens.access)["active"]
        answer = worker.http.get("/v1/me/sessions", headers=who.tokens.bearer)
        assert answer.status_code == 401
        assert kid_of(who.tokens.access) not in kids(worker)


def test_people_stay_signed_in_through_the_emergency(world: World, second_worker: World) -> None:
    """The key of access tokens leaked, not the chains: the next refresh is signed by another."""
    who = signed_in(world)
    revoke_key(world, kid_of(who.tokens.access))
    after = second_worker.refresh(who.app, who.tokens.refresh)
    assert kid_of(after.access) != kid_of(who.tokens.access)
    assert verified(after.access, published(world), now_of(world))
    assert world.is_live(after)
    assert who.happened == []


def test_the_emergency_is_on_the_record_with_its_reason(world: World) -> None:
    kid = kids(world)[0]
    revoke_key(world, kid)
    (event,) = (one for one in world.events(NO_ACCOUNT) if one.event is Event.KEY_RETIRED)
    assert (event.reason, event.details) == ("revoked", {"kid": kid, "reason": "leaked"})


def test_a_revoked_key_stays_revoked_whatever_time_it_is(world: World, time: Time) -> None:
    who = signed_in(world)
    revoke_key(world, kid_of(who.tokens.access))
    time.pass_(seconds=-60)
    assert not world.is_live(who.tokens)


def test_when_the_key_of_refresh_tokens_leaked_everybody_signs_in_again(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    revoke_key(world, "opaque-1")
    for worker in (second_worker, world):
        live = live_at(who, worker)
        assert not {one for one in live if one.startswith("introspect the refresh token")}
        assert worker.try_refresh(who.app, who.tokens.refresh).status_code == 400
    assert live_at(who.again().refreshed()) == EVERYWHERE
