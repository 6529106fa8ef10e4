"""Bodies that are no change of a policy: refused as the sender's fault, and nothing is changed."""

import json
from collections.abc import Callable

import pytest

from tests.http.errors import corpus
from tests.http.policies.asking import (
    ENVIRONMENT,
    Asker,
    administrator,
    changes,
    of_account,
    of_client,
    of_tenant,
    version,
)
from tests.world.world import World
from token_service.domain.policy_changes import RULES

LEVELS: dict[str, Callable[[World], str]] = {
    "environment": lambda _: ENVIRONMENT,
    "tenant": lambda world: of_tenant(world.tenant()),
    "client": lambda world: of_client(world.client().client_id),
    "account": lambda world: of_account(world.person(world.tenant())),
}
every_level = pytest.mark.parametrize("level", LEVELS)


def answers(asker: Asker, path: str, bodies: dict[str, bytes]) -> dict[str, tuple[int, str]]:
    """Status and code for each body, by what is wrong with it."""
    found = {}
    for what, body in bodies.items():
        answer = asker.world.http.patch(
            path, data=body, content_type="application/json", headers=asker.headers
        )
        found[what] = (answer.status_code, answer.get_json()["code"])
    return found


@every_level
def test_what_is_not_one_json_object(world: World, level: str) -> None:
    asker, path = administrator(world), LEVELS[level](world)
    before, read = version(world), asker.read(path)
    bodies = corpus.json_bodies({"max_sessions": 3})
    codes = {one for _, one in answers(asker, path, bodies).values()}
    statuses = {one for one, _ in answers(asker, path, bodies).values()}
    assert (statuses, codes) == ({400}, {"invalid_request", "invalid_policy"})
    assert (version(world), asker.read(path)) == (before, read)
    assert changes(world) == []


@every_level
def test_fields_with_what_is_no_value(world: World, level: str) -> None:
    asker, path = administrator(world), LEVELS[level](world)
    before, read = version(world), asker.read(path)
    wrong = (-1, 0.5, 1e300, -(2**63), 2**63, 2**64, 10**30, [], {}, [None], {"x": 1}, "x", "")
    bodies = {
        f"{name} = {value!r:.20}": json.dumps({name: value}).encode()
        for name in (*RULES, "overrides", "bounds")
        for value in wrong
        if (name, value) not in (("overrides", {}), ("bounds", {}))
    }
    assert answers(asker, path, bodies) == dict.fromkeys(bodies, (400, "invalid_policy"))
    odd = {
        f"{name} = {what}": json.dumps({name: text}).encode()
        for name in ("max_sessions", "idle_timeout", "bounds")
        for what, text in corpus.ODD_TEXTS.items()
    }
    assert answers(asker, path, odd) == dict.fromkeys(odd, (400, "invalid_policy"))
    assert (version(world), asker.read(path)) == (before, read)
    assert changes(world) == []


@pytest.mark.parametrize(
    "bounds",
    [
        {"idle_timeout": {"max": True}},
        {"idle_timeout": {"max": 1e9}},
        {"idle_timeout": {"max": 2**64}},
        {"idle_timeout": {"max": None}},
        {"idle_timeout": {"max": "off"}},
        {"idle_timeout": {"max": 600, "x\0y": 1}},
        {"idle_timeout": [60, 600]},
        {"idle_timeout": {}},
        {"idle\0": {"max": 600}},
        {"x" * 1000: {"max": 600}},
        {"remember_me": {"max": True}},
        ["idle_timeout"],
        0,
        False,
    ],
)
def test_bounds_that_are_none(world: World, bounds: object) -> None:
    asker = administrator(world)
    assert asker.refused(ENVIRONMENT, {"bounds": bounds, "retry_window": 0})
    assert asker.read(ENVIRONMENT)["retry_window"] == 60
    assert asker.read(ENVIRONMENT)["bounds"] == {}


@every_level
def test_only_json_is_json(world: World, level: str) -> None:
    asker, path = administrator(world), LEVELS[level](world)
    for content_type in ("application/x-www-form-urlencoded", "application/merge-patch+json", ""):
        answer = world.http.patch(
            path, data=b"{}", content_type=content_type, headers=asker.headers
        )
        assert answer.status_code == 415
    answer = world.http.patch(f"{path}?retry_window=0", json={}, headers=asker.headers)
    assert answer.status_code == 400


@every_level
def test_other_methods(world: World, level: str) -> None:
    asker, path = administrator(world), LEVELS[level](world)
    for method in ("POST", "PUT", "DELETE"):
        assert world.http.open(path, method=method, headers=asker.headers).status_code == 405
