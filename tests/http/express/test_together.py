"""Requests that wait together: each gets its own answer, and none changes what another gets."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from wsgiref.types import WSGIEnvironment

import jwt
import pytest

from tests.http import administration as admin
from tests.http.building import (
    EVERYWHERE,
    SignedIn,
    assert_dead,
    assert_refused,
    live_at,
    signed_in,
)
from tests.http.clocks.node import HOURS, Node, rows
from tests.http.express.building import (
    Answer,
    all_short,
    answered,
    both_ways,
    by_long_way,
    by_short_way,
    client_credentials,
    introspect,
    known_to,
    nothing_stored,
    passed_on,
    refresh,
    short,
    validate,
)
from tests.http.faults import failing
from tests.http.openid.building import metadata, openid_signed_in
from tests.http.openid.test_id_tokens import half_hash
from tests.world.world import App, World
from token_service.crypto.drafts import Drafting
from token_service.crypto.jwt import Draft
from token_service.domain.failures import NoKey, StaleConfiguration, Unavailable
from token_service.services import refreshing
from token_service.services.issuing import IssuedTokens


def claims(answer: Answer) -> dict[str, Any]:
    """What the access token in an answer says."""
    token = answer.members["access_token"]
    return dict(jwt.decode(token, options={"verify_signature": False}))


def with_id_token(world: World) -> SignedIn:
    """Somebody whose refreshes bring an ID token that is signed as fast as an access token."""
    return openid_signed_in(world, metadata=metadata(id_token_signed_response_alg="ES256"))


def using(who: SignedIn) -> Any:
    """The use of somebody's refresh token."""
    return refresh(who.app, who.tokens.refresh)


def successor(answer: Answer | None) -> str:
    """The refresh token in an answer."""
    assert answer is not None
    assert answer.status == 200, answer.body
    return str(answer.members["refresh_token"])


def generation(who: SignedIn) -> int:
    """How often the session's token was used."""
    [(found,)] = who.world.sql("SELECT generation FROM grants WHERE sid = :sid", sid=who.tokens.sid)
    return int(found)


@dataclass(frozen=True)
class Crowd:
    """People of several tenants at several clients, all of whom the worker knows."""

    people: list[SignedIn]
    service: App

    @property
    def world(self) -> World:
        return self.people[0].world


@pytest.fixture
def crowd(world: World) -> Crowd:
    """Four people, each in a tenant and at a client of their own."""
    people = [signed_in(world, kind) for kind in ("app", "public", "app", "app")]
    service = world.client("service")
    known_to(world, service, *(one.app for one in people))
    return Crowd(people, service)


def assert_lost(unlucky: SignedIn, *, beside: SignedIn) -> WSGIEnvironment:
    """Only the other gets an answer; the request of whoever gets none, for the long way."""
    world = unlucky.world
    environs = [using(unlucky).at(world), using(beside).at(world)]
    lost, given = answered(world, environs)
    assert lost is None
    assert given is not None
    assert given.status == 200
    return environs[0]


# Each its own.


def test_each_gets_its_own_answer_in_its_own_place(crowd: Crowd) -> None:
    one, public, two, three = crowd.people
    answers = all_short(
        crowd.world,
        using(one),
        introspect(two.app, two.tokens.access),
        client_credentials(crowd.service),
        using(public),
        validate(three.tokens.access),
        client_credentials(crowd.service, scope="write"),
        introspect(three.app, three.tokens.refresh),
        using(three),
        validate(one.tokens.access),
    )
    assert len(answers) == 9
    refreshed = {0: one, 3: public, 7: three}
    for place, who in refreshed.items():
        said = claims(answers[place])
        assert (said["sub"], said["client_id"]) == (who.account_id, who.app.client_id)
        assert (said["sid"], said["tenantId"]) == (who.tokens.sid, who.tenant_id)
        assert answers[place].members["sid"] == who.tokens.sid
    asked = {1: two, 4: three, 6: three, 8: one}
    assert {place: answers[place].members["sub"] for place in asked} == {
        place: who.account_id for place, who in asked.items()
    }
    assert claims(answers[2])["sub"] == claims(answers[5])["sub"] == crowd.service.client_id
    assert (answers[2].members["scope"], answers[5].members["scope"]) == ("read", "write")
    assert claims(answers[2])["jti"] != claims(answers[5])["jti"]
    ids = {answer.header("X-Request-Id") for answer in answers}
    assert len(ids) == 9


def test_one_that_is_no_good_among_live_ones_is_the_only_one(crowd: Crowd) -> None:
    one, public, two, three = crowd.people
    revoked = crowd.world.client_token(crowd.service)
    crowd.world.revoke(crowd.service, revoked)
    crowd.world.invalidate(token=two.tokens.access)
    live = crowd.world.client_token(crowd.service)
    asked = {
        "live": (validate(one.tokens.access), True),
        "ended": (validate(two.tokens.access), False),
        "of a client": (validate(live), True),
        "revoked": (validate(revoked), False),
        "own": (introspect(three.app, three.tokens.access), True),
        "foreign": (introspect(three.app, public.tokens.access), False),
        "foreign refresh token": (introspect(three.app, one.tokens.refresh), False),
        "own refresh token": (introspect(three.app, three.tokens.refresh), True),
        "ended refresh token": (introspect(two.app, two.tokens.refresh), False),
        "the same for anybody": (validate(public.tokens.access), True),
    }
    with nothing_stored(crowd.world):
        answers = all_short(crowd.world, *(request for request, _ in asked.values()))
    said = {name: one.members["active"] for name, one in zip(asked, answers, strict=True)}
    assert said == {name: active for name, (_, active) in asked.items()}


def test_one_that_is_special_keeps_nobody_else_waiting(crowd: Crowd) -> None:
    one, _, two, three = crowd.people
    found = by_short_way(
        crowd.world,
        using(one),
        using(two).but({"Origin": "https://elsewhere.example"}),
        validate("garbage"),
        introspect(App(three.app.client_id, "tss_wrong"), three.tokens.access),
        using(three),
    )
    assert [answer is not None for answer in found] == [True, False, False, False, True]
    assert [generation(who) for who in (one, two, three)] == [1, 0, 1]


@pytest.mark.parametrize("error", [Unavailable("away"), StaleConfiguration()])
def test_nor_does_one_about_which_nothing_can_be_found_out(crowd: Crowd, error: Exception) -> None:
    """By itself, that is: what all of them need is another matter."""
    one, _, two, _ = crowd.people
    refused = refresh(crowd.service, one.tokens.refresh)
    with failing("services.refreshing.certain_refusal", error):
        found = by_short_way(crowd.world, using(one), refused, using(two))
    assert [answer is not None for answer in found] == [True, False, True]
    assert by_long_way(crowd.world, refused).code == "unauthorized_client"


def test_the_refreshes_of_one_account_and_of_one_session(world: World) -> None:
    who = signed_in(world)
    sessions = [who, who.again(), who.again()]
    known_to(world, who.app)
    answers = all_short(world, *(using(one) for one in sessions))
    assert [answer.members["sid"] for answer in answers] == [one.tokens.sid for one in sessions]
    assert [generation(one) for one in sessions] == [1, 1, 1]
    assert len({successor(answer) for answer in answers}) == 3


def test_two_grants_of_one_session_are_two_chains(world: World) -> None:
    who = signed_in(world)
    elsewhere = world.tenant()
    admin.join(world, who.person, elsewhere)
    entered = world.refresh(who.app, who.tokens.refresh, tenant_id=elsewhere)
    home = str(entered.body["previous_refresh_token"])
    known_to(world, who.app)
    first, second = all_short(world, refresh(who.app, home), refresh(who.app, entered.refresh))
    assert first.members["sid"] == second.members["sid"] == who.tokens.sid
    tenants = (first.members["tenantId"], second.members["tenantId"])
    assert tenants == (who.tenant_id, elsewhere)


# The same token more than once.


def test_a_token_that_comes_twice_has_one_successor(crowd: Crowd) -> None:
    who, world = crowd.people[0], crowd.world
    environs = [using(who).at(world) for _ in range(4)]
    found = answered(world, environs)
    assert [answer is not None for answer in found] == [True, False, False, False]
    again = [passed_on(world, environ) for environ in environs[1:]]
    assert {successor(answer) for answer in again} == {successor(found[0])}
    assert generation(who) == 1
    assert who.happened == []


def test_without_a_window_its_second_use_is_a_replay(world: World) -> None:
    who, other = signed_in(world, retry_window=0), signed_in(world, retry_window=0)
    known_to(world, who.app, other.app)
    first, second, third = both_ways(world, [using(who), using(who), using(other)])
    assert first is not None
    assert second is not None
    assert (first.status, second.status, second.code) == (200, 400, "invalid_grant")
    assert who.happened == [("refresh_replayed", "replayed")]
    assert successor(third)
    assert other.happened == []


def test_a_replay_ends_its_own_session_and_nobody_else_s(world: World) -> None:
    spent, *_, latest = signed_in(world).chain(3)
    other, stranger = spent.again(), signed_in(world)
    known_to(world, spent.app, stranger.app)
    asked = [using(other), using(spent), using(stranger), validate(latest.tokens.access)]
    answers = [one for one in both_ways(world, asked) if one is not None]
    assert [answer.status for answer in answers] == [200, 400, 200, 200]
    assert_dead(latest)
    assert [generation(one) for one in (other, stranger)] == [1, 1]
    assert latest.happened.count(("refresh_replayed", "replayed")) == 1
    assert stranger.happened == []
    assert short(world, refresh(other.app, successor(answers[0]))).status == 200


def test_a_token_and_its_own_successor_are_not_for_one_group(world: World) -> None:
    """Whichever is looked at first: the successor was used, so the older one is a replay."""
    who, latest = signed_in(world).chain(1)
    known_to(world, who.app)
    first, second = both_ways(world, [using(who), using(latest)])
    assert first is not None
    assert second is not None
    assert (first.status, second.status) == (400, 200)
    assert who.happened == [("refresh_replayed", "replayed")]


# What has changed just before.


@pytest.fixture
def known(world: World, second_worker: World) -> SignedIn:
    """Somebody whom both workers know, with the client and the tenant."""
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    known_to(second_worker, who.app)
    return who


CHANGES: dict[str, tuple[Callable[[SignedIn], object], int, bool]] = {
    "the client disabled": (lambda who: admin.disable_client(who.world, who.app), 401, False),
    "another secret": (lambda who: admin.rotate_secret(who.world, who.app), 401, True),
    "the tenant disabled": (lambda who: admin.disable_tenant(who.world, who.tenant_id), 400, False),
    "the signing keys": (
        lambda who: [admin.revoke_key(who.world, kid) for kid in published(who.world)],
        200,
        False,
    ),
    "something of no concern": (lambda who: admin.tell_workers(who.world), 200, True),
}
"""What has changed; the status of a refresh then, and whether the access token is still live."""


def published(world: World) -> list[str]:
    """The kids of the keys that are public."""
    keys = world.http.get("/.well-known/jwks.json").get_json()["keys"]
    return [key["kid"] for key in keys]


@pytest.mark.parametrize("what", CHANGES)
def test_nobody_is_answered_by_a_configuration_that_has_changed(
    second_worker: World, known: SignedIn, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, status, is_live = CHANGES[what]
    service = known.world.client("service")
    known_to(second_worker, known.app, service)
    change(known)
    before = rows(known.world)
    asked = [
        using(known),
        introspect(known.app, known.tokens.access),
        validate(known.tokens.access),
        client_credentials(service),
    ]
    environs = [one.at(second_worker) for one in asked]
    assert answered(second_worker, environs) == [None] * 4
    assert rows(known.world) == before
    answers = [passed_on(second_worker, environ) for environ in environs]
    assert answers[0].status == status
    assert FAULT not in caplog.messages
    assert (answers[2].status, answers[3].status) == (200, 200)
    assert answers[2].members["active"] is is_live


def test_a_token_that_was_ended_elsewhere_is_inactive_in_the_next_group(
    world: World, second_worker: World, known: SignedIn
) -> None:
    """Freshness: the look begins when the group is complete."""
    other = known.again()
    asked = [
        validate(known.tokens.access),
        introspect(known.app, known.tokens.refresh),
        validate(other.tokens.access),
    ]
    assert [one.members["active"] for one in all_short(second_worker, *asked)] == [True] * 3
    world.invalidate(token=known.tokens.access)
    assert [one.members["active"] for one in all_short(second_worker, *asked)] == [
        False,
        False,
        True,
    ]
    with nothing_stored(world):
        assert by_short_way(second_worker, using(known), using(known)) == [None, None]


@pytest.mark.parametrize("hours", HOURS)
def test_a_worker_whose_clock_is_wrong_answers_nobody(
    world: World, tmp_path: Any, hours: str
) -> None:
    who, service, node = signed_in(world), world.client("service"), Node(world, tmp_path / "clock")
    known_to(node.world, who.app, service)
    node.is_off_by(hours)
    asked = [using(who), client_credentials(service), introspect(who.app, who.tokens.access)]
    environs = [one.at(node.world) for one in asked]
    with nothing_stored(world):
        assert answered(node.world, environs) == [None] * 3
        answers = [passed_on(node.world, environ) for environ in environs]
    assert [answer.status for answer in answers] == [503] * 3
    node.is_off_by("+0")
    assert [answer.status for answer in all_short(node.world, *asked)] == [200] * 3
    node.world.close()


# What goes wrong.


FAULT = "the short way failed"
AWAY = ("query", "statement", "at_once", "without_waiting", "reading", "transaction")


def test_a_database_that_is_away_spends_nothing_and_is_told_by_the_long_way(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    one, _, two, _ = crowd.people
    asked = [
        using(one),
        using(two),
        introspect(one.app, one.tokens.access),
        validate(one.tokens.access),
        client_credentials(crowd.service),
    ]
    environs = [request.at(crowd.world) for request in asked]
    with nothing_stored(crowd.world), ExitStack() as away:
        for way in AWAY:
            away.enter_context(failing(f"storage.database.Database.{way}"))
        assert answered(crowd.world, environs) == [None] * 5
        answers = [passed_on(crowd.world, environ) for environ in environs]
    assert [answer.status for answer in answers] == [503] * 5
    assert FAULT not in caplog.messages
    answers = all_short(crowd.world, *asked)
    assert [answer.status for answer in answers] == [200] * 5


def test_a_fault_of_the_short_way_costs_nobody_an_answer(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    one, _, two, _ = crowd.people
    asked = [using(one), validate(two.tokens.access), using(two)]
    environs = [request.at(crowd.world) for request in asked]
    with failing("web.express.inspection.looking", RuntimeError("a mistake of ours")):
        assert answered(crowd.world, environs) == [None] * 3
    assert caplog.messages == [FAULT]
    assert [passed_on(crowd.world, environ).status for environ in environs] == [200] * 3


@pytest.mark.parametrize("error", [Unavailable("lost"), NoKey("ES256"), RuntimeError("a mistake")])
def test_an_answer_that_is_lost_after_the_commit_is_given_by_the_long_way(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The database has moved on, nobody was answered: each gets the successor that it has."""
    people = crowd.people
    environs = [using(who).at(crowd.world) for who in people]
    given: list[str | None] = []
    make = refreshing.making_successor

    def lose(*arguments: Any) -> Drafting[IssuedTokens]:
        given.append((yield from make(*arguments)).refresh_token)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(refreshing, "making_successor", lose)
        assert answered(crowd.world, environs) == [None] * 4
    assert [generation(who) for who in people] == [1] * 4
    assert [successor(passed_on(crowd.world, environ)) for environ in environs] == given
    assert [generation(who) for who in people] == [1] * 4
    assert [who.happened for who in people] == [[]] * 4


@pytest.mark.parametrize("error", [Unavailable("lost"), NoKey("ES256")])
def test_what_goes_wrong_for_one_costs_no_other_its_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    lucky, unlucky = signed_in(world), signed_in(world)
    known_to(world, lucky.app, unlucky.app)
    make = refreshing.making_successor

    def lose(attempt: Any, *arguments: Any) -> Drafting[IssuedTokens]:
        if attempt.command.client.client_id == unlucky.app.client_id:
            raise error
        return (yield from make(attempt, *arguments))

    with monkeypatch.context() as patch:
        patch.setattr(refreshing, "making_successor", lose)
        left = assert_lost(unlucky, beside=lucky)
    assert passed_on(world, left).status == 200


@pytest.mark.parametrize("kind", ["access token", "ID token"])
def test_a_signature_that_fails_costs_no_other_its_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """All are signed one after the other; the one that is not is told by the long way."""
    lucky, unlucky = with_id_token(world), with_id_token(world)
    known_to(world, lucky.app, unlucky.app)
    sign = Draft.token

    def fail(draft: Draft) -> str:
        said = jwt.decode(f"{draft.signed}.", options={"verify_signature": False})
        if said["sid"] == unlucky.tokens.sid and ("at_hash" in said) == (kind == "ID token"):
            raise ValueError("a fault of the library")
        return sign(draft)

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "token", fail)
        left = assert_lost(unlucky, beside=lucky)
    assert passed_on(world, left).status == 200


def test_each_id_token_is_that_of_its_access_token(world: World) -> None:
    people = [with_id_token(world), signed_in(world), with_id_token(world)]
    known_to(world, *(who.app for who in people))
    answers = all_short(world, *map(using, people))
    for who, answer in zip(people, answers, strict=True):
        assert claims(answer)["sid"] == who.tokens.sid
    assert "id_token" not in answers[1].members
    for place in (0, 2):
        token = answers[place].members["id_token"]
        said = jwt.decode(token, options={"verify_signature": False})
        assert (said["sub"], said["sid"]) == (people[place].account_id, people[place].tokens.sid)
        assert said["at_hash"] == half_hash("ES256", answers[place].members["access_token"])


def test_where_no_token_may_be_used_twice_only_the_long_way_uses_it(world: World) -> None:
    """An answer that was lost after the commit could not be given there any more."""
    who = signed_in(world, retry_window=0)
    known_to(world, who.app)
    environ = using(who).at(world)
    assert answered(world, [environ]) == [None]
    assert generation(who) == 0
    assert passed_on(world, environ).status == 200
    assert generation(who) == 1
    assert who.happened == []


def test_whoever_hears_no_answer_asks_again_by_either_way(crowd: Crowd) -> None:
    who = crowd.people[0]
    first = successor(short(crowd.world, using(who)))
    assert successor(by_long_way(crowd.world, using(who))) == first
    assert by_short_way(crowd.world, using(who)) == [None]
    assert successor(short(crowd.world, refresh(who.app, first))) != first
    assert_refused(crowd.world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")


def test_nobody_is_no_group(world: World) -> None:
    assert by_short_way(world) == []
