"""Whatever ends a session, the clients that it was used with are told (OpenID Connect Back-Channel
Logout 1.0)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.http import administration
from tests.http.building import SignedIn
from tests.http.ends.test_ends import (
    disable_account,
    disable_client,
    disable_tenant,
    end_by_admin,
    end_by_backend,
    end_by_member,
    give_back,
    leave,
    replay,
    reset_password,
    restore,
    sign_out,
    sign_out_everywhere,
)
from tests.http.passwords.building import change
from tests.http.roles.building import REVOKE, member_with
from tests.world.messengers import Messenger, listening, round_of, sids_told
from tests.world.world import Time, World

TIMEOUT = 3600
Ending = Callable[[SignedIn], object]


@pytest.fixture
def messenger() -> Messenger:
    return Messenger()


def signed_in(world: World, **policy: object) -> SignedIn:
    """Somebody signed in to a client that wants to be told."""
    tenant_id = world.tenant(**policy)
    person, app = world.person(tenant_id), listening(world)
    backend = world.client("backend")
    return SignedIn(world, tenant_id, person, app, backend, world.sign_in(person, app))


def at(who: SignedIn, app: object) -> SignedIn:
    """The same person in a session with another client."""
    return replace(who, app=app, tokens=who.world.sign_in(who.person, app))  # type: ignore[arg-type]


def told(who: SignedIn, messenger: Messenger, name: str = "rp") -> set[str]:
    """The sessions that the client has heard of, after one more round."""
    round_of(who.world, messenger)
    return sids_told(who.world, messenger, name)


@pytest.mark.parametrize(
    "end",
    [
        sign_out,
        give_back,
        replay,
        end_by_backend,
        end_by_admin,
        end_by_member,
        sign_out_everywhere,
        reset_password,
        disable_account,
        leave,
    ],
)
def test_what_somebody_ends_is_told_at_once(
    world: World, messenger: Messenger, end: Ending
) -> None:
    who = signed_in(world)
    assert told(who, messenger) == set()
    end(who)
    assert told(who, messenger) == {who.tokens.sid}


@pytest.mark.parametrize("end", [disable_tenant, disable_client, restore])
def test_what_ends_for_very_many_at_once_is_told_when_time_would_have_ended_it(
    world: World, messenger: Messenger, time: Time, end: Ending
) -> None:
    who = signed_in(world, idle_timeout=TIMEOUT)
    end(who)
    assert told(who, messenger) == set()
    time.pass_(seconds=TIMEOUT)
    assert told(who, messenger) == {who.tokens.sid}


def test_an_end_by_time_is_told_when_it_comes(
    world: World, messenger: Messenger, time: Time
) -> None:
    who = signed_in(world, idle_timeout=TIMEOUT)
    time.pass_(seconds=TIMEOUT - 1)
    assert told(who, messenger) == set()
    time.pass_(seconds=1)
    assert told(who, messenger) == {who.tokens.sid}
    time.pass_(days=2)
    assert told(who, messenger) == {who.tokens.sid}
    assert len(messenger.tried) == 1


def test_a_session_that_is_used_is_looked_at_again_and_again(
    world: World, messenger: Messenger, time: Time
) -> None:
    who = signed_in(world, idle_timeout=TIMEOUT)
    for _ in range(3):
        time.pass_(seconds=TIMEOUT - 60)
        who = who.refreshed()
        assert told(who, messenger) == set()
    time.pass_(seconds=TIMEOUT)
    assert told(who, messenger) == {who.tokens.sid}


def test_a_session_that_outlived_its_first_end_is_told_when_somebody_ends_it(
    world: World, messenger: Messenger, time: Time
) -> None:
    who = signed_in(world, idle_timeout=TIMEOUT)
    time.pass_(seconds=TIMEOUT - 60)
    who = who.refreshed()
    time.pass_(seconds=120)
    assert told(who, messenger) == set()
    sign_out(who)
    assert told(who, messenger) == {who.tokens.sid}


def test_only_the_session_that_ended_is_told(world: World, messenger: Messenger) -> None:
    who = signed_in(world)
    other = who.again()
    sign_out(other)
    assert told(who, messenger) == {other.tokens.sid}


def test_the_session_that_is_kept_is_not_told(world: World, messenger: Messenger) -> None:
    who = signed_in(world)
    others = {who.again().tokens.sid, who.again().tokens.sid}
    path = "/v1/me/sessions?keep_current=true"
    assert world.http.delete(path, headers=who.tokens.bearer).status_code in {200, 204}
    assert told(who, messenger) == others
    sign_out(who)
    assert told(who, messenger) == others | {who.tokens.sid}


def test_a_changed_password_tells_all_others(world: World, messenger: Messenger) -> None:
    who = signed_in(world)
    other = who.again()
    assert change(who).status_code == 200
    assert told(who, messenger) == {other.tokens.sid}


def test_an_evicted_session_is_told(world: World, messenger: Messenger, time: Time) -> None:
    who = signed_in(world, max_sessions=1)
    time.pass_(seconds=1)
    who.again()
    assert told(who, messenger) == {who.tokens.sid}


def test_every_client_of_the_session_is_told_once(world: World, messenger: Messenger) -> None:
    """Also where it holds several grants; and none that was used in another session only."""
    first, second = world.tenant(), world.tenant()
    person = world.person(first, second, default=first)
    app, elsewhere = listening(world), listening(world, "elsewhere")
    tokens = world.sign_in(person, app)
    entered = world.refresh(app, tokens.refresh, tenant_id=second)
    world.sign_in(person, elsewhere)
    assert entered.sid == tokens.sid
    assert len(world.sql("SELECT 1 FROM logout_notices WHERE sid = :sid", sid=tokens.sid)) == 1
    world.invalidate(token=entered.access)
    round_of(world, messenger)
    assert sids_told(world, messenger) == {tokens.sid}
    assert len(messenger.tried["https://rp.example/logout"]) == 1
    assert sids_told(world, messenger, "elsewhere") == set()


def test_a_tenant_that_signs_a_member_out_of_itself_alone(
    world: World, messenger: Messenger
) -> None:
    """The session goes on in the other tenant; the client of this one holds nothing any more."""
    who = signed_in(world)
    other = world.tenant()
    administration.join(world, who.person, other)
    clerk = member_with(who, REVOKE)
    path = f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}"
    entered = world.refresh(who.app, who.tokens.refresh, tenant_id=other)
    assert world.http.delete(path, headers=clerk.tokens.bearer).status_code == 204
    assert world.is_live(entered)
    assert told(who, messenger) == set()
    world.invalidate(token=entered.access)
    assert told(who, messenger) == {who.tokens.sid}


def test_a_client_that_holds_nothing_any_more_in_a_session_that_goes_on(
    world: World, messenger: Messenger
) -> None:
    """As if another client had entered the other tenant, in the same browser."""
    who = signed_in(world)
    other, elsewhere = world.tenant(), world.client()
    administration.join(world, who.person, other)
    world.refresh(who.app, who.tokens.refresh, tenant_id=other)
    world.sql(
        "UPDATE grants SET client_id = :client WHERE tenant_id = :tenant",
        client=elsewhere.client_id,
        tenant=other,
    )
    clerk = member_with(who, REVOKE)
    path = f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}"
    assert world.http.delete(path, headers=clerk.tokens.bearer).status_code == 204
    assert world.sql(
        "SELECT 1 FROM sessions WHERE ended_at IS NULL AND sid = :sid", sid=who.tokens.sid
    )
    assert told(who, messenger) == {who.tokens.sid}


def test_a_member_that_leaves_one_of_two_tenants_stays_signed_in(
    world: World, messenger: Messenger
) -> None:
    who = signed_in(world)
    other = world.tenant()
    administration.join(world, who.person, other)
    entered = world.refresh(who.app, who.tokens.refresh, tenant_id=other)
    leave(who)
    assert world.is_live(entered)
    assert told(who, messenger) == set()


def test_a_session_that_had_ended_is_not_told_again(world: World, messenger: Messenger) -> None:
    who = signed_in(world)
    sign_out(who)
    assert told(who, messenger) == {who.tokens.sid}
    sign_out(who)
    end_by_admin(who)
    reset_password(who)
    assert told(who, messenger) == {who.tokens.sid}
    assert len(messenger.tried["https://rp.example/logout"]) == 1
