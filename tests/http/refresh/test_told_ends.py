"""A device whose session was ended learns why, if it proves that the session was its own.

Whatever it is told, the answer stays `invalid_grant`: only the words and, at `/v1`, some members
are more.
"""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.http import administration as admin
from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.session_limits.crowd import FIREFOX, use_device
from tests.world.world import Time, World
from token_service.domain.refusals import SENTENCES, Refusal

PLAIN = "The refresh token is not valid."
TOLD = {"reason", "ended_at", "ended_device"}
Change = Callable[[SignedIn], object]


def told(who: SignedIn, token: str | None = None) -> dict[str, object]:
    """What `/v1/token/refresh` says besides, with the words; {} where it is a plain no."""
    answer = who.world.try_json_refresh(who.app, token or who.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")
    body = answer.get_json()
    more = {name: value for name, value in body.items() if name in TOLD}
    assert more.keys() in (set(), TOLD)
    assert more or body["detail"] == PLAIN
    return more | {"detail": body["detail"]} if more else {}


def described(answer: TestResponse) -> str:
    """The words of a refusal at the token endpoint, and that it is nothing but that."""
    assert_refused(answer, 400, "invalid_grant")
    assert set(answer.get_json()) == {"error", "error_description"}
    return str(answer.get_json()["error_description"])


def evicted(world: World, **policy: object) -> SignedIn:
    """Somebody whose session gave way to one on another device, at noon."""
    who = signed_in(world, max_sessions=1, **policy)
    use_device(world, FIREFOX)
    who.again()
    return who


def test_an_evicted_device_learns_by_which_kind_of_device_and_when(
    world: World, time: Time
) -> None:
    who = evicted(world)
    time.pass_(hours=3)
    sentence = (
        "The session was ended by a sign-in on another device: "
        "Firefox on Ubuntu, 2026-03-01 12:00 UTC."
    )
    assert told(who) == {
        "reason": "evicted",
        "ended_at": "2026-03-01T12:00:00.000Z",
        "ended_device": "Firefox on Ubuntu",
        "detail": sentence,
    }
    assert described(world.try_refresh(who.app, who.tokens.refresh)) == sentence


def test_whoever_asks_again_is_told_the_same(world: World, time: Time) -> None:
    who = evicted(world)
    first = told(who)
    time.pass_(minutes=10)
    assert told(who) == first
    assert who.happened == [("session_ended", "evicted"), ("signed_in", ""), ("new_device", "")]


# Which ends are told.

CHANGES: dict[str, Change] = {
    "signed_out": lambda who: who.world.invalidate(token=who.tokens.access),
    "ended_by_user": lambda who: who.world.http.delete(
        f"/v1/me/sessions/{who.tokens.sid}", headers=who.tokens.bearer
    ),
    "ended_by_backend": lambda who: who.world.http.delete(
        f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}", headers=who.backend.basic
    ),
    "password_reset": lambda who: admin.reset_password(who.world, who.person),
    "left_tenant": lambda who: admin.leave(who.world, who.person, who.tenant_id),
    "tenant_disabled": lambda who: admin.disable_tenant(who.world, who.tenant_id),
    "restored": lambda who: admin.restored_from_backup(who.world),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_an_end_by_somebody_is_told_by_its_name(world: World, time: Time, reason: str) -> None:
    who = signed_in(world)
    CHANGES[reason](who)
    for _ in range(2):
        assert told(who) == {
            "reason": reason,
            "ended_at": "2026-03-01T12:00:00.000Z",
            "ended_device": None,
            "detail": SENTENCES[Refusal(reason)],
        }
    assert described(world.try_refresh(who.app, who.tokens.refresh)) == SENTENCES[Refusal(reason)]


@pytest.mark.parametrize("everywhere", ["ended_by_user", "ended_by_backend", "password_reset"])
def test_an_end_of_all_sessions_is_told_with_its_own_time(
    world: World, time: Time, everywhere: str
) -> None:
    """It is written into the session's row by the refresh that meets it, and was before."""
    who = signed_in(world)
    paths = {
        "ended_by_user": ("/v1/me/sessions", who.tokens.bearer),
        "ended_by_backend": (f"/v1/accounts/{who.account_id}/sessions", who.backend.basic),
    }
    if everywhere in paths:
        path, headers = paths[everywhere]
        world.http.delete(path, headers=headers)
    else:
        admin.reset_password(world, who.person)
    for _ in range(2):
        time.pass_(hours=1)
        found = told(who)
        assert (found["reason"], found["ended_at"]) == (everywhere, "2026-03-01T12:00:00.000Z")


@pytest.mark.parametrize(
    ("reason", "policy", "ended_at"),
    [
        ("idle_timeout", {"idle_timeout": 600}, "2026-03-01T12:10:00.000Z"),
        ("absolute_timeout", {"force_relogin": 1_200}, "2026-03-01T12:20:00.000Z"),
    ],
)
def test_an_end_by_time_is_told_with_the_time_at_which_it_came(
    world: World, time: Time, reason: str, policy: dict[str, int], ended_at: str
) -> None:
    who = signed_in(world)
    # Changed afterwards: else the stored end has the same time, and is nobody's to know.
    admin.change_policy(world, who.tenant_id, **policy)
    for _ in range(2):
        time.pass_(hours=1)
        found = told(who)
        assert (found["reason"], found["ended_at"]) == (reason, ended_at)


KEPT_BACK: dict[str, Change] = {
    "account_disabled": lambda who: admin.disable_account(who.world, who.person),
    "revoked": lambda who: who.world.revoke(who.app, who.tokens.refresh),
    "replayed": lambda who: who.world.try_refresh(
        who.app, who.world.refresh(who.app, who.tokens.refresh).refresh
    ),
}


@pytest.mark.parametrize("reason", ["account_disabled", "revoked"])
def test_some_ends_are_nobodys_to_know(world: World, reason: str) -> None:
    who = signed_in(world)
    KEPT_BACK[reason](who)
    assert told(who) == {}
    assert described(world.try_refresh(who.app, who.tokens.refresh)) == PLAIN
    assert ("session_ended", reason) in who.happened


def test_a_token_that_expired_is_like_one_that_never_was(world: World, time: Time) -> None:
    who = signed_in(world)
    admin.change_policy(world, who.tenant_id, idle_timeout="off", refresh_token_lifetime=864_000)
    time.pass_(days=2)
    assert told(who) == {}
    assert who.happened == [("grant_ended", "expired"), ("session_ended", "expired")]


def test_neither_side_of_a_replay_is_told(world: World) -> None:
    """Thief and owner look alike: both get the plain no, also with the newest token."""
    who, second, third = signed_in(world, retry_window=0).chain(2)
    assert told(who) == {}
    assert told(second) == {}
    assert told(third) == {}
    assert ("refresh_replayed", "replayed") in who.happened


# To whom.


def test_an_older_token_is_told_nothing(world: World, time: Time) -> None:
    who, second, third = signed_in(world).chain(2)
    world.invalidate(token=third.tokens.access)
    time.pass_(seconds=60)
    assert told(who) == told(second) == {}
    assert told(third)["reason"] == "signed_out"


@pytest.mark.parametrize(("seconds", "is_told"), [(59, True), (60, False)])
def test_a_lost_answers_retry_is_told_inside_the_window(
    world: World, time: Time, seconds: int, is_told: bool
) -> None:
    who = signed_in(world)
    second = who.refreshed()
    world.invalidate(token=second.tokens.access)
    time.pass_(seconds=seconds)
    assert bool(told(who)) is is_told
    assert told(second)


def test_without_a_window_there_is_no_retry_to_be_told(world: World) -> None:
    who = signed_in(world, retry_window=0)
    world.invalidate(token=who.refreshed().tokens.access)
    assert told(who) == {}


def test_another_client_is_told_nothing(world: World) -> None:
    who, other = evicted(world), world.client()
    answer = world.try_json_refresh(other, who.tokens.refresh)
    assert_refused(answer, 400, "invalid_grant")
    assert answer.get_json()["detail"] == PLAIN
    assert TOLD.isdisjoint(answer.get_json())
    assert told(who)["reason"] == "evicted"


def test_a_session_that_is_not_there_is_told_of_by_nobody(world: World) -> None:
    who = evicted(world)
    world.sql("DELETE FROM grants WHERE sid = :sid", sid=who.tokens.sid)
    assert told(who) == {}


def test_what_a_user_agent_calls_itself_cannot_break_the_answer(world: World) -> None:
    who = signed_in(world, max_sessions=1)
    use_device(world, 'Mozilla/5.0 (X11; "Li\\nux") Firefox/99.0')
    who.again()
    found = described(world.try_refresh(who.app, who.tokens.refresh))
    assert found.isascii()
    assert not set(found) & {'"', "\\"}
