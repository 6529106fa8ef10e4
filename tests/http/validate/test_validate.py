"""`POST /v1/token/validate`: is this access token live, now? Whoever holds it may ask."""

import base64
import json

import pytest

from tests.http.administration import disable_client
from tests.http.building import SignedIn, signed_in
from tests.world.world import ISSUER, Time, World
from token_service.domain.events import NO_ACCOUNT

INACTIVE = b'{"active":false}'


def segment(token: str, index: int) -> dict[str, object]:
    """A part of a JWT, unverified."""
    part = token.split(".")[index]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def asked(world: World, token: str, **fields: object) -> bytes:
    """The body of the answer, byte by byte."""
    answer = world.http.post("/v1/token/validate", json={"token": token, **fields})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.data


def test_an_access_token_has_the_header_and_claims_of_rfc_9068_and_ours(world: World) -> None:
    who = signed_in(world)
    header, claims = segment(who.tokens.access, 0), segment(who.tokens.access, 1)
    assert set(header) == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    assert set(claims) == {
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "client_id",
        "scope",
        "sid",
        "tenantId",
        "auth_time",
        "amr",
    }
    assert (claims["iss"], claims["sub"]) == (ISSUER, who.account_id)
    assert (claims["client_id"], claims["aud"]) == (who.app.client_id, who.app.client_id)
    assert (claims["sid"], claims["tenantId"]) == (who.tokens.sid, who.tenant_id)
    assert claims["exp"] - claims["iat"] == 900
    assert claims["auth_time"] == claims["iat"]
    assert claims["amr"] == ["pwd"]


def test_an_access_token_says_nothing_personal(world: World) -> None:
    who = signed_in(world)
    claims = json.dumps(segment(who.tokens.access, 1)).lower()
    assert who.person.username not in claims
    assert who.person.phone not in claims


def test_a_live_token_is_answered_with_its_claims(world: World) -> None:
    who = signed_in(world)
    claims = segment(who.tokens.access, 1)
    assert world.validate(who.tokens.access) == {"active": True, "token_type": "Bearer", **claims}


def test_claims_keep_the_time_of_the_sign_in_through_refreshes(world: World, time: Time) -> None:
    who = signed_in(world)
    time.pass_(minutes=10)
    after = segment(who.refreshed().tokens.access, 1)
    assert after["auth_time"] == segment(who.tokens.access, 1)["iat"]
    assert after["iat"] == after["auth_time"] + 600


def test_each_token_has_an_id_of_its_own(world: World) -> None:
    who, *others = signed_in(world).chain(3)
    ids = {segment(one.tokens.access, 1)["jti"] for one in (who, *others, who.again())}
    assert len(ids) == 5


def test_a_token_is_live_until_the_second_it_expires(world: World, time: Time) -> None:
    who = signed_in(world)
    time.pass_(seconds=899)
    assert world.is_live(who.tokens)
    time.pass_(seconds=1)
    assert asked(world, who.tokens.access) == INACTIVE


def test_everything_that_is_not_live_gets_the_very_same_answer(world: World) -> None:
    ended, revoked, replayed = (signed_in(world) for _ in range(3))
    world.invalidate(token=ended.tokens.access)
    world.revoke(revoked.app, revoked.tokens.refresh)
    chain = replayed.chain(2)
    world.try_refresh(replayed.app, replayed.tokens.refresh)
    service = world.client("service")
    of_a_disabled_client = world.client_token(service)
    disable_client(world, service)
    live = signed_in(world).tokens
    header, payload, signature = live.access.split(".")
    tokens = {
        "of an ended session": ended.tokens.access,
        "of a revoked grant": revoked.tokens.access,
        "of a replayed chain": chain[-1].tokens.access,
        "of a disabled client": of_a_disabled_client,
        "a refresh token": live.refresh,
        "a session id": live.sid,
        "garbage": "garbage",
        "dots": "..",
        "two parts": f"{header}.{payload}",
        "five parts": f"{live.access}.x.y",
        "padded": live.access + "=",
        "another payload": f"{header}.{header}.{signature}",
        "too long": "x" * 20_000,
        "not ASCII": "ö.ö.ö",
        "a token and a space": live.access + " ",
    }
    assert {name for name, token in tokens.items() if asked(world, token) != INACTIVE} == set()
    assert world.is_live(live)


def test_a_token_has_one_spelling(world: World) -> None:
    """The last character of a base64url text has bits that mean nothing; they must be zero."""
    token = signed_in(world).tokens.access
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        if last != token[-1]:
            assert asked(world, token[:-1] + last) == INACTIVE


def test_with_an_audience_only_tokens_that_are_meant_for_it_are_live(world: World) -> None:
    api, other = world.client("resource_server"), world.client("resource_server")
    app = world.client(audiences=(api.client_id, "https://api.example.test"))
    tokens = world.sign_in(world.person(world.tenant()), app)
    for meant in (api.client_id, "https://api.example.test"):
        assert world.validate(tokens.access, audience=meant)["active"]
    assert world.validate(tokens.access)["aud"] == [api.client_id, "https://api.example.test"]
    for foreign in (other.client_id, api.client_id[:-1], "https://api.example.test/", "*"):
        assert asked(world, tokens.access, audience=foreign) == INACTIVE
    assert world.is_live(tokens)


def test_asking_extends_nothing(world: World, time: Time) -> None:
    """Whoever polls keeps nobody's session alive."""
    who = signed_in(world, idle_timeout=3600, access_token_lifetime=2400)
    for _ in range(4):
        time.pass_(minutes=9)
        assert world.is_live(who.tokens)
        world.introspect(who.app, who.tokens.refresh)
        world.http.post("/v1/me/sessions/ping", headers=who.tokens.bearer)
    time.pass_(minutes=24)
    answer = world.try_refresh(who.app, who.tokens.refresh)
    assert answer.status_code == 400
    assert who.happened[0] == ("grant_ended", "idle_timeout")


def test_asking_leaves_no_event(world: World) -> None:
    who = signed_in(world)
    before = len(world.events(NO_ACCOUNT))
    world.validate(who.tokens.access)
    world.validate("garbage")
    world.introspect(who.app, "garbage")
    assert (who.happened, len(world.events(NO_ACCOUNT))) == ([], before)


@pytest.mark.parametrize("end", ["invalidate", "revoke", "delete"])
def test_an_end_is_seen_by_every_worker_at_once(
    world: World, second_worker: World, end: str
) -> None:
    who = signed_in(world)
    assert second_worker.is_live(who.tokens)
    _end(who, end)
    assert asked(second_worker, who.tokens.access) == INACTIVE
    assert asked(world, who.tokens.access) == INACTIVE


def _end(who: SignedIn, way: str) -> None:
    world = who.world
    if way == "invalidate":
        world.invalidate(token=who.tokens.refresh)
    elif way == "revoke":
        world.revoke(who.app, who.tokens.access)
    else:
        path = f"/v1/me/sessions/{who.tokens.sid}"
        assert world.http.delete(path, headers=who.tokens.bearer).status_code == 204
