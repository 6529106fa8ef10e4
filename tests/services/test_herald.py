"""The outbox of log-outs: what is told once, what is tried again, and that nobody waits for a
client that is away."""

import threading
from typing import Any

import pytest

from tests.http import administration
from tests.world.messengers import (
    PATIENCE,
    Messenger,
    claims_of,
    header_of,
    listener,
    listening,
    office_of,
    round_of,
    sids_told,
    uri_of,
)
from tests.world.world import Time, World
from token_service.domain.failures import Unavailable
from token_service.domain.logout_notices import NotTold
from token_service.services import logout_notices
from token_service.services.herald import Herald
from token_service.services.logout_notices import Errand


@pytest.fixture
def messenger() -> Messenger:
    return Messenger()


def rows(world: World) -> list[Any]:
    return world.sql("SELECT client_id, attempts, ended_at FROM logout_notices")


def end(world: World, who: Any) -> None:
    world.invalidate(token=who.tokens.access)


def test_a_client_is_told_once_that_a_session_ended(world: World, messenger: Messenger) -> None:
    who = listener(world)
    round_of(world, messenger)
    assert messenger.heard == {}
    end(world, who)
    round_of(world, messenger)
    round_of(world, messenger)
    assert sids_told(world, messenger) == {who.tokens.sid}
    assert len(messenger.tried[uri_of("rp")]) == 1
    assert rows(world) == []


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_the_logout_token(world: World, messenger: Messenger, algorithm: str, time: Time) -> None:
    who = listener(world, id_token_signed_response_alg=algorithm)
    end(world, who)
    time.pass_(seconds=90)
    round_of(world, messenger)
    [token] = messenger.heard[uri_of("rp")]
    header = header_of(token)
    assert (header["typ"], header["alg"]) == ("logout+jwt", algorithm)
    claims = claims_of(world, token)
    issued_at = int(world.parts.clock.now().timestamp())
    assert claims.pop("jti")
    assert claims == {
        "iss": world.parts.settings.issuer,
        "aud": who.app.client_id,
        "sub": who.person.account_id,
        "sid": who.tokens.sid,
        "iat": issued_at,
        "exp": issued_at + 120,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }


def test_a_logout_token_is_no_access_token(world: World, messenger: Messenger) -> None:
    who = listener(world)
    end(world, who)
    round_of(world, messenger)
    [token] = messenger.heard[uri_of("rp")]
    assert world.validate(token) == {"active": False}


def test_one_that_fails_is_tried_later_and_later_with_the_same_jti(
    world: World, messenger: Messenger, time: Time
) -> None:
    who = listener(world)
    end(world, who)
    messenger.fails[uri_of("rp")] = NotTold("500")
    for attempts, seconds in enumerate((30, 60, 120), start=1):
        round_of(world, messenger)
        time.pass_(seconds=seconds - 1)
        round_of(world, messenger)
        assert rows(world)[0].attempts == attempts
        time.pass_(seconds=1)
    messenger.fails.clear()
    round_of(world, messenger)
    assert rows(world) == []
    tried = [claims_of(world, one) for one in messenger.tried[uri_of("rp")]]
    assert len(tried) == 4
    assert len({one["jti"] for one in tried}) == 1
    assert len({one["iat"] for one in tried}) == 4


def test_one_that_is_never_taken_is_given_up_with_an_event(
    world: World, messenger: Messenger, time: Time
) -> None:
    who = listener(world)
    end(world, who)
    messenger.fails[uri_of("rp")] = NotTold("500")
    round_of(world, messenger)
    time.pass_(hours=24, seconds=-1)
    round_of(world, messenger)
    assert len(rows(world)) == 1
    time.pass_(hours=1)
    round_of(world, messenger)
    assert rows(world) == []
    assert len(messenger.tried[uri_of("rp")]) == 2
    event = world.events(who.person.account_id)[-1]
    assert (event.event, event.reason) == ("logout_notice_given_up", "undeliverable")
    assert (event.client_id, event.sid) == (who.app.client_id, who.tokens.sid)
    assert event.details == {"attempts": 2}


def test_clients_that_hang_delay_no_other(world: World, messenger: Messenger) -> None:
    """As long as one of the four carriers is free."""
    hanging = [listener(world, "hangs") for _ in range(3)]
    other = listener(world, "works")
    release = threading.Event()
    messenger.hangs[uri_of("hangs")] = release
    for who in (*hanging, other):
        end(world, who)
    herald = Herald(office_of(world, messenger), 3600)
    try:
        herald.do_round()
        assert messenger.arrived.wait(PATIENCE)
        assert not messenger.given_up
        assert sids_told(world, messenger, "works") == {other.tokens.sid}
    finally:
        release.set()
        herald.settle()


def test_one_client_has_one_delivery_at_a_time(world: World, messenger: Messenger) -> None:
    app = listening(world)
    tenant_id = world.tenant()
    person = world.person(tenant_id)
    signed_in = [world.sign_in(person, app) for _ in range(6)]
    for tokens in signed_in:
        world.invalidate(token=tokens.access)
    release = threading.Event()
    messenger.hangs[uri_of("rp")] = release
    herald = Herald(office_of(world, messenger), 3600)
    herald.do_round()
    release.set()
    herald.settle()
    assert len(messenger.tried[uri_of("rp")]) == 1


def test_what_is_due_to_a_client_that_failed_rests_and_loses_no_attempt(
    world: World, messenger: Messenger, time: Time
) -> None:
    app = listening(world)
    person = world.person(world.tenant())
    signed_in = [world.sign_in(person, app) for _ in range(3)]
    for tokens in signed_in:
        world.invalidate(token=tokens.access)
    messenger.fails[uri_of("rp")] = NotTold("unreachable")
    round_of(world, messenger)
    round_of(world, messenger)
    assert len(messenger.tried[uri_of("rp")]) == 1
    assert sorted(row.attempts for row in rows(world)) == [0, 0, 1]
    messenger.fails.clear()
    time.pass_(seconds=30)
    for _ in signed_in:
        round_of(world, messenger)
    assert sids_told(world, messenger) == {one.sid for one in signed_in}


def test_one_that_dies_on_the_way_takes_no_notice_with_it(
    world: World, messenger: Messenger, time: Time
) -> None:
    who = listener(world)
    end(world, who)
    parts = world.parts
    taken = parts.configuration.on_current(
        lambda snapshot: logout_notices.take(parts.database, parts.clock, snapshot, frozenset())
    )
    assert isinstance(taken, Errand)
    round_of(world, messenger)
    assert messenger.tried == {}
    time.pass_(seconds=30)
    round_of(world, messenger)
    assert sids_told(world, messenger) == {who.tokens.sid}


def test_two_workers_never_carry_one_notice_at_the_same_time(
    world: World, messenger: Messenger
) -> None:
    who = listener(world)
    end(world, who)
    other = world.second_worker()
    second = Messenger()

    class Slow(Messenger):
        def deliver(self, uri: str, logout_token: str) -> None:
            round_of(other, second)
            super().deliver(uri, logout_token)

    slow = Slow()
    round_of(world, slow)
    other.close()
    assert len(slow.heard[uri_of("rp")]) == 1
    assert second.tried == {}


def test_an_end_that_is_rolled_back_is_not_told(
    world: World, messenger: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = listener(world)

    def broken(*_: object) -> None:
        raise Unavailable("database: away")

    with monkeypatch.context() as patch:
        patch.setattr("token_service.services.recording.record", broken)
        assert world.try_invalidate(token=who.tokens.access).status_code == 503
    round_of(world, messenger)
    assert messenger.tried == {}
    assert world.is_live(who.tokens)


def test_a_client_without_an_address_costs_no_row(world: World) -> None:
    world.sign_in(world.person(world.tenant()), world.client())
    assert rows(world) == []


def test_a_client_that_wants_to_hear_no_more_is_not_told(
    world: World, messenger: Messenger
) -> None:
    who = listener(world)
    end(world, who)
    world.sql("UPDATE clients SET registration = '{}'")
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    round_of(world, messenger)
    assert messenger.tried == {}
    assert rows(world) == []


@pytest.mark.parametrize("failure", [RuntimeError("a bug"), Unavailable("database: away")])
def test_what_goes_wrong_on_the_way_is_told_and_tried_again(
    world: World,
    messenger: Messenger,
    time: Time,
    failure: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    who = listener(world)
    end(world, who)
    messenger.fails[uri_of("rp")] = failure
    round_of(world, messenger)
    assert "herald" in caplog.text
    messenger.fails.clear()
    time.pass_(seconds=30)
    round_of(world, messenger)
    assert sids_told(world, messenger) == {who.tokens.sid}


def test_a_round_that_fails_is_told_and_the_next_one_tries_again(
    world: World, messenger: Messenger, caplog: pytest.LogCaptureFixture
) -> None:
    who = listener(world)
    end(world, who)

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logout_notices, "take", broken)
        round_of(world, messenger)
    assert "a round failed" in caplog.text
    round_of(world, messenger)
    assert sids_told(world, messenger) == {who.tokens.sid}


def test_a_commit_calls_it(world: World, messenger: Messenger) -> None:
    """The interval is an hour: only the commit can be why."""
    who = listener(world)
    herald = Herald(office_of(world, messenger), 3600)
    world.database.on_news(herald.call)
    herald.start()
    try:
        end(world, who)
        assert messenger.arrived.wait(PATIENCE)
    finally:
        herald.stop()
        herald.join(PATIENCE)
    assert not herald.is_alive()


def test_a_later_end_of_everything_does_not_hurry_what_is_tried_again(
    world: World, messenger: Messenger
) -> None:
    who = listener(world)
    end(world, who)
    messenger.fails[uri_of("rp")] = NotTold("500")
    round_of(world, messenger)
    before = rows(world)
    administration.reset_password(world, who.person)
    round_of(world, messenger)
    assert rows(world) == before
    assert len(messenger.tried[uri_of("rp")]) == 1
