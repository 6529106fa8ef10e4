"""A refresh token is good in the hands of its client only, and for what it was granted."""

from tests.http.administration import change_client
from tests.http.building import EVERYWHERE, assert_refused, live_at, signed_in
from tests.world.world import App, World

FOREIGN = ("refresh_foreign_client", "")


def test_another_client_gets_nothing_and_harms_nobody(world: World) -> None:
    who = signed_in(world)
    for other in (world.client(), world.client("public")):
        assert_refused(world.try_refresh(other, who.tokens.refresh), 400, "invalid_grant")
        assert live_at(who) == EVERYWHERE
    assert who.happened == [FOREIGN, FOREIGN]
    assert who.refreshed()


def test_the_attempt_of_another_client_is_told_with_both_clients(world: World) -> None:
    who, other = signed_in(world), world.client()
    world.try_refresh(other, who.tokens.refresh)
    event = world.events(who.account_id)[-1]
    assert (event.actor, event.client_id) == (f"client:{other.client_id}", who.app.client_id)


def test_without_authentication_a_confidential_client_gets_nothing(world: World) -> None:
    who = signed_in(world)
    nobody = App(who.app.client_id, None)
    assert_refused(world.try_refresh(nobody, who.tokens.refresh), 401, "invalid_client")
    assert_refused(world.try_json_refresh(nobody, who.tokens.refresh), 401, "invalid_client")
    assert who.refreshed()


def test_a_client_that_may_not_refresh_is_told_so(world: World) -> None:
    """RFC 6749 section 5.2: `unauthorized_client`, whatever it presents."""
    who = signed_in(world)
    change_client(world, who.app, grant_types='["client_credentials"]')
    assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "unauthorized_client")
    change_client(world, who.app, grant_types='["refresh_token"]')
    assert who.refreshed()


# Scope (RFC 6749 section 6).


def test_without_a_request_the_scope_stays(world: World) -> None:
    assert signed_in(world).refreshed().tokens.body["scope"] == "openid profile"


def test_a_scope_can_be_narrowed_for_one_access_token_and_asked_for_again(world: World) -> None:
    who = signed_in(world)
    narrow = world.refresh(who.app, who.tokens.refresh, scope="openid")
    assert narrow.body["scope"] == world.validate(narrow.access)["scope"] == "openid"
    wide = world.refresh(who.app, narrow.refresh, scope="profile openid")
    assert wide.body["scope"] == world.validate(wide.access)["scope"] == "openid profile"


WRONG_SCOPES = ("openid email", "admin", 'openid"', "a\\b", "ö", " openid", "openid  profile")


def test_a_wider_or_malformed_scope_is_refused_and_spends_nothing(world: World) -> None:
    """`email` is the client's to ask for, but nobody granted it to this chain."""
    who = signed_in(world)
    for scope in WRONG_SCOPES:
        answer = world.try_refresh(who.app, who.tokens.refresh, scope=scope)
        assert_refused(answer, 400, "invalid_scope")
        assert live_at(who) == EVERYWHERE
    assert who.happened == []


def test_a_scope_that_was_withdrawn_from_the_client_is_gone_at_the_next_refresh(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    second_worker.introspect(who.app, who.tokens.access)
    change_client(world, who.app, scope="openid")
    assert_refused(
        second_worker.try_refresh(who.app, who.tokens.refresh, scope="openid profile"),
        400,
        "invalid_scope",
    )
    after = second_worker.refresh(who.app, who.tokens.refresh)
    assert after.body["scope"] == "openid"
