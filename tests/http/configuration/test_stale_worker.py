"""A worker whose copy of the configuration is behind answers as if it were not.

The second worker has seen everybody before the change; nothing tells it of the change but the
database. Keys, secrets, policies and standing are tested so where they belong; here is every
endpoint, and what is new.
"""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.http import administration as admin
from tests.http.building import EVERYWHERE, SignedIn, assert_refused, live_at, signed_in
from tests.world.browser import Browser, web_app
from tests.world.world import World
from token_service.services import authorizing


def _posted(worker: World, who: SignedIn, path: str) -> TestResponse:
    return worker.http.post(path, data={"token": who.tokens.access}, headers=who.app.basic)


def _posted_json(worker: World, who: SignedIn, path: str) -> TestResponse:
    return worker.http.post(path, json={"token": who.tokens.access}, headers=who.app.basic)


def _posted_batch(worker: World, who: SignedIn, path: str) -> TestResponse:
    sent = {"tokens": [who.tokens.access, who.tokens.access]}
    return worker.http.post(path, json=sent, headers=who.app.basic)


ASKED_BY_A_CLIENT: tuple[Callable[[World, SignedIn], TestResponse], ...] = (
    lambda worker, who: worker.try_sign_in(who.person, who.app),
    lambda worker, who: worker.try_refresh(who.app, who.tokens.refresh),
    lambda worker, who: worker.try_json_refresh(who.app, who.tokens.refresh),
    lambda worker, who: worker.token(who.app, grant_type="client_credentials"),
    lambda worker, who: _posted(worker, who, "/oauth2/introspect"),
    lambda worker, who: _posted(worker, who, "/oauth2/revoke"),
    lambda worker, who: _posted_json(worker, who, "/v1/token/introspect"),
    lambda worker, who: _posted_batch(worker, who, "/v1/token/introspect/batch"),
    lambda worker, who: _posted_batch(worker, who, "/v1/token/validate/batch"),
)


def known_to(second_worker: World, world: World) -> SignedIn:
    """Somebody whom both workers know, with the client and the tenant."""
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    second_worker.sign_in(who.person, who.app)
    return who


@pytest.fixture
def known(world: World, second_worker: World) -> SignedIn:
    """One of them."""
    return known_to(second_worker, world)


def test_a_client_that_was_disabled_is_refused_everywhere(
    world: World, second_worker: World
) -> None:
    for ask in ASKED_BY_A_CLIENT:
        known = known_to(second_worker, world)
        admin.disable_client(world, known.app)
        assert_refused(ask(second_worker, known), 401, "invalid_client")


def test_a_secret_that_was_replaced_is_refused_everywhere(
    world: World, second_worker: World
) -> None:
    for ask in ASKED_BY_A_CLIENT:
        known = known_to(second_worker, world)
        admin.rotate_secret(world, known.app)
        assert_refused(ask(second_worker, known), 401, "invalid_client")


def test_a_backend_that_was_disabled_learns_and_ends_nothing(
    world: World, second_worker: World, known: SignedIn
) -> None:
    admin.disable_client(world, known.backend)
    path, headers = f"/v1/accounts/{known.account_id}/sessions", known.backend.basic
    for answer in (
        second_worker.http.get(path, headers=headers),
        second_worker.http.delete(path, headers=headers),
        second_worker.http.delete(f"{path}/{known.tokens.sid}", headers=headers),
        second_worker.try_invalidate(headers, sid=known.tokens.sid),
    ):
        assert_refused(answer, 401, "invalid_client")
    assert known.refreshed()


def test_a_permission_that_was_withdrawn_is_gone(
    world: World, second_worker: World, known: SignedIn
) -> None:
    admin.change_client(world, known.backend, permissions="[]")
    path = f"/v1/accounts/{known.account_id}/sessions"
    answer = second_worker.http.delete(path, headers=known.backend.basic)
    assert_refused(answer, 403, "forbidden")
    assert known.refreshed()


def test_an_administrator_who_is_none_any_more_ends_nothing(
    world: World, second_worker: World, known: SignedIn
) -> None:
    client = world.client("admin")
    bearer = {"Authorization": f"Bearer {second_worker.client_token(client)}"}
    admin.disable_client(world, client)
    path = f"/v1/accounts/{known.account_id}/sessions"
    assert_refused(second_worker.http.delete(path, headers=bearer), 401, "invalid_token")
    assert known.refreshed()


def test_a_tenant_that_was_disabled_lets_nobody_in(
    world: World, second_worker: World, known: SignedIn
) -> None:
    admin.disable_tenant(world, known.tenant_id)
    answer = second_worker.try_sign_in(known.person, known.app)
    assert_refused(answer, 403, "tenant_not_allowed")
    assert live_at(known, second_worker) == set()


# Nobody is refused because a worker was behind.


def test_what_is_new_is_known_at_once(world: World, second_worker: World, known: SignedIn) -> None:
    fresh = signed_in(world)
    assert live_at(fresh, second_worker) == EVERYWHERE
    assert second_worker.sign_in(fresh.person, fresh.app)
    assert second_worker.client_token(world.client("service"))


def test_a_client_that_was_enabled_again_is_served_everywhere(
    world: World, second_worker: World
) -> None:
    for ask in ASKED_BY_A_CLIENT:
        known = known_to(second_worker, world)
        admin.disable_client(world, known.app)
        second_worker.try_refresh(known.app, known.tokens.refresh)
        admin.enable_client(world, known.app)
        assert ask(second_worker, known).status_code in {200, 400}


def test_a_new_secret_is_good_at_once(world: World, second_worker: World, known: SignedIn) -> None:
    renewed = admin.rotate_secret(world, known.app)
    assert second_worker.refresh(renewed, known.tokens.refresh)


def test_a_token_of_a_new_key_is_good_at_once(
    world: World, second_worker: World, known: SignedIn
) -> None:
    kid = second_worker.http.get("/.well-known/jwks.json").get_json()["keys"][0]["kid"]
    admin.revoke_key(world, kid)
    fresh = known.again()
    assert live_at(fresh, second_worker) == EVERYWHERE
    assert second_worker.refresh(fresh.app, fresh.tokens.refresh)


def test_a_refresh_token_of_a_new_key_is_good_at_once(
    world: World, second_worker: World, known: SignedIn
) -> None:
    admin.revoke_key(world, "opaque-1")
    fresh = known.again()
    assert second_worker.refresh(fresh.app, fresh.tokens.refresh)


def test_nobody_is_signed_out_by_a_change_that_is_none_of_theirs(
    world: World, second_worker: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the request was looked at, and before it is answered."""
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    browser.sign_in(app, person)
    answered, others = authorizing._answered, [web_app(world)]

    def after_a_change(*given: Any) -> Any:
        if others:
            admin.disable_client(second_worker, others.pop())
        return answered(*given)

    monkeypatch.setattr(authorizing, "_answered", after_a_change)
    assert browser.back(app, prompt="none").code
    assert others == []
