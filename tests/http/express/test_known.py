"""What comes again is known again: by what it says, never by more than is still true."""

import gc
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.http import administration as admin
from tests.http.building import SignedIn, signed_in
from tests.http.express.building import (
    FORM,
    TOKEN,
    Request,
    all_short,
    by_short_way,
    client_credentials,
    given_back,
    introspect,
    known_to,
    refresh,
    short,
    validate,
)
from tests.world.world import Time, World
from token_service.services import clients, named_tokens
from token_service.services import recent as recents


@pytest.fixture
def who(world: World) -> SignedIn:
    """Somebody whose token and client this worker has seen by the short way."""
    who = signed_in(world)
    known_to(world, who.app)
    assert {answer.members["active"] for answer in all_short(world, *about(who))} == {True}
    return who


def about(who: SignedIn) -> list[Request]:
    return [validate(who.tokens.access), introspect(who.app, who.tokens.access)]


def forbidden(*_: Any, **__: Any) -> Any:
    raise AssertionError("it is known already")


def test_nothing_is_verified_twice(who: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_tokens.jwt, "verify", forbidden)
    monkeypatch.setattr(clients, "is_secret_of", forbidden)
    answers = all_short(who.world, *about(who))
    assert [answer.members["active"] for answer in answers] == [True, True]


def test_a_known_token_expires(who: SignedIn, time: Time) -> None:
    lifetime = int(str(short(who.world, about(who)[1]).members["exp"])) - int(
        who.world.parts.clock.now().timestamp()
    )
    time.pass_(seconds=lifetime - 1)
    assert short(who.world, about(who)[1]).members["active"] is True
    time.pass_(seconds=1)
    answers = all_short(who.world, *about(who))
    assert [answer.members["active"] for answer in answers] == [False, False]


def test_a_known_token_ends_with_its_session(who: SignedIn) -> None:
    who.world.invalidate(token=who.tokens.access)
    answers = all_short(who.world, *about(who))
    assert [answer.members["active"] for answer in answers] == [False, False]


@pytest.mark.parametrize("place", [0, -1, -20])
def test_what_is_one_character_off_is_not_known(who: SignedIn, place: int) -> None:
    token = who.tokens.access
    at = place % len(token)
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    for asked in (validate(changed), introspect(who.app, changed)):
        assert given_back(who.world, asked).members["active"] is False


def test_a_known_client_is_known_by_its_whole_header(who: SignedIn) -> None:
    right = who.app.basic["Authorization"]
    for wrong in (right[:-4] + "AAAA", right.replace("Basic", "Bearer"), right + "AAAA"):
        asked = introspect(who.app, who.tokens.access).but({"Authorization": wrong})
        assert given_back(who.world, asked).status in {400, 401}
    assert given_back(who.world, about(who)[1].but({"Authorization": None})).status == 401


@pytest.mark.parametrize(
    "more", [{"client_id": "other"}, {"client_secret": "x"}, {"client_assertion": "x"}]
)
def test_a_known_client_may_name_no_other_beside(who: SignedIn, more: dict[str, str]) -> None:
    body = urlencode({"grant_type": "refresh_token", "refresh_token": "x"} | more).encode()
    asked = Request(TOKEN, body, {"Content-Type": FORM, **who.app.basic})
    assert given_back(who.world, asked).status in {400, 401}


def test_a_known_client_may_name_itself_beside(who: SignedIn) -> None:
    asked = refresh(who.app, who.tokens.refresh, client_id=who.app.client_id)
    assert short(who.world, asked).status == 200


def test_a_known_secret_ends_when_one_of_its_client_s_does(world: World, time: Time) -> None:
    """Both are live, and whichever of them the client uses; the later one goes on."""
    service = world.client("service")
    newer = admin.rotate_secret(world, service, hours=1)
    known_to(world, service)
    for app in (service, newer):
        assert short(world, client_credentials(app)).status == 200
    time.pass_(hours=1)
    assert given_back(world, client_credentials(service)).status == 401
    assert short(world, client_credentials(newer)).status == 200


def test_a_known_client_is_disabled_at_once(who: SignedIn) -> None:
    admin.disable_client(who.world, who.app)
    assert by_short_way(who.world, *about(who)) == [None, None]
    assert given_back(who.world, about(who)[1]).status == 401


def test_nothing_that_was_sent_is_kept(who: SignedIn) -> None:
    """But for a digest of it."""
    sent = {who.tokens.access, who.app.secret, who.app.basic["Authorization"]}
    snapshot = who.world.parts.configuration.current()
    for recent in (snapshot.proved, snapshot.named):
        [(digest, found)] = recent._younger.items()
        assert len(digest) == 32
        assert not sent & set(map(str, gc.get_referents(found)))


def test_what_is_known_stays_bounded(who: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked about again and again stays, however much else there is."""
    monkeypatch.setattr(recents, "_MOST", 3)
    named = who.world.parts.configuration.current().named
    often, others = who.tokens.access, [who.again().tokens.access for _ in range(9)]
    verify, verified = named_tokens.jwt.verify, []

    def verifying(keyring: Any, token: str, **options: Any) -> Any:
        verified.append(token)
        return verify(keyring, token, **options)

    monkeypatch.setattr(named_tokens.jwt, "verify", verifying)
    for token in others:
        for one in (often, token):
            assert short(who.world, validate(one)).members["active"] is True
        assert len(named) <= 6
    assert verified == others
    assert short(who.world, validate(others[0])).members["active"] is True
    assert verified == [*others, others[0]]


def test_what_is_expired_or_very_long_is_not_kept(who: SignedIn, time: Time) -> None:
    named = who.world.parts.configuration.current().named
    many = who.world.client("service", audiences=[f"https://api{n}.example" for n in range(100)])
    known_to(who.world, many)
    named = who.world.parts.configuration.current().named
    token = who.world.client_token(many)
    assert len(token) > 2_048
    for _ in range(2):
        assert short(who.world, validate(token)).members["active"] is True
    time.pass_(days=1)
    assert short(who.world, validate(who.again().tokens.access)).members["active"] is True
    assert short(who.world, validate(who.tokens.access)).members["active"] is False
    assert len(named) == 1
