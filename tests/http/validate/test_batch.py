"""`/v1/token/validate/batch` and `/v1/token/introspect/batch`: many tokens in one question."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.http.administration import revoke_key
from tests.http.building import assert_refused, batch, signed_in
from tests.http.faults import failing
from tests.http.validate.mixture import mixture
from tests.http.validate.test_validate import segment
from tests.world.world import App, Time, World
from token_service.domain.events import NO_ACCOUNT

BOTH = pytest.mark.parametrize("what", ["validate", "introspect"])
INACTIVE = {"active": False}
Told = dict[str, Any]


def asked(world: World, caller: App, what: str, body: object) -> TestResponse:
    """The answer to any body."""
    return world.http.post(f"/v1/token/{what}/batch", json=body, headers=caller.basic)


def alone(world: World, caller: App, what: str, token: str, **fields: object) -> Told:
    """What is said of one token by the endpoint for one."""
    sent = {"json": {"token": token, **fields}, "headers": caller.basic}
    answer = world.http.post(f"/v1/token/{what}", **sent)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


# Of each token is said what is said of it alone.


def agreed(
    tokens: Mapping[str, str], of_one: Callable[[str], Told], of_all: Callable[[list[str]], list]
) -> dict[str, Told]:
    """What is said of each token: the same whatever it is asked about with, in any order."""
    expected = {name: of_one(token) for name, token in tokens.items()}
    chooser = random.Random(20260301)
    lists = [list(tokens), list(reversed(tokens))]
    lists += [chooser.choices(list(tokens), k=length) for length in (1, 1, 2, 2, 3, 5, 20, 99)]
    for names in lists:
        told = zip(names, of_all([tokens[name] for name in names]), strict=True)
        assert list(told) == [(name, expected[name]) for name in names]
    return expected


def active(told: Mapping[str, Told]) -> set[str]:
    """The names of those that are live."""
    return {name for name, one in told.items() if one["active"]}


def test_validation_says_of_each_what_it_says_of_it_alone(world: World, time: Time) -> None:
    mixed = mixture(world, time)
    app, api = mixed.callers[:2]

    def live(**audience: str) -> set[str]:
        return active(
            agreed(
                mixed.tokens,
                lambda token: alone(world, app, "validate", token, **audience),
                lambda tokens: batch(world, app, "validate", tokens, **audience),
            )
        )

    everybodys = live()
    assert everybodys == {
        *("access token, live", "access token, of another tenant", "access token, of a pairwise"),
        *("access token, of another client", "bound to a key", "of a backend that acts"),
        *("first of a chain", "second of a chain", "third of a chain"),
        *("a client's own", "a client's own, another", "a client's own, of another client"),
    }
    of_others = {name for name in everybodys if "another client" in name or "backend" in name}
    assert live(audience=api.client_id) == everybodys - of_others


def test_introspection_says_of_each_what_it_says_of_it_alone(world: World, time: Time) -> None:
    mixed = mixture(world, time)
    live = [
        active(
            agreed(
                mixed.tokens,
                lambda token, caller=caller: alone(world, caller, "introspect", token),
                lambda tokens, caller=caller: batch(world, caller, "introspect", tokens),
            )
        )
        for caller in mixed.callers
    ]
    app, api, pairwise, service = live
    assert {"refresh token, live", "newest of a chain", "refresh token beside it"} <= app
    assert "refresh token, of another tenant" in app
    assert "a client's own" not in app
    assert "access token, live" in api
    assert "access token, of another tenant" not in api
    assert pairwise == {"access token, of a pairwise", "refresh token, of a pairwise"}
    assert service == {"a client's own", "a client's own, another"}


@BOTH
def test_what_was_revoked_a_moment_ago_is_dead_on_every_worker(
    world: World, second_worker: World, what: str
) -> None:
    who = signed_in(world)
    tokens = [who.tokens.access, who.again().tokens.access]
    assert [one["active"] for one in batch(second_worker, who.app, what, tokens)] == [True, True]
    world.invalidate(token=tokens[0])
    assert [one["active"] for one in batch(second_worker, who.app, what, tokens)] == [False, True]
    revoke_key(world, str(segment(tokens[1], 0)["kid"]))
    assert batch(second_worker, who.app, what, tokens) == [INACTIVE, INACTIVE]


@BOTH
def test_a_worker_that_does_not_know_the_key_yet_refuses_nobody(
    world: World, second_worker: World, what: str
) -> None:
    first = signed_in(world)
    assert second_worker.is_live(first.tokens)
    revoke_key(world, str(segment(first.tokens.access, 0)["kid"]))
    tokens = [first.refreshed().tokens.access, first.tokens.access]
    told = batch(second_worker, first.app, what, tokens)
    assert [one["active"] for one in told] == [True, False]


def test_asking_extends_nothing_and_leaves_no_event(world: World, time: Time) -> None:
    who = signed_in(world, idle_timeout=600)
    before = len(world.events(NO_ACCOUNT))
    for _ in range(9):
        time.pass_(minutes=1)
        for what in ("validate", "introspect"):
            batch(world, who.app, what, [who.tokens.access, who.tokens.refresh, "garbage"])
    assert (who.happened, len(world.events(NO_ACCOUNT))) == ([], before)
    time.pass_(minutes=1)
    assert batch(world, who.app, "introspect", [who.tokens.refresh, "x"]) == [INACTIVE] * 2


# How much may be asked.


@BOTH
def test_a_hundred_tokens_are_answered_in_their_order(world: World, what: str) -> None:
    who = signed_in(world)
    tokens = ["garbage", who.tokens.access] * 50
    told = batch(world, who.app, what, tokens)
    assert [one["active"] for one in told] == [False, True] * 50


def test_a_hundred_long_tokens_fit_into_a_request(world: World) -> None:
    """With room for other algorithms and longer claims than the defaults."""
    tokens = [f"{number:04}{'x' * 2_000}" for number in range(100)]
    assert batch(world, world.client(), "validate", tokens) == [INACTIVE] * 100


@BOTH
def test_a_text_that_the_endpoint_for_one_does_not_take_is_no_token(
    world: World, what: str
) -> None:
    who = signed_in(world)
    told = batch(world, who.app, what, ["", "a\0b", who.tokens.access])
    assert [one["active"] for one in told] == [False, False, True]


@BOTH
@pytest.mark.parametrize(
    "tokens",
    [[], ["a"] * 101, ["a", None], ["a", 1], [["a"]], [{"token": "a"}], {"a": "b"}, 1, True],
)
def test_anything_but_a_list_of_some_tokens_is_refused(
    world: World, what: str, tokens: object
) -> None:
    answer = asked(world, world.client(), what, {"tokens": tokens})
    assert_refused(answer, 400, "invalid_request")
    assert list(answer.get_json()["errors"]) == ["tokens"]
    assert all(isinstance(one, str) for one in answer.get_json()["errors"]["tokens"])


@BOTH
def test_the_list_is_needed_and_nothing_unknown_beside_it(world: World, what: str) -> None:
    app = world.client()
    for body in ({}, {"tokens": None}, {"tokens": ""}, {"token": "a"}, {"tokens": ["a"], "x": "y"}):
        assert_refused(asked(world, app, what, body), 400, "invalid_request")


# Who may ask, and what is said where nobody knows.


@BOTH
def test_nobody_asks_without_authentication(world: World, what: str) -> None:
    who, public = signed_in(world), signed_in(world, "public")
    path, body = f"/v1/token/{what}/batch", {"tokens": [who.tokens.access]}
    for headers in ({}, App(who.app.client_id, "wrong").basic, public.app.basic):
        assert_refused(world.http.post(path, json=body, headers=headers), 401, "invalid_client")
    answer = world.http.post(path, json=body, headers=who.tokens.bearer)
    assert_refused(answer, 403, "insufficient_scope")


@BOTH
def test_not_to_know_of_one_is_to_know_of_none(world: World, what: str) -> None:
    who = signed_in(world)
    body = {"tokens": ["garbage", who.tokens.access, who.again().tokens.access]}
    with failing("storage.inspection.asking"):
        answer = asked(world, who.app, what, body)
    assert_refused(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
